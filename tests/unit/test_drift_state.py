"""State as parts: compact, incremental, refused when damaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streams.drift.codec import pack, pack_strings, unpack, unpack_strings
from streams.errors import UnreadableState
from streams.stages.drift import DriftOptions, DriftStage, StatePart
from tests.support.streams_of_documents import Item, Law, enriched, item, stream

OPTIONS = DriftOptions(
    window_ms=10_000,
    lateness_ms=30_000,
    reference_documents=100,
    false_alarms_per_ms=1e-8,
    scales=(20, 40, 80),
    calibration_streams=8,
    calibration_documents=400,
)


def quiet(count: int, dimensions: int = 16) -> list[Item]:
    rng = np.random.default_rng(20)
    return stream(Law.of(dimensions).draw(rng, count), rng)


@pytest.mark.parametrize("squeezed", [False, True])
def test_payloads_come_back(*, squeezed: bool) -> None:
    """Numbers, odd strings and arrays of all shapes survive."""
    strings = ["", "naïve", "日本", "\ud800", "a\x1fb\n"]
    arrays = {**pack_strings(strings), "m": np.arange(6, dtype=np.int16).reshape(2, 3)}
    meta, back = unpack(
        pack(
            {"x": 0.1, "s": "é"},
            {**arrays, "none": np.empty((0, 4), np.float32)},
            squeezed=squeezed,
        )
    )
    assert meta == {"x": 0.1, "s": "é"}
    assert strings == unpack_strings(back)
    assert back["m"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert back["none"].shape == (0, 4)


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("where", [0, 4, 6, 20, -1])
def test_damage_is_found(where: int, *, squeezed: bool) -> None:
    """Any changed byte, a cut or an empty payload raises the one clear error."""
    payload = bytearray(pack({"a": 1}, {"v": np.ones(5)}, squeezed=squeezed))
    payload[where] ^= 0xFF
    with pytest.raises(UnreadableState):
        unpack(bytes(payload))
    with pytest.raises(UnreadableState):
        unpack(bytes(payload[:10]))


def test_nothing_new_nothing_written() -> None:
    """A snapshot without documents since the last one is empty."""
    stage = DriftStage(OPTIONS)
    stage.process(quiet(250))
    assert stage.snapshot()
    assert stage.snapshot() == ()


def test_big_parts_are_written_once() -> None:
    """Only the head is written twice under one name; parts leave the store when unused."""
    stage = DriftStage(OPTIONS)
    names: list[str] = []
    store: dict[str, bytes | None] = {}
    items = quiet(600)
    for start in range(0, 600, 40):
        stage.process(items[start : start + 40])
        parts = stage.snapshot()
        assert parts[-1].name == "head"
        names += [part.name for part in parts if part.payload is not None and part.name != "head"]
        store.update({part.name: part.payload for part in parts})
    assert len(set(names)) == len(names)
    alive = {name.split("/")[1] for name, payload in store.items() if payload and "/" in name}
    assert "reference" not in alive  # collected chunks are gone, the fit is there
    assert "fit" in alive


def test_snapshots_are_small() -> None:
    """At 384 dimensions: one segment's whole state is below 3 MB, a moving snapshot small."""
    options = DriftOptions(60_000, 600_000, 300, 1e-8, calibration_streams=4)
    stage = DriftStage(options)
    items = quiet(1900, 384)
    store: dict[str, int] = {}
    sizes = []
    for start in range(0, 1900, 128):
        stage.process(items[start : start + 128])
        parts = stage.snapshot()
        sizes.append(sum(len(part.payload or b"") for part in parts))
        store.update({part.name: len(part.payload or b"") for part in parts})
    assert sum(store.values()) < 3_000_000
    assert sorted(sizes)[len(sizes) // 2] < 220_000  # of 128 documents: 470 bytes each for topics


def test_parts_survive_any_order_and_a_missing_one_is_named() -> None:
    """The order of the stored parts is of no account; a gap is an error that names the source."""
    stage = DriftStage(OPTIONS)
    stage.process(quiet(300))
    parts = stage.snapshot()
    again = DriftStage(OPTIONS)
    again.restore(reversed(parts))
    assert stage.flush_open() == again.flush_open()
    with pytest.raises(UnreadableState, match="'news' is incomplete"):
        DriftStage(OPTIONS).restore(parts[1:])


def test_damaged_head_names_the_trouble() -> None:
    """A damaged part stops the worker with one clear line."""
    stage = DriftStage(OPTIONS)
    stage.process(quiet(30))
    *parts, head = stage.snapshot()
    broken = replace(head, payload=(head.payload or b"")[:-3])
    with pytest.raises(UnreadableState, match="damaged"):
        DriftStage(OPTIONS).restore([*parts, broken])


def test_parts_without_a_head_are_cleared() -> None:
    """What an unfinished first snapshot left is deleted by the next one."""
    stage = DriftStage(OPTIONS)
    stage.restore([StatePart(3, "lost", "1/reference/0", b"x")])
    assert stage.sources_of(3) == ()
    assert (StatePart(3, "lost", "1/reference/0", None),) == stage.snapshot()


def test_partitions_come_and_go() -> None:
    """A worker knows the sources of its partitions and forgets the revoked ones."""
    stage = DriftStage(OPTIONS)
    stage.process([item(enriched(0)), item(enriched(0, source="b", partition=1), partition=2)])
    assert tuple(stage.sources_of(p) for p in (0, 2, 1)) == (("news",), ("b",), ())
    stage.forget({0})
    assert (stage.sources_of(0), stage.sources_of(2)) == ((), ("b",))
    assert {"b"} == {part.source for part in stage.snapshot()}


def test_a_source_that_moves_takes_its_state_along() -> None:
    """When the topic gets more partitions, all parts are written anew and the old ones deleted."""
    stage = DriftStage(OPTIONS)
    items = quiet(300)
    stage.process(items[:250])
    before = {part.name for part in stage.snapshot()}
    stage.process([item(document, k, 5) for k, (_, document) in enumerate(items[250:])])
    parts = stage.snapshot()
    assert before == {part.name for part in parts if part.partition == 0 and part.payload is None}
    moved = DriftStage(OPTIONS)
    moved.restore(part for part in parts if part.payload is not None)
    assert moved.sources_of(5) == ("news",)
    assert stage.flush_open() == moved.flush_open()


def test_another_window_length_starts_new_windows() -> None:
    """Windows of another configured length are dropped; detection goes on where it was."""
    stage = DriftStage(OPTIONS)
    stage.process(quiet(300))
    other = DriftStage(replace(OPTIONS, window_ms=20_000))
    other.restore(stage.snapshot())
    assert other.flush_open() == ()
    output = other.process(quiet(310)[300:])
    assert {"watching"} == {record.drift_state for record in output.stats}
