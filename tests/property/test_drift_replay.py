"""Exactly-once effect: any batches, any crashes, the same records and alerts, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.messages import Enriched, Origin
from streams.drift.control import Control, Learn, Rebaseline
from streams.stages.drift import DriftOptions, DriftOutput, DriftStage, StatePart
from tests.support.streams_of_documents import Item, Law, item, stream

if TYPE_CHECKING:
    from schemas.messages import DriftAlert, WindowStats

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=15_000,
    reference_documents=50,
    false_alarms_per_ms=1e-3,
    scales=(20, 40, 80),
    cooldown_documents=25,
    calibration_streams=8,
    calibration_documents=400,
    least_run_length=300.0,
    open_windows=6,
    partition_idle_ms=8_000,
)
RETURNING = replace(OPTIONS, reference_documents=120, cooldown_documents=80, least_run_length=1e4)
ROLLING = replace(OPTIONS, renew_documents=110, by_label=True)
KEPT = replace(RETURNING, settles=False, by_label=True)
ALL = (OPTIONS, RETURNING, OPTIONS, RETURNING, ROLLING, KEPT)
LENGTH = 420
LEARNED = 40
Message = tuple[Origin, Enriched | Control]
Store = dict[tuple[str, str], StatePart]


def options(seed: int) -> DriftOptions:
    return ALL[seed]


def asked(seed: int, k: int, documents: list[Item]) -> list[Control]:
    """What people ask after the k-th message: a new reference, some also bring its documents."""
    begin, brings = LENGTH + 301, seed > 3
    if k == begin:
        return [Rebaseline("quiet's", "by hand", LEARNED if brings else 0)]
    if brings and begin < k <= begin + LEARNED:
        return [Learn(replace(documents[k - begin][1], embedding_revision="def"))]
    return []


@lru_cache(maxsize=8)
def messages(seed: int) -> tuple[Message, ...]:
    """Two sources over two partitions: drift, a new model, late, doubled and broken documents."""
    rng = np.random.default_rng(seed)
    law = Law.of(8)
    event = 50 if seed % 2 else LENGTH - 160  # of odd seeds, the stream comes back
    moved = [law.draw(rng, 160), law.draw(rng, event, shift=1.5), law.draw(rng, LENGTH)]
    vectors, words = np.concatenate(moved)[:LENGTH], () if seed % 2 else ("storm",)
    one = stream(vectors, rng, source="drifting", topic=words, topic_from=160)
    two = stream(law.draw(rng, LENGTH), rng, source="quiet's")
    mixed: list[Message] = []
    places = {0: 0, 1: 0}
    for k, (_, document) in enumerate(
        pair for pairs in zip(one, two, strict=True) for pair in pairs
    ):
        chance = rng.random()
        changed = document
        if chance < 0.06:
            late = int(rng.integers(1, 60_000))
            changed = replace(document, published_at=document.published_at - late)
        elif chance < 0.09:
            changed = replace(document, published_at=document.published_at + 90_000)
        elif chance < 0.12:
            changed = replace(document, doc_id="again")
        elif chance < 0.14:
            changed = replace(document, embedding=b"\x00" * 32)
        if document.source == "quiet's" and k > LENGTH:
            changed = replace(changed, embedding_revision="def")
        partition = 0 if document.source == "drifting" else 1
        changed = replace(changed, partition=k % 3)
        mixed.append(item(changed, places[partition], partition))
        places[partition] += 1
        for order in asked(seed, k, two):
            place = Origin("tidemark.enriched", 1, places[1], document.received_at)
            mixed.append((place, order))
            places[1] += 1
        if rng.random() < 0.05 and k > 20:  # the enrich role sent a document again
            old = mixed[-int(rng.integers(1, 15))][1]
            if isinstance(old, (Rebaseline, Learn)):
                continue
            partition = 0 if old.source == "drifting" else 1
            mixed.append(item(old, places[partition], partition))
            places[partition] += 1
    return tuple(mixed)


@lru_cache(maxsize=8)
def uninterrupted(seed: int) -> tuple[DriftOutput, ...]:
    """Outputs message by message, and at the end those of the open windows."""
    stage = DriftStage(options(seed))
    outputs = [stage.process([message]) for message in messages(seed)]
    return (*outputs, DriftOutput(stage.flush_open(), ()))


def joined(outputs: list[DriftOutput]) -> tuple[list[WindowStats], list[DriftAlert]]:
    stats = [record for output in outputs for record in output.stats]
    return stats, [alert for output in outputs for alert in output.alerts]


def pieces(cuts: list[int]) -> list[tuple[int, int]]:
    edges = sorted({0, *cuts, LENGTH * 2})
    ends = [*edges[1:], 10**9]
    return list(zip(edges, ends, strict=True))


CUTS = st.lists(st.integers(1, 2 * LENGTH), max_size=12)
SEEDS = st.integers(0, len(ALL) - 1)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, cuts=CUTS)
def test_batches_do_not_matter(seed: int, cuts: list[int]) -> None:
    """However the messages are cut into batches, records and alerts are equal, in order."""
    stage = DriftStage(options(seed))
    outputs = [stage.process(messages(seed)[start:end]) for start, end in pieces(cuts)]
    expected = joined(list(uninterrupted(seed)))
    assert expected == joined([*outputs, DriftOutput(stage.flush_open(), ())])


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, cuts=CUTS)
def test_restoring_anywhere_changes_nothing(seed: int, cuts: list[int]) -> None:
    """A worker that dies after any snapshot and starts anew goes on as if nothing had happened."""
    store: Store = {}
    outputs = []
    for start, end in pieces(cuts):
        stage = restored(store, seed)
        outputs.append(stage.process(messages(seed)[start:end]))
        keep(store, stage.snapshot())
    outputs.append(DriftOutput(restored(store, seed).flush_open(), ()))
    assert joined(list(uninterrupted(seed))) == joined(outputs)


@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, saved=st.integers(1, LENGTH), ran=st.integers(1, LENGTH), torn=st.floats(0, 1))
def test_a_torn_snapshot_replays(seed: int, saved: int, ran: int, torn: float) -> None:
    """A crash in the middle of a snapshot loses and doubles nothing: the older one still stands."""
    store: Store = {}
    stage = DriftStage(options(seed))
    stage.process(messages(seed)[:saved])
    keep(store, stage.snapshot())
    stage.process(messages(seed)[saved : saved + ran])
    written = stage.snapshot()
    keep(store, written[: int(len(written) * torn)])
    again = restored(store, seed)
    replay = messages(seed)
    fresh = min(max(len(replay) - 100, saved + ran), len(replay))
    again.process(replay[max(0, saved - 30) : fresh])  # offsets were committed a little earlier
    last = [again.process(replay[fresh:]), DriftOutput(again.flush_open(), ())]
    assert joined(list(uninterrupted(seed)[fresh:])) == joined(last)


def test_the_streams_have_everything() -> None:
    """The made-up streams alarm, come back or stay, are late, repeat, break, and are asked."""
    stages = [DriftStage(options(seed)) for seed in range(6)]
    outputs = [stage.process(messages(seed)) for seed, stage in enumerate(stages)]
    stats, alerts = joined(outputs)
    assert "drifting" in {alert.source for alert in alerts}
    assert {"new-reference", "returned"} <= {alert.reason for alert in alerts}
    assert {"collecting", "watching", "alarmed"} == {record.drift_state for record in stats}
    reasons = {record.reference_reason for record in stats}
    assert reasons >= {"first", "new-model", "new-reference", "by-hand", "chosen", "rolling"}
    assert any(alert.label for alert in alerts)
    assert {"mini@abc", "mini@def"} == {record.embedding_model for record in stats}
    stage, *_ = stages
    counters = (stage.replayed, stage.too_late, stage.repeated, stage.unusable)
    assert all(count > 0 for count in counters)
    assert any(record.late_documents for record in stats)


def restored(store: Store, seed: int) -> DriftStage:
    stage = DriftStage(options(seed))
    stage.restore(store.values())
    return stage


def keep(store: Store, parts: tuple[StatePart, ...]) -> None:
    """What a compacted topic does."""
    for part in parts:
        key = (part.source, part.name)
        store.pop(key, None)
        if part.payload is not None:
            store[key] = part
