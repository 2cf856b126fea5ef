"""``tidemark models compare``: champion and challenger on the same documents, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli._asking import (
    FormatOption,
    FromOption,
    SourceOption,
    ToOption,
    asking,
    hint_of,
    time_range,
)
from streams.cli._output import Format, write

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = "DateTime64(3, 'UTC')"
_COMPARISON = f"""\
SELECT * FROM shadow_comparison(
    window_from = {{from:{_TIME}}}, window_to = {{to:{_TIME}}}, source = {{source:String}})"""
_NONE = (
    "no challenger has answered documents of that time: set TIDEMARK_SHADOW for the workers, and "
    "TIDEMARK_SHADOW_SHARE for how many"
)
_LINES = (
    ("summary, characters", "champion_characters", "challenger_characters"),
    ("milliseconds, mean", "champion_ms", "challenger_ms"),
    ("milliseconds, 95 %", "champion_ms_p95", "challenger_ms_p95"),
    ("tokens", "champion_tokens", "challenger_tokens"),
    ("cost of 1,000", "champion_cost", "challenger_cost"),
    ("unsure", "champion_unsure", "challenger_unsure"),
    ("right, of the labelled", "champion_correct", "challenger_correct"),
    ("alone right", "only_champion_correct", "only_challenger_correct"),
)
_SHOWN_PAIRS = 10


def compare(
    one: Annotated[str, typer.Argument(metavar="A", help="A model, or a part of its name.")] = "",
    other: Annotated[str, typer.Argument(metavar="B", help="The other one.")] = "",
    *,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Compare the models in use with a challenger that ran in their shadow (TIDEMARK_SHADOW).

    Agreement with its 95 % interval, Cohen's kappa, length, time, cost, which labels are confused,
    and where people said what is right: how often each was. Without names, all that ran.

    Example: `tidemark models compare zero-shot distilbert-news --from -7d`
    """
    parameters = {**time_range(start, end), "source": source or ""}
    with asking() as reader:
        table = reader.query(_COMPARISON, parameters)
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        found = [row for row in rows if matches(row, one, other)]
        hint = None if found else hint_of(reader, _NONE)
    if how is not Format.TABLE:
        values = [list(row.values()) for row in found]
        write(table.columns, values, how, types=table.types)
    else:
        for row in found:
            _show(row)
    if rows and not found:
        pairs = "; ".join(f"{row['champion']} and {row['challenger']}" for row in rows)
        hint = f"no comparison of {one or 'any'} and {other or 'any'}; there is {pairs}"
    if hint:
        typer.echo(hint, err=True)


def matches(row: Mapping[str, Any], one: str, other: str) -> bool:
    """Whether a row is about two models, whichever of them is the champion."""
    champion = str(row["champion"])
    challenger = f"{row['shadow']} {row['challenger']}"
    return (one in champion and other in challenger) or (other in champion and one in challenger)


def _show(row: Mapping[str, Any]) -> None:
    typer.echo(
        f"{row['source']}: {row['documents']:,} documents; they agree on {row['agreement']:.1%} "
        f"(95 % interval {row['low']:.1%} to {row['high']:.1%}){_kappa(row)}"
    )
    if row["task"] != "classification":
        typer.echo(f"words that both summaries have: {row['summary_overlap']:.1%} of all")
    lines = [[name, row[ours], row[theirs]] for name, ours, theirs in _LINES]
    if not row["labelled"]:
        lines = lines[:-2]
    else:
        lines[-2][0] = f"right, of {row['labelled']:,} labelled"
    if row["currency"]:
        lines = [[_priced(line[0], row), *line[1:]] for line in lines]
    columns = ("", f"champion: {row['champion']}", f"challenger: {row['challenger']}")
    write(columns, lines, Format.TABLE, types=("String", "Float64", "Float64"))
    differ = [pair for pair in row["confusion"] if pair[0] != pair[1]][:_SHOWN_PAIRS]
    if differ and row["task"] != "summarization":
        columns, types = ("champion", "challenger", "documents"), ("String", "String", "UInt64")
        write(columns, differ, Format.TABLE, title="Where they differ most", types=types)
    typer.echo("")


def _priced(name: str, row: Mapping[str, Any]) -> str:
    return f"{name}, {row['currency']}" if name.startswith("cost") else name


def _kappa(row: Mapping[str, Any]) -> str:
    return "" if row["kappa"] is None else f", Cohen's kappa {row['kappa']:.2f}"
