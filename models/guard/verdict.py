"""What a guardrail answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Rule: TypeAlias = Literal[
    "empty",
    "length",
    "repetition",
    "prompt",
    "language",
    "numbers",
    "dates",
    "names",
    "swapped",
    "foreign",
    "meaning",
]
RULES: tuple[Rule, ...] = get_args(Rule)
"""In the order in which they are named where several fail: the plainest first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer.

    Attributes:
        rule: its name.
        failed: whether the summary breaks it.
        evidence: pieces of the summary that say why; empty where it holds.
        score: what was compared with the threshold; its meaning stands with the rule.
    """

    rule: Rule
    failed: bool
    evidence: tuple[str, ...] = ()
    score: float = 0.0


def found(rule: Rule, evidence: list[str]) -> Verdict:
    """Return the verdict of a rule that fails on its first finding; the score is their number."""
    unique = tuple(dict.fromkeys(evidence))
    return Verdict(rule, bool(unique), unique, float(len(unique)))
