"""The topics of a source, for embeddings of one model: assigned on arrival, remade at fixed turns.

A turn comes after 64, 128 and 256 documents of the source, then after every 256, and beyond 2,048
after every 512, whatever the windows and the batches. Between turns nothing moves, so the same
documents in the same order give the same topics, bit for bit; and all state is either made at a
turn or of the documents since.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, under, unpack
from streams.trends.cards import Card, Farewell, Place, read_farewells
from streams.trends.centres import UNIT, Centres
from streams.trends.groups import Birth, Groups, Merge
from streams.trends.naming import Words, distinctive
from streams.trends.recent import CHUNK, WORDS, Recent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched

    Floats32 = npt.NDArray[np.float32]

FIRST_TURN = CHUNK
TURN = 512
_YOUNG, _YOUNG_TURN = 2_048, 256  # documents within which turns come more often
_NAME_WORDS = 4
_TOLD = attrgetter("doc_id", "summary")
_PLACE: Callable[[tuple[Any, ...]], Place] = partial(tuple.__new__, Place)
_NAMED_ANEW = (4, 256)  # after as many documents again, within these bounds


def _next_turn(seen: int) -> int:
    """Return after how many documents the next turn comes."""
    for early in (FIRST_TURN, 2 * FIRST_TURN):
        if seen < early:
            return early
    every = _YOUNG_TURN if seen < _YOUNG else TURN
    return (seen // every + 1) * every


class Topic:
    """A topic that lives: its card, its words, and its documents when it was named last."""

    def __init__(self, card: Card, words: Words, named_at: int) -> None:
        self.card = card
        self.words = words
        self.named_at = named_at

    @property
    def due(self) -> bool:
        """Whether enough documents came to find the name again."""
        least, most = _NAMED_ANEW
        wait = min(most, max(least, self.named_at))
        return not self.card.name or self.words.counted - self.named_at >= wait

    def plain(self) -> list[object]:
        """Return the state, without the words, as JSON can hold it."""
        words = self.words
        return [self.card, len(words.counts), words.documents, words.counted, self.named_at]

    def name(self, others: Sequence[Words]) -> None:
        """Find the name again; where no word tells the topic apart, it stays as it was."""
        self.named_at = self.words.counted
        words = distinctive(self.words, others, _NAME_WORDS)
        if words:
            self.card = self.card._replace(name=", ".join(words))


class Topics:
    """The topics of a source, for embeddings of one model."""

    def __init__(self, source: str, model: str, dimensions: int) -> None:
        self._source = source
        self._model = model
        self._recent = Recent(dimensions)
        self._groups = Groups(Centres.none(dimensions))
        self._topics: list[Topic] = []
        self._born = 0
        self._farewells: tuple[Farewell, ...] = ()
        self._turned = 0  # documents at the last turn

    def advance(self, documents: Sequence[Enriched], rows: Floats32) -> list[Place]:
        """Return the place of each document.

        Args:
            documents: in order of arrival.
            rows: their unit vectors in ``1 / SCALE``, whole numbers, shape ``(n, d)``.
        """
        places: list[Place] = []
        start = 0
        while start < len(documents):
            due = _next_turn(self._recent.seen)
            end = min(len(documents), start + due - self._recent.seen)
            part = documents[start:end]
            places += self._placed(part, rows[start:end])
            texts = [" ".join(document.terms[:WORDS]) for document in part]
            self._recent.append(rows[start:end], texts, [d.published_at for d in part])
            start = end
            if self._recent.seen == due:
                self._turn()
        return places

    def _placed(self, documents: Sequence[Enriched], rows: Floats32) -> list[Place]:
        if not self._topics:
            return [Place(None, 0.0, d.doc_id, d.summary) for d in documents]
        nearest, products = self._groups.centres.nearest(rows)
        cards = [topic.card for topic in self._topics]
        own = map(cards.__getitem__, nearest.tolist())
        near = (products.astype(np.float64) / UNIT).tolist()
        ids, summaries = zip(*map(_TOLD, documents), strict=True)
        found = list(map(_PLACE, zip(own, near, ids, summaries, repeat(()), strict=False)))
        found[0] = found[0]._replace(farewells=self._farewells)
        self._farewells = ()
        return found

    # --- turns

    def _turn(self) -> None:
        recent, seen = self._recent.rows(), self._recent.seen
        new = seen - self._turned
        texts = self._recent.texts()
        known = {topic.card.topic_id for topic in self._topics}
        for change in self._groups.turn(recent, new, seen):
            if isinstance(change, Birth):
                self._give_birth(change, texts, len(recent) - new)
            elif isinstance(change, Merge):
                into = self._topics[change.into]
                into.words.absorb(self._topics[change.gone].words)
                self._end(change.gone, "merged", into.card.topic_id, known)
            else:
                self._end(change.place, "faded", "", known)
        places = self._groups.places(recent, new)
        said: list[list[str]] = [[] for _ in self._topics]
        for place, text in zip(places.tolist(), texts[-new:], strict=True):
            said[place].append(text)
        for topic, own in zip(self._topics, said, strict=True):
            topic.words.add(own)
        for topic in [topic for topic in self._topics if topic.due]:
            topic.name([other.words for other in self._topics if other is not topic])
        self._turned = seen

    def _give_birth(self, birth: Birth, texts: Sequence[str], old: int) -> None:
        words = Words.none()
        words.add([texts[place] for place in np.flatnonzero(birth.captured[:old]).tolist()])
        first = int(self._recent.times()[birth.captured].min())
        self._born += 1
        identity = f"{self._source}\0{self._model}\0{self._born}\0{first}"
        digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        parent = ""
        if birth.parent is not None and self._turned:
            parent = self._topics[birth.parent].card.topic_id
        self._topics.append(Topic(Card(digest, "", first, parent, self._model), words, 0))

    def _end(self, place: int, why: str, into: str, known: Collection[str]) -> None:
        card = self._topics.pop(place).card
        if card.topic_id in known:  # else born and gone within one turn: nobody has seen it
            self._farewells += (Farewell(card, why, into),)

    # --- state

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        named = {f"recent/{name}": encode for name, encode in self._recent.parts().items()}
        return named | {f"turn/{self._turned}": self._encode}

    def head(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the small moving state: numbers and arrays."""
        numbers = {"seen": self._recent.seen, "farewells": self._farewells}
        return numbers, self._recent.tail()

    def restore(
        self,
        numbers: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        parts: Mapping[str, bytes],
    ) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self._recent.restore(numbers["seen"], under("recent/", parts), arrays)
        self._farewells = read_farewells(numbers["farewells"])
        ((name, payload),) = under("turn/", parts).items()
        meta, state = unpack(payload)
        self._turned, self._born = int(name), meta["born"]
        units = state["units"].astype(np.float32)
        centres = Centres(units, state["lengths"].copy(), state["weights"].copy())
        self._groups = Groups(centres)
        words = state["words"].tobytes().decode("utf-8", "surrogatepass").split()
        counts = state["counts"].tolist()
        start = 0
        for card, size, documents, counted, named_at in meta["topics"]:
            part = slice(start, start + size)
            own = Words(dict(zip(words[part], counts[part], strict=True)), documents, counted)
            self._topics.append(Topic(Card(*card), own, named_at))
            start += size

    def _encode(self) -> bytes:
        """Return what the last turn made; a word is counted at most 128 times."""
        meta: dict[str, object] = {"born": self._born, "topics": [t.plain() for t in self._topics]}
        words = " ".join(word for topic in self._topics for word in topic.words.counts)
        counts = [count for topic in self._topics for count in topic.words.counts.values()]
        centres = self._groups.centres
        arrays: dict[str, npt.NDArray[Any]] = {
            "units": centres.units.astype(np.int16),
            "lengths": centres.lengths,
            "weights": centres.weights,
            "words": np.frombuffer(words.encode("utf-8", "surrogatepass"), np.uint8),
            "counts": np.array(counts, np.uint8),
        }
        return pack(meta, arrays, squeezed=True)
