"""Bodies as they are compressed over HTTP, by ``Content-Encoding``."""

from __future__ import annotations

import gzip
import io
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

_LZ4: Any = import_module("lz4.frame")


def _read_zstd(content: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True)
    with reader:
        return reader.read()


def _read_lz4(content: bytes) -> bytes:
    with _LZ4.LZ4FrameFile(io.BytesIO(content)) as frames:  # the client makes a frame per block
        return bytes(frames.read())


_READERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": _read_lz4,
    "zstd": _read_zstd,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}
_WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lambda content: bytes(_LZ4.compress(content)),
    "zstd": lambda content: zstandard.ZstdCompressor().compress(content),
    "gzip": lambda content: gzip.compress(content, 1),
    "deflate": lambda content: zlib.compress(content, 1),
}


def decompress(content: bytes, encoding: str) -> bytes:
    """Return the body that a client compressed.

    Raises:
        ValueError: the encoding is unknown.
    """
    if encoding in {"", "identity"}:
        return content
    if encoding not in _READERS:
        raise ValueError(f"unknown Content-Encoding {encoding!r}")
    return _READERS[encoding](content)


def compress(content: bytes, accepted: str) -> tuple[bytes, str]:
    """Return a body as a client accepts it, and the name of its encoding ('' for none)."""
    for item in accepted.split(","):
        name = item.partition(";")[0].strip()
        if name in _WRITERS:
            return _WRITERS[name](content), name
    return content, ""
