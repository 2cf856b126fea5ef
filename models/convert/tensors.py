"""Reading weights: safetensors only."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

Floats: TypeAlias = npt.NDArray[np.float32]
Tensors: TypeAlias = dict[str, Floats]

_LONGEST_HEADER = 100_000_000  # bytes, as the format allows
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})


def read_tensors(path: Path) -> Tensors:
    """Return the floating-point tensors of a safetensors file by name, as float32.

    Raises:
        Misconfigured: the file is a pickle, or no safetensors file.
    """
    refuse_pickle(path)
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - only to convert

    try:
        with safe_open(path, framework="np"):  # checks the header against the file
            header, data = _parts(path)
    except (SafetensorError, OSError) as error:
        raise Misconfigured(f"{path} is no readable safetensors file: {error}") from error
    return {
        name: _float32(entry, data)
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] in _READ
    }


def refuse_pickle(path: Path) -> None:
    """Refuse weights that only unpickling could read; the file is not opened.

    Raises:
        Misconfigured: the file is a pickle; says why that matters.
    """
    if path.suffix in PICKLES:
        raise Misconfigured(
            f"{path.name} is a pickle, and reading a pickle runs whatever code it holds; "
            "use the model's safetensors file, as model.save_pretrained(FOLDER) writes it"
        )


def tensor_notes(path: Path) -> dict[str, str]:
    """Return the free-form notes in a safetensors file's header."""
    notes: dict[str, str] = _parts(path)[0].get("__metadata__", {})
    return notes


def tensor_names(path: Path) -> list[str]:
    """Return the names of a safetensors file's tensors; reads its header only.

    Raises:
        Misconfigured: the file is no safetensors file.
    """
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(min(size, _LONGEST_HEADER)))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{path} is no readable safetensors file: {error}") from error
    return [name for name in header if name != "__metadata__"]


def _parts(path: Path) -> tuple[dict[str, Any], memoryview]:
    """Return the header and the bytes of all tensors.

    The format: the header's length in eight bytes, the header as JSON, the tensors' bytes. NumPy
    has no bfloat16, so that the library's own reader for it refuses half of today's checkpoints.
    """
    content = np.fromfile(path, dtype=np.uint8).data  # writable, as the converter needs
    begin = 8 + int.from_bytes(content[:8], "little")
    return json.loads(bytes(content[8:begin])), content[begin:]


def _widen(data: memoryview) -> Floats:
    """Return bfloat16 values as float32, of which they are the upper half."""
    halves = np.frombuffer(data, dtype="<u2").astype(np.uint32)
    return (halves << 16).view(np.float32)


_READ = {
    "F64": lambda data: np.frombuffer(data, dtype="<f8").astype(np.float32),
    "F32": lambda data: np.frombuffer(data, dtype="<f4"),
    "F16": lambda data: np.frombuffer(data, dtype="<f2").astype(np.float32),
    "BF16": _widen,
}
"""By the names of safetensors; integers (stored position ids) are no weights."""


def _float32(entry: dict[str, Any], data: memoryview) -> Floats:
    begin, end = entry["data_offsets"]
    values: Floats = _READ[entry["dtype"]](data[begin:end]).reshape(entry["shape"])
    return values
