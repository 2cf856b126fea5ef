"""Full memory, absent CUDA libraries, several GPUs, and settings tuned on another machine."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.card import Card
from models.convert import convert
from models.cuda import load_from
from models.encoder import SentenceEncoder
from models.placement import Placement, halving, opened
from models.registry import WEIGHTS_FOLDER, Pulled
from models.tuned import TUNED_FILE, Tuned, machine_now, read_tuned, write_tuned
from streams.config import load_settings
from streams.errors import Misconfigured
from streams.runtime.parts import machine_of
from tests.support.tiny_model import WEIGHTS, write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = "CUDA failed with error out of memory"
ABSENT = "Library libcublas.so.12 is not found or cannot be loaded"


class SmallGpu:
    """A stand-in for a GPU with room for so many texts."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.calls: list[int] = []

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.calls.append(len(batch))
        if len(batch) > self.room:
            raise RuntimeError(FULL)
        return [2 * item for item in batch]


def test_a_batch_that_is_too_large_is_halved() -> None:
    """Every item has its result, in order, and no call that fitted is repeated."""
    card = SmallGpu(room=3)
    assert halving(card, range(10)) == [2 * item for item in range(10)]
    assert card.calls == [10, 5, 2, 3, 5, 2, 3]


def test_what_halving_cannot_mend_is_raised() -> None:
    """One text that is too large, and any other error, stay errors."""
    with pytest.raises(RuntimeError, match="out of memory"):
        halving(SmallGpu(room=0), [1, 2])

    def broken(_: Sequence[int]) -> list[int]:
        raise RuntimeError("invalid token id")

    with pytest.raises(RuntimeError, match="invalid token id"):
        halving(broken, [1, 2])


def without_libraries(device: str, compute_type: str) -> str:
    if device == "cuda":
        raise RuntimeError(ABSENT)
    return compute_type


def types(device: str) -> str:
    return {"cuda": "int8_float16", "cpu": "int8"}[device]


def test_without_cuda_libraries_the_cpu_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """One line says why; the compute type is the CPU's."""
    with caplog.at_level(logging.WARNING):
        found = opened(without_libraries, "auto", "cuda", types)
    assert found == ("int8", "cpu", "int8")
    assert [record.message for record in caplog.records] == [
        f"CUDA cannot be used ({ABSENT}): the CPU is"
    ]


def test_asked_for_cuda_is_not_replaced() -> None:
    """A person who set cuda is told what is absent; other errors are not taken for it."""
    with pytest.raises(Misconfigured, match="TIDEMARK_DEVICE is cuda, but CUDA cannot be used"):
        opened(without_libraries, "cuda", "cuda", types)

    def damaged(*_: str) -> str:
        raise RuntimeError("unexpected end of file model.bin")

    with pytest.raises(RuntimeError, match="unexpected end"):
        opened(damaged, "auto", "cuda", types)


def test_cublas_is_taken_from_its_python_package(tmp_path: Path) -> None:
    """Both libraries of the first folder that has them are in the process; none is no error."""
    some = importlib.util.find_spec("lz4._version")  # any small shared library
    assert some is not None
    assert some.origin is not None
    package = tmp_path / "site/nvidia/cublas/lib"
    package.mkdir(parents=True)
    assert load_from([str(tmp_path), str(tmp_path / "site")]) == ()
    expected = [package / "libcublasLt.so.12", package / "libcublas.so.12"]
    for path in expected:
        shutil.copyfile(some.origin, path)
    assert load_from([str(tmp_path), str(tmp_path / "site")]) == tuple(map(str, expected))
    if sys.platform == "linux":
        maps = Path("/proc/self/maps").read_text(encoding="utf-8")
        assert all(str(path) in maps for path in expected)
    broken = tmp_path / "broken/nvidia/cublas/lib"
    broken.mkdir(parents=True)
    for path in expected:
        (broken / path.name).write_bytes(b"no library")
    assert load_from([str(tmp_path / "broken")]) == ()


