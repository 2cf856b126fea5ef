"""Shows what ``doctor`` found."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streams.logs import mask_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.runtime.doctor import Check

_STYLE = {"ok": "green", "note": "yellow", "failing": "bold red"}


def show(checks: Sequence[Check], output: str) -> None:
    """Write a table for people or JSON for machines; passwords in addresses are masked."""
    if output == "json":
        rows = [asdict(check) | {"detail": mask_text(check.detail)} for check in checks]
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table("check", "state", title="tidemark doctor")
    table.add_column("what", overflow="fold")  # a hash that is cut off is of no use
    for check in checks:
        state = Text(check.state, style=_STYLE[check.state])
        table.add_row(check.name, state, Text(mask_text(check.detail)))
    Console().print(table)
