"""Groups of commands whose bare name answers, too."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class ShowByDefault(TyperGroup):
    """A group whose first command need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name it where the first word is no command."""
        named = bool(args) and (args[0] in self.commands or args[0] in {"--help", "-h"})
        return super().parse_args(ctx, args if named else ["show", *args])
