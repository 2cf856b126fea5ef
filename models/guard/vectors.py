"""Embeddings as the guardrails are handed them, and how the one-pass enricher makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from models.guard.text import tidy
from models.results import document_vectors, unit
from streams.ports import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.enricher import Encoded, OnePassEnricher

Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A text's embeddings.

    Attributes:
        whole: unit vector of the text, shape ``(dimensions,)``.
        sentences: its sentences as text, tidy; an overlong one is in several parts.
        vectors: their unit vectors, shape ``(sentences, dimensions)``.
        tokens: word pieces that were read, special tokens included.
    """

    whole: Floats
    sentences: tuple[str, ...]
    vectors: Floats
    tokens: int = 0


def embed(enricher: OnePassEnricher, texts: Sequence[str]) -> list[Embedded]:
    """Embed texts in one call of the encoder that embeds the documents.

    Args:
        enricher: makes the vectors.
        texts: documents and summaries, in any order; one without a word has no sentence.
    """
    prepared = [tidy(text) for text in texts]
    return embedded_documents(enricher.core(enricher.pre([Text("", text) for text in prepared])))


def embedded_documents(encoded: Encoded) -> list[Embedded]:
    """Return the embeddings of documents that the one pass has encoded; titles are sentences.

    Args:
        encoded: what the one pass's ``core`` returned.
    """
    found: list[Embedded] = []
    start = 0
    for document in encoded.prepared.documents:
        pieces = (*document.title, *document.pieces)
        vectors = encoded.vectors[start : start + len(pieces)]
        start += len(pieces)
        lengths = np.array([len(piece.ids) for piece in pieces], dtype=np.int64)
        titles = ("",) * len(document.title)  # whose text was not kept, and nobody asks for
        found.append(
            Embedded(
                whole=document_vectors(vectors, lengths, np.array([0, len(pieces)]))[0],
                sentences=(*titles, *(document.text[x.start : x.end] for x in document.pieces)),
                vectors=unit(vectors),
                tokens=int(lengths.sum()),
            )
        )
    return found
