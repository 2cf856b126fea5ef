"""Summaries with errors planted by a seeded generator: what guardrails have to find.

Every kind changes one thing of a true summary: a number, a name, a sentence. The replacement comes
from another document of the same collection, so that it is as likely as can be, or is the same
kind of number; it never stands in the document itself, where nothing would be wrong with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

Kind = Literal["number", "name", "sentence"]
_NUMBER = re.compile(r"(?<![\w.,#])\d+(?:[.,]\d+)*(?![\w;]|[.,]\d)")
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_WORD = re.compile(r"[^\W_]+")
_LONG, _LONGEST_ENDING = 5, 4
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Pair:
    """A document (title and text) with a summary of it."""

    document: str
    summary: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A wrong summary: ``said`` stood there before, ``now`` stands there instead."""

    pair: Pair
    kind: Kind
    said: str
    now: str


def plant(pair: Pair, others: Sequence[Pair], kind: Kind, random: random.Random) -> Planted | None:
    """Return the pair with an error in its summary, or None where it has nothing to change."""
    if kind == "sentence":
        return _sentence(pair, others, random)
    pattern = _NAME if kind == "name" else _NUMBER
    places = [*pattern.finditer(pair.summary)]
    if kind == "number":
        places += _NUMBER_WORD.finditer(pair.summary)
    if not places:
        return None
    place = random.choice(places)
    for _ in range(_TRIES):
        now = _number(place.group(), random) if kind == "number" else _name(others, random)
        if now and not _stands(now, f"{pair.document} {place.group()}"):
            changed = pair.summary[: place.start()] + now + pair.summary[place.end() :]
            return Planted(Pair(pair.document, changed), kind, place.group(), now)
    return None


def _stands(words: str, document: str) -> bool:
    """Tell whether a text has one of the words, in any inflection: GAN is no error for GANs."""
    whole = document.lower()
    return any(re.search(_inflections(word), whole) for word in _WORD.findall(words.lower()))


def _inflections(word: str) -> str:
    if len(word) > _LONG:
        return rf"(?<![^\W_]){re.escape(word[: max(_LONG, len(word) - _LONGEST_ENDING)])}"
    return rf"(?<![^\W_]){re.escape(word.removesuffix('s'))}s?(?![^\W_])"


def _number(said: str, random: random.Random) -> str:
    if said in _WORDS:
        return random.choice([word for word in _WORDS if word != said])
    digits = list(said)
    at = random.choice([place for place, digit in enumerate(digits) if digit.isdigit()])
    least = 1 if at == 0 else 0
    digits[at] = random.choice([d for d in "0123456789"[least:] if d != digits[at]])
    return "".join(digits)


def _name(others: Sequence[Pair], random: random.Random) -> str | None:
    found = _NAME.findall(random.choice(others).summary)
    return random.choice(found) if found else None


def _sentence(pair: Pair, others: Sequence[Pair], random: random.Random) -> Planted | None:
    other = random.choice(others)
    if other.document == pair.document:
        return None
    mine = pair.summary.rstrip()
    end = "" if mine.endswith((".", "!", "?", '"')) else "."
    return Planted(
        Pair(pair.document, f"{mine}{end} {other.summary}"), "sentence", "", other.summary
    )
