"""The features of a micro-batch: one matrix product for all sources of a model."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streams.drift.feed import usable
from streams.drift.sketches.features import MOST_DIMENSIONS, features_of
from streams.drift.sketches.sums import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

_FLOAT_BYTES = 4


class Row(NamedTuple):
    """What a document adds to the sums of its window.

    Attributes:
        model: of its embedding.
        rows: of all documents of the batch with this model, shape ``(n, width)``.
        place: the document's.
    """

    model: Model
    rows: npt.NDArray[np.float32]
    place: int


def sketch_rows(documents: Sequence[Enriched]) -> list[Row | None]:
    """Return the row of each document; None where its embedding is broken or too long."""
    groups: dict[Model, list[int]] = defaultdict(list)
    for place, document in enumerate(documents):
        if not len(document.embedding) % _FLOAT_BYTES:
            groups[Model.of(document)].append(place)
    found: list[Row | None] = [None] * len(documents)
    for model, places in groups.items():
        if not 1 <= model.dimensions <= MOST_DIMENSIONS:
            continue
        flat = np.frombuffer(b"".join([documents[place].embedding for place in places]), "<f4")
        vectors = flat.reshape(len(places), model.dimensions)
        good = usable(vectors)
        rows = features_of(model.dimensions).rows(vectors[good])
        for at, place in enumerate(np.array(places)[good].tolist()):
            found[place] = Row(model, rows, at)
    return found
