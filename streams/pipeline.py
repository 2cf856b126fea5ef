r"""READ FIRST: the path of a document, in order, typed, without any input or output.

    producers --> tidemark.documents --[enrich]--> tidemark.enriched --[drift]--> stats, alerts
                         |                               \----------[land]--------/--> ClickHouse
                         \--> tidemark.dead-letters (raw bytes and reason), landed too

``Passage`` is the whole of Tidemark in one process and one expression per stage: what the three
roles do between Kafka topics, it does between function calls. ``tidemark enrich`` and the tests
use it; the roles in ``streams/runtime`` wrap the same stages with topics, threads and offsets.

============================  =============================================================
stage                         what it turns into what
============================  =============================================================
``stages/ingest.py``          raw message -> accepted document, or a refusal with its reason
``stages/tokens.py``          text -> words and their counts
``stages/enrich.py``          batch of raw messages -> enriched documents, dead letters
``stages/drift.py``           enriched documents -> window statistics, drift alerts
``ports.py::Warehouse``       all of these -> rows that a query sees once
============================  =============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.messages import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from schemas.messages import DeadLetter, DriftAlert, Enriched, WindowStats
    from streams.ports import RawMessage, Warehouse
    from streams.stages.drift import DriftStage
    from streams.stages.enrich import EnrichStage


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one batch of raw messages led to."""

    enriched: tuple[Enriched, ...]
    dead_letters: tuple[DeadLetter, ...]
    stats: tuple[WindowStats, ...]
    alerts: tuple[DriftAlert, ...]


class Passage:
    """The stages in order, over batches of raw messages of the documents topic.

    Args:
        enrich: decodes, validates, counts and infers.
        drift: keeps statistics and watches for drift.
    """

    def __init__(self, enrich: EnrichStage, drift: DriftStage) -> None:
        self._enrich = enrich
        self._drift = drift
        self._position = 0

    def __call__(self, batches: Iterable[Sequence[RawMessage]]) -> Iterator[Outcome]:
        """Yield the outcome of each batch."""
        for messages in batches:
            enrichment = self._enrich.post(self._enrich.core(self._enrich.pre(messages)))
            output = self._drift.process([self._placed(x) for x in enrichment.enriched])
            yield Outcome(enrichment.enriched, enrichment.dead_letters, output.stats, output.alerts)

    def _placed(self, record: Enriched) -> tuple[Origin, Enriched]:
        """Give a record the place that it would have in the enriched topic."""
        self._position += 1
        return Origin("enriched", 0, self._position - 1, record.enriched_at), record


def land(warehouse: Warehouse, outcome: Outcome) -> None:
    """Land an outcome; landing it again changes no query's answer."""
    warehouse.write_documents(outcome.enriched)
    warehouse.write_dead_letters(outcome.dead_letters)
    warehouse.write_stats(outcome.stats)
    warehouse.write_alerts(outcome.alerts)
