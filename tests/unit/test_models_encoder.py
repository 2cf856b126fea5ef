"""Sub-batches, pooling, devices, and vectors that do not depend on their neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.convert import convert
from models.cpu import available_cores, supports_avx512
from models.encoder import (
    SentenceEncoder,
    calls,
    choose_compute_type,
    choose_device,
    mean_pool,
)
from models.registry import WEIGHTS_FOLDER
from models.tokens import WordPieces
from streams.errors import Misconfigured
from tests.support.tiny_model import LONGEST, WEIGHTS, write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_model(made)
    convert(made, WEIGHTS, made / WEIGHTS_FOLDER)
    return made


def test_a_vector_does_not_depend_on_its_batch(folder: Path) -> None:
    """Alone or among 300 others, with one thread or three: the same bits."""
    rng = np.random.default_rng(1)
    ids = [rng.integers(5, 50, rng.integers(1, 60)).tolist() for _ in range(300)]
    one, three = (
        SentenceEncoder(folder, device="cpu", compute_type="int8", threads=n) for n in (1, 3)
    )
    together = three.encode(ids)
    assert np.array_equal(together, one.encode(ids))
    for index in range(0, 300, 17):
        assert np.array_equal(together[index], one.encode([ids[index]])[0])


def test_no_sentences_give_no_vectors(folder: Path) -> None:
    """An empty batch is no special case for the caller."""
    encoder = SentenceEncoder(folder, device="cpu", compute_type="auto", threads=1)
    assert len(encoder.encode([])) == 0


@pytest.mark.parametrize("padded", [True, False])
def test_calls_hold_every_sentence_once(padded: bool) -> None:  # noqa: FBT001
    """Sub-batches are a partition, longest first, within their budget."""
    rng = np.random.default_rng(2)
    ids = [[7] * int(n) for n in rng.integers(1, 120, 500)]
    parts = list(calls(ids, 256, padded=padded))
    assert sorted(np.concatenate(parts).tolist()) == list(range(500))
    for part in parts:
        lengths = [len(ids[index]) for index in part]
        assert max(lengths) * len(lengths) <= 256
        assert padded or len(set(lengths)) == 1


def test_a_sentence_over_budget_is_alone() -> None:
    """A sentence longer than a call's budget is still encoded."""
    assert [part.tolist() for part in calls([[1] * 9, [1]], 4, padded=True)] == [[0], [1]]


def test_padding_does_not_count() -> None:
    """The mean is over a sentence's own tokens only."""
    hidden = np.array([[[1, 2], [3, 4], [99, 99]], [[5, 5], [5, 5], [5, 8]]], dtype=np.float32)
    pooled = mean_pool(hidden, np.array([2, 3]))
    assert np.allclose(pooled, [[2, 3], [5, 6]])


def test_unknown_devices_are_named() -> None:
    """A wrong device or compute type says which there are."""
    with pytest.raises(Misconfigured, match="use auto, cpu or cuda"):
        choose_device("tpu")
    with pytest.raises(Misconfigured, match=r"'int3' is not supported on this cpu; use .*int8"):
        choose_compute_type("int3", "cpu")


def test_cuda_is_used_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto takes the GPU and the fastest type it supports; asking in vain is an error."""
    import ctranslate2  # noqa: PLC0415 - heavy

    types = {"float32", "float16", "int8_float16"}
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda _: types)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    assert choose_device("auto") == "cuda"
    assert choose_device("cpu") == "cpu"
    assert choose_compute_type("auto", "cuda") == "int8_float16"
    types.remove("int8_float16")
    assert choose_compute_type("auto", "cuda") == "float16"
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert choose_device("auto") == "cpu"
    with pytest.raises(Misconfigured, match="no CUDA device is found"):
        choose_device("cuda")


def test_avx512_is_used_on_processors_that_gain(tmp_path: Path) -> None:
    """All of AVX-512 that is needed, and VNNI, which tells newer processors from older ones."""
    flags = "avx512f avx512bw avx512cd avx512dq avx512vl"
    information = tmp_path / "cpuinfo"
    information.write_text(f"model\t: x\nflags\t\t: fpu {flags} avx512_vnni\n", encoding="utf-8")
    assert supports_avx512(information)
    information.write_text(f"flags\t\t: fpu {flags}\n", encoding="utf-8")
    assert not supports_avx512(information)
    assert not supports_avx512(tmp_path / "absent")
    assert available_cores() >= 1


def test_long_sentences_are_split_between_words(folder: Path) -> None:
    """Parts fit into the model, keep every word piece, and point at their own text."""
    word_pieces = WordPieces(folder, LONGEST)
    sentence = "abcd efg " * 40
    ids = word_pieces.encode([sentence])[0]
    parts = word_pieces.fit(sentence, 100, ids)
    assert len(parts) > 1
    assert all(len(part.ids) <= LONGEST for part in parts)
    assert [token for part in parts for token in part.ids[1:-1]] == ids[1:-1]
    shown = [sentence[part.start - 100 : part.end - 100] for part in parts]
    assert " ".join(shown).split() == sentence.split()


def test_special_tokens_in_a_text_are_text(folder: Path) -> None:
    """A document that says [SEP] does not steer the model."""
    word_pieces = WordPieces(folder, LONGEST)
    ids = word_pieces.encode(["a [SEP] b"])[0]
    assert ids.count(3) == 1
    assert len(ids) > 5


def test_a_folder_without_tokenizer_is_named(tmp_path: Path) -> None:
    """The error says where the tokenizer is missing."""
    with pytest.raises(Misconfigured, match="no tokenizer in"):
        WordPieces(tmp_path, LONGEST)
