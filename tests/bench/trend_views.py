"""How long the views of the trends take, and how many bytes a document does.

Each is asked ten times on two threads; beside it the same figure by a scan of the documents.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.emerging import EmergingKeeper
from streams.backends.clickhouse.latency import LatencyKeeper
from streams.backends.clickhouse.trends import TrendKeeper
from streams.clock import SystemClock
from tests.bench.trend_documents import batches, real_texts

if TYPE_CHECKING:
    from streams.backends.clickhouse import ClickHouseWarehouse

_RUNS, _RAW_RUNS = 10, 2
_EMBEDDED = 100_000
_SETTINGS = " SETTINGS max_threads = 2, use_query_condition_cache = 0"
_MONTH = "window_from = '2024-05-01', window_to = '2024-05-31', source = ''"
_WORDS = (
    "SELECT word, count() FROM documents_raw FINAL ARRAY JOIN arrayConcat(terms, phrases) AS word "
    "WHERE published_at >= '{}' AND published_at < '{}' GROUP BY word ORDER BY count() DESC LIMIT 9"
)
_TERMS = (
    "SELECT * FROM trending_terms(window_from = '{}', window_to = '{}', baseline_from = '{}', "
    "baseline_to = '{}', source = '') WHERE q <= 0.05 ORDER BY z DESC LIMIT 20"
)
_HOUR = ("2024-05-15 12:00:00", "2024-05-15 13:00:00", "2024-05-14 12:00:00", "2024-05-15 12:00:00")
_DAY = ("2024-05-15", "2024-05-16", "2024-05-08", "2024-05-15")
_QUESTIONS = {
    "label_shares, a month by day": (
        f"SELECT * FROM label_shares({_MONTH}, unit = 'day')",
        (
            "SELECT toDate(published_at) AS day, label, count(), avg(confidence) "
            "FROM documents_raw FINAL GROUP BY day, label"
        ),
    ),
    "unique_tokens, a month by day": (
        f"SELECT * FROM unique_tokens({_MONTH}, unit = 'day')",
        (
            "SELECT toDate(published_at) AS day, uniqCombined64Array(12)(terms) "
            "FROM documents_raw FINAL GROUP BY day"
        ),
    ),
    "cost, a month": (
        f"SELECT * FROM cost({_MONTH}, unit = 'all')",
        (
            "SELECT source, device, sum(tokens_in), sum(inference_ms) "
            "FROM documents_raw FINAL GROUP BY source, device"
        ),
    ),
    "trending_terms, 1 h against 24 h": (_TERMS.format(*_HOUR), _WORDS.format(_HOUR[2], _HOUR[1])),
    "trending_terms, a day against 7": (_TERMS.format(*_DAY), _WORDS.format(_DAY[2], _DAY[1])),
    "emerging_terms, a day": (
        (
            "SELECT * FROM emerging_terms WHERE unit = 'day' AND source = '' "
            "AND window_start = '2024-05-15' ORDER BY z DESC"
        ),
        _WORDS.format(_DAY[2], _DAY[1]),
    ),
    "what_changed, two fortnights": (
        (
            "SELECT * FROM what_changed(a_from = '2024-05-01', a_to = '2024-05-15', "
            "b_from = '2024-05-15', b_to = '2024-05-29', source = '')"
        ),
        (
            "SELECT published_at >= '2024-05-15' AS later, count(), sum(tokens), avg(confidence), "
            "uniqCombined64Array(12)(terms) FROM documents_raw FINAL GROUP BY later"
        ),
    ),
    "label_trends, all hours": (
        "SELECT * FROM label_trends",
        "SELECT published_hour, source, label, count() FROM documents_raw FINAL GROUP BY ALL",
    ),
    "latency, all hours": (
        "SELECT * FROM latency",
        (
            "SELECT toStartOfHour(received_at) AS hour, source, "
            "quantiles(0.5, 0.95, 0.99)(queue_ms), quantiles(0.5, 0.95, 0.99)(inference_ms) "
            "FROM documents_raw FINAL GROUP BY ALL"
        ),
    ),
}
_BYTES = """\
SELECT if(startsWith(table, 'trend_'), 'helper tables', table) AS what, sum(bytes_on_disk)
FROM system.parts WHERE active AND database = currentDatabase() GROUP BY what
ORDER BY sum(bytes_on_disk) DESC LIMIT 4"""


def views(data: Path, number: int, database: Path | None) -> int:
    """Land documents where there are none yet, compute the helper tables, ask; prints a table."""
    with ExitStack() as stack:
        if database is None:
            database = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "clickhouse"
        warehouse = stack.enter_context(closing(open_warehouse(f"chdb://{database}")))
        if not _counted(warehouse):
            for batch in batches(real_texts(data), number, min(number, _EMBEDDED)):
                warehouse.write_documents(batch)
        began = time.perf_counter()
        days = 0
        for keeper in (
            TrendKeeper(warehouse, SystemClock()),
            LatencyKeeper(warehouse, SystemClock()),
            EmergingKeeper(warehouse, SystemClock()),
        ):
            keeper.adopt()
            days += keeper.refresh_all()
        _say(f"{_counted(warehouse):,} documents; {days} stale days in ", began)
        for name, (ask, scan) in _QUESTIONS.items():
            times, used = _times(warehouse, ask, _RUNS)
            wall, cpu = statistics.median(times), statistics.median(used)
            raw, busy = map(statistics.median, _times(warehouse, scan, _RAW_RUNS))
            sys.stdout.write(
                f"{name:34s} median {wall * 1000:6.0f} ms, worst {max(times) * 1000:6.0f} ms, "
                f"CPU {cpu * 1000:5.0f} ms; scan {raw * 1000:6.0f} ms, CPU {busy * 1000:5.0f} ms "
                f"({raw / wall:.1f} and {busy / cpu:.1f} times)\n"
            )
            sys.stdout.flush()
        for what, size in warehouse.query(_BYTES).rows:
            sys.stdout.write(f"{what:34s} {size / _counted(warehouse):6.0f} bytes a document\n")
    return 0


def _counted(warehouse: ClickHouseWarehouse) -> int:
    return int(warehouse.query("SELECT count() FROM documents_raw FINAL").rows[0][0])


def _times(warehouse: ClickHouseWarehouse, sql: str, runs: int) -> tuple[list[float], list[float]]:
    """Return seconds on the wall and seconds of CPU, of the engine inside this process."""
    found, used = [], []
    for _ in range(runs):
        began, busy = time.perf_counter(), time.process_time()
        warehouse.query(sql + _SETTINGS)
        found.append(time.perf_counter() - began)
        used.append(time.process_time() - busy)
    return found, used


def _say(what: str, began: float) -> None:
    sys.stdout.write(f"{what}{time.perf_counter() - began:.1f} s\n")
