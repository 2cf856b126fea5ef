"""Writers' schemas that must not be read with, because a few bytes could then cost everything.

A corrupt or hostile message is bounded by its own length as long as every item of an array takes
at least one byte and the schema does not contain itself: these two are checked once per schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.avro import Schema


def unsafe_because(schema: Schema) -> str | None:
    """Return why a parsed schema must not be read with, or None when it may."""
    return _Walk().visit(schema, frozenset())


class _Walk:
    def __init__(self) -> None:
        self.named: dict[str, Schema] = {}

    def visit(self, schema: Schema, inside: frozenset[str]) -> str | None:
        if isinstance(schema, str):
            return f"{schema} contains itself" if schema in inside else None
        if isinstance(schema, list):
            return self._first(schema, inside)
        kind = schema["type"]
        if "name" in schema:
            self.named[schema["name"]] = schema
            inside |= {schema["name"]}
        if kind in {"record", "error"}:
            return self._first([field["type"] for field in schema["fields"]], inside)
        if kind == "array":
            return self.visit(schema["items"], inside) or self._free(schema["items"])
        if kind == "map":
            return self.visit(schema["values"], inside)
        return None if isinstance(kind, str) else self.visit(kind, inside)

    def _first(self, schemas: list[Schema], inside: frozenset[str]) -> str | None:
        found = (self.visit(schema, inside) for schema in schemas)
        return next((reason for reason in found if reason), None)

    def _free(self, items: Schema) -> str | None:
        takes_none = _takes_no_byte(items, self.named)
        return "an array's items take no byte" if takes_none else None


def _takes_no_byte(schema: Schema, named: Mapping[str, Schema]) -> bool:
    if isinstance(schema, list):
        return False  # the branch's number takes a byte
    if isinstance(schema, str):
        return schema == "null" or (schema in named and _takes_no_byte(named[schema], named))
    if schema["type"] == "fixed":
        return bool(schema["size"] == 0)
    if schema["type"] in {"record", "error"}:
        return all(_takes_no_byte(field["type"], named) for field in schema["fields"])
    return bool(schema["type"] == "null")
