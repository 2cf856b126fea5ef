"""What challengers answered, as columns of ClickHouse's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.messages import ShadowResult
from streams.backends.clickhouse.rows import LAST_MS, Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

SHADOW_KEY = (
    *("source", "doc_id", "shadow", "classifier", "summarizer", "prompt"),
    *("embedding_revision", "compute_type"),
)
"""A document and a version of a challenger: the sorting key of the table."""


def shadow_rows(records: Sequence[ShadowResult]) -> Columns:
    """Rows of ``shadow_results_raw``; of several messages of a document the newest counts."""
    columns = [[getattr(one, name) for one in records] for name in ShadowResult.__slots__]
    at = ShadowResult.__slots__.index("received_at")
    columns[at] = [min(max(moment, 0), LAST_MS) for moment in columns[at]]
    return Columns("shadow_results_raw", ShadowResult.__slots__, columns)
