"""Stable 64-bit hashes of words and document ids: the same in every process and version."""

from __future__ import annotations

from hashlib import blake2b, shake_256
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

_END = "\n"
_POSITIONS = 1024
_RANDOM = np.frombuffer(shake_256(b"words").digest(8 * (256 + _POSITIONS)), "<u8")
_BYTES = _RANDOM[:256].astype(np.uint64)
_PLACES = _RANDOM[256:].astype(np.uint64) | np.uint64(1)


def hash_text(text: str) -> int:
    """Return the first 64 bits of BLAKE2b (RFC 7693) of the UTF-8 bytes."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def hash_name(*parts: object) -> str:
    """Return 16 hex digits that stand for a tuple of values."""
    return f"{hash_text(chr(0x1F).join(map(str, parts))):016x}"


def hash_words(words: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of each word, shape ``(words,)``.

    Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014) of
    the UTF-8 bytes through random tables, all words at once: 30 ns a word, where one call of a
    library's hash per word costs 1 us. Two words collide with a probability of about 2**-63; the
    bits are mixed at the end (Stafford's variant 13), so that every part of a hash can be used.
    Words hold no line breaks; where one does, it counts as a space.
    """
    if not words:
        return np.empty(0, np.uint64)
    found = _hashed(_END.join(words), len(words))
    return hash_words([word.replace(_END, " ") for word in words]) if found is None else found


def hash_lists(lists: Sequence[Sequence[str]], count: int) -> npt.NDArray[np.uint64]:
    """Return what ``hash_words`` gives for the words of several lists, ``count`` in all."""
    if not count:
        return np.empty(0, np.uint64)
    found = _hashed(_END.join(map(_END.join, filter(None, lists))), count)
    return hash_words(list(chain.from_iterable(lists))) if found is None else found


def _hashed(text: str, words: int) -> npt.NDArray[np.uint64] | None:
    """Return the hashes of a text's lines; None where there are not so many as words."""
    data = np.frombuffer((text + _END).encode("utf-8", "surrogatepass"), np.uint8)
    ends = np.flatnonzero(data == ord(_END))
    if len(ends) != words:
        return None
    ends += 1
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    lengths = ends - starts
    places = np.arange(len(data))
    places -= np.repeat(starts, lengths)
    if int(lengths.max()) > _POSITIONS:
        places &= _POSITIONS - 1
    terms = _BYTES.take(data)
    terms *= _PLACES.take(places)
    return _mixed(np.add.reduceat(terms, starts))


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))
