"""A batch cut into stretches: what of each source counts, up to where a partition's epoch ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas.messages import Enriched, Origin
    from streams.drift.discoveries import Share
    from streams.drift.segment import Segment
    from streams.stages.holdings import Holdings

_EACH = 32  # documents of a source that are faster taken together


class Admitted(NamedTuple):
    """Documents of one source that count, with their places in the batch."""

    segment: Segment
    documents: list[Enriched]
    places: list[int]
    shares: list[Share]


Stretch: TypeAlias = "dict[str, Admitted]"


class Stretches:
    """Cuts batches of documents.

    Attributes:
        replayed: messages that had been counted before and were passed over.
    """

    def __init__(self, held: Holdings) -> None:
        self.replayed = 0
        self._held = held

    def of(self, batch: Sequence[tuple[Origin, Any]]) -> Iterator[Stretch]:
        """Cut where a partition's epoch ends: what comes then depends on all that was before."""
        if not batch:
            return
        groups = self._of_known_sources(batch)
        if groups is None:
            yield from self._one_by_one(batch)
            return
        stretch = self._at_once(batch, groups)
        if stretch:
            yield stretch

    def _of_known_sources(
        self, batch: Sequence[tuple[Origin, Any]]
    ) -> list[tuple[Segment, Sequence[int]]] | None:
        """Return each source's places; None where an epoch ends, a source is new, or has few."""
        groups: list[tuple[Segment, Sequence[int]]] = []
        by_source = _by_source(batch)
        if len(by_source) * _EACH > len(batch):
            return None
        for (source, partition), own in by_source.items():
            segment = self._held.segments.get(source)
            if segment is None or segment.partition != partition:
                return None
            offsets = [batch[place][0].offset for place in own]
            turns = self._held.sharing[partition].turns
            if turns(min(offsets)) or turns(max(offsets)):
                return None
            groups.append((segment, own))
        return groups

    def _at_once(
        self, batch: Sequence[tuple[Origin, Any]], groups: Sequence[tuple[Segment, Sequence[int]]]
    ) -> Stretch:
        """Return the one stretch that there is; what one by one would give, for less."""
        stretch: Stretch = {}
        for segment, own in groups:
            origins, documents = zip(*[batch[place] for place in own], strict=True)
            admitted = segment.gate.admit_all(origins, documents)
            self.replayed += len(own) - len(admitted)
            if admitted:
                share = self._held.sharing[segment.partition].share(segment)
                stretch[segment.source] = Admitted(
                    segment,
                    [documents[at] for at in admitted],
                    [own[at] for at in admitted],
                    [share] * len(admitted),
                )
        return stretch

    def _one_by_one(self, batch: Sequence[tuple[Origin, Any]]) -> Iterator[Stretch]:
        stretch: Stretch = {}
        segments, sharings = self._held.segments, self._held.sharing
        for place, (origin, document) in enumerate(batch):
            source, partition = document.source, origin.partition
            segment = segments.get(source)
            if segment is None or segment.partition != partition:
                segment = self._held.segment(source, partition)
            if not segment.gate.admit(origin, document):
                self.replayed += 1
                continue
            sharing = sharings[partition]
            if sharing.turns(origin.offset):
                if stretch:
                    yield stretch
                    stretch = {}
                sharing.reach(origin.offset)
            admitted = stretch.get(source)
            if admitted is None:
                admitted = stretch[source] = Admitted(segment, [], [], [])
            admitted.documents.append(document)
            admitted.places.append(place)
            admitted.shares.append(sharing.share(segment))
        if stretch:
            yield stretch


def _by_source(batch: Sequence[tuple[Origin, Any]]) -> dict[tuple[str, int], Sequence[int]]:
    """Return the places of each source's messages of each partition."""
    keys = [(document.source, origin.partition) for origin, document in batch]
    if keys.count(keys[0]) == len(keys):
        return {keys[0]: range(len(keys))}
    places: dict[tuple[str, int], list[int]] = {key: [] for key in keys}
    for place, key in enumerate(keys):
        places[key].append(place)
    return dict(places)
