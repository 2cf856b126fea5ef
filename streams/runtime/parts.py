"""Opens what only some roles need: the model for enrich, the database for land."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Misconfigured
from streams.runtime.choice import with_choice
from streams.runtime.wiring import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.classify.head import EmbeddingHead
    from models.plugging import Machine
    from models.registry import Pulled
    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.config import Settings
    from streams.ports import Enricher
    from streams.runtime.shadow import Challenger
    from streams.stages.shadow import Task
    from streams.topics import Role

    Progress = Callable[[str, int, int], None]


@contextmanager
def open_parts(
    settings: Settings, roles: Sequence[Role], *, progress: Progress | None = None
) -> Iterator[Parts]:
    """Open the model and the database where the roles need them.

    Raises:
        Misconfigured: a setting is wrong.
        Unavailable: the weights cannot be fetched, or the database does not answer.
    """
    with ExitStack() as stack:
        warehouse = open_database(settings) if "land" in roles else None
        if warehouse is not None:
            stack.callback(warehouse.close)
        chosen = with_choice(settings)
        enricher = open_enricher(chosen, progress) if "enrich" in roles else None
        challenger = _challenger(settings) if "enrich" in roles else None
        yield Parts(enricher, warehouse, challenger, load=open_enricher, loaded=chosen)


def open_database(settings: Settings) -> ClickHouseWarehouse:
    """Open the configured database for landing."""
    from streams.backends.clickhouse import open_warehouse  # noqa: PLC0415 - heavy import

    warehouse = open_warehouse(
        settings.clickhouse_url,
        password=settings.secret("clickhouse_password"),
        ca=settings.clickhouse_ca,
    )
    try:
        warehouse.retain(settings.kept)
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def open_enricher(settings: Settings, progress: Progress | None = None) -> Enricher:
    """Pull the configured model where it is absent, and load it."""
    # The tokenizer would otherwise look for a GPU framework, and warn that there is none.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from models.enricher import build_enricher  # noqa: PLC0415 - heavy import
    from models.guard import guard_of  # noqa: PLC0415
    from models.plugging import EXTRACTIVE, ZERO_SHOT, plug  # noqa: PLC0415
    from models.registry import Registry  # noqa: PLC0415

    registry = Registry(settings.data)

    def chosen(name: str, own: str) -> Pulled | None:
        return None if name == own else registry.pull(name, progress)

    classifier = chosen(settings.classifier, ZERO_SHOT)
    summarizer = chosen(settings.summarizer, EXTRACTIVE)
    embedding = registry.pull(settings.model, progress)
    head = None if classifier is None else _head(classifier.folder, embedding.folder, settings)
    machine = machine_of(embedding, settings)
    base = build_enricher(
        embedding.folder,
        device=machine.device,
        compute_type=machine.compute_type,
        threads=machine.threads,
        labels=labels_of(settings),
        unsure_below=settings.unsure_below,
        summary_sentences=settings.summary_sentences,
        head=head,
        placement=machine.placement,
    )
    return plug(
        base,
        machine=replace(machine, placement=replace(machine.placement, tokens_per_call=None)),
        classifier=classifier.folder if classifier and head is None else None,
        summarizer=summarizer.folder if summarizer else None,
        labels=labels_of(settings),
        unsure_below=settings.unsure_below,
        guard=guard_of(settings.guard),
        writing=machine_of(summarizer, settings) if summarizer else None,
    )


def _challenger(settings: Settings) -> Callable[[], Challenger] | None:
    """Return what loads the challenger; a name that nobody knows is told at the start.

    Raises:
        Misconfigured: there is no such model.
    """
    if settings.shadow is None:
        return None
    task_of(settings)
    return partial(open_challenger, settings)


def task_of(settings: Settings) -> Task:
    """Return what the challenger is for, from its name.

    Raises:
        Misconfigured: there is no such model.
    """
    from models.plugging import EXTRACTIVE, ZERO_SHOT  # noqa: PLC0415 - heavy import
    from models.registry import Registry  # noqa: PLC0415

    own: dict[str, Task] = {ZERO_SHOT: "classification", EXTRACTIVE: "summarization"}
    name = settings.shadow or ""
    if name in own:
        return own[name]
    tasks = {one.model.name: one.model.task for one in Registry(settings.data).list()}
    if name not in tasks:
        known = ", ".join(sorted({*own, *tasks}))
        raise Misconfigured(f"TIDEMARK_SHADOW={name} is no model; there are {known}")
    task = tasks[name]
    return task if task in ("embedding", "summarization") else "classification"


def open_challenger(settings: Settings) -> Challenger:
    """Pull the challenger where it is absent, and load it: alone, without the champion's models.

    Raises:
        Misconfigured: it is no model, or cannot be loaded.
        Unavailable: its weights cannot be fetched.
    """
    from models.plugging import EXTRACTIVE, ZERO_SHOT  # noqa: PLC0415 - heavy import
    from streams.runtime.shadow import Challenger  # noqa: PLC0415

    name, task = settings.shadow or "", task_of(settings)
    alone = {"classifier": ZERO_SHOT, "summarizer": EXTRACTIVE}
    setting = {"classification": "classifier", "summarization": "summarizer"}.get(task, "model")
    chosen = settings.model_copy(update={**alone, setting: name})
    return Challenger(name, task, open_enricher(chosen))


def machine_of(model: Pulled, settings: Settings) -> Machine:
    """Return where a model runs; what is left open is as it was tuned on this very machine."""
    from models.placement import Placement  # noqa: PLC0415 - heavy import
    from models.plugging import Machine  # noqa: PLC0415
    from models.tuned import machine_now, read_tuned  # noqa: PLC0415

    devices = tuple(int(part) for part in settings.device_index.split(","))
    plain = Machine(
        settings.device,
        settings.compute_type,
        settings.threads,
        Placement(devices, settings.replicas),
    )
    if settings.device != "auto" and settings.compute_type != "auto":
        return plain
    tuned = read_tuned(model.folder, model.card.revision, machine_now())
    if tuned is None or settings.device not in ("auto", tuned.device):
        return plain
    own_replicas = "replicas" in settings.model_fields_set
    return Machine(
        tuned.device,
        tuned.compute_type if settings.compute_type == "auto" else settings.compute_type,
        settings.threads or tuned.threads,
        Placement(
            devices, settings.replicas if own_replicas else tuned.replicas, tuned.tokens_per_call
        ),
    )


def _head(folder: Path, embedding: Path, settings: Settings) -> EmbeddingHead | None:
    """Return the trained head in a folder; None where another kind of model lies there."""
    from models.card import read_card  # noqa: PLC0415 - heavy import
    from models.classify.head import TASK, load_head  # noqa: PLC0415
    from models.installed import installed  # noqa: PLC0415

    card = read_card(folder)
    if card is None or card.task != TASK:
        return None
    own = "unsure_below" in settings.model_fields_set  # what a person set wins over the head's
    return load_head(
        folder, installed(embedding), unsure_below=settings.unsure_below if own else None
    )


def labels_of(settings: Settings) -> Mapping[str, str] | None:
    """Return the configured classes; None for the built-in ones.

    Raises:
        Misconfigured: the file cannot be read or holds something else.
    """
    if not isinstance(settings.labels, Path):
        return settings.labels
    try:
        labels = json.loads(settings.labels.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"cannot read TIDEMARK_LABELS={settings.labels}: {error}") from error
    if not isinstance(labels, dict) or not all(isinstance(x, str) for x in labels.values()):
        raise Misconfigured(
            f'TIDEMARK_LABELS={settings.labels} must hold a JSON object: {{"label": "description"}}'
        )
    return labels
