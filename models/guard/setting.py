"""The guardrails as a setting names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.guard.guard import Guard, Limits
from models.guard.verdict import RULES, Rule

OFF = "off"
_ALL = "all"
# The attribute of a rule's threshold, and the largest that makes sense.
_LIMITS: dict[Rule, tuple[str, float]] = {
    "length": ("most_words", 100_000),
    "repetition": ("most_repeated", 1),
    "prompt": ("most_prompt", 1),
    "foreign": ("least_support", 2),
    "meaning": ("least_cosine", 1),
}


def guard_of(setting: str) -> Guard | None:
    """Return the guardrails that a setting asks for, None where they are off.

    Entries have commas between: ``all`` or ``off``; rules by name, which are then the only ones;
    ``-rule`` leaves one out; ``rule=number`` sets the threshold of a rule that has one.

    >>> guard = guard_of("-language,meaning=0.2")
    >>> "language" in guard.rules, "names" in guard.rules, guard.limits.least_cosine
    (False, True, 0.2)
    >>> guard_of("off") is None, sorted(guard_of("numbers, dates").rules)
    (True, ['dates', 'numbers'])

    Raises:
        ValueError: an entry is none of these; says which there are.
    """
    entries = [entry.strip() for entry in setting.split(",") if entry.strip()]
    if OFF in entries:
        if len(entries) > 1:
            raise ValueError(f"{OFF!r} stands alone")
        return None
    named: set[Rule] = set()
    without: set[Rule] = set()
    limits = Limits()
    for entry in entries:
        name, equals, number = entry.partition("=")
        if equals:
            limits = _limited(limits, _rule(name.strip()), number.strip())
        elif entry.startswith("-"):
            without.add(_rule(entry[1:].strip()))
        elif entry != _ALL:
            named.add(_rule(entry))
    rules = frozenset(RULES if _ALL in entries or not named else named) - without
    return Guard(limits, rules) if rules else None


def _rule(name: str) -> Rule:
    for rule in RULES:
        if rule == name:
            return rule
    raise ValueError(f"{name!r} is none of {_ALL}, {OFF}, {', '.join(RULES)}")


def _limited(limits: Limits, rule: Rule, number: str) -> Limits:
    if rule not in _LIMITS:
        raise ValueError(f"{rule} has no threshold; {', '.join(_LIMITS)} have")
    attribute, most = _LIMITS[rule]
    whole = isinstance(getattr(limits, attribute), int)
    try:
        value: Any = int(number) if whole else float(number)
    except ValueError:
        value = 0
    if not 0 < value <= most:
        kind = "whole number" if whole else "number"
        raise ValueError(f"{rule}={number} must be a {kind} above 0, at most {most}")
    return replace(limits, **{attribute: value})
