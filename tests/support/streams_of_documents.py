"""Made-up streams of enriched documents whose law is known: words by Zipf, Gaussian embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Enriched, Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

START = 1_700_000_000_000 // 60_000 * 60_000
WORDS = tuple(f"word{a}{b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst")
Item = tuple[Origin, Enriched]


@dataclass(frozen=True)
class Law:
    """Decaying variances around a mean, as sentence embeddings have them."""

    mean: npt.NDArray[np.float64]
    deviations: npt.NDArray[np.float64]

    @classmethod
    def of(cls, dimensions: int, seed: int = 7) -> Law:
        rng = np.random.default_rng(seed)
        decay = np.exp(-np.arange(dimensions) * 3 / dimensions)
        return cls(rng.normal(size=dimensions) * 0.3, decay)

    def draw(
        self, rng: np.random.Generator, count: int, shift: float = 0.0
    ) -> npt.NDArray[np.float32]:
        """Unit vectors; ``shift`` moves the mean, in deviations of each axis."""
        raw = self.mean + (rng.normal(size=(count, len(self.mean))) + shift) * self.deviations
        unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(unit, np.float32)


def enriched(offset: int, **changes: object) -> Enriched:
    """A plausible document; every field can be replaced."""
    moment = START + offset * 500
    terms = WORDS[offset * 7 % 40 : offset * 7 % 40 + 20]
    document = Enriched(
        doc_id=f"doc-{offset}",
        source="news",
        published_at=moment,
        title=None,
        text="text",
        language=None,
        metadata={},
        topic="tidemark.documents",
        partition=0,
        offset=offset,
        received_at=moment + 3,
        version=0,
        summary=f"Summary of document {offset}.",
        summary_method="centroid",
        label="science",
        confidence=0.75,
        scores={"science": 0.75, "sports": 0.25},
        characters=400,
        sentences=3,
        tokens=40 + offset % 7,
        unique_tokens=len(terms),
        word_pieces=50,
        unknown_tokens=1,
        word_pieces_per_character=0.125,
        cut_off=False,
        terms=terms,
        term_counts=(1,) * len(terms),
        embedding=np.eye(1, 8, offset % 8, dtype=np.float32).tobytes(),
        embedding_model="mini",
        embedding_revision="abc",
        classifier="zero-shot",
        device="cpu",
        compute_type="int8",
        tokens_in=52,
        tokens_out=0,
        queue_ms=1.0,
        tokenize_ms=0.5,
        inference_ms=2.0,
        enriched_at=moment + 5,
    )
    return replace(document, **changes)  # type: ignore[arg-type]


def item(document: Enriched, offset: int | None = None, partition: int = 0) -> Item:
    """A document with the position of its message in the enriched topic."""
    place = document.offset if offset is None else offset
    return Origin("tidemark.enriched", partition, place, document.received_at + 2), document


def stream(
    vectors: npt.NDArray[np.float32],
    rng: np.random.Generator,
    *,
    source: str = "news",
    labels: Sequence[str] = ("science", "sports"),
    topic: tuple[str, ...] = (),
    topic_from: int = 0,
) -> list[Item]:
    """One document per vector; from ``topic_from`` on, each also says the words of ``topic``."""
    weights = 1 / np.arange(1, len(WORDS) + 1)
    weights /= weights.sum()
    items = []
    for offset, vector in enumerate(vectors):
        drawn = rng.choice(len(WORDS), 12, p=weights).tolist()
        extra = topic if offset >= topic_from else ()
        terms = tuple(dict.fromkeys([*(WORDS[i] for i in drawn), *extra]))
        document = enriched(
            offset,
            source=source,
            terms=terms,
            label=labels[int(rng.integers(len(labels)))],
            embedding=vector.astype("<f4").tobytes(),
        )
        items.append(item(document))
    return items
