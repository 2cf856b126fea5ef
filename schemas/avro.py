"""Avro schemas as they are published, and their parsed form for fast reading and writing.

Logical types are taken off before parsing: records hold timestamps as integers, so the detour over
``datetime`` objects would cost time and range for nothing. The bytes on the wire are the same.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import parse_schema, to_parsing_canonical_form

Schema: TypeAlias = Any  # a JSON value: a name, a list (union) or an object

_FOLDER = Path(__file__).parent
_STEMS = {
    "Document": "document",
    "Enriched": "enriched",
    "WindowStats": "window_stats",
    "DriftAlert": "drift_alert",
    "DeadLetter": "dead_letter",
    "Receipt": "receipt",
    "HumanLabel": "human_label",
    "ShadowResult": "shadow_result",
}
# Numerator and denominator that turn a value of the logical type into milliseconds.
_MILLISECONDS = {
    "timestamp-micros": (1, 1_000),
    "local-timestamp-micros": (1, 1_000),
    "timestamp-nanos": (1, 1_000_000),
    "local-timestamp-nanos": (1, 1_000_000),
    "date": (86_400_000, 1),
}


@cache
def published_text(name: str) -> str:
    """Return the current schema of a record, as the text of its ``.avsc`` file."""
    return (_FOLDER / f"{_STEMS[name]}.avsc").read_text(encoding="utf-8")


def published(name: str) -> Schema:
    """Return the current schema of a record."""
    return json.loads(published_text(name))


def superseded(name: str) -> list[Schema]:
    """Return the older schemas of a record that may still be in a topic, oldest first."""
    paths = sorted((_FOLDER / "history").glob(f"{_STEMS[name]}-*.avsc"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def without_logical_types(schema: Schema) -> Schema:
    """Return the schema with its logical types taken off; the wire format stays the same."""
    if isinstance(schema, list):
        return [without_logical_types(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: without_logical_types(part) if name in {"type", "items", "values"} else part
        for name, part in schema.items()
        if name not in {"logicalType", "fields"}
    } | (
        {"fields": [without_logical_types(field) for field in schema["fields"]]}
        if "fields" in schema
        else {}
    )


def parsed(schema: Schema) -> Schema:
    """Return the form that fastavro reads and writes with, without logical types.

    Raises:
        fastavro.schema.SchemaParseException, fastavro.schema.UnknownType: it is no Avro schema.
    """
    return parse_schema(without_logical_types(schema), named_schemas={})


def fingerprint(schema: Schema) -> bytes:
    """Return the CRC-64-AVRO fingerprint, 8 bytes little-endian as in single-object encoding.

    Avro 1.12 specification, "Schema Fingerprints" and "Single-object encoding".
    """
    digest = fastavro_fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return bytes.fromhex(cast("str", digest))


def time_units(schema: Schema) -> dict[str, tuple[int, int]]:
    """Return, per top-level field in another unit of time, what makes milliseconds of it."""
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    units = {field["name"]: _unit(field["type"]) for field in fields}
    return {name: unit for name, unit in units.items() if unit is not None}


def _unit(kind: Schema) -> tuple[int, int] | None:
    branches = kind if isinstance(kind, list) else [kind]
    names = [branch.get("logicalType") for branch in branches if isinstance(branch, dict)]
    return next((_MILLISECONDS[name] for name in names if name in _MILLISECONDS), None)
