"""The topics of a source, whatever models its embeddings are of."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zlib import crc32

from streams.drift.codec import under
from streams.drift.hashset import stretches
from streams.trends.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.sketches.rows import Sketched
    from streams.trends.cards import Place

    Space = tuple[str, int]

_MOST_SPACES = 2
"""While a new model is rolled out, documents of the old one come in between."""


class SourceTopics:
    """Topics of each model whose embeddings came last; embeddings of two models are never mixed."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._spaces: dict[Space, Topics] = {}  # the one that was used last at the end

    def advance(self, documents: Sequence[Enriched], rows: Sketched) -> list[Place | None]:
        """Return the place of each document, None where its embedding cannot be used.

        Args:
            documents: in order of arrival.
            rows: what ``sketch_rows`` gave for them: the unit vector comes first in a row.
        """
        found: list[Place | None] = []
        kinds = rows.kinds
        for start, end in pairwise(stretches(kinds)):
            kind = int(kinds[start])
            if kind < 0:
                found += [None] * (end - start)
                continue
            model = rows.models[kind]
            topics = self._topics((f"{model.name}@{model.revision}", model.dimensions))
            # The documents of a model stand in its rows as they do here.
            first = int(rows.places[start])
            vectors = rows.rows[kind][first : first + end - start, : model.dimensions]
            found += topics.advance(documents[start:end], vectors)
        return found

    def _topics(self, space: Space) -> Topics:
        topics = self._spaces.pop(space, None) or Topics(self._source, *space)
        self._spaces[space] = topics
        while len(self._spaces) > _MOST_SPACES:
            del self._spaces[next(iter(self._spaces))]
        return topics

    # --- state

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        return {
            f"topics/{_key(space)}/{name}": encode
            for space, topics in self._spaces.items()
            for name, encode in topics.parts().items()
        }

    def head(self) -> tuple[list[Any], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        numbers: list[Any] = []
        arrays: dict[str, npt.NDArray[Any]] = {}
        for space, topics in self._spaces.items():
            own, tail = topics.head()
            numbers.append([list(space), own])
            arrays |= {f"topics/{_key(space)}/{name}": array for name, array in tail.items()}
        return numbers, arrays

    def restore(
        self,
        numbers: Sequence[Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        for (model, dimensions), own in numbers:
            topics = Topics(self._source, model, dimensions)
            prefix = f"topics/{_key((model, dimensions))}/"
            tail = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
            topics.restore(own, tail, under(prefix, parts))
            self._spaces[model, dimensions] = topics


def _key(space: Space) -> str:
    return f"{crc32(repr(space).encode('utf-8', 'surrogatepass')):08x}"
