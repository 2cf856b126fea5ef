"""Redaction of e-mail addresses, phone and payment card numbers, before anything is stored.

Rules only, time linear in the length of the text. They would rather leave a number than eat one
that people need: dates, prices, versions, identifiers and addresses of machines stay. What is
replaced becomes a marker of its kind, so that words before and after stay apart; a marker is never
redacted again.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from streams.ports import Inference
    from streams.stages.ingest import Accepted

Kind: TypeAlias = Literal["email", "phone", "card"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# The local part is bounded (64 octets, RFC 5321) and begins where no part could have begun before,
# so a long run of letters without an @ costs linear time.
_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w.!#$%&'*+/=?^`{|}~-]{1,64}@"
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-]|@)"
)
_CARD = re.compile(r"(?<![\w.,/#+-])(?<!\d )\d(?:[ -]?\d){12,18}(?![\w]|[.,-]\d| \d)")
_FOUR_GROUPS = re.compile(r"\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5}|\d+")
# Separators of groups; a point or a hyphen is one only between groups of two digits and more.
_GAP = r"(?:[ \u00a0]?[-./][ \u00a0]?|[ \u00a0])"
_NOT_BEFORE = r"(?<![\w.,:/#$€£¥=@+-])(?<!\d )(?<!\(\+)"
_NOT_BEHIND = r"(?![\w%°€£¥]|[.,:/-]\d| \d|-\w)"
_INTERNATIONAL = re.compile(
    rf"(?<![\w.,/#@+-])(?:\+|00(?=[1-9]\d{{0,2}}{_GAP}))(?:1(?={_GAP}?\(?[2-9])|[2-9]\d{{0,2}})"
    rf"(?:{_GAP}?(?:\(\d{{1,4}}\)|\d{{1,12}})){{1,6}}"
    rf"{_NOT_BEHIND}"
)
_NATIONAL = re.compile(
    rf"{_NOT_BEFORE}(?:"
    r"(?:1[-. ])?\(\d{3}\) ?\d{3}[-. ]\d{4}"  # (555) 123-4567
    r"|(?:1[-. ])?[2-9]\d{2}([-.])\d{3}\1\d{4}"  # 555-123-4567
    r"|[2-9]\d{2} \d{3}[ -]\d{4}"  # 555 123 4567
    r"|\(?0\d{1,5}\)?[ /-] ?\d{3,8}(?:[ -]\d{2,6}){0,3}"  # 030 1234567, (020) 7946 0958
    r"|0\d(?:[ .]\d{2}){4}"  # 01 23 45 67 89
    rf"){_NOT_BEHIND}"
)
_DATE = re.compile(r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:\d{4}|\d{2})")
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15  # E.164 has at most 15; shorter ones are seldom a person's
_CARD_LENGTHS = range(13, 20)  # ISO/IEC 7812


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without what was looked for, and how much of each kind was in it."""

    text: str
    counts: Mapping[str, int]


class Redactor:
    """Replaces personal data of some kinds; immutable.

    Args:
        kinds: what to look for.

    Raises:
        ValueError: a kind is not known.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = frozenset(kinds)
        if unknown := sorted(self.kinds - set(KINDS)):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")

    def text(self, text: str) -> Redacted:
        """Redact a text; cards before phones, whose forms some of them have."""
        counts: Counter[str] = Counter()
        if "email" in self.kinds and "@" in text:
            text = _replace(text, _EMAIL, "email", counts, lambda _: True)
        if "card" in self.kinds:
            text = _replace(text, _CARD, "card", counts, is_card)
        if "phone" in self.kinds:
            text = _replace(text, _INTERNATIONAL, "phone", counts, _is_phone)
            text = _replace(text, _NATIONAL, "phone", counts, _is_phone)
        return Redacted(text, counts)

    def document(self, document: Accepted) -> tuple[Accepted, Mapping[str, int]]:
        """Redact title, text and values of the metadata; its keys and identity stay."""
        counts: Counter[str] = Counter()
        title = None if document.title is None else self._count(document.title, counts)
        text = self._count(document.text, counts)
        metadata = {key: self._count(value, counts) for key, value in document.metadata.items()}
        if not counts:
            return document, counts
        return replace(document, title=title, text=text, metadata=metadata), counts

    def summary(self, inference: Inference) -> Inference:
        """Redact what a model wrote: it may put together what the document has in pieces."""
        kept, rejected = self.text(inference.summary), self.text(inference.summary_rejected)
        if not kept.counts and not rejected.counts:
            return inference
        return replace(inference, summary=kept.text, summary_rejected=rejected.text)

    def _count(self, text: str, counts: Counter[str]) -> str:
        redacted = self.text(text)
        counts.update(redacted.counts)
        return redacted.text


def redactor_of(setting: str) -> Redactor | None:
    """Return what a setting asks for, None where that is nothing; raises as ``kinds_of``."""
    kinds = kinds_of(setting)
    return Redactor(kinds) if kinds else None


def marker(kind: Kind) -> str:
    """Return what stands in the place of personal data.

    >>> marker("email")
    '[email]'
    """
    return f"[{kind}]"


def kinds_of(text: str) -> tuple[Kind, ...]:
    """Read a comma list of kinds.

    >>> kinds_of("email, card")
    ('email', 'card')

    Raises:
        ValueError: one is not known.
    """
    asked = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [part for part in asked if part not in KINDS]:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in asked)


def is_card(number: str) -> bool:
    """Tell whether digits, in the groups of a card or in one, pass Luhn's check.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    if _FOUR_GROUPS.fullmatch(number) is None:
        return False
    digits = [int(digit) for digit in number if digit.isdigit()]
    if len(digits) not in _CARD_LENGTHS or digits[0] == 0 or len(set(digits)) == 1:
        return False
    return luhn(digits) == 0


def luhn(digits: list[int]) -> int:
    """Return the sum of ISO/IEC 7812-1, annex B, modulo 10: 0 for a valid number."""
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]  # noqa: PLR2004 - carries
    return (sum(digits[-1::-2]) + sum(doubled)) % 10


def _is_phone(number: str) -> bool:
    digits = sum(digit.isdigit() for digit in number)
    return _FEWEST_DIGITS <= digits <= _MOST_DIGITS and _DATE.fullmatch(number) is None


def _replace(
    text: str,
    pattern: re.Pattern[str],
    kind: Kind,
    counts: Counter[str],
    holds: Callable[[str], bool],
) -> str:
    def replaced(match: re.Match[str]) -> str:
        if not holds(match.group()):
            return match.group()
        counts[kind] += 1
        return marker(kind)

    return pattern.sub(replaced, text)
