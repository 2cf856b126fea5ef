"""Pairs as token ids, and the order in which a training run sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from models.train.pairs import Pair

_POOL = 32  # batches among which documents of like length are put together


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of the tokens that begin, end and fill up a text."""

    begin: int
    end: int
    padding: int
    unknown: int

    @classmethod
    def of(cls, tokenizer: Any) -> Marks:
        """Return the marks of a tokenizer of BERT's kind."""
        names = ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
        return cls(*(int(tokenizer.token_to_id(name)) for name in names))


@dataclass(frozen=True, slots=True)
class Examples:
    """Pairs as token ids.

    Attributes:
        sources: documents with the marks around them, cut to the window.
        targets: what is to be written, followed by the end's mark; never an unknown token.
    """

    sources: list[list[int]]
    targets: list[list[int]]


def tokenize(pairs: Sequence[Pair], tokenizer: Any, *, window: int, longest: int) -> Examples:
    """Return pairs as token ids; a text that is longer than ``longest`` tokens is left out.

    A text that was cut short would teach the model to stop in the middle of a sentence.
    """
    marks = Marks.of(tokenizer)
    targets = [
        [number for number in encoding.ids if number != marks.unknown]
        for encoding in tokenizer.encode_batch(
            [pair.target for pair in pairs], add_special_tokens=False
        )
    ]
    kept = [index for index, ids in enumerate(targets) if 0 < len(ids) < longest]
    sources = tokenizer.encode_batch([pairs[index].source for index in kept])
    return Examples(
        [_cut(encoding.ids, window) for encoding in sources],
        [[*targets[index], marks.end] for index in kept],
    )


def _cut(ids: list[int], window: int) -> list[int]:
    return ids if len(ids) <= window else [*ids[: window - 1], ids[-1]]


def batches(
    lengths: Sequence[int], size: int, *, seed: int, epoch: int
) -> list[npt.NDArray[np.intp]]:
    """Return the batches of one epoch: random, with documents of like length together.

    The same seed and epoch give the same batches, so that a run can be taken up where it stopped.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(lengths))
    found: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(order), size * _POOL):
        pool = order[start : start + size * _POOL]
        pool = pool[np.argsort(np.asarray(lengths)[pool], kind="stable")]
        found.extend(pool[at : at + size] for at in range(0, len(pool), size))
    return [found[index] for index in generator.permutation(len(found))]


def padded(rows: Sequence[Sequence[int]], filler: int) -> npt.NDArray[np.int64]:
    """Return rows of different lengths as one array [rows, longest]."""
    found = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for row, values in zip(found, rows, strict=True):
        row[: len(values)] = values
    return found


def written_tokens(targets: Sequence[Sequence[int]], marks: Marks) -> npt.NDArray[np.int64]:
    """Return the ids that occur in any target, and the marks, ascending.

    Only these can be written: a token that no example shows has an embedding that nothing trained.
    """
    seen = {number for ids in targets for number in ids}
    return np.array(sorted(seen | {marks.begin, marks.end, marks.padding}), dtype=np.int64)
