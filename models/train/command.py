"""``python -m models.train``: a model that writes, trained on pairs of your own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from models.train.pairs import Table
from models.train.run import Options, train
from streams.errors import Misconfigured, Unavailable

_app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
)
_WITHOUT = typer.Option(help="FILE:SOURCE:TARGET; pairs that it has too are left out.")


@_app.command()
def _command(
    file: Annotated[Path, typer.Argument(help="Pairs: JSON Lines or CSV, also compressed.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the model; checkpoints lie beside it.")],
    source: Annotated[str, typer.Option(help="Column of the document.")] = "text",
    target: Annotated[str, typer.Option(help="Column of what is to be written.")] = "summary",
    without: Annotated[list[str] | None, _WITHOUT] = None,
    begin: Annotated[
        Path | None, typer.Option(help="A model that was trained here, to go on from.")
    ] = None,
    encoder: Annotated[
        Path | None, typer.Option(help="Folder of a BERT; the default model if absent.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the pairs, for the card.")] = "unknown",
    minutes: Annotated[float, typer.Option(help="Stop after so long, with a checkpoint.")] = 60,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pairs.")] = 5,
    limit: Annotated[int | None, typer.Option(min=2, help="Use so many pairs only.")] = None,
    layers: Annotated[int, typer.Option(min=1, max=6, help="Of the decoder.")] = 3,
    window: Annotated[
        int, typer.Option(min=16, max=512, help="Tokens of a document in training.")
    ] = 256,
    longest: Annotated[int, typer.Option(min=4, max=512, help="Tokens of what is written.")] = 48,
    batch: Annotated[int, typer.Option(min=1, help="Pairs in a step.")] = 64,
    rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 7e-4,
    held_out: Annotated[float, typer.Option(help="Share of the documents to measure on.")] = 0.035,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    bfloat16: Annotated[bool, typer.Option(help="Products in bfloat16.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
) -> None:
    """Train a compact model that writes, begun from the installed encoder.

    Needs PyTorch: pip install torch, where tidemark runs.
    """
    train(
        Options(
            table=Table(file, source, target),
            without=tuple(_table(text) for text in without or ()),
            out=out,
            begin=begin,
            encoder=encoder,
            licence=licence,
            minutes=minutes,
            epochs=epochs,
            limit=limit,
            layers=layers,
            window=window,
            longest=longest,
            batch=batch,
            rate=rate,
            held_out=held_out,
            seed=seed,
            threads=threads,
            bfloat16=bfloat16,
            resume=resume,
        ),
        Console(stderr=True),
    )


def _table(text: str) -> Table:
    parts = text.rsplit(":", 2)
    if len(parts) != 3:  # noqa: PLR2004 - as the message says
        raise Misconfigured(f"--without takes FILE:SOURCE:TARGET, got {text!r}")
    return Table(Path(parts[0]), parts[1], parts[2])


def main() -> int:
    """Run the command; an error is one clear line, and status 2."""
    try:
        _app()
    except (Misconfigured, Unavailable) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's own output
        return 2
    return 0
