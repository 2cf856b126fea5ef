"""A summary in another language or script than its document: small profiles, no model.

Languages that share a script are told apart by their most frequent small words, of which hardly
any two languages have many in common.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import TYPE_CHECKING

from models.guard.verdict import Verdict

if TYPE_CHECKING:
    from models.guard.text import Prose

_SMALL_WORDS = {
    "cs": (
        "a aby ale bude by byl byla bylo co do i jak jako je jeho jen ji jsem jsou k ke ktera "
        "ktere ktery kteri na nebo o od po pod podle pro proto pri s se si tak take to tento toho "
        "u v ve z za ze"
    ),
    "da": (
        "af at blev den der det efter ej en er et fra han har hun i ikke jeg kan med men mod nar "
        "og om op os pa sig ska skal som til ud var ved vi vil"
    ),
    "de": (
        "aber als am an auch auf aus bei bis das dass dem den der des die durch ein eine einem "
        "einen einer er es fur hat haben ich im in ist mit nach nicht noch nur oder sein sich sie "
        "sind so uber um und vom von vor war wie wird wurde zu zum zur"
    ),
    "en": (
        "a an and are as at be been but by can for from had has have he his in is it its more not "
        "of on or our said she than that the their they this to was we were which who will with "
        "would"
    ),
    "es": (
        "al como con de del desde donde el ella en entre es esta este fue ha han hay la las lo "
        "los mas muy no o para pero por que se sin sobre son su sus tambien un una y ya"
    ),
    "fi": (
        "ei en etta han hanen ja joka jos kanssa kuin kun mutta myos niin nyt oli olla on ovat se "
        "sen tai tama vain viela"
    ),
    "fr": (
        "a au aux avec avait ce cette ces comme dans de des du elle en est et etait etre il ils "
        "je la le les leur mais ne ou par pas plus pour qu que qui s sa sans se ses son sont sur "
        "un une vous"
    ),
    "it": (
        "a al alla anche che chi come con da dal dalla dei del della delle di e ed era gli ha "
        "hanno i il in la le lo ma nel nella non o per piu quando questa questo se si sono su sul "
        "un una uno"
    ),
    "nl": (
        "aan als bij dat de der die dit door een en er had heb heeft het hij ik in is je kan maar "
        "met na naar niet nog of om ook op over te tot uit van voor was we werd wie wordt ze zich "
        "zijn zo"
    ),
    "pl": (
        "a ale aby bez bo byc byl byla by co czy dla do go i ich jak jako jego jej jest juz ktora "
        "ktore ktory lub ma mnie moze na nie niz o od oraz po pod przez przy sa sie tak tego tez "
        "to tym w we z za ze"
    ),
    "pt": (
        "a ao aos as com como da das de do dos e ela ele em entre era esta foi ha isso ja mais "
        "mas muito na nao nas no nos o os ou para pela pelo por quando que se sem ser seu sua sao "
        "tambem um uma"
    ),
    "ro": (
        "a ai al ale am ar au ca care ce cu de din dupa este fi fost in la lui mai nu o pe pentru "
        "prin sa sau se si sunt un una unui"
    ),
    "sv": (
        "att av av de den det efter en er ett fran for ha han har hon i inte jag kan man med men "
        "mot nar och om pa sa sig ska som till under ut var vi vid"
    ),
    "tr": (
        "ama ancak bir bu cok da daha de degil diye en gibi hem icin ile ise kadar ki mi ne o "
        "olan olarak sonra tarafindan ve veya ya"
    ),
}
# Single letters are initials and abbreviations in every language.
_PROFILES = {
    name: frozenset(word for word in words.split() if len(word) > 1)
    for name, words in _SMALL_WORDS.items()
}
_DISTINCT = 3
_LEAST_WORDS = 6
_LEAST_LETTERS = 8
_LEAST_SHARE = 0.12
_MARGIN = 1.6
_SCRIPT_SHARE = 0.3


def check_language(document: Prose, summary: Prose) -> Verdict:
    """Fail where script or language differ; the score is the share of letters of a new script.

    Short texts, and those whose language the profiles do not tell, are judged by their script only.
    """
    here, there = scripts(summary.text), scripts(document.text)
    total = here.total()
    foreign = sum(count for script, count in here.items() if there[script] == 0) / max(1, total)
    if total >= _LEAST_LETTERS and foreign > _SCRIPT_SHARE:
        script = next(name for name, _ in here.most_common() if there[name] == 0)
        return Verdict("language", failed=True, evidence=(f"{script} letters",), score=foreign)
    spoken, expected = guess(summary.words), guess(document.words)
    failed = (
        spoken is not None
        and expected is not None
        and spoken != expected
        and 3 * share(summary.words, expected) < share(summary.words, spoken)
    )
    evidence = (f"{spoken}, the document is {expected}",) if failed else ()
    return Verdict("language", failed, evidence, foreign)


def scripts(text: str) -> Counter[str]:
    """Count letters by the first word of their Unicode name, which is their script.

    >>> sorted(scripts("Tide прилив").items())
    [('CYRILLIC', 6), ('LATIN', 4)]
    """
    letters = Counter(letter for letter in text if letter.isalpha())
    counted: Counter[str] = Counter()
    for letter, count in letters.items():
        counted[_script(letter)] += count
    return counted


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "OTHER").split()[0]
    # Japanese is written in all three of them, and mixed with Latin.
    return "CJK" if name in {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"} else name


def guess(words: tuple[str, ...]) -> str | None:
    """Return the language of folded words, or None where it is not clear.

    >>> guess(tuple("der mann und die frau sind nicht da".split()))
    'de'
    """
    if len(words) < _LEAST_WORDS:
        return None
    hits = {name: share(words, name) for name in _PROFILES}
    first, second = sorted(hits, key=lambda name: (-hits[name], name))[:2]
    clear = hits[first] >= _LEAST_SHARE and hits[first] >= _MARGIN * hits[second]
    return first if clear and len(_PROFILES[first].intersection(words)) >= _DISTINCT else None


def share(words: tuple[str, ...], language: str) -> float:
    """Return the share of folded words that are among the smallest of a language."""
    small = _PROFILES[language]
    return sum(word in small for word in words) / max(1, len(words))
