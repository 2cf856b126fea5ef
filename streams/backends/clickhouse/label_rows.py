"""What people say of documents, as columns of ClickHouse's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.backends.clickhouse.rows import LAST_MS, Columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.ports import Labelled

_AS_SAID = ("doc_id", "source", "labelled_by", "labelled_at", "note")


def label_rows(records: Sequence[Labelled]) -> Columns:
    """Rows of ``labels_raw``; the last message of a person on a document counts.

    Labels are a set: in another order, or twice, they are the same.
    """
    said = [one.label for one in records]
    origins = [one.origin for one in records]
    values = [
        *([getattr(label, name) for label in said] for name in _AS_SAID),
        [sorted(set(label.labels)) for label in said],
        [min(max(origin.received_at, 0), LAST_MS) for origin in origins],
        [max(origin.version, 0) for origin in origins],
    ]
    return Columns("labels_raw", (*_AS_SAID, "labels", "received_at", "version"), values)
