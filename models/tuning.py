"""Measuring compute types, sizes of calls and threads against float32 on this very machine.

Speed and agreement are of the same documents in one run, every setting in turn, round after round,
so that what else the machine does falls on all of them alike. The best round counts. What a model
writes is compared as its readers would: embedded, labelled and read by one encoder, whatever wrote.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from models.placement import is_out_of_memory
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.ports import Enricher, Inference, Text

T = TypeVar("T")
Run: TypeAlias = "Callable[[Sequence[Text]], list[T]]"

_REFERENCE = "float32"
_SPLITS = 50
_SEED = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """What is tried."""

    device: str
    compute_type: str
    threads: int
    replicas: int
    tokens_per_call: int


@dataclass(frozen=True, slots=True)
class Gate:
    """The agreement with float32 that a setting must reach.

    Attributes:
        cosine_mean: of the embeddings of the documents, or of what was written of them.
        cosine_least: of the worst one.
        labels: share of those with the same label.
        drift: how far the documents' mean moves, as a share of what chance moves it.
    """

    cosine_mean: float = 0.99
    cosine_least: float = 0.95
    labels: float = 0.95
    drift: float = 1.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A setting and what it reached; ``ratio`` is of its speed to float32's on the same device.

    ``summaries`` is the share of documents with the very same summary.
    """

    setting: Setting
    documents_per_second: float
    ratio: float
    cosine_mean: float
    cosine_least: float
    labels: float
    summaries: float
    drift: float
    passes: bool

    def row(self) -> dict[str, Any]:
        """Return setting and figures under their names."""
        found = asdict(self)
        setting: dict[str, Any] = found.pop("setting")
        return {**setting, **found}


@dataclass
class _Trial(Generic[T]):
    run: Run[T]
    found: list[T]
    seconds: float = float("inf")


@dataclass(frozen=True, slots=True)
class _Outcome:
    seconds: float
    found: list[Inference]


def one_pass(enricher: Enricher) -> Run[Inference]:
    """Return what runs a batch through all steps of an enricher."""
    return lambda texts: enricher.post(enricher.core(enricher.pre(texts)))


def measure(
    texts: Sequence[Text],
    settings: Sequence[Setting],
    load: Callable[[Setting], Run[T]],
    read: Callable[[list[T]], list[Inference]],
    *,
    gate: Gate,
    rounds: int,
    batch: int,
    progress: Callable[[int], None] = lambda done: None,  # noqa: ARG005 - tells nobody
    left_out: Callable[[Setting], None] = lambda setting: None,  # noqa: ARG005 - as above
) -> list[Measured]:
    """Return the figures of each setting; each device's float32 must be among them.

    Args:
        texts: real documents.
        settings: to try.
        load: returns what runs a batch by a setting; its time counts.
        read: returns what is compared of all that a setting found; its time does not count.
        gate: what must be reached.
        rounds: each setting's turns.
        batch: documents of a micro-batch.
        progress: told how many runs are done, of ``settings`` times ``rounds``.
        left_out: told the settings that did not fit into a GPU's memory beside those before.

    Raises:
        Misconfigured: float32 did not fit.
    """
    trials = _loaded(settings, load, left_out)
    done = 0
    for _ in range(rounds):
        for trial in trials.values():
            began = time.perf_counter()
            trial.found = [
                one
                for start in range(0, len(texts), batch)
                for one in trial.run(texts[start : start + batch])
            ]
            trial.seconds = min(trial.seconds, time.perf_counter() - began)
            done += 1
            progress(done)
    outcomes = {one: _Outcome(trial.seconds, read(trial.found)) for one, trial in trials.items()}
    return [_figures(setting, outcomes, gate) for setting in outcomes]


def _loaded(
    settings: Sequence[Setting],
    load: Callable[[Setting], Run[T]],
    left_out: Callable[[Setting], None],
) -> dict[Setting, _Trial[T]]:
    """Load the settings that memory suffices for; they take turns, so that all stay."""
    trials: dict[Setting, _Trial[T]] = {}
    for setting in settings:
        try:
            trials[setting] = _Trial(load(setting), [])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if setting.compute_type == _REFERENCE:
                raise Misconfigured(
                    "float32, which all else is compared with, does not fit into the GPU's memory: "
                    "tune a smaller model, or set TIDEMARK_COMPUTE_TYPE"
                ) from error
            left_out(setting)
    return trials


def _figures(setting: Setting, outcomes: Mapping[Setting, _Outcome], gate: Gate) -> Measured:
    reference = next(
        outcome
        for other, outcome in outcomes.items()
        if (other.device, other.compute_type) == (setting.device, _REFERENCE)
    )
    seconds, own, exact = outcomes[setting].seconds, outcomes[setting].found, reference.found
    vectors, expected = (np.stack([one.embedding for one in found]) for found in (own, exact))
    cosines = (vectors * expected).sum(axis=1)
    pairs = list(zip(own, exact, strict=True))
    measured = Measured(
        setting,
        documents_per_second=len(own) / seconds,
        ratio=reference.seconds / seconds,
        cosine_mean=float(cosines.mean()),
        cosine_least=float(cosines.min()),
        labels=float(np.mean([one.label == other.label for one, other in pairs])),
        summaries=float(np.mean([one.summary == other.summary for one, other in pairs])),
        drift=drift_shift(vectors.astype(np.float64), expected.astype(np.float64)),
        passes=True,
    )
    passes = (
        measured.cosine_mean >= gate.cosine_mean
        and measured.cosine_least >= gate.cosine_least
        and measured.labels >= gate.labels
        and measured.drift <= gate.drift
    )
    return replace(measured, passes=passes)


def drift_shift(vectors: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]) -> float:
    """Return how far the mean moves when a stream changes from float32 to this setting.

    In units of what chance does: the distance between the means of two random halves of the
    documents. Above 1, the change of the setting alone is further than two samples of as many
    documents of one stream are apart, and the drift monitor may see it.

    Args:
        vectors: by the setting, shape ``(documents, dimensions)``.
        expected: by float32, same shape.
    """
    moved = float(np.linalg.norm(vectors.mean(axis=0) - expected.mean(axis=0)))
    rng = np.random.default_rng(_SEED)
    apart = []
    for _ in range(_SPLITS):
        order = rng.permutation(len(expected))
        first, second = np.array_split(order, 2)
        apart.append(np.linalg.norm(expected[first].mean(axis=0) - expected[second].mean(axis=0)))
    return moved / max(float(np.mean(apart)), np.finfo(np.float64).tiny)


def best(measured: Sequence[Measured]) -> Measured:
    """Return the fastest setting that passes; float32 always does."""
    return max((one for one in measured if one.passes), key=lambda one: one.documents_per_second)
