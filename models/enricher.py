"""One pass over a document: embedding, label and summary from one encoding of its sentences."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.classify.labels import built_in_labels, prompts
from models.classify.zeroshot import ZeroShot
from models.encoder import SentenceEncoder
from models.installed import installed
from models.overlap import enrich_all
from models.placement import USUAL, Placement
from models.preparation import Prepared, prepare
from models.results import results, unit
from models.tokens import WordPieces
from streams.errors import Misconfigured
from streams.ports import ModelCard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from models.classify.head import EmbeddingHead
    from models.encoder import Vectors
    from models.manifest import PinnedModel
    from models.results import VectorClassifier
    from streams.ports import Inference, Text

__all__ = ["OnePassEnricher", "build_enricher", "enrich_all"]

_CLASSIFIER = "zero-shot cosine"


@dataclass(frozen=True, slots=True)
class Encoded:
    """A batch with the vectors of all its pieces, documents one after another, titles first."""

    prepared: Prepared
    vectors: Vectors
    milliseconds: float


class OnePassEnricher:
    """The three steps of one-pass inference; holds nothing that a batch could change.

    Each step may be called from a thread of its own, and from several.
    """

    def __init__(
        self,
        word_pieces: WordPieces,
        encoder: SentenceEncoder,
        classifier: VectorClassifier,
        card: ModelCard,
        *,
        summary_sentences: int,
        max_word_pieces: int,
    ) -> None:
        self._word_pieces = word_pieces
        self._encoder = encoder
        self._classifier = classifier
        self._card = card
        self._summary_sentences = summary_sentences
        self._max_word_pieces = max_word_pieces

    @property
    def card(self) -> ModelCard:
        """Identity of the model, its device and compute type."""
        return self._card

    def pre(self, texts: Sequence[Text]) -> Prepared:
        """Cut into sentences and tokenize; most of it without the GIL."""
        return prepare(texts, self._word_pieces, self._max_word_pieces)

    def core(self, prepared: object) -> Encoded:
        """Encode and pool every sentence of the batch, without the GIL.

        Args:
            prepared: what ``pre`` returned.
        """
        if not isinstance(prepared, Prepared):
            raise TypeError("core takes what pre returned")
        began = time.perf_counter()
        ids = [
            piece.ids
            for document in prepared.documents
            for piece in (*document.title, *document.pieces)
        ]
        vectors = self._encoder.encode(ids)
        return Encoded(prepared, vectors, (time.perf_counter() - began) * 1000)

    def post(self, encoded: object) -> list[Inference]:
        """Pool, label and summarize; NumPy over the whole batch.

        Args:
            encoded: what ``core`` returned.
        """
        if not isinstance(encoded, Encoded):
            raise TypeError("post takes what core returned")
        return results(
            encoded.prepared,
            encoded.vectors,
            encoded.milliseconds,
            classifier=self._classifier,
            summary_sentences=self._summary_sentences,
            unknown_id=self._word_pieces.unknown_id,
        )


def build_enricher(
    folder: Path,
    *,
    device: str,
    compute_type: str,
    threads: int,
    labels: Mapping[str, str] | None,
    unsure_below: float,
    summary_sentences: int,
    max_word_pieces: int = 16_384,
    head: EmbeddingHead | None = None,
    placement: Placement = USUAL,
) -> OnePassEnricher:
    """Load a pulled model and return its enricher.

    Args:
        folder: the model's folder, as ``Registry.folder`` returns it.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: ``auto``, or a compute type of CTranslate2.
        threads: CPU threads; 0 for all cores.
        labels: label -> one-line description; None for the built-in ones.
        unsure_below: label ``unsure`` when the best probability is lower.
        summary_sentences: most sentences of a summary.
        max_word_pieces: most word pieces of a document that are encoded; the rest is cut off.
        head: labels the embeddings instead of zero-shot; it brings labels and threshold along.
        placement: GPUs, replicas, size of calls.

    Raises:
        Misconfigured: the folder, the device, the compute type or the labels cannot be used.
    """
    model = installed(folder)
    if labels is not None and not labels:
        raise Misconfigured("TIDEMARK_LABELS is empty; give label -> description, or leave it out")
    word_pieces = WordPieces(folder, model.max_tokens)
    encoder = SentenceEncoder(
        folder, device=device, compute_type=compute_type, threads=threads, placement=placement
    )
    classifier: VectorClassifier = head or _zero_shot(
        built_in_labels() if labels is None else labels, model, word_pieces, encoder, unsure_below
    )
    card = ModelCard(
        embedding_model=model.name,
        embedding_revision=model.revision,
        classifier=_CLASSIFIER if head is None else head.method,
        device=encoder.device,
        compute_type=encoder.compute_type,
        dimensions=model.dimensions,
    )
    return OnePassEnricher(
        word_pieces,
        encoder,
        classifier,
        card,
        summary_sentences=summary_sentences,
        max_word_pieces=max_word_pieces,
    )


def _zero_shot(
    labels: Mapping[str, str],
    model: PinnedModel,
    word_pieces: WordPieces,
    encoder: SentenceEncoder,
    unsure_below: float,
) -> ZeroShot:
    return ZeroShot(
        list(labels),
        label_vectors(labels, word_pieces, encoder),
        temperature=model.temperature,
        unsure_below=unsure_below,
    )


def label_vectors(
    labels: Mapping[str, str], word_pieces: WordPieces, encoder: SentenceEncoder
) -> Vectors:
    """Return the unit vector of each label, shape ``(labels, dimensions)``."""
    rows = []
    for label, description in labels.items():
        sentences = prompts(label, description)
        pairs = zip(sentences, word_pieces.encode(sentences), strict=True)
        ids = [word_pieces.fit(sentence, 0, row)[0].ids for sentence, row in pairs]
        rows.append(unit(encoder.encode(ids)).mean(axis=0))
    return unit(np.stack(rows))
