"""Words that hold sentences together and say nothing of what a text is about.

Of the languages that are written most on the web in Latin letters; a phrase neither begins nor ends
with one. Words of other languages that are missing here only make more phrases, not wrong ones. So
those that are an English word of meaning (German "war", "man", "hat", French and Spanish "son",
Spanish "era", Dutch "door") are left out: a civil war is a phrase.
"""

from __future__ import annotations

_ENGLISH = """
a about above across after again against all almost along already also although always am among an
and another any anyone anything are around as at away back be became because become becomes been
before behind being below between both but by came can cannot can't could couldn't did didn't do
does doesn't doing done don't down during each either else enough etc even ever every everything few
first for from further gave get gets give given gives go goes got had has have having he her here
hers herself him himself his how however i if in indeed instead into is isn't it its it's itself
just last least less let like made make makes making many may me might mine more moreover most much
must my myself neither never no nor not nothing now of off often on once one ones only onto or other
others otherwise our ours ourselves out over own per perhaps quite rather really same several shall
she should since so some such than that that's the their theirs them themselves then there therefore
these they this those though three through throughout thus to together too toward towards two under
unless until up upon us use used uses using very via was wasn't we well went were what when where
whereas whether which while who whom whose why will with within without won't would yet you your
yours yourself
"""
_GERMAN = """
aber alle als also am an auch auf aus bei bis da damit das dass dem den denn der des die dies diese
diesem diesen dieser dieses doch dort durch ein eine einem einen einer eines er es etwa für gegen
habe haben hatte hier ich ihr ihre im in ist ja jede jeder kann kein keine können mehr mit
muss nach nicht noch nun nur ob oder ohne sehr sein seine seit sich sie sind so soll sowie über um
und unter vom von vor waren was weil wenn werden wie wird wir wurde wurden zu zum zur zwischen
"""
_FRENCH = """
au aux avec ce ces cet cette comme d dans de des donc du elle elles en est et été être il ils l la
le les leur leurs lui mais même n ne nous on ont ou où par pas plus pour qu que qui s sa sans se ses
si sont sur très un une vous
"""
_SPANISH = """
al como con cuando de del desde donde el ella ellos en entre es esta este esto fue ha han hasta
la las lo los más me mi muy no nos o para pero por porque que se ser si sin sobre su sus también
tiene un una uno y ya
"""
_ITALIAN_PORTUGUESE_DUTCH = """
alla anche che chi ci come con da dal dei del della delle di e è gli ha hanno il lo ma nel nella non
o per più quando questa questo si sono su sul sulla tra un uno
ao aos até da das dele do dos ela ele em essa esse foi isso já mas mais na nas nem no nos num numa
os ou pela pelo quando quem são se sem seu sua também tem um uma
aan als bij dan dat de deze die dit een en er geen had heeft het hij hun ik in is je kan maar
meer met naar niet nog of om onder ook op over te tot uit van voor was wat werd wij worden wordt zal
ze zich zij zijn zo
"""

FUNCTION_WORDS = frozenset(
    f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH} {_ITALIAN_PORTUGUESE_DUTCH}".split()
)
