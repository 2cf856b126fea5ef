"""The thread in which an enrich worker asks itself what it always asks: the canary documents."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from streams.errors import TidemarkError
from streams.ports import Outgoing
from streams.runtime.delivery import FLUSH_S
from streams.runtime.rounds import Rounds
from streams.stages.canary import CANARY_SOURCE, CanaryRun, canary_messages
from streams.stages.headers import CANARY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import structlog

    from schemas.codec import Codec
    from schemas.messages import Enriched
    from streams.clock import Clock
    from streams.metrics import Metrics
    from streams.ports import Producer
    from streams.stages.enrich import EnrichStage
    from streams.topics import Topics

_AGAIN_S = 5.0


class CanaryThread(Rounds):
    """Runs the canaries at once and then every so often, until it is stopped.

    They pass through the worker's own stage, as documents do, beside the batches of the lane and
    never among them: the same forty documents share a batch each time. A run that fails is tried
    again; whatever it raises, documents go on.

    Args:
        stage: of the worker.
        codec: encodes the results.
        producer: opened in the thread, for this thread alone.
        topics: names of the topics.
        partitions: of the enriched topic; each is given every run.
        clock: dates the runs.
        metrics: counts them.
        log: told why runs fail, once until one succeeds again.
        every_ms: time between two runs.
    """

    def __init__(
        self,
        *,
        stage: EnrichStage,
        codec: Codec,
        producer: Callable[[], Producer],
        topics: Topics,
        partitions: int,
        clock: Clock,
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
        every_ms: int,
    ) -> None:
        super().__init__("canary", log, "the canaries cannot run now", told_at=1)
        self._stage = stage
        self._codec = codec
        self._open = producer
        self._topics = topics
        self._partitions = partitions
        self._clock = clock
        self._metrics = metrics
        self._every_ms = every_ms
        self._host = socket.gethostname()
        self._producer: Producer | None = None

    def run(self) -> None:
        """Ask once, and publish the answers; they are durable when this returns.

        Raises:
            Unavailable: the broker or the schema registry does not answer.
        """
        who = f"{self._host}:{os.getpid()}"
        run = CanaryRun(who, self._host, self._clock.now_ms(), self._every_ms)
        result = self._stage.post(self._stage.core(self._stage.pre(canary_messages(run))))
        for letter in result.dead_letters:
            # Never a dead letter: nobody sent it. The run lacks it, so the next one is judged.
            self._log.warning("canary refused", document=letter.doc_id, reason=letter.reason)
        if self._producer is None:
            self._producer = self._open()
        self._producer.send(self._messages(result.enriched))
        self._producer.flush(FLUSH_S)
        self._metrics.canary_run()

    def _messages(self, records: Sequence[Enriched]) -> list[Outgoing]:
        topic, key, headers = self._topics.enriched, CANARY_SOURCE.encode(), {CANARY: b"1"}
        values = [self._codec.encode(topic, record) for record in records]
        return [
            Outgoing(topic, key, value, headers, partition)
            for partition in range(self._partitions)
            for value in values
        ]

    def _round(self) -> None:
        self.run()

    def _rest_s(self) -> float:
        every = self._every_ms / 1000
        return min(_AGAIN_S, every) if self._failures else every

    def _close(self) -> None:
        if self._producer is None:
            return
        try:
            self._producer.close()
        except TidemarkError as error:
            self._log.warning("unclean stop of the canaries", error=str(error))
