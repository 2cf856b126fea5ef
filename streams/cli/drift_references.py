"""References that people choose: landed documents of a time, by name or by range."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from schemas.messages import DriftAlert
from streams.cli import _landed_documents
from streams.cli._sides import Side
from streams.drift.control import HEADER, LEARN, REBASELINE, Learn, Rebaseline
from streams.drift.hashing import hash_name
from streams.drift.wording import evidence_query
from streams.errors import Misconfigured
from streams.ports import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.codec import Codec
    from schemas.messages import Enriched
    from streams.backends.clickhouse import Reader

KIND = "reference"
"""Kind of the records on the alert topic that name a reference; they land with the alerts."""

_LEAST = 100
_TIME = "DateTime64(3, 'UTC')"
_BEGIN = f"""\
SELECT count() AS documents, toUnixTimestamp64Milli(min(published_at)) AS begin_ms FROM (
    SELECT published_at FROM documents
    WHERE published_at >= {{from:{_TIME}}} AND published_at < {{to:{_TIME}}}
        AND source = {{source:String}} AND notEmpty(embedding)
    ORDER BY published_at DESC LIMIT {{most:UInt32}}
)"""
_NAMED = f"""\
SELECT
    source, toUnixTimestamp64Milli(window_start) AS start_ms,
    toUnixTimestamp64Milli(window_end) AS end_ms
FROM drift_alerts WHERE kind = '{KIND}' AND reference_id = {{name:String}}"""
_NAMES = f"SELECT DISTINCT reference_id FROM drift_alerts WHERE kind = '{KIND}' ORDER BY 1"


def find(reader: Reader, name: str) -> Side:
    """Return which documents a name stands for.

    Raises:
        Misconfigured: nothing has landed under that name.
    """
    rows = reader.query(_NAMED, {"name": name}).dictionaries()
    if not rows:
        known = [str(row[0]) for row in reader.query(_NAMES).rows]
        there = f"there are {', '.join(map(repr, known))}" if known else "there is none yet"
        raise Misconfigured(f"no reference {name!r} has landed; {there} (--on makes one)")
    return Side(rows[0]["source"], rows[0]["start_ms"], rows[0]["end_ms"])


def documents_of(reader: Reader, side: Side, most: int) -> list[Enriched]:
    """Return the newest documents of a side, neighbours in time, in order of arrival.

    Neighbours, not a sample: how alike they are tells how much of a burst is no drift.

    Raises:
        Misconfigured: they are too few for a reference.
    """
    asked: dict[str, Any] = {
        name.removeprefix("a_"): value for name, value in side.parameters("a").items()
    }
    asked.pop("version")
    (begin,) = reader.query(_BEGIN, {**asked, "most": most}).dictionaries()
    if begin["documents"] < _LEAST:
        raise Misconfigured(
            f"{side} has {begin['documents']} landed documents with an embedding; "
            f"a reference needs {_LEAST} at least"
        )
    newest = Side(side.source, begin["begin_ms"], side.end).parameters("a")
    pages = _landed_documents.documents(
        reader, {"source": side.source, "from": newest["a_from"], "to": newest["a_to"]}
    )
    return [one for page in pages for one in page if one.embedding][-most:]


def orders(
    source: str, reason: str, documents: Sequence[Enriched], topic: str, codec: Codec
) -> list[Outgoing]:
    """Return the messages that make documents the reference of a source."""
    begin = Rebaseline(source, reason, len(documents))
    key = source.encode()
    learned = [
        Learn(replace(document, source=source, text="", metadata={})) for document in documents
    ]
    return [
        Outgoing(topic, key, begin.value(), {HEADER: REBASELINE}),
        *(
            Outgoing(topic, key, codec.encode(topic, one.document), {HEADER: LEARN})
            for one in learned
        ),
    ]


def record(name: str, side: Side, documents: Sequence[Enriched], now_ms: int) -> DriftAlert:
    """Return the record that keeps a name; the last one of a name counts."""
    times = [document.published_at for document in documents]
    start, end = min(times), max(times) + 1
    kept = Side(side.source, start, end)
    return DriftAlert(
        alert_id=hash_name(KIND, name),
        version=now_ms,
        source=side.source,
        kind=KIND,
        severity="info",
        state="closed",
        window_start=start,
        window_end=end,
        window_documents=len(documents),
        detected_at=now_ms,
        changed_at=None,
        score=0.0,
        threshold=0.0,
        message=f'Reference "{name}": {len(documents):,} documents of {kept}.',
        terms_up=(),
        terms_down=(),
        labels=(),
        new_documents=(),
        old_documents=(),
        reference_documents=len(documents),
        embedding_model=documents[0].embedding_model,
        sql=evidence_query(side.source, start, end - 1),
        reason="by-hand",
        reference_id=name,
    )
