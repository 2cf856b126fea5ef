"""Rows for the benchmark of the trends: made from real documents, as many as are asked for.

Each has the title of one real document and sentences of its neighbours in the file, so that words
are as frequent, phrases as many and topics as bursty as people write them.
"""

from __future__ import annotations

import json
import lzma
import random
import re
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Enriched
from streams.stages.tokens import count_terms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_MS = 1_714_521_600_000  # 2024-05-01
DAY_MS = 86_400_000
DAYS = 30
SOURCES = ("gazette", "journal", "courier", "mirror")

_LABELS = ("science", "business", "world", "sport", "culture", "health")
_SENTENCES = 4
_NEIGHBOURS = 100
_DIMENSIONS = 384
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def real_texts(folder: Path, venue: str = "") -> list[tuple[str, list[str], int]]:
    """Return title, sentences and year of the papers of DATA.md, or of those of one venue."""
    found = []
    with lzma.open(folder / "papers.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            paper = json.loads(line)
            text = paper.get("abstract") or ""
            if text and venue in {"", paper["venue"]}:
                found.append((paper["title"], _SENTENCE_END.split(text), int(paper["year"])))
    return found


def batches(
    texts: list[tuple[str, list[str], int]], number: int, embedded: int, size: int = 5_000
) -> Iterator[list[Enriched]]:
    """Yield documents in order of time, the first ``embedded`` of them with an embedding."""
    rng = random.Random(5)
    vectors = np.random.default_rng(5)
    for first in range(0, number, size):
        rows = range(first, min(first + size, number))
        yield [_document(one, number, texts, rng, vectors, embedded=one < embedded) for one in rows]


def _document(
    at: int,
    number: int,
    texts: list[tuple[str, list[str], int]],
    rng: random.Random,
    vectors: np.random.Generator,
    *,
    embedded: bool,
) -> Enriched:
    base = rng.randrange(len(texts) - _NEIGHBOURS)
    sentences = [rng.choice(texts[base + rng.randrange(_NEIGHBOURS)][1]) for _ in range(_SENTENCES)]
    return enriched(
        at,
        source=SOURCES[rng.randrange(len(SOURCES))],
        published_at=START_MS + at * DAYS * DAY_MS // number,
        title=texts[base][0],
        text=" ".join(sentences),
        label=_LABELS[base * len(_LABELS) // len(texts)],
        embedding=vectors.standard_normal(_DIMENSIONS).astype("<f4").tobytes() if embedded else b"",
    )


def enriched(
    at: int,
    *,
    source: str,
    published_at: int,
    title: str,
    text: str,
    label: str = "science",
    embedding: bytes = b"",
) -> Enriched:
    """Return a document as the enrich role would write it, without the model."""
    terms = count_terms(title, text)
    return Enriched(
        doc_id=f"{at:032x}",
        source=source,
        published_at=published_at,
        title=title,
        text=text,
        language="en",
        metadata={},
        topic="tidemark.documents",
        partition=at % 4,
        offset=at // 4,
        received_at=START_MS + DAYS * DAY_MS + at,
        version=at + 1,
        summary=text[:200],
        summary_method="extractive",
        label=label,
        confidence=0.3 + at % 600 / 1000,
        scores={label: 0.5, "other": 0.5},
        characters=len(text),
        sentences=_SENTENCES,
        tokens=terms.tokens,
        unique_tokens=len(terms.terms),
        word_pieces=terms.tokens,
        unknown_tokens=0,
        word_pieces_per_character=terms.tokens / max(len(text), 1),
        cut_off=False,
        terms=terms.terms,
        term_counts=terms.counts,
        embedding=embedding,
        embedding_model="sentence-transformers/all-MiniLM-L6-v2",
        embedding_revision="0" * 12,
        classifier="zero-shot",
        device="cpu",
        compute_type="int8",
        tokens_in=terms.tokens + 2,
        tokens_out=0,
        queue_ms=float(at % 97),
        tokenize_ms=0.1,
        inference_ms=5.0 + at % 7,
        enriched_at=START_MS + DAYS * DAY_MS + at + 10,
    )
