"""The one pass on a model of random numbers, and a summarizer that writes what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.classify.zeroshot import ZeroShot
from models.convert import convert
from models.encoder import SentenceEncoder
from models.enricher import OnePassEnricher, label_vectors
from models.registry import WEIGHTS_FOLDER
from models.summarize.generative import Written
from models.tokens import WordPieces
from streams.ports import ModelCard
from tests.support.tiny_model import LONGEST, WEIGHTS, WIDTH, write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from streams.ports import Text

LABELS = {"sea": "water", "land": "earth"}


def tiny_one_pass(folder: Path) -> OnePassEnricher:
    """Make a model in a new folder and return its enricher; summaries are one sentence."""
    write_tiny_model(folder)
    convert(folder, WEIGHTS, folder / WEIGHTS_FOLDER)
    word_pieces = WordPieces(folder, LONGEST)
    encoder = SentenceEncoder(folder, device="cpu", compute_type="int8", threads=1)
    labels = label_vectors(LABELS, word_pieces, encoder)
    return OnePassEnricher(
        word_pieces,
        encoder,
        ZeroShot(list(LABELS), labels, temperature=0.05, unsure_below=0.0),
        ModelCard("tiny", "0" * 12, "zero-shot cosine", "cpu", "int8", WIDTH),
        summary_sentences=1,
        max_word_pieces=4096,
    )


class Told:
    """A summarizer that writes what a function of the document says."""

    method = "generative told@0 plain-1"
    instructions = ""

    def __init__(self, says: Callable[[Text], str]) -> None:
        self._says = says

    def write(self, texts: Sequence[Text]) -> list[Written]:
        return [Written(self._says(text), tokens_in=7, tokens_out=3) for text in texts]
