"""Byte streams of files: decompressed by their first bytes, with reading reported as it goes on."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from pathlib import PurePath
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

MAX_RECORD_BYTES = 64 * 1024 * 1024
_COMPRESSED_SUFFIXES = {".gz", ".xz", ".bz2", ".zst"}
_CHUNK = 1 << 16
_LONGEST_MAGIC = 6
_ZSTD_PIECE = 4096


class Counted(io.RawIOBase):
    """A stream that reports how many bytes are read of it."""

    def __init__(self, stream: BinaryIO, report: Callable[[int], None]) -> None:
        self._stream = cast("io.BufferedReader", stream)
        self._report = report

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into the buffer and report it."""
        view = memoryview(buffer)
        data = self._stream.read1(len(view))  # what is there; a pipe may pause
        view[: len(data)] = data
        self._report(len(data))
        return len(data)


def decompressed(stream: BinaryIO, report: Callable[[int], None]) -> io.BufferedReader:
    """Return the content of a stream, which may be gzip, xz, bzip2, zstd or not compressed.

    Reading raises ``DAMAGED`` errors where the compressed data is cut off or corrupt.
    """
    counted: io.BufferedReader = io.BufferedReader(Counted(stream, report), _CHUNK)
    magic = counted.peek(_LONGEST_MAGIC)[:_LONGEST_MAGIC]
    if magic.startswith(b"\x1f\x8b"):
        plain: object = gzip.GzipFile(fileobj=counted)
    elif magic.startswith(b"\xfd7zXZ\x00"):
        plain = lzma.LZMAFile(counted)  # noqa: SIM115 - closed with what it reads
    elif magic.startswith(b"BZh"):
        plain = bz2.BZ2File(counted)
    elif magic.startswith(b"\x28\xb5\x2f\xfd"):
        plain = Zstandard(counted)
    else:
        return counted
    return io.BufferedReader(cast("io.RawIOBase", plain), _CHUNK)


def damaged_errors() -> tuple[type[Exception], ...]:
    """Return what reading raises when a file is damaged or cannot be read further."""
    from zstandard import ZstdError  # noqa: PLC0415 - only where something is read

    return (OSError, EOFError, lzma.LZMAError, zlib.error, ZstdError)


def inner_name(path: str) -> PurePath:
    """Return the name without the suffix of its compression."""
    name = PurePath(path)
    return name.with_suffix("") if name.suffix.lower() in _COMPRESSED_SUFFIXES else name


class Zstandard(io.RawIOBase):
    """Zstandard frames one after the other; unlike the library's reader it reports a cut-off."""

    def __init__(self, stream: BinaryIO) -> None:
        from zstandard import ZstdDecompressor  # noqa: PLC0415 - only where something is read

        self._new = ZstdDecompressor().decompressobj
        self._frame = self._new()
        self._stream = stream
        self._begun = False
        self._ready = b""
        self._unread = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Decompress into the buffer.

        Raises:
            EOFError: the data ends inside a frame.
        """
        while not self._ready and self._advance():
            pass
        view = memoryview(buffer)
        part, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(part)] = part
        return len(part)

    def _advance(self) -> bool:
        """Decompress a small piece, since it may become a hundred thousand times larger."""
        piece = self._unread or self._stream.read(_ZSTD_PIECE)
        self._unread = b""
        if not piece:
            if self._begun:
                raise EOFError("the compressed data is cut off")
            return False
        self._ready = self._frame.decompress(piece)
        self._begun = not self._frame.eof
        if self._frame.eof:
            self._unread = self._frame.unused_data
            self._frame = self._new()
        return True
