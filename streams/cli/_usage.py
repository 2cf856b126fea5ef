"""Wrong usage as one clear line, where typer would draw a box of five."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class WrongUsage(Protocol):
    """What typer's errors have in common, whether its click is its own or the installed one."""

    exit_code: int

    def format_message(self) -> str:
        """Return what is wrong."""
        ...

    def show(self) -> None:
        """Write it as click does."""
        ...


def usage_line(error: WrongUsage) -> str:
    """Return what is wrong and where the usage stands; empty where the help was shown already."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    said = " ".join(error.format_message().split())
    said = said.removeprefix("Invalid value: ").replace(" Value error, ", " ").rstrip(".")
    context: Any = getattr(error, "ctx", None)
    return f"{said} (see `{context.command_path} --help`)" if context else said
