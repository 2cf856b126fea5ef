"""Documents for an evaluation: through the real one-pass enrichment, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import typer

from schemas.messages import Document
from streams.cli.publishing import Outcome
from streams.drift.evaluate.garble import garble
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from schemas.messages import Enriched
    from streams.config import Settings
    from streams.readers import Columns, Found, Refused

_GARBLE_SEED = 5


class PoolEnricher:
    """Enriches files and made-up documents as the enrich role would.

    Args:
        settings: of the model.
        columns: of the files.
    """

    def __init__(self, settings: Settings, columns: Columns) -> None:
        from schemas.codec import codec_for  # noqa: PLC0415 - keeps --help fast
        from streams.cli.produce import enrich_stage, ingest_of  # noqa: PLC0415

        self._columns = columns
        self._codec = codec_for(None)
        self._batch = settings.batch_documents
        self._stage = enrich_stage(settings, ingest_of(settings, self._codec))

    def read(self, file: str, label: str, limit: int | None) -> list[Enriched]:
        """Return the documents of a file; what is none is counted on standard error.

        Raises:
            Misconfigured: no row is a document; says why the first is none.
        """
        from streams.cli.inputs import documents  # noqa: PLC0415 - keeps --help fast

        outcome = Outcome()
        with documents([file], self._columns, limit, label) as found:
            enriched = self._enriched(found, outcome)
        if outcome.refused and not enriched:
            raise Misconfigured(f"{file} has no document: {outcome.reasons[0]}")
        if outcome.refused:
            typer.echo(f"{file}: passed over {outcome.refused:,} rows, the first:", err=True)
            typer.echo(f"  {outcome.reasons[0]}", err=True)
        return enriched

    def enrich(self, documents: Sequence[Document]) -> list[Enriched]:
        """Return documents that are at hand already, in order."""
        from streams.readers import Found  # noqa: PLC0415 - keeps --help fast

        found = [Found("at hand", document) for document in documents]
        return self._enriched(found, Outcome())

    def garbled(self, documents: Sequence[Enriched], count: int) -> list[Enriched]:
        """Return documents of random letters, as long as these."""
        from streams.readers import Found  # noqa: PLC0415 - keeps --help fast

        rng = np.random.default_rng(_GARBLE_SEED)
        rows = rng.permutation(len(documents))[:count].tolist()
        texts = [garble(f"{documents[row].title or ''} {documents[row].text}", rng) for row in rows]
        found = [Found("made up", Document(text=text)) for text in texts if text]
        return self._enriched(found, Outcome())

    def _enriched(self, found: Iterable[Found | Refused], outcome: Outcome) -> list[Enriched]:
        from streams.cli.enriching import enrich_documents  # noqa: PLC0415 - keeps --help fast
        from streams.clock import SystemClock  # noqa: PLC0415

        codec = self._codec
        return list(
            enrich_documents(
                found,
                self._stage,
                outcome,
                encode=lambda document: codec.encode("", document),
                clock=SystemClock(),
                batch_documents=self._batch,
            )
        )
