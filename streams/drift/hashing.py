"""Stable 64-bit hashes of words and document ids: the same in every process and version."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt


def hash_text(text: str) -> int:
    """Return the first 64 bits of BLAKE2b (RFC 7693) of the UTF-8 bytes."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def hash_name(*parts: object) -> str:
    """Return 16 hex digits that stand for a tuple of values."""
    return f"{hash_text(chr(0x1F).join(map(str, parts))):016x}"


class _Cache(dict[str, int]):
    def __missing__(self, term: str) -> int:
        value = self[term] = hash_text(term)
        return value


class TermHasher:
    """Hashes words through a bounded cache: words repeat, and hashing each anew costs 1 us."""

    def __init__(self, capacity: int = 200_000) -> None:
        self._capacity = capacity
        self._cache = _Cache()

    def __call__(self, terms: Iterable[str]) -> npt.NDArray[np.uint64]:
        """Return the hashes of the terms, in order, shape ``(terms,)``."""
        if len(self._cache) > self._capacity:
            self._cache.clear()
        return np.fromiter(map(self._cache.__getitem__, terms), np.uint64)
