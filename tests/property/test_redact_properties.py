"""Redaction, whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.stages.redact import KINDS, Redactor, is_card, luhn, marker

ALL = Redactor(KINDS)
PLAIN = st.text(st.characters(blacklist_categories=["N", "Cs"], blacklist_characters="@+")).map(
    lambda text: f"{text} "
)
DIGITS = st.lists(st.integers(0, 9), min_size=12, max_size=17)
LOCAL = st.text("abcXYZ019._+-", min_size=1, max_size=30)
DOMAIN = st.lists(st.text("abz09", min_size=1, max_size=10), min_size=1, max_size=3)


@given(st.text())
def test_redacting_twice_changes_nothing(text: str) -> None:
    """Markers are not personal data."""
    once = ALL.text(text).text
    assert ALL.text(once).text == once


@given(st.text(st.characters(blacklist_categories=["Nd"], blacklist_characters="@")))
def test_without_digits_and_at_signs_nothing_is_replaced(text: str) -> None:
    assert ALL.text(text).counts == {}


@given(st.text("0123456789+-. ()/@abc.:", max_size=200))
def test_what_is_counted_is_what_the_markers_show(text: str) -> None:
    redacted = ALL.text(text)
    shown = {kind: redacted.text.count(marker(kind)) for kind in KINDS}
    assert {kind: count for kind, count in shown.items() if count} == dict(redacted.counts)


@given(PLAIN, LOCAL, DOMAIN)
def test_an_address_is_found_in_any_text(before: str, local: str, domain: list[str]) -> None:
    address = f"{local}@{'.'.join(domain)}.org"
    assert ALL.text(f"{before} {address}").text.endswith(" [email]")


@given(PLAIN, DIGITS, st.integers(1, 9), st.sampled_from(["", " ", "-"]))
def test_a_card_is_found_in_any_text(before: str, rest: list[int], first: int, gap: str) -> None:
    """Any number with a valid check digit, together or in groups of four."""
    digits = [first, *rest[:14]] if gap else [first, *rest]
    digits += [0] * (15 - len(digits)) if gap else []
    check = next(last for last in range(10) if luhn([*digits, last]) == 0)
    number = "".join(map(str, [*digits, check]))
    groups = gap.join(number[at : at + 4] for at in range(0, len(number), 4)) if gap else number
    assert is_card(groups) == (len(set(number)) > 1)
    assert ALL.text(f"{before} {groups}").text.endswith(" [card]") == is_card(groups)


@given(st.integers(2, 9), st.lists(st.integers(10, 9999), min_size=3, max_size=3))
def test_an_international_number_is_found(country: int, groups: list[int]) -> None:
    number = f"+{country}0 {' '.join(map(str, groups))}"
    redacted = ALL.text(f"Call {number}!")
    digits = sum(character.isdigit() for character in number)
    assert redacted.counts == ({"phone": 1} if digits >= 8 else {})


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d"]))
def test_no_date_is_a_phone_number(day: object, form: str) -> None:
    text = f"on {day:{form}} and"
    assert ALL.text(text).text == text
