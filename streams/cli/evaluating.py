"""From a file to a study of the drift detector: enrich once, plant changes, replay, count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.cli.evaluation_pool import PoolEnricher
from streams.cli.progress import counting
from streams.drift.budget import SHARES
from streams.drift.evaluate.picture import draw
from streams.drift.evaluate.replay import Replay
from streams.drift.evaluate.scenarios import changes, group_by_label, group_by_topic
from streams.drift.evaluate.study import Result, Sizes, Study
from streams.drift.options import DriftOptions
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Enriched
    from streams.config import Settings
    from streams.drift.evaluate.planting import Change, Rows
    from streams.readers import Columns

_LEAST_DOCUMENTS = 400
_LEAST_INTRUDERS = 20
_INTRUDERS = 300
_QUIET, _AFTER, _QUIET_STREAM = 1000, 2000, 5000
_GIBBERISH, _FOREIGN = "gibberish", "another language"
_STEP_MS = 1000
_WINDOW_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked for."""

    columns: Columns
    label_column: str | None
    foreign: str | None
    reference: int | None
    streams: int
    run_length: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The answer.

    Attributes:
        documents: of the file.
        sizes: of the study.
        result: what it showed.
    """

    documents: int
    sizes: Sizes
    result: Result

    @property
    def title(self) -> str:
        """What was done."""
        sizes = self.sizes
        return (
            f"{self.documents:,} documents, reference {sizes.reference:,}, "
            f"{sizes.streams} streams of each change; delays in documents"
        )

    @property
    def verdict(self) -> str:
        """False alarms against the promise, in a sentence."""
        alarms = self.result.false_alarms
        low, high = alarms.interval
        return (
            f"false alarms: {alarms.alarms} in {alarms.documents:,} quiet documents, "
            f"{alarms.per_10_000:.2f} in 10,000 (95 % interval {low:.2f} to {high:.2f}); "
            f"promised {1e4 / alarms.promised:.2f}"
        )

    def rows(self) -> list[list[Any]]:
        """Return the table's rows."""
        rows = []
        for found, channels in zip(self.result.detections, self.result.channels, strict=True):
            rows.append(
                [
                    found.name,
                    len(found.delays) + found.early,
                    f"{found.found}/{len(found.delays)}",
                    round(found.interval[0], 3),
                    _finite(found.quantile(0.5)),
                    _finite(found.quantile(0.9)),
                    found.early,
                    list(channels),
                ]
            )
        return rows

    def report(self) -> dict[str, Any]:
        """Return all figures; delays of missed changes are null."""
        alarms = self.result.false_alarms
        return {
            "documents": self.documents,
            "reference_documents": self.sizes.reference,
            "false_alarms": {
                "alarms": alarms.alarms,
                "quiet_documents": alarms.documents,
                "per_10000": alarms.per_10_000,
                "per_10000_interval": list(alarms.interval),
                "promised_per_10000": 1e4 / alarms.promised,
                "ratio": alarms.ratio,
            },
            "changes": [
                {
                    "change": found.name,
                    "detected": found.rate,
                    "detected_interval": list(found.interval),
                    "median_delay": _finite(found.quantile(0.5)),
                    "p90_delay": _finite(found.quantile(0.9)),
                    "alarmed_before": found.early,
                    "delays": [_finite(delay) for delay in found.delays],
                    "seen_in": list(channels),
                }
                for found, channels in zip(
                    self.result.detections, self.result.channels, strict=True
                )
            ],
        }

    def picture(self) -> str:
        """Return the plot as SVG."""
        return draw(
            self.result, self.sizes.after, f"Drift detection on {self.documents:,} documents"
        )


