"""What ``produce`` and ``enrich`` share: their options, their documents, their last lines."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from streams.cli.publishing import Outcome
    from streams.readers import Columns, Found, Refused

INPUTS = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE|DIR|-",
        help="CSV, JSON lines, a JSON array, Parquet, .txt, .md, .rst (one document each), also "
        "compressed (.gz, .xz, .bz2, .zst); folders; `-` for standard input.",
    ),
]
TEXT = Annotated[
    str | None,
    typer.Option("--text-column", help="Column of the text; else text, body, content, ..."),
]
TITLE = Annotated[
    str | None, typer.Option("--title-column", help="Column of the title; else title, headline.")
]
TIME = Annotated[
    str | None,
    typer.Option(
        "--time-column",
        help="Column of the event time (ISO 8601, epoch seconds or milliseconds, a year); else "
        "published_at, date, time, timestamp, created_at, year. Without one: time of arrival.",
    ),
]
ID = Annotated[
    str | None,
    typer.Option(
        "--id-column", help="Column of the identity; else doc_id, else a hash of the content."
    ),
]
SOURCE_COLUMN = Annotated[
    str | None, typer.Option("--source-column", help="Column of the segment.")
]
SOURCE = Annotated[
    str | None,
    typer.Option("--source", help="Segment of all documents; else the name of the file."),
]
LIMIT = Annotated[int | None, typer.Option("--limit", min=1, help="Stop after so many rows.")]
ALLOW = Annotated[bool, typer.Option("--allow-refused", help="Exit 0 even when rows were refused.")]


@contextmanager
def documents(
    inputs: Sequence[str], columns: Columns, limit: int | None, label: str
) -> Iterator[Iterator[Found | Refused]]:
    """Open the documents of the inputs under a progress bar."""
    from streams.cli.progress import reading  # noqa: PLC0415 - keeps --help fast
    from streams.readers import read_documents, total_bytes  # noqa: PLC0415

    with reading(label, total_bytes(inputs)) as report:
        found = read_documents(inputs, columns, stdin=sys.stdin.buffer, report=report)
        yield islice(found, limit)


def check_usage(inputs: Sequence[str]) -> None:
    """Refuse inputs that are not there, as wrong usage."""
    from streams.readers import check_inputs  # noqa: PLC0415 - keeps --help fast

    try:
        check_inputs(inputs)
    except Misconfigured as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes its name only once it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error}") from error
    part.replace(path)


def show(verb: str, outcome: Outcome, seconds: float) -> None:
    """Say how many documents there were, how fast it went, and the first refusals."""
    speed = outcome.done / max(seconds, 1e-9)
    typer.echo(f"{verb} {outcome.done:,} documents in {seconds:.1f} s ({speed:,.0f}/s)")
    if outcome.repeated:
        typer.echo(
            f"note: {outcome.repeated:,} of them share an identity with an earlier one of this run "
            "and replace it; check the identity column (--id-column)",
            err=True,
        )
    if not outcome.refused:
        return
    typer.echo(f"refused {outcome.refused:,}:", err=True)
    for refused in outcome.reasons:
        typer.echo(f"  {refused}", err=True)
    if outcome.refused > len(outcome.reasons):
        typer.echo(f"  ... and {outcome.refused - len(outcome.reasons):,} more", err=True)
