"""The published examples of ``schemas/examples``, as messages' values and as records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas import messages
from schemas.avro import published
from schemas.messages import (
    DeadLetter,
    DriftAlert,
    Enriched,
    HumanLabel,
    Message,
    Receipt,
    ShadowResult,
    WindowStats,
)
from schemas.records import RecordType

FOLDER = Path(messages.__file__).parent / "examples"
VALID_DOCUMENTS = sorted(FOLDER.glob("valid/document*.json"))
INVALID_DOCUMENTS = sorted(FOLDER.glob("invalid/*.json"))
RECORDS: dict[str, type[Message]] = {
    "enriched": Enriched,
    "window_stats": WindowStats,
    "drift_alert": DriftAlert,
    "dead_letter": DeadLetter,
    "receipt": Receipt,
    "human_label": HumanLabel,
    "shadow_result": ShadowResult,
}


def record(stem: str) -> Message:
    """Return the example of a record that is not published as JSON.

    Bytes are written as in Avro's JSON encoding: a character for each byte.
    """
    kind = RECORDS[stem]
    plain = json.loads((FOLDER / "valid" / f"{stem}.json").read_text(encoding="utf-8"))
    for field in published(kind.__name__)["fields"]:
        plain[field["name"]] = _with_bytes(field["type"], plain[field["name"]])
    built: Message = RecordType(kind).from_avro(plain)
    return built


def expected_code(path: Path) -> str:
    """Return the code that the name of an invalid example promises."""
    return path.stem.split("--")[0]


def _with_bytes(kind: Any, value: Any) -> Any:
    if kind == "bytes" or (isinstance(kind, list) and "bytes" in kind):
        return None if value is None else value.encode("latin-1")
    if isinstance(kind, dict) and kind.get("values") == "bytes":
        return {name: part.encode("latin-1") for name, part in value.items()}
    if isinstance(kind, dict) and isinstance(kind.get("items"), dict):
        types = {field["name"]: field["type"] for field in kind["items"]["fields"]}
        return [{name: _with_bytes(types[name], part[name]) for name in part} for part in value]
    return value
