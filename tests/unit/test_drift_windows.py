"""Window statistics: event time, lateness, distinct and new words."""

from __future__ import annotations

from dataclasses import replace
from statistics import pstdev

import numpy as np

from schemas.messages import WindowStats
from streams.drift.hashing import hash_words
from streams.stages.drift import DriftOptions, DriftStage
from tests.support.streams_of_documents import START, enriched, item

OPTIONS = DriftOptions(
    window_ms=60_000,
    lateness_ms=120_000,
    reference_documents=1000,
    false_alarms_per_ms=1e-9,
    partition_idle_ms=0,
)
MINUTE = 60_000


class Feeder:
    """A stage that is fed documents by event time, in seconds after the start."""

    def __init__(self, options: DriftOptions = OPTIONS) -> None:
        self.stage = DriftStage(options)
        self._offset = 0

    def feed(self, second: float, **changes: object) -> list[WindowStats]:
        moment = START + round(second * 1000)
        given = {"published_at": moment, "received_at": moment + 3, **changes}
        document = enriched(self._offset, **given)
        self._offset += 1
        return list(self.stage.process([item(document)]).stats)


def test_a_window_starts_at_a_multiple_of_its_length() -> None:
    """Windows are aligned to the epoch, also before 1970."""
    feeder = Feeder()
    (after,) = feeder.feed(61.5)
    before = feeder.feed(0, published_at=-1)
    assert after.window_start == START + MINUTE
    assert before == []  # far too late
    (ancient,) = Feeder().feed(0, published_at=-1)
    assert ancient.window_start == -MINUTE


def test_all_fields() -> None:
    """Sums, means and deviations are those of the window's documents."""
    feeder = Feeder()
    feeder.feed(1, tokens=10, label="a", confidence=0.5, terms=("x", "y"))
    feeder.feed(2, tokens=13, label="b", confidence=0.25, terms=("y", "z"))
    (record,) = feeder.stage.flush_open()
    expected = WindowStats(
        source="news",
        window_start=START,
        window_seconds=60,
        version=((START + 2003) << 20) + 2,
        documents=2,
        late_documents=0,
        tokens=23,
        unique_tokens=3,
        new_tokens=3,
        word_pieces=100,
        unknown_tokens=2,
        characters=800,
        tokens_mean=11.5,
        tokens_deviation=pstdev([10, 13]),
        confidence_mean=0.375,
        labels={"a": 1, "b": 1},
        drift_score=None,
        drift_threshold=None,
        drift_state="collecting",
        reference_documents=2,
        embedding_model="mini@abc",
        without_title=2,
        without_language=2,
        languages={"": 2},
        language_word_pieces={"": 100},
        language_characters={"": 800},
        confidence_deviation=0.125,
        lateness_mean=0.003,
        length_sketch={"58": 1, "65": 1},
        confidence_sketch={"25": 1, "50": 1},
        lateness_sketch={"28": 2},
        token_sample=np.sort(hash_words(["x", "y", "z"]) >> np.uint64(32)).astype("<u4").tobytes(),
        monitor_state="open",
    )
    plain = replace(record, embedding_sketches=(), quiet_counts=())  # tests of their own
    assert replace(plain, reference_id="", reference_reason="") == expected


def test_an_open_window_is_emitted_when_it_has_quadrupled() -> None:
    """A live window shows at 1, 4, 16, ... documents, and whole when it closes."""
    feeder = Feeder()
    records = [record for second in range(11) for record in feeder.feed(second)]
    assert [record.documents for record in records] == [1, 4]
    closing = feeder.feed(60)
    assert [(r.window_start, r.documents) for r in closing] == [(START, 11), (START + MINUTE, 1)]


def test_each_emission_has_a_higher_version() -> None:
    """Also when older messages come later: the database keeps the fullest, not the last written."""
    feeder = Feeder()
    records = [feeder.feed(40 - second, received_at=START + 9000 - second) for second in range(16)]
    versions = [record.version for found in records for record in found]
    assert len(versions) == 3
    assert versions == sorted(set(versions))


