"""The ledger's watch: in flight, settled, missing, explained; alerts that open and close."""

from __future__ import annotations

import pytest

from schemas.codec import codec_for
from schemas.messages import DriftAlert
from streams.errors import Unavailable
from streams.stages.ledger import Gap, classified, narrowed
from tests.support.ledger import Pipeline

CODEC = codec_for(None)


@pytest.fixture
def line() -> Pipeline:
    """A pipeline that has done ten messages, watched from the first."""
    made = Pipeline(CODEC)
    made.look(made.watch())
    made.publish(10)
    made.enrich(10)
    made.land(set(range(10)))
    return made


def alerts(line: Pipeline) -> list[DriftAlert]:
    """What is on the alert topic."""
    return [CODEC.decode(DriftAlert, message.value) for message in line.producer.acknowledged]


def settled(line: Pipeline) -> int:
    """How far the last mark says that all is accounted for."""
    return line.store.marks("")[-1].settled


def test_what_is_done_is_settled(line: Pipeline) -> None:
    """One look is enough where nothing is in flight."""
    assert line.look(line.watch()) == 0
    assert settled(line) == 10
    assert alerts(line) == []


def test_in_flight_is_never_missing(line: Pipeline) -> None:
    """However long a role is down: unread, enriched but not landed, or landed and not committed."""
    watch = line.watch()
    line.look(watch)
    line.publish(10)
    assert line.look(watch, times=1000) == 0
    assert settled(line) == 10
    line.enrich(15)
    assert line.look(watch, times=1000) == 0
    assert settled(line) == 10
    line.land({10, 11, 12, 13, 14})
    assert line.look(watch, times=2) == 0
    assert settled(line) == 15
    assert line.broker.reads == 2  # the tail, once for each standstill


def test_results_that_came_after_the_ends_were_read_settle_later(line: Pipeline) -> None:
    """The barrier holds what was committed before it, and no more."""
    watch = line.watch()
    line.look(watch)
    line.publish(10)
    line.enrich(14)
    line.look(watch)  # the barrier: 14, and the ends behind it
    line.enrich(20)
    line.land({10, 11, 12, 13})
    at = line.broker.land
    line.broker.land = type(at)(14, at.low, at.end)  # the land role has done just these
    assert line.look(watch) == 0
    assert settled(line) == 14


def test_a_lost_result_opens_an_alert_and_its_landing_closes_it(line: Pipeline) -> None:
    """The offsets are named; the alert has one identity; every state is told once."""
    watch = line.watch()
    line.publish(10)
    line.enrich(20)
    line.land({10, 11, 15, 16, 17, 18, 19})
    assert line.look(watch, times=5) == 3
    line.land({12})
    assert line.look(watch, times=5) == 2
    line.land({13, 14})
    assert line.look(watch, times=5) == 0
    told = alerts(line)
    assert [(one.state, one.window_documents) for one in told] == [
        ("open", 3), ("update", 2), ("closed", 0)]  # fmt: skip
    assert len({one.alert_id for one in told}) == 1
    assert [one.version for one in told] == sorted({one.version for one in told})
    assert "offsets 12 to 14 are still in the topic but passed over" in told[0].message
    assert told[0].kind == "ledger"
    assert told[0].source == "t.documents"
    assert [gap.open for gap in line.store.kept_gaps.values()] == [False, False]
    assert line.metrics.total("tidemark_ledger_alerts_total") == 3


def test_a_restart_does_not_tell_again(line: Pipeline) -> None:
    """The next watch knows what the one before had found, and closes its alert."""
    line.publish(5)
    line.enrich(15)
    line.land({10, 11, 12, 13})
    assert line.look(line.watch()) == 1
    assert line.look(line.watch(), times=3) == 1
    line.land({14})
    line.look(line.watch())
    assert [one.state for one in alerts(line)] == ["open", "closed"]


def test_a_crash_before_the_record_tells_the_same_again(line: Pipeline) -> None:
    """At least once, with the same identity: a consumer that keeps the last one has one."""
    line.publish(5)
    line.enrich(15)
    line.land({10, 11, 12, 13})
    kept = dict(line.store.kept_marks)
    line.look(line.watch())
    line.store.kept_marks, line.store.kept_gaps = kept, {}
    line.look(line.watch())
    first, second = alerts(line)
    assert (first.alert_id, first.state) == (second.alert_id, second.state)


def test_deleted_messages_are_lost_after_a_grace(line: Pipeline) -> None:
    """Deleted behind the group: perhaps read just before, so not at once; then for good."""
    watch = line.watch()
    line.publish(10)
    line.delete(16)
    assert line.look(watch, times=5) == 0
    assert line.look(watch, times=5) == 6
    assert "offsets 10 to 15 were deleted from the topic" in alerts(line)[0].message
    assert {gap.reason for gap in line.store.kept_gaps.values()} == {"deleted"}


def test_deleted_while_at_work_is_not_lost(line: Pipeline) -> None:
    """The role had read them: the commit moves on, and they land."""
    watch = line.watch()
    line.publish(10)
    line.delete(16)
    line.look(watch, times=5)
    line.enrich(20)
    line.land(set(range(10, 20)))
    assert line.look(watch, times=20) == 0
    assert alerts(line) == []


