"""Windows with embedding sketches whose law is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.sketches.features import features_of
from streams.drift.sketches.sums import Model, Sums
from tests.support.landed import window
from tests.support.streams_of_documents import Law

if TYPE_CHECKING:
    import numpy.typing as npt

    from schemas.messages import WindowStats

DIMENSIONS = 32
MODEL = Model("mini", "abc", "int8", DIMENSIONS)


def vectors(count: int, *, seed: int, shift: float = 0.0) -> npt.NDArray[np.float32]:
    """Unit vectors of one law; ``shift`` moves its mean, in deviations of each axis."""
    return Law.of(DIMENSIONS).draw(np.random.default_rng(seed), count, shift)


def sums_of(embeddings: npt.NDArray[np.float32], model: Model = MODEL) -> Sums:
    """Return the sums over some documents of one model."""
    sums = Sums.empty(model)
    sums.add(features_of(embeddings.shape[1]).rows(embeddings))
    return sums


def sketched(number: int, *parts: Sums, source: str = "news", version: int = 1) -> WindowStats:
    """Return the ``number``-th minute of a source with these sums."""
    documents = sum(part.documents for part in parts)
    sketches = tuple(part.record() for part in parts)
    record = window(number, version=version, documents=documents)
    return replace(record, source=source, embedding_sketches=sketches)
