"""What a view asks for, and into how many steps a stretch of time is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.dashboard.questions import written_out
from streams.dashboard.span import PRESETS, InvalidView, Span, View

FIRST, LAST = -2_208_988_800_000, 10_413_791_999_999


@given(st.integers(FIRST, LAST), st.integers(1, LAST - FIRST), st.sampled_from([1, 60, 300, 3600]))
def test_a_span_has_at_most_ninety_steps(start: int, length: int, window: int) -> None:
    """Of whole windows each; up to fifty years, beyond which the longest step is taken."""
    span = Span(start, start + length, window)
    assert span.step_ms % (window * 1000) == 0 or span.step_ms == 3_650 * 86_400_000
    assert length / span.step_ms <= 90 or span.step_ms == 3_650 * 86_400_000


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"clock": "sundial"}, "neither event nor arrival"),
        ({"revision": "1" * 201}, "a revision has at most"),
        ({"range": "9y"}, "none of 15m"),
        ({"from": "yesterday"}, "from='yesterday' is no time"),
        ({"to": "9999-01-01"}, "outside 1900 to 2299"),
        ({"from": "2024-01-02", "to": "2024-01-02"}, "from must be before to"),
        ({"source": "x" * 257}, "at most 256 characters"),
    ],
)
def test_a_wrong_view_is_named(query: dict[str, str], said: str) -> None:
    """One line that names the part."""
    with pytest.raises(InvalidView, match=said):
        View.parse(query)


def test_presets_count_back_from_now() -> None:
    """All but the one that has no beginning."""
    for name, seconds in PRESETS.items():
        start, end = View.parse({"range": name}).limits(10**12)
        assert (start, end) == (
            (FIRST, LAST) if seconds is None else (10**12 - seconds * 1000, 10**12)
        )


def test_parameters_are_written_as_literals() -> None:
    """Quotes and braces inside a value stay inside it."""
    sql = "SELECT {a:DateTime64(3, 'UTC')}, {b:String}, {n:Int64}"
    written = written_out(sql, {"a": "2024-01-01", "b": "it's {n:Int64}", "n": 5})
    assert written == r"SELECT '2024-01-01', 'it\x27s {n:Int64}', 5"