def test_gpus_and_replicas_are_what_ctranslate2_is_told() -> None:
    """Calls at a time are GPUs times replicas; a CPU has a sequence of calls per core."""
    placement = Placement((0, 2), replicas=3)
    assert placement.options("cuda", 8) == {"device_index": [0, 2], "inter_threads": 3}
    assert placement.workers("cuda", 8) == 6
    assert placement.options("cpu", 8) == {"inter_threads": 8, "intra_threads": 1}
    assert placement.workers("cpu", 8) == 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_model(made)
    convert(made, WEIGHTS, made / WEIGHTS_FOLDER)
    return made


def test_an_encoder_lives_on_when_memory_is_short(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for three sentences a call, the vectors are those of an encoder with room."""
    encoder = SentenceEncoder(folder, device="cpu", compute_type="float32", threads=1)
    ids = [[2, 7, number, 3] for number in range(5, 30)]
    expected = encoder.encode(ids)
    forward = encoder._forward

    def short(rows: object, kinds: object, part: Sequence[int]) -> np.ndarray:
        if len(part) > 3:
            raise RuntimeError(FULL)
        return forward(rows, kinds, part)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(encoder, "_forward", short)
    assert np.array_equal(encoder.encode(ids), expected)


def tuned(**changes: object) -> Tuned:
    plain = Tuned(machine_now(), "r1", "cpu", "float32", 3, 1, 1024, ({"documents": 1},))
    return replace(plain, **changes)  # type: ignore[arg-type]  # checked by what reads it


def test_a_tuned_setting_is_read_back_on_its_machine_only(tmp_path: Path) -> None:
    """Another machine, or another revision of the model, does not take it over."""
    write_tuned(tmp_path, tuned())
    assert read_tuned(tmp_path, "r1", machine_now()) is not None
    assert read_tuned(tmp_path, "r2", machine_now()) is None
    assert read_tuned(tmp_path, "r1", {**machine_now(), "cores": 999}) is None
    (tmp_path / TUNED_FILE).write_text("{")
    with pytest.raises(Misconfigured, match="remove it, or run: tidemark models tune"):
        read_tuned(tmp_path, "r1", machine_now())


def test_a_machine_is_told_by_processor_cores_and_cards(tmp_path: Path) -> None:
    """Read from where Linux and NVIDIA's driver describe them."""
    (tmp_path / "cpuinfo").write_text("flags\t: x\nmodel name\t: Fast 9\nmodel name\t: Fast 9\n")
    (tmp_path / "gpus/0000").mkdir(parents=True)
    (tmp_path / "gpus/0000/information").write_text("Model: \t\t Card 7\nIRQ: 3\n")
    found = machine_now(tmp_path / "cpuinfo", tmp_path / "gpus")
    assert (found["processor"], found["gpus"]) == ("Fast 9", ["Card 7"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("cpu", "float32", 3, 1024)),
        ({"compute_type": "int8"}, ("cpu", "int8", 3, 1024)),
        ({"threads": 1}, ("cpu", "float32", 1, 1024)),
        ({"device": "cpu", "compute_type": "int8"}, ("cpu", "int8", 0, None)),
        ({"device": "cuda"}, ("cuda", "auto", 0, None)),
    ],
)
def test_explicit_settings_win_over_tuned_ones(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, object],
    expected: tuple[object, ...],
) -> None:
    """What a person set stays; what is left open is as it was tuned."""
    monkeypatch.chdir(tmp_path)
    card = Card("tiny", "tiny", "", "r1", "", "int8", "", {}, {}, 1, 1)
    write_tuned(tmp_path, tuned())
    found = machine_of(Pulled(card, tmp_path, fresh=False), load_settings(**given))
    assert (
        found.device,
        found.compute_type,
        found.threads,
        found.placement.tokens_per_call,
    ) == expected


def test_gpu_numbers_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """TIDEMARK_DEVICE_INDEX is numbers with commas, each once."""
    for wrong in ("a", "0,0", "-1", "0,"):
        monkeypatch.setenv("TIDEMARK_DEVICE_INDEX", wrong)
        with pytest.raises(Misconfigured, match="device_index"):
            load_settings()
