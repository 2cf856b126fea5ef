"""Choosing classifier and summarizer by name, and plugging them into the one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from models.card import Card, read_card
from models.classify.labels import built_in_labels
from models.classify.nli import NliClassifier
from models.classify.sequence import SequenceClassifier, SequenceModel
from models.enricher import OnePassEnricher
from models.guard.watch import Watch
from models.placement import USUAL, Placement
from models.plugged import PluggedEnricher
from models.summarize.generative import GenerativeSummarizer
from models.summarize.prompts import prompt
from models.summarize.writers import Generation, Writer
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from models.guard import Guard
    from streams.ports import Enricher

ZERO_SHOT, EXTRACTIVE = "zero-shot", "extractive"
"""The names of what the one pass does by itself."""

_REVISION = 8  # characters of a revision that a row shows


@dataclass(frozen=True, slots=True)
class Machine:
    """Where models run: device, compute type, CPU threads (0 for all cores), GPUs."""

    device: str
    compute_type: str
    threads: int
    placement: Placement = USUAL


def plug(
    base: Enricher,
    *,
    machine: Machine,
    classifier: Path | None,
    summarizer: Path | None,
    labels: Mapping[str, str] | None,
    unsure_below: float,
    guard: Guard | None = None,
    writing: Machine | None = None,
) -> Enricher:
    """Return the enricher with the models in the given folders in the place of its own methods.

    Args:
        base: the one pass.
        machine: where the classifier runs.
        classifier: folder of a sequence classifier or a model of inference; None for the one
            pass's zero-shot labels.
        summarizer: folder of a model that writes; None for extractive summaries.
        labels: label -> one-line description for inference; None for the built-in ones.
        unsure_below: label ``unsure`` when the best probability is lower.
        guard: the rules that written summaries must keep; None for none.
        writing: where the summarizer runs; None for where the classifier does.

    Raises:
        Misconfigured: a model is for something else, or cannot be loaded.
    """
    if classifier is None and summarizer is None:
        return base
    card, labeller, writer, watch = base.card, None, None, None
    if classifier is not None:
        labeller = classifier_in(classifier, machine, labels, unsure_below)
        card = replace(card, classifier=f"{labeller.method} {_named(_card(classifier))}")
    if summarizer is not None:
        writer, own = summarizer_in(summarizer, writing or machine), _card(summarizer)
        # A row's compute type is the one pass's: another one stands beside the model's name.
        other = "" if writer.compute_type == card.compute_type else f" {writer.compute_type}"
        card = replace(card, summarizer=_named(own) + other, prompt=prompt(own.prompt).name)
        encoder = base if isinstance(base, OnePassEnricher) else None
        watch = Watch(encoder, guard, writer.instructions or None) if guard else None
    return PluggedEnricher(base, card, classifier=labeller, summarizer=writer, watch=watch)


def classifier_in(
    folder: Path, machine: Machine, labels: Mapping[str, str] | None, unsure_below: float
) -> SequenceClassifier | NliClassifier:
    """Load the classifier, or the model of inference, from its folder.

    Raises:
        Misconfigured: it is a model for something else, or cannot be loaded.
    """
    card = _card(folder)
    if card.task not in ("classification", "inference"):
        raise Misconfigured(f"TIDEMARK_CLASSIFIER={card.name} is a model for {card.task}")
    model = SequenceModel(
        folder,
        device=machine.device,
        compute_type=machine.compute_type,
        threads=machine.threads,
        placement=machine.placement,
    )
    if card.task == "classification":
        return SequenceClassifier(model, temperature=card.temperature, unsure_below=unsure_below)
    return NliClassifier(
        model,
        built_in_labels() if labels is None else labels,
        temperature=card.temperature,
        unsure_below=unsure_below,
    )


def summarizer_in(folder: Path, machine: Machine, *, sampling: bool = True) -> GenerativeSummarizer:
    """Load the model that writes from its folder.

    Args:
        folder: the model's.
        machine: where it runs.
        sampling: whether it may draw lots as its card says; else the likeliest words are taken.

    Raises:
        Misconfigured: it is a model for something else, or cannot be loaded.
    """
    card = _card(folder)
    if card.task != "summarization":
        raise Misconfigured(f"TIDEMARK_SUMMARIZER={card.name} is a model for {card.task}")
    try:
        generation = Generation(**card.generation)
    except TypeError as error:
        raise Misconfigured(f"the generation settings of {card.name}: {error}") from error
    if not sampling:
        generation = replace(generation, top_k=1)
    writer = Writer(
        folder,
        device=machine.device,
        compute_type=machine.compute_type,
        threads=machine.threads,
        placement=machine.placement,
        generation=generation,
    )
    return GenerativeSummarizer(writer, prompt(card.prompt), name=_named(card))


def _card(folder: Path) -> Card:
    card = read_card(folder)
    if card is None:
        raise Misconfigured(f"{folder} is no installed model; run: tidemark models pull")
    return card


def _named(card: Card) -> str:
    return f"{card.name}@{card.revision[:_REVISION]}"
