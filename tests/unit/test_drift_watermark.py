"""The watermark: the slowest partition decides, but a silent one does not hold it for ever."""

from __future__ import annotations

from streams.drift.watermark import NEVER, Watermark
from tests.support.streams_of_documents import START, enriched

IDLE = 30_000


def _advance(mark: Watermark, second: int, partition: int, processed: int) -> int:
    """Feed a document of an event time and a processing time, in seconds after the start."""
    document = enriched(
        0,
        published_at=START + second * 1000,
        received_at=START + 10_000_000,
        enriched_at=START + 10_000_000 + processed * 1000,
        partition=partition,
    )
    moment = min(document.published_at, document.received_at)
    mark.advance([str(partition)], [moment], [document.enriched_at])
    return mark.value


def test_slowest_partition_decides() -> None:
    """A partition that is read ahead closes no window that another has documents for."""
    mark = Watermark(IDLE)
    for processed in range(0, 60, 5):
        _advance(mark, 10 * processed, 0, processed)
        _advance(mark, processed, 1, processed)
    assert mark.value == START + 55_000


def test_no_watermark_before_other_partitions_could_speak() -> None:
    """For the first while of a source nothing closes, whatever the first partition holds."""
    mark = Watermark(IDLE)
    assert [_advance(mark, 1000 * i, 0, i) for i in range(3)] == [NEVER] * 3
    assert _advance(mark, 5000, 0, 30) == START + 5_000_000


def test_silent_partition_is_left_out() -> None:
    """A partition that says nothing for longer than the idle time holds the watermark no more."""
    mark = Watermark(IDLE)
    _advance(mark, 1, 1, 0)
    _advance(mark, 100, 0, 29)
    assert _advance(mark, 200, 0, 30) == START + 1_000
    assert _advance(mark, 300, 0, 31) == START + 300_000


def test_never_falls_and_survives_its_state() -> None:
    """A late document lowers nothing, and a restored watermark goes on as the first one would."""
    mark = Watermark(0)
    _advance(mark, 60, 0, 1)
    assert _advance(mark, 10, 0, 2) == START + 60_000
    other = Watermark(0)
    other.restore(mark.numbers())
    assert other.numbers() == mark.numbers()
    assert _advance(other, 90, 1, 3) == _advance(mark, 90, 1, 3)


def test_future_documents_count_from_their_arrival() -> None:
    """A document dated in the future moves the watermark no further than its arrival."""
    mark = Watermark(0)
    document = enriched(0, published_at=START + 9_000, received_at=START + 4_000)
    moment = min(document.published_at, document.received_at)
    mark.advance(["0"], [moment], [document.enriched_at])
    assert mark.value == START + 4_000
