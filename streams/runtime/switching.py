"""The thread that changes an enrich worker's models while documents flow.

The new models are loaded beside the old ones and take over between two batches: a batch that was
begun with the old ones ends with them, and so say its rows. Where the new ones cannot be loaded,
the old ones stay. Memory holds both until the last old batch is through.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from streams.errors import TidemarkError
from streams.runtime.choice import with_choice

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

    from streams.config import Settings
    from streams.ports import Enricher, ModelCard
    from streams.stages.enrich import EnrichStage

_LOOK_S = 1.0
_PATIENCE_S = 5.0


class ModelSwitch:
    """Watches the choice of models, and follows it.

    Args:
        settings: what the worker began with, without the choice.
        stage: whose model changes.
        load: loads the models of some settings.
        log: told of each change, and once of each that failed.
        loaded: the settings, choice included, of the models that the stage has.
        look_s: seconds between two looks.
    """

    def __init__(
        self,
        settings: Settings,
        stage: EnrichStage,
        load: Callable[[Settings], Enricher],
        log: structlog.stdlib.BoundLogger,
        *,
        loaded: Settings | None = None,
        look_s: float = _LOOK_S,
    ) -> None:
        self._settings = settings
        self._stage = stage
        self._load = load
        self._log = log
        self._look_s = look_s
        self._seen = loaded or settings
        self._failure = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="models", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; models that are being loaded are left."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def look(self) -> None:
        """Change the models where the choice has changed since the last look."""
        wanted = self._wanted()
        if wanted is None or wanted == self._seen:
            return
        self._seen = wanted  # tried once: what fails now fails again until the choice changes
        try:
            enricher = self._load(wanted)
        except Exception as error:  # noqa: BLE001 - the models in use go on
            self._tell(error)
            return
        before = self._stage.card
        self._stage.change(enricher)
        self._log.info("models changed", before=_named(before), now=_named(enricher.card))

    def _wanted(self) -> Settings | None:
        try:
            wanted = with_choice(self._settings)
        except TidemarkError as error:
            self._tell(error)
            return None
        self._failure = ""
        return wanted

    def _tell(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, TidemarkError) else repr(error)
        if reason != self._failure:
            self._log.error("the models stay as they are", error=reason)
        self._failure = reason

    def _work(self) -> None:
        while not self._stop.wait(self._look_s):
            self.look()


def _named(card: ModelCard) -> str:
    parts = (f"{card.embedding_model}@{card.embedding_revision}", card.classifier, card.summarizer)
    return ", ".join((*parts, card.prompt, card.compute_type)).replace(", ,", ",")
