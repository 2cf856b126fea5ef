"""Every family of encoders that CTranslate2 runs, with its head, against the textbook."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.convert import convert, generators, heads
from models.convert.tensors import read_tensors
from streams.errors import Misconfigured
from tests.support.tiny_classifiers import KINDS, classifier_logits, write_tiny_classifier
from tests.support.tiny_model import WEIGHTS, Floats, write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

IDS = ([2, 5, 40, 3], [2, *range(5, 30), 3], [2, 3], [2, *([7, 11, 13] * 15), 3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("quantization", "most"), [(None, 2e-5), ("int8", 0.35)])
def test_logits_are_those_of_the_textbook(
    tmp_path: Path, kind: str, quantization: str | None, most: float
) -> None:
    """Float32 weights differ by rounding only, int8 weights by a fraction of the spread."""
    tensors = write_tiny_classifier(tmp_path / "made", kind)
    convert(tmp_path / "made", WEIGHTS, tmp_path / "out", quantization=quantization)
    expected = np.stack([classifier_logits(kind, tensors, ids) for ids in IDS])
    compute_type = "float32" if quantization is None else "int8"
    found = _logits(tmp_path / "out", compute_type)
    assert np.abs(found - expected).max() <= most
    assert np.ptp(expected) > 1  # else the bound above says nothing


def _logits(folder: Path, compute_type: str) -> Floats:
    import ctranslate2  # noqa: PLC0415 - heavy

    encoder = ctranslate2.Encoder(
        str(folder), device="cpu", compute_type=compute_type, intra_threads=1
    )
    hidden = [np.asarray(encoder.forward_batch([ids]).last_hidden_state)[0, 0] for ids in IDS]
    return heads.load(folder).logits(np.stack(hidden))


def test_quantizing_the_encoder_leaves_the_head_alone(tmp_path: Path) -> None:
    """BERT's pooler is part of both, and CTranslate2 quantizes in place."""
    tensors = write_tiny_classifier(tmp_path / "made")
    convert(tmp_path / "made", WEIGHTS, tmp_path / "out")
    head = heads.load(tmp_path / "out")
    assert np.array_equal(head.dense[0], tensors["pooler.dense.weight"])
    assert np.array_equal(head.out[0], tensors["classifier.weight"])


def test_an_encoder_without_a_head_has_none(tmp_path: Path) -> None:
    """A plain encoder converts; asking it for labels names the file that is missing."""
    write_tiny_model(tmp_path / "made")
    convert(tmp_path / "made", WEIGHTS, tmp_path / "out")
    with pytest.raises(Misconfigured, match=r"no classification head \(head\.safetensors\)"):
        heads.load(tmp_path / "out")


def test_half_precision_is_read(tmp_path: Path) -> None:
    """Float16 and bfloat16 checkpoints become float32; stored position ids are left out."""
    values = np.array([1.5, -2.0, 0.25], dtype=np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    parts = {"brain": ("BF16", halves), "half": ("F16", values.astype("<f2").tobytes())}
    parts["position_ids"] = ("I64", np.arange(3, dtype="<i8").tobytes())
    path = tmp_path / "model.safetensors"
    path.write_bytes(_safetensors(parts))
    read = read_tensors(path)
    assert {name: found.tolist() for name, found in read.items()} == {
        "brain": values.tolist(),
        "half": values.tolist(),
    }
    assert {found.dtype for found in read.values()} == {np.dtype(np.float32)}


def _safetensors(parts: dict[str, tuple[str, bytes]]) -> bytes:
    header, data = {}, b""
    for name, (kind, content) in parts.items():
        place = [len(data), len(data) + len(content)]
        header[name] = {"dtype": kind, "shape": [3], "data_offsets": place}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize("kind", ["bart", "t5", "llama"])
def test_generators_ask_for_pytorch_by_name(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where PyTorch is missing, one line says how to get it and how to do without."""
    write_tiny_classifier(tmp_path / "made", model_type=kind)
    monkeypatch.setattr(generators, "has_pytorch", lambda: False)
    with pytest.raises(Misconfigured, match="needs PyTorch: pip install torch, where"):
        convert(tmp_path / "made", WEIGHTS, tmp_path / "out")


def test_a_generator_in_a_pickle_is_refused(tmp_path: Path) -> None:
    """PyTorch would read it; Tidemark does not let it."""
    write_tiny_classifier(tmp_path / "made", model_type="bart")
    (tmp_path / "made/pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(Misconfigured, match="is a pickle"):
        convert(tmp_path / "made", "pytorch_model.bin", tmp_path / "out")
