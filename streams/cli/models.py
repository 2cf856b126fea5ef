"""``tidemark models``: which weights there are, fetching them, checking them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path  # noqa: TC003 - typer reads it at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli._output import Format, write
from streams.cli.calibrate import calibrate
from streams.cli.comparing import compare
from streams.cli.train_classifier import train_classifier
from streams.cli.tune import tune
from streams.cli.using import use
from streams.config import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.registry import Listed, Registry

app = typer.Typer(no_args_is_help=True)
app.command()(compare)
app.command()(use)

_COLUMNS = (
    *("name", "task", "model", "licence", "download_mb", "installed"),
    *("source", "compute_type", "prompt"),
)
_TYPES = (*["String"] * 4, "Float64", *["String"] * 4)


class TaskName(str, Enum):
    """What a model is for."""

    EMBEDDING = "embedding"
    CLASSIFICATION = "classification"
    INFERENCE = "inference"
    SUMMARIZATION = "summarization"


NameArgument = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="The model; the configured one if absent.")
]


@app.command("list")
def list_models(
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """List the pinned models, which of them are installed, and those converted here."""
    registry = _registry(load_settings())
    rows = [_row(item) for item in registry.list()]
    write(_COLUMNS, rows, how, title="Models", types=_TYPES)


@app.command()
def pull(name: NameArgument = None) -> None:
    """Download, verify and convert a model, unless it is there and sound."""
    settings = load_settings()
    registry = _registry(settings)
    with _bar() as progress:
        pulled = registry.pull(name or settings.model, progress)
    for reason in pulled.passed_over:
        typer.echo(f"passed over: {reason}", err=True)
    state = f"pulled from {pulled.card.source}" if pulled.fresh else "is there and sound"
    typer.echo(f"{pulled.card.name}: {state}; {pulled.folder}")


@app.command()
def convert(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of the model.")],
    name: Annotated[
        str | None, typer.Option(help="What it is called here; the folder's name if absent.")
    ] = None,
    task: Annotated[
        TaskName | None, typer.Option(help="What it is for; seen from its files if absent.")
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Name and version of a summarizer's prompt.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "unknown",
) -> None:
    """Convert a model that lies in a folder to int8, and keep it under a name.

    Safetensors of transformers, or weights that CTranslate2 holds already; a pickle is refused.
    """
    registry = _registry(load_settings())
    with _bar() as progress:
        pulled = registry.adopt(
            path,
            name or path.resolve().name,
            task=task.value if task else None,
            prompt=prompt,
            licence=licence,
            progress=progress,
        )
    state = "converted" if pulled.fresh else "is there and sound"
    card = pulled.card
    typer.echo(f"{card.name}: {state}, {card.task}, {card.size / 1e6:.1f} MB; {pulled.folder}")


@app.command()
def verify(name: NameArgument = None) -> None:
    """Compare every file of an installed model with its sha256."""
    settings = load_settings()
    card = _registry(settings).verify(name or settings.model)
    typer.echo(f"{card.name}: sound, {len(card.installed)} files, revision {card.revision}")


app.command("train-classifier")(train_classifier)
app.command("tune")(tune)
app.command("calibrate")(calibrate)


def _registry(settings: Settings) -> Registry:
    from models.registry import Registry  # noqa: PLC0415 - keeps --help fast

    return Registry(settings.data)


def _row(item: Listed) -> list[Any]:
    model, card = item.model, item.card
    return [
        model.name,
        model.task,
        model.title,
        model.licence,
        round(model.size / 1e6, 1) or None,
        _date(card.installed_at) if card else "no",
        card.source if card else None,
        card.compute_type if card else None,
        model.prompt or None,
    ]


def _date(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc).strftime("%Y-%m-%d %H:%M")


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show what a pull does, on standard error, where somebody looks."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("looking", total=None)
        yield lambda step, done, total: bar.update(
            task, description=step, completed=min(done, total), total=total
        )
