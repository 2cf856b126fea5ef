"""What can be said of a file of labelled documents."""

from __future__ import annotations

from typing import Annotated

import typer

FILE = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="Labelled documents, in any form that `tidemark enrich` reads."
    ),
]
TEXT = Annotated[
    str | None,
    typer.Option("--text-column", "--text", help="Column of the text; else text, body, ..."),
]
LABEL = Annotated[
    str | None,
    typer.Option(
        "--label-column", "--label", help="Column of the label; else label, class, category, topic."
    ),
]
SEPARATOR = Annotated[
    str | None,
    typer.Option(
        "--label-separator",
        metavar="SIGN",
        help="A row may have several labels, with this sign between; each label then is a question "
        "of its own.",
    ),
]
