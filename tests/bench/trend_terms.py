"""Emerging terms on real documents: chance, an injected word, and years of papers.

python -m tests.bench trends --data FOLDER [--windows 100]
python -m tests.bench trends --data FOLDER --views 1000000 [--database FOLDER]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.cli.terms import FOUND
from streams.clock import SystemClock
from tests.bench.trend_documents import DAY_MS, enriched, real_texts
from tests.bench.trend_views import views

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.backends.clickhouse import ClickHouseWarehouse

Paper = tuple[str, list[str], int]

_START_MS = 1_704_067_200_000  # 2024-01-01
_MADE_UP = "zorblatt"
_VENUE = "nips"
_ASK = (
    "SELECT term, kind, state, round(z, 1), q, documents, baseline_documents FROM trending_terms("
    "window_from = '{}', window_to = '{}', baseline_from = '{}', baseline_to = '{}', source = '') "
    "WHERE q <= {} ORDER BY z DESC LIMIT {}"
)


def shuffled(warehouse: ClickHouseWarehouse, papers: list[Paper], windows: int) -> str:
    """Ask of shuffled documents: each day against the seven before it."""
    order = random.Random(7).sample(papers, len(papers))
    days = windows + 7
    _land(
        warehouse, order, [_START_MS + at * days * DAY_MS // len(order) for at in range(len(order))]
    )
    wrong = found = 0
    for day in range(7, days):
        rows = _asked(warehouse, day, day + 1, day - 7, day)
        wrong += bool(rows)
        found += len(rows)
    return f"shuffled: {windows} windows, {wrong} with any term at q <= {FOUND}, {found} terms"


def injected(warehouse: ClickHouseWarehouse, papers: list[Paper]) -> str:
    """Put a made-up word into one in a hundred documents of a day; return its rank."""
    order = random.Random(8).sample(papers, 24_000)
    moments = [_START_MS + at * 8 * DAY_MS // len(order) for at in range(len(order))]
    changed = [
        (paper[0], [*paper[1], f"The {_MADE_UP} is here."], paper[2])
        if moment >= _START_MS + 7 * DAY_MS and at % 100 == 0
        else paper
        for at, (paper, moment) in enumerate(zip(order, moments, strict=True))
    ]
    _land(warehouse, changed, moments)
    rows = _asked(warehouse, 7, 8, 0, 7, limit=5)
    return f"injected into 1 % of a day: {rows}"


def by_year(warehouse: ClickHouseWarehouse, papers: list[Paper]) -> str:
    """Land papers by year; return the top terms of two periods against the years before."""
    moments = []
    for at, (_, _, year) in enumerate(papers):
        day = at % 365
        moments.append((year - 1970) * 365 * DAY_MS + (year - 1969) // 4 * DAY_MS + day * DAY_MS)
    _land(warehouse, papers, moments)
    lines = []
    for first, last in ((2012, 2014), (2016, 2018)):
        span = f"{first}-01-01", f"{last + 1}-01-01", f"{first - 6}-01-01", f"{first}-01-01"
        rows = warehouse.query(_ASK.format(*span, FOUND, 10)).rows
        lines.append(f"{first} to {last} against the six years before:")
        lines += [f"  {row}" for row in rows]
    return "\n".join(lines)


def main() -> int:
    """Run all, each in an empty database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--only", choices=("shuffled", "injected", "years", "venue"))
    parser.add_argument("--views", type=int, metavar="N", help="time the views on N documents")
    parser.add_argument("--database", type=Path, help="where these are, or are landed and stay")
    options = parser.parse_args()
    if options.views:
        return views(options.data, options.views, options.database)
    papers = real_texts(options.data)
    runs: dict[str, Callable[[ClickHouseWarehouse], str]] = {
        "years": lambda warehouse: by_year(warehouse, papers),
        "venue": lambda warehouse: by_year(warehouse, real_texts(options.data, _VENUE)),
        "injected": lambda warehouse: injected(warehouse, papers),
        "shuffled": lambda warehouse: shuffled(warehouse, papers, options.windows),
    }
    with tempfile.TemporaryDirectory() as folder:
        url = f"chdb://{Path(folder) / 'clickhouse'}"
        with closing(open_warehouse(url)) as warehouse:
            for name, ask in runs.items():
                if options.only in {None, name}:
                    for table in ("documents", "document_hours", "trend_touched", "trend_versions"):
                        warehouse.execute(f"TRUNCATE TABLE {table}_raw")
                    sys.stdout.write(f"{ask(warehouse)}\n")
                    sys.stdout.flush()
    return 0


def _land(warehouse: ClickHouseWarehouse, papers: list[Paper], moments: list[int]) -> None:
    for first in range(0, len(papers), 5_000):
        warehouse.write_documents(
            [
                enriched(
                    at,
                    source="papers",
                    published_at=moments[at],
                    title=papers[at][0],
                    text=" ".join(papers[at][1]),
                )
                for at in range(first, min(first + 5_000, len(papers)))
            ]
        )
    TrendKeeper(warehouse, SystemClock()).refresh_all()


def _asked(
    warehouse: ClickHouseWarehouse, *days: int, q: float = FOUND, limit: int = 1000
) -> list[list[object]]:
    moments = [f"fromUnixTimestamp64Milli({_START_MS + day * DAY_MS})" for day in days]
    asked = _ASK.replace("'{}'", "{}").replace("source = {}", "source = ''")
    return warehouse.query(asked.format(*moments, q, limit)).rows


if __name__ == "__main__":
    raise SystemExit(main())