def test_offsets_without_message_are_explained(line: Pipeline) -> None:
    """Markers of transactions in the middle and at the end: no alert, and nothing in flight."""
    watch = line.watch()
    line.broker.holes = frozenset({12, 14})
    line.publish(5)
    line.enrich(14)  # the marker at the end is never delivered, hence never committed
    line.land({10, 11, 13})
    assert line.look(watch, times=5) == 0
    assert settled(line) == 15
    assert alerts(line) == []
    reasons = [(gap.first_offset, gap.reason) for gap in line.store.kept_gaps.values()]
    assert sorted(reasons) == [(12, "no-message"), (14, "no-message")]


def test_what_was_there_before_is_not_ours() -> None:
    """A ledger that begins on an old topic begins where the enrich role stands."""
    line = Pipeline(CODEC)
    line.publish(100)
    line.delete(30)
    line.enrich(60)
    line.land(set())
    watch = line.watch()
    assert line.look(watch, times=20) == 0
    assert line.store.marks("")[-1].base == 60
    line.enrich(70)
    line.land(set(range(60, 69)))
    assert line.look(watch, times=2) == 1


def test_a_topic_that_is_made_again_begins_anew(line: Pipeline) -> None:
    """Its offsets are others; what it loses is missed from its first offset on."""
    watch = line.watch()
    line.look(watch)
    seen = line.clock.now_ms()
    line.broker.topic = "cluster/two"
    line.broker.enrich = type(line.broker.enrich)(None, 0, 0)
    line.store.delivered = set()
    line.publish(4)
    line.enrich(4)
    line.land({0, 1, 3})
    assert line.look(watch, times=3) == 1
    mark = line.store.marks("")[-1]
    assert (mark.since, mark.base, mark.end) == (seen + 1, 0, 4)


def test_stale_commits_of_an_earlier_topic_settle_nothing(line: Pipeline) -> None:
    """A group that stands beyond the end speaks of another topic."""
    watch = line.watch()
    line.look(watch)
    line.broker.topic = "cluster/two"
    line.broker.enrich = type(line.broker.enrich)(10, 0, 6)
    line.store.delivered = set()
    assert line.look(watch, times=50) == 0


def test_one_of_several_watches_records(line: Pipeline) -> None:
    """The others stand by, and take over when it is gone; nothing is told twice."""
    first, second = line.watch("a"), line.watch("b")
    line.clock.advance(60_000)  # the watch of the fixture is gone
    line.look(first)
    assert second.look() == {}
    line.publish(5)
    line.enrich(15)
    line.land({10, 11, 12, 13})
    assert line.look(first) == 1
    assert second.look() == {}
    assert line.look(second, times=3) == 0
    assert line.look(second) == 1
    assert [one.state for one in alerts(line)] == ["open"]


def test_a_failed_look_changes_nothing(line: Pipeline) -> None:
    """The alert topic is away: the next look finds the same, and tells it then."""
    watch = line.watch()
    line.publish(5)
    line.enrich(15)
    line.land({10, 11, 12, 13})
    line.producer.down = True
    with pytest.raises(Unavailable):
        line.look(watch)
    assert line.store.kept_gaps == {}
    line.producer.down, line.producer.waiting = False, []
    assert line.look(watch) == 1
    assert [one.state for one in alerts(line)] == ["open"]


def test_any_order_of_work_adds_up(line: Pipeline) -> None:
    """A thousand random steps of publishing, enriching and landing: never an alert."""
    rng, watch = line.rng(), line.watch()
    enriched = 10
    for _ in range(1000):
        step = rng.randrange(4)
        at = line.broker.enrich
        if step == 0:
            line.publish(rng.randrange(5))
        elif step == 1:
            enriched = min(at.end, enriched + rng.randrange(5))
            line.enrich(enriched)
        elif step == 2:
            line.land(set(range(enriched)))
        else:
            assert line.look(watch) == 0
    assert alerts(line) == []


def test_ranges_are_classified() -> None:
    """What is below the first kept offset is deleted; holes and messages are told apart."""
    assert classified((5, 12), 7, [(8, 9), (10, 11), (11, 12)]) == [
        ((5, 7), "deleted"),
        ((7, 8), "no-message"),
        ((8, 9), "unprocessed"),
        ((9, 10), "no-message"),
        ((10, 12), "unprocessed"),
    ]
    assert classified((5, 7), 9, []) == [((5, 7), "deleted")]


def test_a_gap_is_narrowed_by_its_key() -> None:
    """A part that keeps the first offset replaces the record; else the record is closed."""
    gap = Gap("t", 0, 0, 5, 10, "unprocessed", "a", 1)
    assert narrowed(gap, [(5, 10)]) == (gap,)
    assert [(one.first_offset, one.next_offset, one.open) for one in narrowed(gap, [(5, 7)])] == [
        (5, 7, True)
    ]
    parts = [
        (one.first_offset, one.next_offset, one.open) for one in narrowed(gap, [(6, 7), (8, 9)])
    ]
    assert parts == [(5, 10, False), (6, 7, True), (8, 9, True)]
