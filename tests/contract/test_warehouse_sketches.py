"""The drift between any windows, in SQL over landed sums and in Python over the same records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest

from streams.backends.clickhouse import open_warehouse
from streams.backends.memory import MemoryWarehouse
from streams.cli._times import clickhouse_time
from streams.drift.sketches.difference import difference
from streams.drift.sketches.sums import Sums, merged
from tests.support.sketched import MODEL, sketched, sums_of, vectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemas.messages import WindowStats
    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.ports import Warehouse

MINUTE = 60_000
Answer = dict[str, float | int | None]
FIELDS = (
    *("documents_a", "documents_b", "windows_a", "windows_b", "mmd2", "centroid_distance"),
    *("p_value", "p_value_bursts", "bursts_a", "bursts_b"),
)


class Compared(Protocol):
    """A warehouse, and the difference between two ranges of its minutes."""

    @property
    def warehouse(self) -> Warehouse: ...

    def between(
        self, a: tuple[int, int], b: tuple[int, int], version: str = ""
    ) -> list[Answer]: ...


class InPython:
    """Compares what the fake holds."""

    def __init__(self) -> None:
        self.warehouse = MemoryWarehouse()

    def between(self, a: tuple[int, int], b: tuple[int, int], version: str = "") -> list[Answer]:
        one, other = self._side(*a, version), self._side(*b, version)
        if not one or not other or one[0].model.name != other[0].model.name:
            return []
        found = difference(one, other)
        pairs = (found.documents, found.windows, found.bursts)
        documents, windows, bursts = pairs
        values = (*documents, *windows, found.mmd2, found.centroid_distance, found.p_value)
        return [dict(zip(FIELDS, (*values, found.p_value_bursts, *bursts), strict=True))]

    def _side(self, first: int, last: int, version: str) -> list[Sums]:
        return [
            Sums.of_record(sketch)
            for window in self.warehouse.stats
            if _minute(first) <= window.window_start < _minute(last)
            for sketch in window.embedding_sketches
            if version in {"", sketch.compute_type} or sketch.embedding_revision.startswith(version)
        ]


class InSql:
    """Asks the view."""

    def __init__(self, warehouse: ClickHouseWarehouse) -> None:
        self.warehouse = warehouse

    def between(self, a: tuple[int, int], b: tuple[int, int], version: str = "") -> list[Answer]:
        moments = [clickhouse_time(_minute(number)) for number in (*a, *b)]
        given = ", ".join(
            f"{side}_source = 'news', {side}_from = '{start}', {side}_to = '{end}', "
            f"{side}_version = '{version}'"
            for side, (start, end) in (("a", moments[:2]), ("b", moments[2:]))
        )
        names = ", ".join(FIELDS)
        return self.warehouse.query(f"SELECT {names} FROM drift_between({given})").dictionaries()


@pytest.fixture(params=["memory", "embedded"])
def compared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Compared]:
    """The fake and the embedded ClickHouse."""
    if request.param == "memory":
        yield InPython()
        return
    warehouse = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")
    yield InSql(warehouse)
    warehouse.close()


def _minute(number: int) -> int:
    return sketched(number, sums_of(vectors(2, seed=0))).window_start


def _minutes(numbers: range, *, shift: float = 0.0, size: int = 12) -> list[WindowStats]:
    drawn = {number: vectors(size, seed=number, shift=shift) for number in numbers}
    return [sketched(number, sums_of(some)) for number, some in drawn.items()]


def test_drift_and_no_drift(compared: Compared) -> None:
    """The first ten minutes resemble the next ten; the ten after those do not."""
    compared.warehouse.write_stats(_minutes(range(20)) + _minutes(range(20, 30), shift=0.4))
    (quiet,) = compared.between((0, 10), (10, 20))
    (moved,) = compared.between((0, 10), (20, 30))
    assert (quiet["documents_a"], quiet["windows_b"]) == (120, 10)
    assert quiet["p_value"] is not None
    assert moved["p_value"] is not None
    assert quiet["p_value"] > 0.01
    assert moved["p_value"] < 1e-6


def test_sql_says_what_python_says(tmp_path: Path) -> None:
    """Every number of the view, to the last digits."""
    records = _minutes(range(9)) + _minutes(range(9, 15), shift=0.1, size=30)
    memory = InPython()
    memory.warehouse.write_stats(records)
    warehouse = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")
    warehouse.write_stats(records)
    (expected,) = memory.between((0, 9), (9, 15))
    (found,) = InSql(warehouse).between((0, 9), (9, 15))
    warehouse.close()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_side_is_itself(compared: Compared) -> None:
    """No drift between a range and itself."""
    compared.warehouse.write_stats(_minutes(range(5)))
    (same,) = compared.between((0, 5), (0, 5))
    assert same["mmd2"] is not None
    assert same["mmd2"] < 0
    assert (same["p_value"], same["p_value_bursts"]) == (1, 1)


def test_redelivered_and_grown_windows_count_once(compared: Compared) -> None:
    """The highest version of a window counts, however often and in what order they land."""
    some = vectors(80, seed=1)
    early = [sketched(0, sums_of(some[:15]), version=1), *_minutes(range(1, 4))]
    late = sketched(0, sums_of(some), version=2)
    compared.warehouse.write_stats([late])
    compared.warehouse.write_stats(early)
    compared.warehouse.write_stats([*early, late])
    (found,) = compared.between((0, 1), (1, 4))
    assert (found["documents_a"], found["documents_b"], found["windows_b"]) == (80, 36, 3)
    exact = difference([sums_of(some)], [sums_of(vectors(12, seed=n)) for n in (1, 2, 3)])
    assert found["mmd2"] == pytest.approx(exact.mmd2, rel=1e-9)


def test_versions_of_a_model_are_compared_and_models_are_not(compared: Compared) -> None:
    """A roll-out's window holds sums of both precisions; sums of another model share no row."""
    some = vectors(60, seed=1)
    full = MODEL._replace(compute_type="float32")
    foreign = MODEL._replace(name="other")
    compared.warehouse.write_stats(
        [
            sketched(0, sums_of(some[:40]), sums_of(some[40:], full)),
            sketched(1, sums_of(some[:30], full)),
            sketched(2, sums_of(some[:30], foreign)),
        ]
    )
    (both,) = compared.between((0, 1), (1, 2))
    assert (both["documents_a"], both["windows_a"]) == (60, 2)
    (one,) = compared.between((0, 1), (1, 2), "float32")
    assert (one["documents_a"], one["documents_b"], one["p_value"]) == (20, 30, None)
    assert compared.between((0, 1), (2, 3)) == []


def test_sums_merge_exactly_in_sql(tmp_path: Path) -> None:
    """SumForEach over windows is the sum over their documents, bit for bit."""
    parts = [vectors(size, seed=size) for size in (1, 7, 128, 500)]
    warehouse = open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")
    warehouse.write_stats([sketched(n, sums_of(part)) for n, part in enumerate(parts)])
    (row,) = warehouse.query(
        "SELECT sumForEach(embedding_sums), sumForEach(feature_sums), sumForEach(square_sums), "
        "sumForEach(product_sums) FROM drift_sketches"
    ).rows
    warehouse.close()
    whole = merged([sums_of(part) for part in parts])
    np.testing.assert_array_equal(np.concatenate(row), whole.values)
    np.testing.assert_array_equal(whole.values, sums_of(np.concatenate(parts)).values)
