"""One document that breaks the model never takes its batch down.

A batch that fails is tried again, then cut in two until the documents that fail alone are found;
only these are given up. This is what tells a bad document from a bad moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.ports import Enricher, Inference, Text

_TRIES = 3
_FIRST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Failed:
    """A document that the model cannot take, with the error it raised alone."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Isolator:
    """Runs the three steps of an enricher on a batch that failed before.

    Args:
        enricher: the model.
        pause: waits for the given seconds between two tries; passed in so that tests need not.
    """

    enricher: Enricher
    pause: Callable[[float], None]

    def __call__(self, texts: Sequence[Text]) -> list[Inference | Failed]:
        """Return one result per text, in order; raises nothing that the model raised."""
        if not texts:
            return []
        outcome = self._tried(texts)
        if not isinstance(outcome, Failed):
            return list(outcome)
        if len(texts) == 1:
            return [outcome]
        half = len(texts) // 2
        return self(texts[:half]) + self(texts[half:])

    def _tried(self, texts: Sequence[Text]) -> list[Inference] | Failed:
        failure = Failed(RuntimeError("not tried"))
        for attempt in range(_TRIES):
            if attempt:
                self.pause(_FIRST_PAUSE_S * 2 ** (attempt - 1))
            try:
                return self._steps(texts)
            except Exception as error:  # noqa: BLE001 - whatever the model raises is reported
                failure = Failed(error)
        return failure

    def _steps(self, texts: Sequence[Text]) -> list[Inference]:
        results = self.enricher.post(self.enricher.core(self.enricher.pre(texts)))
        if len(results) != len(texts):
            raise RuntimeError(f"the model gave {len(results)} results for {len(texts)} texts")
        return results
