"""What windows land merges in one query: distinct words, quantiles, intervals."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.backends.clickhouse import open_warehouse
from tests.support.landed import window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse

ALL = "window_from = '2000-01-01', window_to = '2100-01-01', source = "
OF_A, OF_B = 5_000, 400  # distinct words of the sources


def _sample(words: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> bytes:
    return np.sort(words)[:1024].astype("<u4").tobytes()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    """Three windows of source a that share words, one of source b with few."""
    rng = np.random.default_rng(11)
    words = rng.choice(2**32, OF_A, replace=False).astype(np.uint32)
    few = rng.choice(2**32, OF_B, replace=False).astype(np.uint32)
    parts = [words[:2500], words[1500:4000], words[3000:]]
    records = [
        replace(
            window(number),
            source="a",
            token_sample=_sample(part),
            length_sketch={"57": 5, "70": 4, "-1": 1},
        )
        for number, part in enumerate(parts)
    ]
    records.append(replace(window(0), source="b", token_sample=_sample(few)))
    opened = open_warehouse(f"chdb://{tmp_path_factory.mktemp('monitors') / 'clickhouse'}")
    opened.write_stats(records)
    yield opened
    opened.close()


def test_distinct_words_of_many_windows(warehouse: ClickHouseWarehouse) -> None:
    """The union is estimated within three standard errors; a small one is exact."""
    (one,) = warehouse.query(f"SELECT * FROM vocabulary({ALL}'a')").dictionaries()
    assert abs(one["unique_tokens"] / OF_A - 1) < 3 / sqrt(1022)
    assert one["low"] < one["unique_tokens"] < one["high"]
    assert (one["windows"], one["exact"]) == (3, 0)
    (few,) = warehouse.query(f"SELECT * FROM vocabulary({ALL}'b')").dictionaries()
    assert (few["unique_tokens"], few["exact"], few["low"]) == (OF_B, 1, OF_B)


def test_quantiles_are_within_two_percent(warehouse: ClickHouseWarehouse) -> None:
    """Bucket 57 holds 9.4 to 9.8 words, bucket 70 the lengths around 16."""
    (low, middle, high) = warehouse.query(
        "SELECT length_quantiles FROM drift_windows WHERE source = 'a' LIMIT 1"
    ).rows[0][0]
    growth = 1.02 / 0.98
    assert low == 0
    assert growth**56 < middle <= growth**57
    assert growth**69 < high <= growth**70


def test_shares_have_wilsons_interval(warehouse: ClickHouseWarehouse) -> None:
    """Six of ten: 0.313 to 0.832."""
    (shares,) = warehouse.query(
        "SELECT label_shares['sea'] FROM drift_windows WHERE source = 'a' LIMIT 1"
    ).rows[0]
    found = [round(shares[name], 3) for name in ("share", "low", "high")]
    assert found == [0.6, 0.313, 0.832]


def test_a_window_from_before_the_monitors_has_no_quantiles(
    warehouse: ClickHouseWarehouse,
) -> None:
    """Nothing is made up for it."""
    (row,) = warehouse.query(
        "SELECT length_quantiles, monitor_state, expected_unique_tokens "
        "FROM drift_windows WHERE source = 'b'"
    ).rows
    assert list(row) == [[], "collecting", None]
