"""Words as the guardrails compare them: folded, in parts, and with their inflections cut off."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from models.sentences import clean, sentence_spans

# Newswire that lost the "&" of a character reference still has its number.
_BROKEN_REFERENCE = re.compile(r" ?&?#(?:0?39|8217);")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00b4": "'"})
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_WORD = re.compile(r"[^\W_]+")
_DOTTED = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,}")
_PART = re.compile(r"\d+|[^\W\d_]+")
_ENDINGS = (
    *("ations", "ation", "ating", "ators", "ator", "ated", "ates", "ate", "izing", "ized", "izes"),
    *(
        "ising",
        "ised",
        "ises",
        "ize",
        "ise",
        "ments",
        "ment",
        "ings",
        "ing",
        "ions",
        "ion",
        "ities",
    ),
    *("ity", "ical", "ally", "ably", "ally", "edly", "ness", "able", "ible", "ance", "ence", "ies"),
    *("ied", "ers", "ors", "ive", "ous", "ial", "ian", "est", "ed", "er", "or", "es", "ly", "al"),
    *("ic", "en", "s", "e", "y"),
)
_SHORTEST_STEM = 3


def tidy(text: str) -> str:
    """Return the text with one form of apostrophe and hyphen, and no character references.

    >>> tidy("Israel #39;s pull\u2010out &amp; the U.N.\u2019s")
    "Israel's pull-out & the U.N.'s"
    """
    plain = html.unescape(_BROKEN_REFERENCE.sub("'", clean(text)))
    return unicodedata.normalize("NFKC", plain).translate(_APOSTROPHES).translate(_DASHES)


def fold(text: str) -> str:
    """Return the text without case and without marks above and below its letters.

    >>> fold("Škoda Straße")
    'skoda strasse'
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def stem(word: str) -> str:
    """Return a folded word without its longest known English ending, three letters at least.

    A light stemmer: it only has to bring inflections together, not to find the root.

    >>> stem("learning"), stem("learns"), stem("iraqis")
    ('learn', 'learn', 'iraqi')
    """
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


@dataclass(frozen=True)
class Prose:
    """A text with what the rules ask of it, each found out once.

    Attributes:
        text: tidy.
    """

    text: str

    @classmethod
    def of(cls, text: str) -> Prose:
        """Tidy a text."""
        return cls(tidy(text))

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """Sentences, in order."""
        return tuple(self.text[start:end] for start, end in sentence_spans(self.text))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Folded words and numbers, in order; a hyphen or an apostrophe parts them."""
        return tuple(_WORD.findall(fold(self.text)))

    @cached_property
    def known(self) -> frozenset[str]:
        """Every folded word, its parts where letters meet digits, and ``uk`` of ``U.K.``."""
        words = set(self.words)
        words.update(dotted.replace(".", "") for dotted in _DOTTED.findall(fold(self.text)))
        for word in self.words:
            if not word.isalpha() and not word.isdecimal():
                words.update(_PART.findall(word))
        return frozenset(words)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of all words."""
        return frozenset(stem(word) for word in self.known)

    @cached_property
    def joined(self) -> str:
        """All words without anything between them: finds words however they are split."""
        return "".join(self.words)

    @cached_property
    def initials(self) -> str:
        """First letters of all words, numbers left out."""
        return "".join(word[0] for word in self.words if word[0].isalpha())

    @cached_property
    def pairs(self) -> Counter[str]:
        """How often one pair of neighbouring content words with these initials occurs, at most."""
        words = [word for word in self.words if word not in FUNCTION_WORDS]
        often: Counter[str] = Counter()
        for (one, two), times in Counter(pairwise(words)).items():
            often[one[0] + two[0]] = max(often[one[0] + two[0]], times)
        return often

    @cached_property
    def content_initials(self) -> str:
        """First letters of all words but the smallest."""
        return "".join(
            word[0] for word in self.words if word[0].isalpha() and word not in FUNCTION_WORDS
        )


FUNCTION_WORDS = frozenset(
    """
    a about above after again against all almost also although always am among an and another any
    are as at be because been before being below between both but by can cannot could did do does
    doing down due during each either else ever every few for from further had has have having he
    her here hers him his how however i if in into is it its itself just least less let like many
    may me might more most much must my near neither no nor not now of off often on once only onto
    or other others our ours out over own per rather s same she should since so some still such t
    than that the their theirs them then there therefore these they this those though through thus
    to too toward towards under until up upon us very via was we well were what when where whether
    which while who whom whose why will with within without would yet you your yours
    """.split()  # noqa: SIM905 - a list of words reads best as words
)
"""Words of English that carry no topic."""
