"""The enrichment function alone: the speed that the pipeline is measured against."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from streams.ports import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Document
    from streams.ports import Enricher


def warm_up(enricher: Enricher) -> None:
    """Run one small batch, so that nobody's first batch pays for lazy initialization."""
    enricher.post(enricher.core(enricher.pre([Text("Warm-up", "One sentence. And another.")])))


def documents_per_second(
    enricher: Enricher, documents: Sequence[Document], batch_documents: int
) -> float:
    """Return the speed over all documents, in batches as large as the pipeline's.

    The steps overlap as they do in the pipeline; there is no broker, no codec and no database.
    """
    from models.enricher import enrich_all  # noqa: PLC0415 - heavy import

    texts = [Text(document.title or "", document.text) for document in documents]
    batches = [
        texts[start : start + batch_documents] for start in range(0, len(texts), batch_documents)
    ]
    started = time.perf_counter()
    done = sum(len(results) for results in enrich_all(enricher, batches))
    return done / (time.perf_counter() - started)
