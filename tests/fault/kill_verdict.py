"""What the database says after all kills, compared with what was published."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.backends.clickhouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.backends.clickhouse import ClickHouseWarehouse
    from tests.support.runtime import Sent


@dataclass(frozen=True, slots=True)
class Published:
    """Everything that was published: documents by id and source, and messages that are none."""

    documents: frozenset[tuple[str, str]]
    messages: Sequence[Sent]
    garbage: Sequence[Sent]


def verdict(url: str, published: Published) -> dict[str, Any]:
    """Return counts of everything that is missing or doubled; all zero when all is well."""
    with closing(open_warehouse(url)) as warehouse:
        return {
            **_documents(warehouse, published),
            **_deliveries(warehouse, published),
            **_dead_letters(warehouse, published),
            **_windows(warehouse, published),
        }


def _documents(warehouse: ClickHouseWarehouse, published: Published) -> dict[str, int]:
    rows = [
        (row[0], row[1]) for row in warehouse.query("SELECT source, doc_id FROM documents").rows
    ]
    return {
        "documents_lost": len(published.documents - set(rows)),
        "documents_doubled": len(rows) - len(set(rows)),
        "documents_unknown": len(set(rows) - published.documents),
    }


def _deliveries(warehouse: ClickHouseWarehouse, published: Published) -> dict[str, int]:
    rows = warehouse.query("SELECT partition, offset, outcome FROM deliveries").rows
    fates = [(int(row[0]), int(row[1])) for row in rows]
    sent = {(one.partition, one.offset) for one in published.messages}
    dead = {(int(row[0]), int(row[1])) for row in rows if row[2] == "dead-lettered"}
    return {
        "deliveries_lost": len(sent - set(fates)),
        "deliveries_doubled": len(fates) - len(set(fates)),
        "deliveries_wrong": len(dead ^ {(one.partition, one.offset) for one in published.garbage}),
    }


def _dead_letters(warehouse: ClickHouseWarehouse, published: Published) -> dict[str, int]:
    rows = warehouse.query(
        "SELECT topic, partition, offset, lower(hex(SHA256(assumeNotNull(value)))) "
        "FROM dead_letters"
    ).rows
    found = [(row[0], int(row[1]), int(row[2]), row[3]) for row in rows]
    expected = {
        (*one.place, hashlib.sha256(one.value or b"").hexdigest()) for one in published.garbage
    }
    return {
        "dead_letters_lost": len(expected - set(found)),
        "dead_letters_doubled": len(found) - len(set(found)),
        "dead_letters_unknown": len(set(found) - expected),
    }


def _windows(warehouse: ClickHouseWarehouse, published: Published) -> dict[str, int]:
    counted = warehouse.query("SELECT sum(documents) FROM drift_windows").rows[0][0]
    keys = "source, window_seconds, window_start"
    doubled = warehouse.query(f"SELECT count() - uniqExact({keys}) FROM drift_windows").rows[0][0]
    return {
        "documents_missing_in_windows": len(published.documents) - int(counted),
        "windows_doubled": int(doubled),
    }