def test_late_documents_are_taken_in_and_told() -> None:
    """Within the lateness a closed window is emitted again, with a version that is not lower."""
    feeder = Feeder()
    feeder.feed(10)
    (closed, _) = feeder.feed(65)
    (again,) = feeder.feed(20, received_at=START + 66_000)
    assert (closed.documents, closed.late_documents) == (1, 0)
    assert (again.documents, again.late_documents) == (2, 1)
    assert again.version > closed.version
    (second,) = feeder.feed(21, received_at=START + 67_000)
    assert second.late_documents == 2
    assert feeder.feed(22, received_at=START + 68_000) == []  # the third: the next is the fourth
    final = feeder.feed(60 + 120)
    assert (final[0].window_start, final[0].documents, final[0].late_documents) == (START, 4, 3)


def test_too_late_documents_are_in_no_window() -> None:
    """Past the lateness a window never comes back; the documents are counted apart."""
    feeder = Feeder()
    feeder.feed(10)
    feeder.feed(60 + 120)
    assert feeder.feed(59, received_at=START + 200_000) == []
    assert feeder.stage.too_late == 1
    assert [r.window_start for r in feeder.stage.flush_open()] == [START + 2 * MINUTE + MINUTE]


def test_a_future_date_does_not_close_windows() -> None:
    """The watermark never runs ahead of a document's own arrival."""
    feeder = Feeder()
    feeder.feed(10)
    feeder.feed(3600, received_at=START + 11_000)
    assert feeder.feed(12) == []
    record = feeder.stage.flush_open()[0]
    assert (record.window_start, record.documents, record.late_documents) == (START, 2, 0)


def test_a_document_counts_once_per_window() -> None:
    """The same doc_id again in the same window is no further document."""
    feeder = Feeder()
    feeder.feed(1, doc_id="same")
    assert feeder.feed(2, doc_id="same") == []
    assert feeder.stage.repeated == 1
    feeder.feed(3)
    (record,) = feeder.stage.flush_open()
    assert record.documents == 2


def test_a_word_is_new_once() -> None:
    """New words count in the window of their first use, and never again in that source."""
    feeder = Feeder()
    feeder.feed(1, terms=("alpha", "beta"))
    feeder.feed(61, terms=("alpha", "gamma"))
    feeder.feed(62, terms=("gamma",), source="other")
    feeder.feed(63, terms=("delta",))
    feeder.feed(64, terms=("beta",))
    last = {(r.source, r.window_start): r for r in feeder.stage.flush_open()}
    (other, second) = (last["other", START + MINUTE], last["news", START + MINUTE])
    assert (other.new_tokens, other.unique_tokens) == (1, 1)
    assert (second.new_tokens, second.unique_tokens) == (2, 4)


def test_open_windows_are_bounded() -> None:
    """Beyond the bound the oldest window is emitted and takes nothing in any more."""
    options = DriftOptions(60_000, 3_600_000, 1000, 1e-9, open_windows=3, partition_idle_ms=0)
    feeder = Feeder(options)
    for minute in (0, 1, 2):
        feeder.feed(60 * minute)
    feeder.feed(60 * 3)
    assert feeder.feed(30, received_at=START + 200_000) == []
    assert feeder.stage.too_late == 1


def test_flush_open_changes_nothing() -> None:
    """Showing open windows neither closes them nor moves their next emission."""
    one, two = Feeder(), Feeder()
    for second in (1, 2, 3):
        one.feed(second)
        two.feed(second)
    (shown,) = one.stage.flush_open()
    assert shown.documents == 3
    assert two.feed(4) == one.feed(4)


def test_replayed_messages_are_passed_over() -> None:
    """A message or a document delivered again counts once; a topic created anew counts."""
    stage = DriftStage(OPTIONS)
    first, second = item(enriched(0)), item(enriched(1))
    stage.process([first, second, first, second])
    assert stage.replayed == 2
    stage.process([item(enriched(1), offset=2)])  # sent twice by the enrich role
    assert stage.replayed == 3
    late = START + 10_000
    stage.process([item(enriched(0, doc_id="anew", received_at=late), offset=3)])
    assert stage.replayed == 3
    (record,) = stage.flush_open()
    assert record.documents == 3
