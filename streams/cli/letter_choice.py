"""Options that choose dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli._asking import time_range

if TYPE_CHECKING:
    from streams.backends.clickhouse.letters import Choice

MESSAGE = Annotated[
    str | None, typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]", help="Only this one.")
]
CODE = Annotated[str | None, typer.Option("--code", help="Only letters with this code.")]
TOPIC = Annotated[str | None, typer.Option("--topic", help="Only letters of this topic.")]
PARTITION = Annotated[
    int | None, typer.Option("--partition", min=0, help="Only letters of this partition.")
]
OFFSET = Annotated[int | None, typer.Option("--offset", min=0, help="Only letters of this offset.")]
LIMIT = Annotated[int | None, typer.Option("--limit", min=1, help="Most letters.")]


def choice_of(
    message: str | None,
    *,
    code: str | None,
    source: str | None,
    topic: str | None,
    partition: int | None,
    offset: int | None,
    start: str | None,
    end: str | None,
    limit: int | None,
) -> Choice:
    """Return which letters the options choose; all of them without any."""
    from streams.backends.clickhouse.letters import Choice  # noqa: PLC0415 - keeps --help fast

    if message is not None:
        topic, partition, offset = origin(message)
    return Choice(
        times=time_range(start, end),
        code=code or "",
        source=source or "",
        topic=topic or "",
        partition=-1 if partition is None else partition,
        offset=-1 if offset is None else offset,
        limit=limit or 1_000_000,
    )


def origin(message: str) -> tuple[str, int, int]:
    """Return topic, partition and offset of ``TOPIC/PARTITION/OFFSET``.

    Raises:
        typer.BadParameter: it is written otherwise.
    """
    topic, _, rest = message.partition("/")
    partition, _, offset = rest.partition("/")
    if not topic or not partition.isdecimal() or not offset.isdecimal():
        raise typer.BadParameter(f"{message!r}: write TOPIC/PARTITION/OFFSET")
    return topic, int(partition), int(offset)
