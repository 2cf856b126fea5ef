"""Sequence classifiers: a Hugging Face encoder with its head, on the whole document's tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.classify.decision import Decision, labels_of
from models.convert import heads, read_config
from models.encoder import SentenceEncoder
from models.placement import USUAL, Placement
from models.registry import WEIGHTS_FOLDER
from models.tokenizer_file import read_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.classify.decision import Doubles
    from streams.ports import Text

_LONGEST = 512
# Characters for each token that are looked at: few scripts have words that are longer than this.
_CHARACTERS_PER_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Rows:
    """Token ids of the sequences of a batch, with their types where the model knows types."""

    ids: list[list[int]]
    types: list[list[int]] | None

    @property
    def tokens(self) -> int:
        """Tokens of all sequences."""
        return sum(map(len, self.ids))


class SequenceModel:
    """An encoder with a classification head; safe to use from several threads.

    Sequences that are longer than the model's window are cut, the first of a pair first, as the
    models are trained and evaluated.

    Args:
        folder: the model's folder, as ``Registry.folder`` returns it.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: ``auto``, or a compute type of CTranslate2.
        threads: CPU threads; 0 for all cores.
        placement: GPUs, replicas, size of calls.

    Raises:
        Misconfigured: the folder holds no classifier, or device or compute type cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        compute_type: str,
        threads: int,
        placement: Placement = USUAL,
    ) -> None:
        self.config = read_config(folder)
        self._head = heads.load(folder / WEIGHTS_FOLDER)
        self._encoder = SentenceEncoder(
            folder,
            device=device,
            compute_type=compute_type,
            threads=threads,
            first=True,
            placement=placement,
        )
        self.compute_type, self.device = self._encoder.compute_type, self._encoder.device
        self.max_tokens = window_of(self.config)
        self._tokenizer = _tokenizer(folder, self.max_tokens)
        self._typed = int(self.config.get("type_vocab_size", 1)) > 1
        self.labels = labels_of(self.config, self._head.labels)

    def rows(self, sequences: Sequence[str] | Sequence[tuple[str, str]]) -> Rows:
        """Tokenize texts, or pairs of texts."""
        encodings = self._tokenizer.encode_batch(list(sequences)) if len(sequences) else []
        ids = [encoding.ids for encoding in encodings]
        return Rows(ids, [encoding.type_ids for encoding in encodings] if self._typed else None)

    def logits(self, rows: Rows) -> Doubles:
        """Return the head's logits, shape ``(sequences, labels)``."""
        if not rows.ids:
            return np.empty((0, len(self.labels)))
        return self._head.logits(self._encoder.encode(rows.ids, rows.types)).astype(np.float64)


class SequenceClassifier:
    """Labels documents by a sequence classifier.

    Args:
        model: encoder and head.
        temperature: of the softmax, or of each sigmoid.
        unsure_below: documents whose best probability is lower are labelled ``unsure``.

    Raises:
        Misconfigured: its labels cannot be used.
    """

    method = "sequence classifier"

    def __init__(self, model: SequenceModel, *, temperature: float, unsure_below: float) -> None:
        self._model = model
        multi = model.config.get("problem_type") == "multi_label_classification"
        self.decision = Decision(model.labels, temperature, unsure_below, multi_label=multi)

    def tokenize(self, texts: Sequence[Text]) -> Rows:
        """Tokenize the beginnings of documents, titles first."""
        return self._model.rows([beginning(item, self._model.max_tokens) for item in texts])

    def logits(self, rows: Rows) -> Doubles:
        """Return the logits, shape ``(documents, labels)``."""
        return self._model.logits(rows)


def beginning(item: Text, tokens: int) -> str:
    """Return what a model with a window of so many tokens may see of a document."""
    text = f"{item.title}\n{item.text}" if item.title.strip() else item.text
    return text[: tokens * _CHARACTERS_PER_TOKEN]


def window_of(config: dict[str, Any]) -> int:
    """Return the longest input in tokens; the RoBERTa family counts from behind its padding."""
    positions = int(config.get("max_position_embeddings", _LONGEST))
    if config.get("model_type") in ("roberta", "xlm-roberta", "camembert"):
        positions -= int(config.get("pad_token_id", 1)) + 1
    return min(positions, _LONGEST)


def _tokenizer(folder: Path, max_tokens: int) -> Any:
    tokenizer = read_tokenizer(folder)
    tokenizer.enable_truncation(max_tokens, strategy="only_first")
    # "[SEP]" in a document is text, not an instruction to the model.
    tokenizer.encode_special_tokens = True
    return tokenizer
