"""The JSON report that the commands of ``tidemark eval`` write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from streams.errors import Misconfigured

REPORT = Annotated[Path | None, typer.Option("--report", help="Write all figures as JSON.")]


def write_report(path: Path | None, figures: dict[str, Any]) -> None:
    """Write the figures to a file, if one is asked for.

    Raises:
        Misconfigured: the file cannot be written.
    """
    import orjson  # noqa: PLC0415 - keeps --help fast

    if path is None:
        return
    try:
        path.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from error
