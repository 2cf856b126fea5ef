"""The features of a micro-batch: one matrix product for all sources of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.drift.feed import usable
from streams.drift.sketches.features import MOST_DIMENSIONS, features_of
from streams.drift.sketches.sums import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.feed import Feed

_FLOAT_BYTES = 4


class Sketched(NamedTuple):
    """What documents add to the sums of their windows.

    Attributes:
        models: of their embeddings.
        rows: of the documents of each model, in order; see ``Features.rows``.
        kinds: which model each document has, shape ``(n,)``; -1 where it adds nothing.
        places: of each document among those of its model, shape ``(n,)``.
    """

    models: list[Model]
    rows: list[npt.NDArray[np.float32]]
    kinds: npt.NDArray[np.int32]
    places: npt.NDArray[np.int64]

    def part(self, first: int, last: int) -> Sketched:
        """Return the same of neighbouring documents."""
        return Sketched(self.models, self.rows, self.kinds[first:last], self.places[first:last])

    def parts(self, chosen: slice | list[int]) -> Iterator[tuple[Model, npt.NDArray[np.float32]]]:
        """Yield the rows of some documents, in ascending order, model by model as they came."""
        kinds, places = self.kinds[chosen], self.places[chosen]
        # Not in the order of all models here: that is of what else came with these documents.
        some = [0] if len(self.models) == 1 else dict.fromkeys(kinds[kinds >= 0].tolist())
        for kind in some:
            model, rows = self.models[kind], self.rows[kind]
            own = places[kinds == kind]
            if own.size:
                first, last = int(own[0]), int(own[-1]) + 1
                yield model, rows[first:last] if last - first == own.size else rows[own]


def sketch_rows(documents: Sequence[Enriched], feed: Feed | None = None) -> Sketched:
    """Return the rows of documents; none where an embedding is broken or too long.

    Args:
        documents: of any models.
        feed: of the same documents, where they are all alike and have been read.
    """
    if feed is not None:
        return _of_one_model(documents, feed)
    names = [
        (d.embedding_model, d.embedding_revision, d.compute_type, len(d.embedding))
        for d in documents
    ]
    kinds = np.full(len(documents), -1, np.int32)
    places = np.zeros(len(documents), np.int64)
    found = Sketched([], [], kinds, places)
    for name in dict.fromkeys(names):
        size, rest = divmod(name[-1], _FLOAT_BYTES)
        if rest or not 1 <= size <= MOST_DIMENSIONS:
            continue
        mine = np.flatnonzero([other == name for other in names])
        data = b"".join([documents[place].embedding for place in mine.tolist()])
        vectors = np.frombuffer(data, "<f4").reshape(len(mine), size)
        good = usable(vectors)
        if not good.all():
            mine, vectors = mine[good], vectors[good]
        kinds[mine], places[mine] = len(found.models), np.arange(len(mine))
        found.models.append(Model(*name[:-1], size))
        found.rows.append(features_of(size).rows(vectors))
    return found


def _of_one_model(documents: Sequence[Enriched], feed: Feed) -> Sketched:
    one, size, good = documents[0], feed.vectors.shape[1], feed.sound
    if size > MOST_DIMENSIONS or not good.any():
        return Sketched([], [], np.full(len(good), -1, np.int32), np.zeros(len(good), np.int64))
    model = Model(one.embedding_model, one.embedding_revision, one.compute_type, size)
    if good.all():
        rows = features_of(size).rows(feed.vectors, feed.energy)
        return Sketched([model], [rows], np.zeros(len(good), np.int32), np.arange(len(good)))
    rows = features_of(size).rows(feed.vectors[good], feed.energy[good])
    return Sketched([model], [rows], np.where(good, 0, -1).astype(np.int32), np.cumsum(good) - 1)
