"""Training a head: from a labelled file to an installed head with its held-out figures."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.classify import UNSURE
from models.classify.head import Notes
from models.classify.head_store import check_name, install_head
from models.classify.training import FOLDS, decision_of, train
from models.encoder import choose_compute_type, choose_device
from models.files import sha256_of
from models.installed import installed
from streams.cli import labelled as given
from streams.cli.eval_classify import Judged, figures
from streams.cli.multi_label import multi_figures
from streams.cli.progress import counting
from streams.clock import SystemClock
from streams.errors import Misconfigured

if TYPE_CHECKING:
    import numpy.typing as npt

    from models.classify.decision import Decision
    from models.classify.training import Trained
    from streams.cli.labelled import Labelled
    from streams.config import Settings

    Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for."""

    name: str
    file: str
    test: str | None
    text_column: str | None
    title_column: str | None
    label_column: str | None
    label_separator: str | None
    right_share: float
    seed: int


def train_head(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """Train and install a head; returns all figures.

    Raises:
        Misconfigured: the name, the columns or the labels cannot be used.
    """
    check_name(settings.data, wanted.name)
    found = _read(settings, wanted, wanted.file)
    given.check_labels(found)
    began = time.process_time()
    trained, decision = _fit(found, wanted.right_share, wanted.seed)
    held_out = _held_out(found, trained, decision)
    if wanted.test is not None:
        held_out = _tested(_read(settings, wanted, wanted.test), found, trained, decision)
    notes = replace(
        _notes(settings, found, trained.l2, decision),
        trained_on=_hash(Path(wanted.file)),
        held_out=held_out,
    )
    now = SystemClock().now_ms()
    card = install_head(settings.data, wanted.name, trained.linear, notes, now)
    return {
        "name": wanted.name,
        "revision": card.revision,
        "documents": notes.documents,
        "left_out": found.left_out,
        "labels": list(notes.labels),
        "multi_label": notes.multi_label,
        "l2": notes.l2,
        "temperature": notes.temperature,
        "unsure_below": notes.unsure_below,
        "cpu_seconds": time.process_time() - began,
        "held_out": held_out,
    }


def _read(settings: Settings, wanted: Wanted, path: str) -> Labelled:
    return given.read_labelled(
        path,
        settings,
        text_column=wanted.text_column,
        title_column=wanted.title_column,
        label_column=wanted.label_column,
        separator=wanted.label_separator,
    )


def _fit(found: Labelled, right_share: float, seed: int) -> tuple[Trained, Decision]:
    with counting("training", FOLDS + 1) as progress:
        trained = train(
            found.embeddings,
            found.truth,
            multi_label=found.multi_label,
            right_share=right_share,
            seed=seed,
            progress=progress,
        )
    return trained, decision_of(trained, found.labels, multi_label=found.multi_label)


def _held_out(found: Labelled, trained: Trained, decision: Decision) -> dict[str, Any]:
    if found.multi_label:
        return multi_figures(found.labels, trained.held_out, found.truth)
    return figures(_judged(decision, trained.held_out, found.truth, trained.least))


def _tested(
    test: Labelled, found: Labelled, trained: Trained, decision: Decision
) -> dict[str, Any]:
    """Return the figures of a file that the head was not trained on, its labels in our order."""
    strange = sorted(set(test.labels) - set(found.labels))
    if strange:
        raise Misconfigured(f"the test file has the label {strange[0]!r}, the other file has not")
    truth = np.zeros((len(test.truth), len(found.labels)))
    truth[:, [found.labels.index(label) for label in test.labels]] = test.truth
    probabilities = decision.probabilities(trained.linear.logits(test.embeddings))
    if found.multi_label:
        return multi_figures(found.labels, probabilities, truth)
    least = np.full(len(truth), decision.unsure_below)
    return figures(_judged(decision, probabilities, truth, least))


def _judged(
    decision: Decision, probabilities: Doubles, truth: Doubles, least: Doubles
) -> list[Judged]:
    columns = (truth.argmax(axis=1), probabilities.argmax(axis=1), probabilities.max(axis=1), least)
    labels = decision.labels
    return [
        Judged(labels[own], labels[best] if sure >= limit else UNSURE, labels[best], sure)
        for own, best, sure, limit in zip(*(each.tolist() for each in columns), strict=True)
    ]


def _notes(settings: Settings, found: Labelled, l2: float, decision: Decision) -> Notes:
    model = installed(settings.data.resolve() / "models" / settings.model)
    return Notes(
        labels=found.labels,
        multi_label=found.multi_label,
        temperature=decision.temperature,
        unsure_below=decision.unsure_below,
        l2=l2,
        embedding_model=model.name,
        embedding_revision=model.revision,
        dimensions=found.embeddings.shape[1],
        compute_type=choose_compute_type(settings.compute_type, choose_device(settings.device)),
        documents=len(found.truth),
    )


def _hash(path: Path) -> str:
    return sha256_of(path) if path.is_file() else ""
