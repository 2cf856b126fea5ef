"""BART's decoder in PyTorch, over the tokens that may be written and a frozen encoder's vectors.

PyTorch is an extra (``convert``), hence looked up by name.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from models.convert.generators import has_pytorch
from models.train.examples import padded
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from models.convert.tensors import Tensors
    from models.train.examples import Marks
    from models.train.states import States

_WORDS = "embed_tokens.weight"
_NO_TARGET = -100


def pytorch() -> Any:
    """Return PyTorch.

    Raises:
        Misconfigured: it is not installed.
    """
    if not has_pytorch():
        raise Misconfigured("training needs PyTorch: pip install torch, where tidemark runs")
    return importlib.import_module("torch")


class Decoder:
    """A decoder that learns to write the targets of documents.

    The table of word vectors holds only the tokens that may be written, and serves input and
    output alike, so that the softmax is as small as the targets' vocabulary.

    Args:
        config: BART's settings.
        tensors: weights by the names within BART's decoder, for the whole vocabulary.
        written: ids of the tokens that may be written, ascending.
        marks: of the tokenizer.
        dropout: share of the activations that is dropped in training.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        tensors: Tensors,
        written: npt.NDArray[np.int64],
        marks: Marks,
        *,
        dropout: float,
    ) -> None:
        from transformers import BartConfig  # noqa: PLC0415 - heavy import
        from transformers.models.bart.modeling_bart import BartDecoder  # noqa: PLC0415

        self._torch = pytorch()
        self._written = written
        self._begin, self._end, self._padding = (
            int(np.searchsorted(written, number))
            for number in (marks.begin, marks.end, marks.padding)
        )
        small = {
            "vocab_size": len(written),
            "pad_token_id": self._padding,
            "bos_token_id": self._begin,
            "eos_token_id": self._end,
            "decoder_start_token_id": self._begin,
            "dropout": dropout,
            "attention_dropout": 0.0,
        }
        self.module = BartDecoder(BartConfig(**{**config, **small}))
        self.module.load_state_dict(
            {
                name: self._torch.from_numpy(values[written] if name == _WORDS else values.copy())
                for name, values in tensors.items()
            }
        )

    def loss(
        self,
        documents: npt.NDArray[np.intp],
        states: States,
        targets: Sequence[Sequence[int]],
        *,
        smoothing: float,
    ) -> Any:
        """Return the mean cross-entropy of the next token, in nats, as a tensor.

        Args:
            documents: which documents.
            states: their vectors.
            targets: token ids of all documents.
            smoothing: share of the probability that is spread over all tokens.
        """
        torch = self._torch
        rows = [np.searchsorted(self._written, targets[index]).tolist() for index in documents]
        labels = torch.from_numpy(padded(rows, _NO_TARGET))
        given = torch.from_numpy(padded([[self._begin, *row[:-1]] for row in rows], self._padding))
        kept = labels != _NO_TARGET
        hidden = self._hidden(given, *self._document(documents, states))[kept]
        return torch.nn.functional.cross_entropy(
            self._logits(hidden).float(), labels[kept], label_smoothing=smoothing
        )

    def write(
        self, documents: npt.NDArray[np.intp], states: States, *, longest: int
    ) -> list[list[int]]:
        """Return the token ids that the decoder writes of documents, the likeliest at each step."""
        torch = self._torch
        around = self._document(documents, states)
        given = torch.full((len(documents), 1), self._begin)
        over = torch.zeros(len(documents), dtype=torch.bool)
        while given.shape[1] <= longest and not bool(over.all()):
            logits = self._logits(self._hidden(given, *around)[:, -1])
            logits[:, [self._begin, self._padding]] = -torch.inf
            following = logits.argmax(-1).masked_fill(over, self._padding)
            over |= following == self._end
            given = torch.cat([given, following[:, None]], 1)
        ends = {self._end, self._padding}
        return [
            [int(self._written[number]) for number in row[1:] if number not in ends]
            for row in given.tolist()
        ]

    def tensors(self, before: Tensors) -> Tensors:
        """Return the weights by the names within BART's decoder, for the whole vocabulary.

        Args:
            before: the word vectors of all other tokens are taken from here.
        """
        found = {
            name: values.detach().float().numpy().copy()
            for name, values in self.module.state_dict().items()
        }
        words = before[_WORDS].copy()
        words[self._written] = found[_WORDS]
        return {**found, _WORDS: words}

    def _document(self, documents: npt.NDArray[np.intp], states: States) -> tuple[Any, Any]:
        vectors, mask = states.padded(documents)
        return self._torch.from_numpy(vectors), self._torch.from_numpy(mask)

    def _hidden(self, given: Any, vectors: Any, mask: Any) -> Any:
        return self.module(
            input_ids=given,
            encoder_hidden_states=vectors,
            encoder_attention_mask=mask,
            use_cache=False,
        ).last_hidden_state

    def _logits(self, hidden: Any) -> Any:
        return hidden @ self.module.embed_tokens.weight.T
