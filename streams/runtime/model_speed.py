"""The enrichment function alone: the speed that the pipeline is measured against.

A machine's speed changes from minute to minute, most of all a shared one's. So one half of the
documents goes through the bare model before the pipeline runs and the other half after it: what
slows one of the three does not pass for the pipeline's cost.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.ports import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Document
    from streams.ports import Enricher

_MOST = 6_000


class ModelAlone:
    """Measures the model without broker, codec, statistics and database.

    The steps overlap as they do in the pipeline, in batches as large as the pipeline's.

    Args:
        enricher: the model.
        documents: the run's documents; of more than 6,000, every second, third, ... is taken.
        batch_documents: documents of a batch.
    """

    def __init__(
        self, enricher: Enricher, documents: Sequence[Document], batch_documents: int
    ) -> None:
        self._enricher = enricher
        self._sample = documents[:: -(-len(documents) // _MOST) or 1]
        self._batch = batch_documents
        self._seconds = 0.0
        self.documents = 0

    @property
    def documents_per_second(self) -> float | None:
        """Speed over everything measured so far; None before the first measurement."""
        return self.documents / self._seconds if self._seconds else None

    def measure(self, half: int) -> None:
        """Send one half of the documents through: every even (0) or every odd one (1)."""
        self._warm_up()
        texts = [Text(document.title or "", document.text) for document in self._sample[half::2]]
        batches = [texts[at : at + self._batch] for at in range(0, len(texts), self._batch)]
        from models.enricher import enrich_all  # noqa: PLC0415 - heavy import

        started = time.perf_counter()
        self.documents += sum(len(results) for results in enrich_all(self._enricher, batches))
        self._seconds += time.perf_counter() - started

    def _warm_up(self) -> None:
        """Run one small batch, so that no measured batch pays for lazy initialization."""
        text = Text("Warm-up", "One sentence. And another.")
        self._enricher.post(self._enricher.core(self._enricher.pre([text])))
