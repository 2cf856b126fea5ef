"""State as bytes: a version, a checksum, a JSON head and raw little-endian arrays; no pickle."""

from __future__ import annotations

import json
import struct
import zlib
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import UnreadableState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

_MAGIC = b"TMDS"
_PLAIN, _SQUEEZED = 1, 2
_FRAME = struct.Struct("<4sBII")  # magic, version, CRC-32 of what follows, bytes of the JSON head
_DTYPES = frozenset(("|i1", "|u1", "<i2", "<i4", "<i8", "<u4", "<u8", "<f2", "<f4", "<f8"))


def pack(
    meta: Mapping[str, object],
    arrays: Mapping[str, npt.NDArray[Any]],
    *,
    squeezed: bool = False,
) -> bytes:
    """Return one payload with a JSON-able ``meta`` and named arrays of any shape.

    Floats of ``meta`` come back bit for bit; NaN and infinities are refused. ``squeezed``: all of
    it is compressed, where counts and small sums take less room so.
    """
    plain = {name: _little_endian(array) for name, array in arrays.items()}
    shapes = [[name, array.dtype.str, array.shape] for name, array in plain.items()]
    head = json.dumps(
        {"meta": meta, "arrays": shapes},
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode("utf-8", "surrogatepass")
    body = b"".join([head, *(array.tobytes() for array in plain.values())])
    if squeezed:
        body = zlib.compress(body, 6)
    version = _SQUEEZED if squeezed else _PLAIN
    return _FRAME.pack(_MAGIC, version, zlib.crc32(body), len(head)) + body


def unpack(payload: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return ``meta`` and read-only arrays of a payload of ``pack``.

    Raises:
        UnreadableState: damaged, or written by another version.
    """
    if len(payload) < _FRAME.size or payload[:4] != _MAGIC:
        raise UnreadableState("drift state is damaged: not written by Tidemark")
    _, version, checksum, head_size = _FRAME.unpack_from(payload)
    if version not in {_PLAIN, _SQUEEZED}:
        raise UnreadableState(
            f"drift state has version {version}; this worker reads {_PLAIN} and {_SQUEEZED}"
        )
    body = memoryview(payload)[_FRAME.size :]
    if zlib.crc32(body) != checksum:
        raise UnreadableState("drift state is damaged: its checksum is wrong")
    try:
        if version == _SQUEEZED:
            body = memoryview(zlib.decompress(body))
        head = json.loads(str(body[:head_size], "utf-8", "surrogatepass"))
        return head["meta"], _arrays(head["arrays"], body[head_size:])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise UnreadableState(f"drift state is damaged: {error}") from error


def pack_strings(strings: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return strings as two arrays: their lengths in characters, and all of them as UTF-8."""
    text = "".join(strings).encode("utf-8", "surrogatepass")
    lengths = np.array([*map(len, strings)], np.int32)
    return {"lengths": lengths, "text": np.frombuffer(text, np.uint8)}


def unpack_strings(arrays: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """Return the strings of ``pack_strings``."""
    text = arrays["text"].tobytes().decode("utf-8", "surrogatepass")
    ends = accumulate(arrays["lengths"].tolist(), initial=0)
    return [text[start:end] for start, end in pairwise(ends)]


def deflated(
    arrays: Mapping[str, npt.NDArray[Any]], texts: Sequence[str], level: int
) -> tuple[dict[str, object], dict[str, npt.NDArray[Any]]]:
    """Return meta and arrays for ``pack``, with some flat arrays compressed as one."""
    data = zlib.compress(b"".join([arrays[name].tobytes() for name in texts]), level)
    rest = {name: array for name, array in arrays.items() if name not in texts}
    sizes = {name: [arrays[name].nbytes, arrays[name].dtype.str] for name in texts}
    return {"deflated": sizes}, {**rest, "deflated": np.frombuffer(data, np.uint8)}


def inflated(
    meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that were given to ``deflated``; others as they are."""
    found = dict(arrays)
    if "deflated" in meta:
        data = np.frombuffer(zlib.decompress(found.pop("deflated").tobytes()), np.uint8)
        start = 0
        for name, (size, kind) in meta["deflated"].items():
            if kind not in _DTYPES:
                raise ValueError(f"array {name} has the unknown type {kind}")
            found[name] = data[start : start + size].view(kind)
            start += size
    return found


def blob(payload: bytes) -> npt.NDArray[np.uint8]:
    """Return a payload as an array, to be put inside another payload."""
    return np.frombuffer(payload, np.uint8)


def under(prefix: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the parts whose names start with the prefix, named without it."""
    return {n.removeprefix(prefix): p for n, p in parts.items() if n.startswith(prefix)}


def _little_endian(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


def _arrays(shapes: list[Any], body: memoryview) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    start = 0
    for name, dtype, shape in shapes:
        if dtype not in _DTYPES:
            raise ValueError(f"array {name} has the unknown type {dtype}")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, start).reshape(shape)
        start += arrays[name].nbytes
    return arrays
