"""What ``trending_terms`` says of chance, against tails counted out and Benjamini and Hochberg."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import SystemClock
from tests.support.landed import START, document

WINDOW, BASELINE = 24, 40
CHOSEN = [
    (inside, before)
    for inside, before in product((1, 2, 3, 4, 6, 9, 13, 18, 24), (0, 1, 2, 3, 5, 8, 13, 21, 40))
]
SQL = (
    "SELECT term, documents, baseline_documents, p_value, q, tested, state, window_size, "
    "baseline_size FROM trending_terms(window_from = '2024-05-07', window_to = '2024-05-08', "
    "baseline_from = '2024-05-06', baseline_to = '2024-05-07', source = '') ORDER BY p_value, term"
)
DAY_AFTER = START + 24 * 3_600_000

Row = tuple[str, int, int, float, float, int, str, int, int]


def exact(inside: int, before: int) -> Fraction:
    """Return Fisher's upper tail, given that the window has the term at all."""
    every, all_with = WINDOW + BASELINE, inside + before

    def ways(number: int) -> int:
        return comb(all_with, number) * comb(every - all_with, WINDOW - number)

    tail = sum(ways(number) for number in range(inside, min(all_with, WINDOW) + 1))
    return Fraction(tail, comb(every, WINDOW) - ways(0))


def term(inside: int, before: int) -> str:
    return f"in{inside}of{before}"


@pytest.fixture(scope="module", params=["documents", "cells"])
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Return what is said of terms in so many documents of the window and of the baseline."""
    warehouse = open_warehouse(f"chdb://{tmp_path_factory.mktemp('chance') / 'clickhouse'}")
    made = []
    for number in range(WINDOW + BASELINE):
        rank, at = number, DAY_AFTER
        if number >= WINDOW:
            rank, at = number - WINDOW, START
        words = [
            term(inside, before)
            for inside, before in CHOSEN
            if rank < (inside if number < WINDOW else before)
        ]
        own = [f"own{number}x{other}" for other in range(70)]  # so that none is a near-copy
        made.append(document(number, published_at=at + number, terms=own + words))
    warehouse.write_documents(made)
    if request.param == "cells":
        TrendKeeper(warehouse, SystemClock()).refresh_all()
    found = [tuple(row) for row in warehouse.query(SQL).rows]
    warehouse.close()
    return [row for row in found if row[0].startswith("in")]


def test_tails_are_bounds_and_close(rows: list[Row]) -> None:
    """Never below the exact tail, at most 2.2 times it where it is small, equal for new terms."""
    assert len(rows) == sum(inside > 2 for inside, _ in CHOSEN)
    for name, inside, before, p_value, *_ in rows:
        assert name == term(inside, before)
        tail = float(exact(inside, before))
        assert p_value >= tail * (1 - 1e-9), name
        if tail < 0.05:
            assert p_value <= 2.2 * tail, (name, p_value / tail)
        if not before:
            assert p_value == pytest.approx(tail)


def test_q_is_benjamini_and_hochbergs(rows: list[Row]) -> None:
    """Over all terms of the window, those that are too rare to be shown as well."""
    tested = rows[0][5]
    shown = {row[5] for row in rows}
    assert shown == {tested}
    assert tested >= len(CHOSEN)
    adjusted = 1.0
    for rank, row in _ranked(rows):
        adjusted = min(adjusted, row[3] * tested / rank)
        assert row[4] == pytest.approx(adjusted), row[0]


def test_states(rows: list[Row]) -> None:
    """New is what the baseline never had; growing and falling compare shares."""
    for _, inside, before, _, _, _, state, window_size, baseline_size in rows:
        assert (window_size, baseline_size) == (WINDOW, BASELINE)
        grows = inside * BASELINE > before * WINDOW
        assert state == ("new" if not before else "growing" if grows else "falling")


def _ranked(rows: list[Row]) -> list[tuple[int, Row]]:
    """Return the rows with their ranks, the least likely last."""
    return list(enumerate(sorted(rows, key=lambda row: row[3]), start=1))[::-1]
