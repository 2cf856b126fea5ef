"""``tidemark models use``: other models for workers that go on running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.registry import Registry

_OTHER = ("embedding", "summarization")
_FITS: Mapping[str, Callable[[str], bool]] = {
    "model": lambda task: task == "embedding",
    "summarizer": lambda task: task == "summarization",
    "classifier": lambda task: task not in _OTHER,
}


def use(
    *,
    model: Annotated[str | None, typer.Option("--model", help="As TIDEMARK_MODEL.")] = None,
    classifier: Annotated[
        str | None, typer.Option("--classifier", help="As TIDEMARK_CLASSIFIER.")
    ] = None,
    summarizer: Annotated[
        str | None, typer.Option("--summarizer", help="As TIDEMARK_SUMMARIZER.")
    ] = None,
    compute_type: Annotated[
        str | None, typer.Option("--compute-type", help="As TIDEMARK_COMPUTE_TYPE.")
    ] = None,
    configured: Annotated[
        bool, typer.Option("--as-configured", help="Go back to the models of the settings.")
    ] = False,
) -> None:
    """Change the models without stopping a worker: those of this data folder follow in seconds.

    The new ones are loaded beside the old ones and take over between two batches; each row says
    which model wrote it. What is chosen stands over the settings, also after a restart. Without
    options the choice is shown. Workers with other data folders are told on their machines.

    Example: `tidemark models use --classifier distilbert-news`
    """
    from models.registry import Registry  # noqa: PLC0415 - keeps --help fast
    from streams.runtime.choice import choice_file, read_choice, write_choice  # noqa: PLC0415

    settings = load_settings()
    given = {"model": model, "classifier": classifier, "summarizer": summarizer}
    wanted = {name: value for name, value in given.items() if value is not None}
    if compute_type is not None:
        wanted["compute_type"] = compute_type
    if configured and wanted:
        raise typer.BadParameter("give models, or --as-configured, not both")
    if configured:
        write_choice(settings.data, {})
    elif wanted:
        chosen = read_choice(settings.data) | wanted
        _install(Registry(settings.data), wanted)
        write_choice(settings.data, chosen)
    shown = ", ".join(f"{name} {value}" for name, value in read_choice(settings.data).items())
    typer.echo(f"in use: {shown or 'what the settings say'} ({choice_file(settings.data)})")


def _install(registry: Registry, wanted: Mapping[str, str]) -> None:
    """Have the weights here before a worker looks for them.

    Raises:
        Misconfigured: there is no such model, or it is for something else.
    """
    own = {"classifier": "zero-shot", "summarizer": "extractive"}
    tasks = {one.model.name: one.model.task for one in registry.list()}
    for setting, name in wanted.items():
        if setting == "compute_type" or name == own.get(setting):
            continue
        if name not in tasks:
            raise Misconfigured(f"there is no model {name}: `tidemark models list` shows them")
        if not _FITS[setting](tasks[name]):
            raise Misconfigured(f"{name} is a model for {tasks[name]}, it cannot be the {setting}")
        registry.pull(name)