def evaluate(file: str, settings: Settings, wanted: Wanted) -> Evaluated:
    """Enrich the documents, plant changes and replay the streams, under progress bars.

    Raises:
        Misconfigured: there are too few documents, or no such label column.
    """
    enricher = PoolEnricher(settings, wanted.columns)
    documents = enricher.read(file, "enriching", wanted.limit)
    if len(documents) < _LEAST_DOCUMENTS:
        raise Misconfigured(
            f"{file} has {len(documents)} documents: at least {_LEAST_DOCUMENTS} are needed"
        )
    labels = _labels(documents, wanted.label_column)
    ordinary, odd = _by_language(documents)
    if wanted.foreign:
        strange = enricher.read(wanted.foreign, "enriching what is mixed in", _INTRUDERS)
    else:
        strange = [documents[row] for row in odd[:_INTRUDERS].tolist()]
    normal = [documents[row] for row in ordinary.tolist()]
    labels = [labels[row] for row in ordinary.tolist()] if labels else []
    pool, planted = _plan(normal, labels, strange, enricher.garbled(normal, _INTRUDERS))
    return _study(pool, planted, settings, wanted, len(normal))


def _plan(
    normal: list[Enriched], labels: Sequence[str], strange: list[Enriched], broken: list[Enriched]
) -> tuple[list[Enriched], list[Change]]:
    """Return the pool and the changes that it allows; intruders stand at its end."""
    pool = [*normal, *strange, *broken]
    vectors = np.stack([np.frombuffer(document.embedding, "<f4") for document in pool])
    rows = np.arange(len(normal))
    groups = group_by_label(labels, rows) if labels else group_by_topic(vectors, rows)
    edge = len(normal) + len(strange)
    intruders = {_FOREIGN: np.arange(len(normal), edge), _GIBBERISH: np.arange(edge, len(pool))}
    useful = {name: each for name, each in intruders.items() if len(each) >= _LEAST_INTRUDERS}
    return pool, changes(groups, vectors, useful)


def _study(
    documents: Sequence[Enriched],
    planted: Sequence[Change],
    settings: Settings,
    wanted: Wanted,
    ordinary: int,
) -> Evaluated:
    reference = wanted.reference or min(settings.drift_reference, ordinary // 3)
    if reference > ordinary // 2:
        raise Misconfigured(
            f"a reference of {reference} documents leaves too few of {ordinary} to watch: "
            f"at most {ordinary // 2} are possible"
        )
    quiet = min(_QUIET_STREAM, ordinary - reference)
    sizes = Sizes(reference, _QUIET, _AFTER, quiet, wanted.streams, float(wanted.run_length))
    replay = Replay(documents, _drift_options(sizes), _STEP_MS)
    study = Study(replay, planted, sizes)
    with counting("replaying streams", study.steps) as report:
        result = study.run(report)
    return Evaluated(ordinary, sizes, result)


def _drift_options(sizes: Sizes) -> DriftOptions:
    """Return production's options with the budget in documents.

    It is the scan's that is measured: the plain monitors judge windows of time, of which streams
    made of files have none, and hold a share of the budget of their own.
    """
    return DriftOptions(
        window_ms=_WINDOW_MS,
        lateness_ms=0,
        reference_documents=sizes.reference,
        false_alarms_per_ms=1 / (sizes.promised * _STEP_MS * SHARES["scan"]),
        least_run_length=sizes.promised,
    )


def _labels(documents: Sequence[Enriched], column: str | None) -> list[str]:
    if column is None:
        return []
    labels = [document.metadata.get(column, "") for document in documents]
    if not any(labels):
        names = sorted({name for document in documents for name in document.metadata})
        shown = ", ".join(names[:8]) or "none"
        raise Misconfigured(f'no column "{column}" with labels (other columns: {shown})')
    return labels


def _by_language(documents: Sequence[Enriched]) -> tuple[Rows, Rows]:
    """Return rows in the language of most documents, and the others."""
    languages = [document.language or "" for document in documents]
    (common, _), *_ = Counter(languages).most_common(1)
    own = np.array([language in ("", common) for language in languages])
    return np.flatnonzero(own), np.flatnonzero(~own)


def _finite(delay: float) -> float | None:
    return delay if isfinite(delay) else None
