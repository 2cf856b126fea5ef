"""Sentence vectors to results: the last of the three steps of one-pass inference."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from models.summarize.extractive import METHOD, Candidates, has_cue, select
from streams.ports import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.encoder import Vectors
    from models.preparation import Prepared, PreparedDocument

Ints: TypeAlias = npt.NDArray[np.int64]

_SPECIAL = 2
# Longer "sentences" are data without spaces; nobody reads them.
_LONGEST_SHOWN = 1000


class VectorClassifier(Protocol):
    """Labels documents by their vectors alone, each by itself."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of ``probabilities``."""
        ...

    def probabilities(self, documents: Vectors) -> npt.NDArray[np.float64]:
        """Return the probability of each label, shape ``(documents, labels)``."""
        ...

    def choose(self, probabilities: npt.NDArray[np.float64]) -> list[tuple[str, float]]:
        """Return each document's label, or ``unsure``, and the best label's probability."""
        ...


class _Found(NamedTuple):
    """What the batch's arrays say about one document."""

    embedding: Vectors
    probabilities: list[float]
    choice: tuple[str, float]
    summary: list[int]
    share: float


def results(
    prepared: Prepared,
    vectors: Vectors,
    inference_ms: float,
    *,
    classifier: VectorClassifier,
    summary_sentences: int,
    unknown_id: int,
) -> list[Inference]:
    """Return one result per document of a batch, in order.

    Args:
        prepared: the batch.
        vectors: of all pieces, documents one after another, titles before sentences.
        inference_ms: time that the whole batch took.
        classifier: labels the document vectors.
        summary_sentences: most sentences of a summary.
        unknown_id: token id that counts as unknown.
    """
    if not prepared.documents:
        return []
    found = _find(prepared.documents, vectors, classifier, summary_sentences)
    return [
        _inference(
            document,
            one,
            labels=classifier.labels,
            unknown_id=unknown_id,
            tokenize_ms=prepared.milliseconds * one.share,
            inference_ms=inference_ms * one.share,
        )
        for document, one in zip(prepared.documents, found, strict=True)
    ]


def unit(vectors: Vectors) -> Vectors:
    """Scale rows to length 1."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    return scaled


def document_vectors(vectors: Vectors, lengths: Ints, first: Ints) -> Vectors:
    """Return the token-weighted mean of each document's pieces, scaled to length 1.

    Args:
        vectors: mean token vector of each piece, shape ``(pieces, dimensions)``.
        lengths: tokens of each piece, shape ``(pieces,)``.
        first: index of each document's first piece, then the number of all pieces.
    """
    weighted = vectors * lengths[:, None].astype(np.float32)
    return unit(np.add.reduceat(weighted, first[:-1], axis=0))


def _find(
    documents: Sequence[PreparedDocument],
    vectors: Vectors,
    classifier: VectorClassifier,
    summary_sentences: int,
) -> list[_Found]:
    lengths = _lengths(documents)
    first = _starts([len(item.title) + len(item.pieces) for item in documents])
    embeddings = document_vectors(vectors, lengths, first)
    probabilities = classifier.probabilities(embeddings)
    candidates = _candidates(documents, unit(vectors), lengths, embeddings)
    tokens = np.add.reduceat(lengths, first[:-1])
    columns = (
        embeddings,
        probabilities.tolist(),
        classifier.choose(probabilities),
        select(candidates, summary_sentences),
        (tokens / tokens.sum()).tolist(),
    )
    return [_Found(*row) for row in zip(*columns, strict=True)]


def _lengths(documents: Sequence[PreparedDocument]) -> Ints:
    return np.array(
        [len(piece.ids) for item in documents for piece in (*item.title, *item.pieces)],
        dtype=np.int64,
    )


def _starts(sizes: Sequence[int]) -> Ints:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)


def _candidates(
    documents: Sequence[PreparedDocument], units: Vectors, lengths: Ints, embeddings: Vectors
) -> Candidates:
    """Tell sentences from titles: a title speaks for its document, but not in its summary."""
    titled = np.array([len(item.title) for item in documents], dtype=np.int64)
    pieces = np.array([len(item.pieces) for item in documents], dtype=np.int64)
    first = _starts((titled + pieces).tolist())[:-1]
    body = np.ones(len(units), dtype=np.bool_)
    body[first[titled > 0]] = False
    cues = [
        has_cue(item.text[piece.start : piece.end]) for item in documents for piece in item.pieces
    ]
    return Candidates(
        sentences=units[body],
        first=_starts(pieces.tolist()),
        centroids=embeddings,
        titles=np.where(titled[:, None] > 0, units[first], np.float32(0)),
        tokens=lengths[body],
        cues=np.array(cues, dtype=np.bool_),
    )


def _inference(
    document: PreparedDocument,
    found: _Found,
    *,
    labels: Sequence[str],
    unknown_id: int,
    tokenize_ms: float,
    inference_ms: float,
) -> Inference:
    pieces = document.pieces
    chosen = [pieces[index] for index in found.summary]
    label, confidence = found.choice
    return Inference(
        embedding=found.embedding,
        label=label,
        confidence=confidence,
        scores=dict(zip(labels, found.probabilities, strict=True)),
        summary=" ".join(_shown(document.text[piece.start : piece.end]) for piece in chosen),
        summary_method=METHOD,
        sentences=len(pieces),
        word_pieces=sum(len(piece.ids) for piece in pieces) - _SPECIAL * len(pieces),
        unknown_tokens=sum(piece.ids.count(unknown_id) for piece in pieces),
        cut_off=document.cut_off,
        tokens_in=sum(len(piece.ids) for piece in (*document.title, *pieces)),
        tokens_out=sum(len(piece.ids) - _SPECIAL for piece in chosen),
        tokenize_ms=tokenize_ms,
        inference_ms=inference_ms,
    )


def _shown(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST_SHOWN else f"{sentence[:_LONGEST_SHOWN]}…"
