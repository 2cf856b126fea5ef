"""``tidemark dead-letters``: what could not be processed, why, and its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.cli import _queries
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    answer,
    asking,
    time_range,
)
from streams.cli._output import Format
from streams.errors import Misconfigured

_RAW = Annotated[
    Path | None, typer.Option("--raw", metavar="FILE", help="Write its bytes to this file.")
]


def dead_letters(
    message: Annotated[
        str | None,
        typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]", help="The one that --raw writes."),
    ] = None,
    *,
    raw: _RAW = None,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    limit: LimitOption = 30,
    how: FormatOption = Format.TABLE,
) -> None:
    """Show messages that could not be processed: reason, origin, size, first characters.

    Example: `tidemark dead-letters tidemark.documents/0/17 --raw message.bin`
    """
    if (message is None) != (raw is None):
        raise typer.BadParameter("TOPIC/PARTITION/OFFSET and --raw FILE belong together")
    if message is not None and raw is not None:
        _write_raw(message, raw)
        return
    parameters = time_range(start, end) | {"source": source or "", "limit": limit}
    title = "Dead letters, newest first"
    answer(_queries.DEAD_LETTERS, parameters, how, title=title, none="no dead letters")


def _write_raw(message: str, file: Path) -> None:
    topic, partition, offset = _origin(message)
    with asking() as reader:
        found = reader.query(
            _queries.DEAD_LETTER_BYTES, {"topic": topic, "partition": partition, "offset": offset}
        )
    if not found.rows:
        raise Misconfigured(
            f"there is no dead letter {message}: `tidemark dead-letters` lists them"
        )
    missing, digits = found.rows[0]
    if missing:
        raise Misconfigured(f"{message} had no value (null): there are no bytes to write")
    content = bytes.fromhex(digits)
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Misconfigured(f"cannot write {file}: {error.strerror}") from error
    typer.echo(f"wrote {len(content)} bytes to {file}", err=True)


def _origin(message: str) -> tuple[str, int, int]:
    topic, _, rest = message.partition("/")
    partition, _, offset = rest.partition("/")
    if not topic or not partition.isdecimal() or not offset.isdecimal():
        raise typer.BadParameter(f"{message!r}: write TOPIC/PARTITION/OFFSET")
    return topic, int(partition), int(offset)
