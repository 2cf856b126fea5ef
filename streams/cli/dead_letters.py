"""``tidemark dead-letters``: what could not be processed, why, its bytes; repaired and put back."""

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
from streams.cli._groups import ShowByDefault
from streams.cli._output import Format
from streams.cli.letter_choice import origin
from streams.cli.replaying import export, replay
from streams.errors import Misconfigured

app = typer.Typer(
    cls=ShowByDefault,
    help="""Show messages that could not be processed, repair them, put them back.

    Without a command: `show`, with its options.

    Example: `tidemark dead-letters --source news`, `tidemark dead-letters replay --dry-run`
    """,
)
app.command("export")(export)
app.command("replay")(replay)

_RAW = Annotated[
    Path | None, typer.Option("--raw", metavar="FILE", help="Write its bytes to this file.")
]


@app.command("show")
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
    topic, partition, offset = origin(message)
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
