"""A model whose answers are functions of its input, so that any mix-up of documents shows."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np

from schemas.messages import Origin
from streams.ports import Inference, ModelCard, RawMessage, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DIMENSIONS = 16


class FakeEnricher:
    """Summary is the text reversed, label its length's parity, embedding a hash of its words.

    Args:
        breaks_on: texts for which the model raises, wherever they stand in a batch.
        core_hook: called with each batch's texts before the answer is made.
    """

    def __init__(
        self,
        breaks_on: Callable[[Text], bool] = lambda _: False,
        core_hook: Callable[[Sequence[Text]], None] = lambda _: None,
    ) -> None:
        self._breaks_on = breaks_on
        self._core_hook = core_hook
        self.batches: list[int] = []

    @property
    def card(self) -> ModelCard:
        return ModelCard("fake", "0" * 12, "parity", "cpu", "int8", DIMENSIONS)

    def pre(self, texts: Sequence[Text]) -> object:
        return list(texts)

    def core(self, prepared: object) -> object:
        texts = cast("list[Text]", prepared)
        self.batches.append(len(texts))
        self._core_hook(texts)
        if any(self._breaks_on(text) for text in texts):
            raise RuntimeError("the fake model breaks on this text")
        return texts

    def post(self, encoded: object) -> list[Inference]:
        return [_inference(text) for text in cast("list[Text]", encoded)]


def _inference(text: Text) -> Inference:
    even = len(text.text) % 2 == 0
    return Inference(
        embedding=embed(text.text),
        label="even" if even else "odd",
        confidence=1.0,
        scores={"even": float(even), "odd": float(not even)},
        summary=text.text[::-1],
        summary_method="reversed",
        sentences=1,
        word_pieces=len(text.text.split()),
        unknown_tokens=0,
        cut_off=False,
        tokens_in=len(text.text.split()) + 2,
        tokens_out=0,
        tokenize_ms=0.1,
        inference_ms=0.2,
    )


def embed(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Unit vector that depends on the text's words only."""
    total = np.zeros(DIMENSIONS, dtype=np.float32)
    for word in text.split() or [text]:
        total += _word(word)
    norm = float(np.linalg.norm(total))
    return total / np.float32(norm if norm > 0 else 1.0)


def raw(
    value: bytes | None, offset: int = 0, *, received_at: int = 1_700_000_000_000
) -> RawMessage:
    """A message of the documents topic."""
    return RawMessage(Origin("tidemark.documents", 0, offset, received_at), b"k", value)


@lru_cache(maxsize=100_000)
def _word(word: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
