"""Parses command lines as the program does, and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from streams.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Sequence


def parsed(words: Sequence[str]) -> str:
    """Return the name of the command that the words call.

    Raises:
        click.UsageError: there is no such command, option or value.
    """
    context = typer.main.get_command(app).make_context("tidemark", list(words))
    while isinstance(context.command, typer.core.TyperGroup):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return str(context.info_name)
