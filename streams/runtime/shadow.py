"""The thread in which a challenger answers a share of the documents, beside the champion.

It reads the documents topic in a consumer group of its own and writes to a topic of its own:
however slow it is and however it fails, the champion's rows neither wait for it nor are lost with
it. It commits when its answers are durable, so a killed worker's documents are read again, the same
ones are in the sample again, and they land once. On Linux its thread, and with it the threads of
its model, run at a lower priority.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from streams.errors import InvalidDocument, TidemarkError
from streams.ports import Outgoing
from streams.runtime.delivery import FLUSH_S
from streams.stages.shadow import result_of, sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import structlog

    from schemas.codec import Codec
    from schemas.messages import ShadowResult
    from streams.metrics import Metrics
    from streams.ports import Enricher, Producer, RawMessage
    from streams.stages.enrich import EnrichStage
    from streams.stages.ingest import Accepted
    from streams.stages.shadow import Task
    from streams.topics import Topics

T = TypeVar("T")

MOST_FAILURES = 3
"""So many batches in a row without one answer switch the challenger off, until a new start."""

_BATCH = 32
_POLL_S = 0.25
_PATIENCE_S = 10.0
_AGAIN_S = 1.0
_NICENESS = 10
_MODEL_ERROR = "model-error"


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model that answers in the shadow: its name, what it is for, and itself."""

    name: str
    task: Task
    enricher: Enricher


class Reader(Protocol):
    """Messages of the documents topic, as a member of a group."""

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        """Return the next messages."""
        ...

    def commit(self) -> None:
        """Commit all that was taken."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What the thread opens for itself: all of it may take long, or fail."""

    challenger: Callable[[], Challenger]
    stage: Callable[[Enricher], EnrichStage]
    reader: Callable[[], Reader]
    producer: Callable[[], Producer]


class ShadowThread:
    """Answers until it is stopped; once switched off, it lets the documents pass.

    Args:
        name: of the challenger.
        opening: opens model, reader and producer, in the thread.
        ingest: reads a message; what cannot be read is the champion's to dead-letter.
        share: of the documents, 0 to 1.
        codec: encodes the answers.
        topics: names of the topics.
        metrics: counts answers and failures.
        log: told of a failure once, until it is over, and when it is switched off.
    """

    def __init__(
        self,
        name: str,
        *,
        opening: Opening,
        ingest: Callable[[RawMessage], Accepted],
        share: float,
        codec: Codec,
        topics: Topics,
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        self._name = name
        self._opening = opening
        self._ingest = ingest
        self._share = share
        self._codec = codec
        self._topics = topics
        self._metrics = metrics
        self._log = log
        self._task: Task = "classification"
        self._stage: EnrichStage | None = None
        self._failures = 0
        self._told = False
        self._behind = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)

    @property
    def off(self) -> bool:
        """Whether it was switched off."""
        return self._failures >= MOST_FAILURES

    def start(self) -> None:
        """Begin; the model is loaded in the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End; a batch that is at work is left, and read again."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    def _work(self) -> None:
        _give_way()
        reader: Reader | None = None
        producer: Producer | None = None
        try:
            reader, producer = self._opening.reader(), self._opening.producer()
            self._load()
            while not self._stop.is_set():
                self._turn(reader, producer)
        except Exception as error:  # noqa: BLE001 - a watch that breaks must not stop the work
            self._tell("the shadow has ended", error)
        finally:
            for one in (reader, producer):
                if one is not None:
                    with suppress(TidemarkError):  # nothing unanswered was committed
                        one.close()

    def _load(self) -> None:
        try:
            challenger = self._opening.challenger()
            self._task = challenger.task
            self._stage = self._opening.stage(challenger.enricher)
        except Exception as error:  # noqa: BLE001 - whatever it is, documents go on
            self._failures = MOST_FAILURES
            self._tell("the challenger cannot be loaded; it stays off until a new start", error)

    def _turn(self, reader: Reader, producer: Producer) -> None:
        """Read, answer, deliver, commit; a broker that is away is waited for."""
        try:
            messages = reader.take(_BATCH, _POLL_S)
        except TidemarkError as error:
            self._wait("the shadow waits", error)
            return
        if not messages:
            if self._behind:
                self._commit(reader)
            return
        chosen = self._until_done(lambda: [one for one in messages if self._chosen(one)]) or []
        answers = self._answers(chosen) if chosen and not self.off else []
        delivered = self._until_done(lambda: self._deliver(producer, answers))
        if not delivered:
            return
        self._commit(reader)
        self._told = self._told and self._failures > 0

    def _commit(self, reader: Reader) -> None:
        """Try once: in a rebalance only reading on helps, and their next owner reads them again."""
        self._behind = True
        with suppress(TidemarkError):
            reader.commit()
            self._behind = False

    def _until_done(self, work: Callable[[], T]) -> T | None:
        """Do it again while the broker or the schema registry is away; None when it is stopped."""
        while not self._stop.is_set():
            try:
                return work()
            except TidemarkError as error:
                self._wait("the shadow waits", error)
        return None

    def _deliver(self, producer: Producer, answers: Sequence[ShadowResult]) -> bool:
        if answers:
            producer.send(self._outgoing(producer, answers))
            producer.flush(FLUSH_S)
        return True

    def _chosen(self, message: RawMessage) -> bool:
        try:
            return sampled(self._ingest(message).doc_id, self._share)
        except InvalidDocument:
            return False

    def _answers(self, messages: Sequence[RawMessage]) -> list[ShadowResult]:
        """Return the challenger's answers; what it fails on is counted, and lacks."""
        assert self._stage is not None  # noqa: S101 - else it is off
        try:
            result = self._stage.post(self._stage.core(self._stage.pre(messages)))
        except Exception as error:  # noqa: BLE001 - whatever it is, documents go on
            self._failed(len(messages), error)
            return []
        failed = [one for one in result.dead_letters if one.code == _MODEL_ERROR]
        if failed and not result.enriched:
            self._failed(len(failed), RuntimeError(failed[0].reason))
            return []
        self._failures = 0
        self._metrics.shadowed(self._name, len(result.enriched), len(failed))
        return [result_of(record, self._name, self._task) for record in result.enriched]

    def _outgoing(self, producer: Producer, answers: Sequence[ShadowResult]) -> list[Outgoing]:
        topic = self._topics.shadow
        made = [
            Outgoing(topic, one.source.encode(), self._codec.encode(topic, one)) for one in answers
        ]
        return [one for one in made if producer.refusal(one) is None]

    def _failed(self, documents: int, error: Exception) -> None:
        self._failures += 1
        self._metrics.shadowed(self._name, 0, documents)
        if self.off:
            self._told = False
            self._tell(f"switched off after {MOST_FAILURES} failing batches, until a start", error)
        else:
            self._tell("the challenger fails", error)

    def _wait(self, event: str, error: Exception) -> None:
        self._tell(event, error)
        self._stop.wait(_AGAIN_S)

    def _tell(self, event: str, error: Exception) -> None:
        if not self._told and not self._stop.is_set():
            reason = str(error) if isinstance(error, TidemarkError) else repr(error)
            self._log.warning(event, shadow=self._name, error=reason)
        self._told = True


def _give_way() -> None:
    """Lower the priority of this thread, and of those that it will start."""
    if sys.platform == "linux":  # elsewhere it is the process's
        with suppress(OSError):
            me = threading.get_native_id()
            niceness = max(os.getpriority(os.PRIO_PROCESS, me), _NICENESS)
            os.setpriority(os.PRIO_PROCESS, me, niceness)
