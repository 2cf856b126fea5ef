"""Landed documents as the records that the drift role read, in order of arrival."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from schemas.messages import Enriched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.backends.clickhouse import Reader

PAGE = 2_000

_TIME = "DateTime64(3, 'UTC')"
_TIMES = frozenset({"published_at", "received_at", "enriched_at"})
_PLACE = ("received_at", "topic", "partition", "offset")
_LISTS = frozenset({"terms", "term_counts", "summary_flags"})

# BFloat16 is the upper half of a float32; as text, 384 numbers would be ten times the bytes.
_EMBEDDING = (
    "base64Encode(arrayStringConcat(arrayMap("
    "x -> reinterpretAsFixedString(toFloat32(x)), embedding)))"
)
_IN_RANGE = f"""\
published_at >= {{from:{_TIME}}} AND published_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})"""

COUNT = f"""\
SELECT count() AS documents, uniqExact(source) AS sources, countIf(empty(embedding)) AS bare
FROM documents
WHERE {_IN_RANGE}"""

# Of the ledger and of the canary: no setting of the detector would change them.
_OTHERS = "('ledger', 'pipeline', 'reference')"

ALERTS = f"""\
SELECT
    alert_id, source, kind, toUnixTimestamp64Milli(window_start) AS start_ms,
    toUnixTimestamp64Milli(detected_at) AS detected_ms,
    toUnixTimestamp64Milli(if(state = 'closed', coalesce(as_of, window_end), window_end)) AS end_ms,
    score, threshold, message
FROM drift_alerts
WHERE kind NOT IN {_OTHERS}
    AND detected_at >= {{from:{_TIME}}} AND detected_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
ORDER BY detected_at, alert_id"""


def _column(name: str) -> str:
    if name in _TIMES:
        return f"toUnixTimestamp64Milli({name}) AS {name}_ms"
    return f"{_EMBEDDING} AS embedding_base64" if name == "embedding" else name


_PAGE_OF_DOCUMENTS = f"""\
SELECT {", ".join(map(_column, Enriched.__slots__))}
FROM documents
WHERE {_IN_RANGE}
    AND (toUnixTimestamp64Milli(received_at), topic, partition, offset)
        > ({{received_at:Int64}}, {{topic:String}}, {{partition:Int32}}, {{offset:Int64}})
ORDER BY received_at, topic, partition, offset
LIMIT {PAGE}"""


def documents(reader: Reader, parameters: Mapping[str, Any]) -> Iterator[list[Enriched]]:
    """Yield pages of documents in order of arrival.

    Args:
        reader: of the database.
        parameters: ``from``, ``to`` and ``source``.
    """
    place: dict[str, Any] = {"received_at": -1, "topic": "", "partition": -1, "offset": -1}
    while True:
        rows = reader.query(_PAGE_OF_DOCUMENTS, {**parameters, **place}).dictionaries()
        if not rows:
            return
        page = [_document(row) for row in rows]
        yield page
        place = {name: getattr(page[-1], name) for name in _PLACE}


def alerts(reader: Reader, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the drift alerts that fired."""
    return reader.query(ALERTS, parameters).dictionaries()


def _document(row: dict[str, Any]) -> Enriched:
    plain = {
        name: row[f"{name}_ms" if name in _TIMES else name]
        for name in Enriched.__slots__
        if name != "embedding"
    }
    plain |= {name: tuple(plain[name]) for name in _LISTS}
    return Enriched(**plain, embedding=base64.b64decode(row["embedding_base64"]))
