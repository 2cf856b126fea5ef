"""What can be tuned: the one pass's encoder, and a model that writes."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from models import encoder
from models.enricher import build_enricher
from models.placement import Placement
from models.plugging import EXTRACTIVE, ZERO_SHOT, Machine, summarizer_in
from models.registry import Registry
from models.summarize import writers
from models.tuning import Gate, Setting, one_pass
from streams.errors import Misconfigured
from streams.ports import Text
from streams.runtime.parts import labels_of, open_enricher

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.registry import Pulled
    from models.summarize.generative import Written
    from models.tuning import Run
    from streams.config import Settings
    from streams.ports import Inference

_WRITTEN = Gate(cosine_mean=0.85, cosine_least=-1.0, labels=0.9)
"""A near tie that falls otherwise makes another wording, so that the worst one says nothing; with a
beam of 4 instead of 2, float32 itself agrees with itself to 0.81 (models/README.md)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model, and how it is measured.

    Attributes:
        load: returns what runs a batch of documents by a setting.
        read: returns what is compared of all that it found.
        usual_tokens: of a call, by device.
        gate: the agreement that is asked of its kind.
    """

    model: Pulled
    load: Callable[[Setting], Run[Any]]
    read: Callable[[list[Any]], list[Inference]]
    usual_tokens: Callable[[str], int]
    gate: Gate


def subject_of(settings: Settings, name: str | None) -> Subject:
    """Return what is tuned under a name; the configured encoder where there is none.

    Raises:
        Misconfigured: the model is for something else, or cannot be loaded.
    """
    # The tokenizer would otherwise look for a GPU framework, and warn that there is none.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    model = Registry(settings.data).pull(name or settings.model)
    if model.card.task == "summarization":
        return _writer(settings, model)
    if model.card.task == "embedding":
        return _encoder(settings, model)
    raise Misconfigured(
        f"{model.card.name} is a model for {model.card.task}: it runs as the encoder was tuned"
    )


def _encoder(settings: Settings, model: Pulled) -> Subject:
    def load(setting: Setting) -> Run[Inference]:
        enricher = build_enricher(
            model.folder,
            device=setting.device,
            compute_type=setting.compute_type,
            threads=setting.threads,
            labels=labels_of(settings),
            unsure_below=settings.unsure_below,
            summary_sentences=settings.summary_sentences,
            placement=_placement(settings, setting),
        )
        return one_pass(enricher)

    return Subject(model, load, list, encoder.usual_tokens, Gate())


def _writer(settings: Settings, model: Pulled) -> Subject:
    """Return a model that writes; what it wrote is read by the configured encoder."""
    alone = {"classifier": ZERO_SHOT, "summarizer": EXTRACTIVE}
    reader = one_pass(open_enricher(settings.model_copy(update=alone)))

    def load(setting: Setting) -> Run[Written]:
        placement = _placement(settings, setting)
        machine = Machine(setting.device, setting.compute_type, setting.threads, placement)
        return summarizer_in(model.folder, machine, sampling=False).write

    def read(written: list[Written]) -> list[Inference]:
        found = reader([Text("", one.text) for one in written])
        return [replace(one, summary=text.text) for one, text in zip(found, written, strict=True)]

    return Subject(model, load, read, writers.usual_tokens, _WRITTEN)


def _placement(settings: Settings, setting: Setting) -> Placement:
    indices = tuple(int(part) for part in settings.device_index.split(","))
    return Placement(indices, setting.replicas, setting.tokens_per_call)
