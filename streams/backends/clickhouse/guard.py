"""What may be asked of the embedded engine by people and programs that are not trusted.

``readonly=1`` alone still lets ``file('/any/path')`` read and ``INTO OUTFILE`` write, and a list
of forbidden words over the SQL text is got around by ``$$'$$``. So the engine itself classifies
the statement, and the names in its own syntax tree (``EXPLAIN AST``) are checked: one statement,
of a known reading kind, without functions that reach outside, without the database ``default``
(in the embedded engine it overlays the file system).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCESS_DENIED = 497
READONLY = 164
SYNTAX_ERROR = 62

_KINDS = frozenset(
    {
        "SelectWithUnionQuery",
        "SelectIntersectExceptQuery",
        "Explain",
        "DescribeQuery",
        "ShowTables",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
    }
)
_TABLE_FUNCTIONS = frozenset(
    {
        "generate_series",
        "generateseries",
        "null",
        "numbers",
        "numbers_mt",
        "values",
        "view",
        "zeros",
        "zeros_mt",
    }
)
_SCALAR_FUNCTIONS = frozenset(
    {
        "addresstoline",
        "addresstolinewithinlines",
        "addresstosymbol",
        "catboostevaluate",
        "chdb",
        "file",
        "filesystemavailable",
        "filesystemcapacity",
        "filesystemunreserved",
        "getserversetting",
        "hascolumnintable",
        "showcertificate",
        "sleep",
        "sleepeachrow",
        "structuretocapnprotoschema",
        "structuretoprotobufschema",
    }
)
_PREFIXES = ("ai", "dict", "joinget", "naivebayes", "regionto")
"""Families that read dictionaries, models and services."""

_EXPLAIN = "EXPLAIN AST "
_FUNCTION = re.compile(r"^ *Function (\S+)", re.MULTILINE)
_SYNTAX = re.compile(r"Code: 62\. DB::Exception: (.*?)\. Expected one of", re.DOTALL)
_IDENTIFIER = re.compile(r"^ *Identifier (\S+)", re.MULTILINE)
_PROCESS = re.compile(
    r"Identifier (system\.(?:stack_trace|symbols|jemalloc_\w+)|stack_trace)(?: |$)", re.MULTILINE
)
"""Tables about the process itself: reading its stacks stops every thread of the pipeline."""
_DEFAULT = re.compile(r"Identifier default(?:\.|$| )|Query default(?: |$)", re.MULTILINE)


class Refused(Exception):  # noqa: N818 - named by its consequence
    """A statement that may not run, in ClickHouse's own words.

    Attributes:
        code: ClickHouse's error code.
        name: its symbolic name.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")
        self.code = code
        self.name = name


class Guard:
    """Checks statements on a connection, before they run on the same one."""

    def __init__(self, handle: Any) -> None:
        """Learn the names of the engine's functions, those of later versions too."""
        tables = _names(handle, "table_functions") - _TABLE_FUNCTIONS
        named = _names(handle, "functions")
        families = frozenset(name for name in named if name.startswith(_PREFIXES))
        self._scalars = _SCALAR_FUNCTIONS | families
        self._denied = tables | self._scalars

    def check(self, handle: Any, sql: str, database: str, parameters: Mapping[str, str]) -> None:
        """Refuse what is not one harmless reading statement.

        The connection must have ``readonly = 1`` and ``implicit_select = 0`` already: else
        ``EXPLAIN AST`` in front of ``FROM url(...)`` is itself a query.

        Raises:
            Refused: the statement writes, controls, or reaches outside the database.
            RuntimeError: the engine cannot parse it; its own message.
        """
        verdict = handle._conn.classify_query(sql, database)  # noqa: SLF001 - has no public name
        if verdict["statement_count"] > 1:
            raise Refused(SYNTAX_ERROR, "SYNTAX_ERROR", "Only one statement at a time is allowed")
        if verdict["statement_count"] == 1 and verdict["query_class"].name != "READ_ONLY":
            raise _read_only()
        self._check_tree(_syntax_tree(handle, sql, parameters))

    def _check_tree(self, tree: str) -> None:
        if tree.split(maxsplit=1)[0] not in _KINDS:
            raise _read_only()
        named = frozenset(map(str.lower, _FUNCTION.findall(tree)))
        # A function handed to a function, as in arrayMap(file, [...]), is an identifier.
        handed = frozenset(map(str.lower, _IDENTIFIER.findall(tree)))
        for name in sorted((named & self._denied) | (handed & self._scalars)):
            raise _denied(f"function {name}")
        if _DEFAULT.search(tree):
            raise _denied("database default (it shows the file system)")
        if process := _PROCESS.search(tree):
            raise _denied(f"table {process.group(1)}")
        if "ColumnsApplyTransformer" in tree:
            raise _denied("APPLY")


def _syntax_tree(handle: Any, sql: str, parameters: Mapping[str, str]) -> str:
    try:
        tree = handle.query(f"{_EXPLAIN}{sql}", "TabSeparatedRaw", params=dict(parameters))
    except RuntimeError as error:
        match = _SYNTAX.search(str(error))
        if match is None:
            raise
        raise Refused(SYNTAX_ERROR, "SYNTAX_ERROR", _position(match.group(1))) from error
    text: str = tree.bytes().decode("utf-8", "replace")
    return text


def _position(message: str) -> str:
    """Count positions, and columns of the first line, from the start of the caller's own text."""
    return re.sub(
        r"(position |\(line 1, col )(\d+)",
        lambda match: f"{match.group(1)}{max(int(match.group(2)) - len(_EXPLAIN), 1)}",
        message,
    )


def _names(handle: Any, table: str) -> frozenset[str]:
    answer = handle.query(f"SELECT lower(name) FROM system.{table}", "TabSeparatedRaw")
    return frozenset(answer.bytes().decode().split())


def _read_only() -> Refused:
    return Refused(READONLY, "READONLY", "Cannot execute query in readonly mode")


def _denied(what: str) -> Refused:
    return Refused(ACCESS_DENIED, "ACCESS_DENIED", f"{what} is not allowed here")
