"""``tidemark drift between``: how far two sides are apart, from landed sums alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from streams.cli import _between_queries
from streams.cli._asking import FormatOption, asking, now_ms
from streams.cli._output import Format, as_csv, as_text
from streams.cli._sides import FORM, Side, parse_side
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.backends.clickhouse import Reader

    Row = dict[str, Any]

_LEAST_DOCUMENTS = 3
_SURE = 0.01
_SMALLEST = 1e-6  # the tail of the significance was checked no further
_BOUND = re.compile(r"\{(\w+):[^}]+\}")


class NotComparable(TidemarkError):  # noqa: N818 - named by its consequence
    """The two sides have no embeddings that can be compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found; ``sql`` gives the first row again."""

    a: Side
    b: Side
    row: Row
    labels: list[Row]
    words_up: list[Row]
    words_down: list[Row]
    sql: str


_VERSION = "Only this version of the model: a compute type, or the beginning of a revision."


def between(
    *,
    a: Annotated[str, typer.Option("--a", metavar="SIDE", help=f"One side: {FORM}.")],
    b: Annotated[str, typer.Option("--b", metavar="SIDE", help="The other side.")],
    a_version: Annotated[
        str | None, typer.Option("--a-version", metavar="V", help=_VERSION)
    ] = None,
    b_version: Annotated[
        str | None, typer.Option("--b-version", metavar="V", help="The same for side b.")
    ] = None,
    words: Annotated[int, typer.Option("--words", min=0, max=1000, help="Words each way.")] = 10,
    how: FormatOption = Format.TABLE,
) -> None:
    """Say how far any two windows, times, sources or versions of a model are apart, and how sure.

    Windows that start in the range are compared by their landed sums; no vector is read.

    Example: `tidemark drift between --a "news,2024-05-01,2024-05-08" --b "news,2024-05-08"`
    """
    now = now_ms()
    sides = parse_side(a, a_version, now), parse_side(b, b_version, now)
    with asking() as reader:
        found = compare(reader, *sides, words=words)
    if how is Format.JSON:
        typer.echo(orjson.dumps(_plain(found), option=orjson.OPT_INDENT_2).decode())
    elif how is Format.CSV:
        typer.echo(as_csv(list(found.row), [list(found.row.values())]), nl=False)
    else:
        typer.echo(as_lines(found))


def compare(reader: Reader, a: Side, b: Side, *, words: int) -> Compared:
    """Ask for the difference, and what the sides talk about.

    Raises:
        NotComparable: a side has no sums, or they are of different models.
    """
    parameters = a.parameters("a") | b.parameters("b")
    _refuse(reader, {"a": a, "b": b}, parameters)
    rows = reader.query(_between_queries.DIFFERENCE, parameters).dictionaries()
    if not rows:
        raise NotComparable("a side has fewer than two documents; widen its range")
    (row,) = rows
    labels = _ask(reader, _between_queries.LABELS, parameters)
    more = parameters | {"least": _LEAST_DOCUMENTS, "limit": words}
    up, down = (
        _ask(reader, _between_queries.TOP_WORDS.replace("{direction}", direction), more)
        for direction in ("DESC", "ASC")
    )
    sql = _literal(_between_queries.DIFFERENCE, parameters)
    up, down = [w for w in up if w["z"] > 0], [w for w in down if w["z"] < 0]
    return Compared(a, b, row, labels, up, down, sql)


def as_lines(found: Compared) -> str:
    """Return the answer for people."""
    row = found.row
    sides = [
        f"{name}: {side}: {row[f'documents_{name}']:,} documents in {row[f'windows_{name}']:,} "
        f"windows ({', '.join(row[f'versions_{name}'])})"
        for name, side in (("a", found.a), ("b", found.b))
    ]
    parts = [
        *sides,
        f"model: {row['embedding_model']}",
        f"score: MMD^2 {row['mmd2']:.3g}, distance of the means {row['centroid_distance']:.3g}",
        _significance(row),
        "",
        _table("labels", found.labels, ("label", "share_a", "share_b")),
        _table("words of b", found.words_up, ("term", "z", "share_a", "share_b")),
        _table("words of a", found.words_down, ("term", "z", "share_a", "share_b")),
        found.sql,
    ]
    return "\n".join(part for part in parts if part is not None)


def _ask(reader: Reader, sql: str, parameters: Mapping[str, object]) -> list[Row]:
    named = {name: value for name, value in parameters.items() if f"{{{name}:" in sql}
    return reader.query(sql, named).dictionaries()


def _refuse(reader: Reader, sides: Mapping[str, Side], parameters: Mapping[str, str]) -> None:
    kinds: dict[str, set[tuple[str, str, int]]] = {}
    for name, side in sides.items():
        rows = _ask(reader, _between_queries.models(name), parameters)
        kinds[name] = {(r["embedding_model"], r["kernel"], r["dimensions"]) for r in rows}
        if not rows:
            raise NotComparable(
                f"side {name} ({side}) has no window with sums of embeddings; `tidemark drift` "
                "lists the windows, and those older than this version have none"
            )
    if kinds["a"] != kinds["b"] or len(kinds["a"]) > 1:
        lists = {
            name: ", ".join(sorted({" ".join(map(str, kind)) for kind in kinds[name]}))
            for name in kinds
        }
        raise NotComparable(
            f"embeddings of different models cannot be compared: a has {lists['a']}, b has "
            f"{lists['b']}; choose times with one model, or one with --a-version and --b-version"
        )


def _significance(row: Row) -> str:
    independent, bursts = row["p_value"], row["p_value_bursts"]
    if bursts is None:
        return "significance: none with fewer than 30 documents on a side"
    verdict = "they differ" if bursts < _SURE else "no difference that chance would not make"
    return (
        f"significance: p {_chance(bursts)} ({_chance(independent)} were documents independent; "
        f"bursts {row['bursts_a']:.1f} and {row['bursts_b']:.1f}): {verdict}"
    )


def _chance(p_value: float) -> str:
    return f"< {_SMALLEST:g}" if p_value < _SMALLEST else f"{p_value:.2g}"


def _table(title: str, rows: list[Row], columns: tuple[str, ...]) -> str | None:
    if not rows:
        return None
    cells = [[_rounded(row[name]) for name in columns] for row in rows]
    types = ["String", *["Float64"] * (len(columns) - 1)]
    return as_text(columns, cells, title=f"{title}:", types=types) + "\n"


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _literal(sql: str, parameters: Mapping[str, str]) -> str:
    """Return the question with its values written into it."""

    def quoted(match: re.Match[str]) -> str:
        value = parameters[match[1]].replace("\\", "\\\\").replace("'", "\\'")
        return f"'{value}'"

    return _BOUND.sub(quoted, sql)


def _plain(found: Compared) -> dict[str, object]:
    return {
        "a": str(found.a),
        "b": str(found.b),
        **found.row,
        "labels": found.labels,
        "words_up": found.words_up,
        "words_down": found.words_down,
        "sql": found.sql,
    }
