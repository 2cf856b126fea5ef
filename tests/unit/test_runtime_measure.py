"""Figures of a run, asked of a real embedded database."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from streams.backends.clickhouse import open_warehouse
from streams.clock import FixedClock
from streams.errors import Misconfigured
from streams.ports import ModelCard
from streams.runtime.measure import Figures, Span, measure
from streams.runtime.report import MemoryProfile
from streams.runtime.run_record import RunRecord
from streams.runtime.wiring import Parts
from streams.topics import Topics
from tests.support.landed import START, TOPIC, alert, document, letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.runtime.completion import Completion
    from streams.runtime.memory import MemorySampler
    from streams.runtime.platform import Platform


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    """Ten documents of partition 0, one of them published twice; two dead letters; one alert."""
    url = f"chdb://{tmp_path_factory.mktemp('measure') / 'clickhouse'}"
    with closing(open_warehouse(url, clock=FixedClock(START + 1_000))) as opened:
        opened.write_documents([document(number) for number in range(10)])
        opened.write_documents([document(3, offset=10)])
        opened.write_dead_letters([letter(0), letter(1)])
        opened.write_alerts([alert()])
        yield opened


def test_figures_of_everything(warehouse: ClickHouseWarehouse) -> None:
    """Every message is accounted for; a document that came twice is one row."""
    figures = measure(warehouse, TOPIC, Span((0, 0), (11, 2)))
    latency = figures.latency_ms
    assert figures == Figures(
        messages=13,
        landed=11,
        dead_letters=2,
        rows=10,
        duplicated=0,
        alerts=1,
        last_landed_at=START + 1_000,
        latency_ms=latency,
    )
    assert figures.lost == 0
    assert latency["p50"] == 995.0


def test_a_span_leaves_out_what_was_before_and_after(warehouse: ClickHouseWarehouse) -> None:
    """Offsets below and from the end on are another run's."""
    figures = measure(warehouse, TOPIC, Span((2, 1), (5, 2)))
    assert (figures.messages, figures.landed, figures.dead_letters) == (4, 3, 1)


def test_what_neither_landed_nor_died_is_lost(warehouse: ClickHouseWarehouse) -> None:
    """Four messages of which nobody knows."""
    assert measure(warehouse, TOPIC, Span((0, 0), (15, 2))).lost == 4


def test_a_broker_that_forgets_begins_anew(warehouse: ClickHouseWarehouse) -> None:
    """Rows of an earlier life of the same offsets do not count."""
    figures = measure(warehouse, TOPIC, Span((0, 0), (11, 2), since_ms=START + 8))
    assert (figures.landed, figures.lost) == (3, 10)


def test_no_documents_have_no_latency(warehouse: ClickHouseWarehouse) -> None:
    """Nothing landed: no figure rather than not-a-number."""
    figures = measure(warehouse, TOPIC, Span((11, 2), (11, 2)))
    assert (figures.messages, figures.landed, figures.lost) == (0, 0, 0)
    assert figures.latency_ms == {"p50": None, "p95": None, "p99": None}


class _Committed:
    """Offsets as a completion knows them: first those at the start, then those at the end."""

    def __init__(self, *answers: list[int], unread: int = 0) -> None:
        self._answers = list(answers)
        self._unread = unread

    def in_flight(self) -> int:
        return self._unread

    def committed(self) -> list[int]:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def _record(committed: _Committed, parts: Parts, clock: FixedClock) -> RunRecord:
    platform = SimpleNamespace(
        broker=SimpleNamespace(durable=True, kind="apache-kafka-local"),
        clock=clock,
        topics=Topics(),
        settings=SimpleNamespace(clickhouse_url="chdb:///somewhere"),
    )
    memory = SimpleNamespace(profile=MemoryProfile([(0, 50.0, 7.0), (1, 70.0, 9.0)]))
    return RunRecord(
        cast("Platform", platform),
        parts,
        cast("Completion", committed),
        cast("MemorySampler", memory),
    )


def _parts(warehouse: Any) -> Parts:
    card = ModelCard("m", "r", "zero-shot", "cpu", "int8", 8)
    return Parts(cast("Any", SimpleNamespace(card=card)), warehouse)


def test_a_report_tells_what_came_of_the_run(warehouse: ClickHouseWarehouse) -> None:
    """Speed is over the time from the start to the last row; partitions may have been added."""
    clock = FixedClock(START - 1_000)
    record = _record(_Committed([2], [11, 2]), _parts(warehouse), clock)
    record.restart_clock()
    report = record.report(model_documents_per_second=10.0, details={"more": 1})
    assert (report.documents_in, report.lost, report.dead_letters) == (11, 0, 2)
    assert (report.seconds, report.documents_per_second) == (2.0, 5.5)
    assert report.pipeline_efficiency == 0.55
    assert (report.peak_rss_mb, report.device, report.compute_type) == (70.0, "cpu", "int8")
    assert (report.broker, report.database) == ("apache-kafka-local", "chdb")
    assert report.details == {
        "rss_mb_first_half": 50.0,
        "rss_mb_second_half": 70.0,
        "children_peak_rss_mb": 9.0,
        "in_flight": 0,
        "more": 1,
    }


@pytest.mark.parametrize(("unread", "lost", "in_flight"), [(0, 4, 0), (3, 1, 3), (9, 0, 4)])
def test_what_a_stop_left_between_the_roles_is_not_lost(
    warehouse: ClickHouseWarehouse, unread: int, lost: int, in_flight: int
) -> None:
    """Of four messages of which nobody knows, those that land has yet to read are in flight."""
    committed = _Committed([0, 0], [15, 2], unread=unread)
    report = _record(committed, _parts(warehouse), FixedClock(START)).report()
    assert (report.lost, report.details["in_flight"]) == (lost, in_flight)


def test_a_report_needs_somebody_who_lands() -> None:
    """A worker that only enriches does not know what has landed."""
    record = _record(_Committed([0]), Parts(), FixedClock(START))
    with pytest.raises(Misconfigured, match="needs the land role"):
        record.report()
