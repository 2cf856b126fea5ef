"""Faust: one app per role, feeding a lane.

Where Faust alone was seen to lose documents, and what closes the trap:

==============================================  ==================================================
trap                                            closed by
==============================================  ==================================================
codec errors are committed and dropped          configuration: raw topics, decoded in the lane
``take`` acknowledges in a ``finally``          pattern: the lane acknowledges, in order
``concurrency`` commits over unfinished work    configuration: one agent; steps overlap in a lane
failed sends are merely logged                  pattern: a producer of our own, flushed first
an agent that raises is restarted behind it     pattern: it never leaves its loop; exit code 1
skipped messages are acknowledged; holes at     extension (``faust_consumer.py``): one number for
the head of a partition are committed over      each partition, which only the lane moves
a rebalance waits for ever, or for nothing      extension: a bound, then abandon, never acknowledge
batches from before a rebalance come after it   pattern: messages of an older generation are left
commits are repeated as another member          extension: as the same member, or not at all
a worker that is kept waiting leaves its group  extension: it polls while its event loop lives
a backlog comes partition after partition       configuration: ``OldestFirst``
==============================================  ==================================================
"""

from __future__ import annotations

import asyncio
import heapq
import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import faust
from faust.types.transports import SchedulingStrategyT

from schemas.messages import Origin
from streams.backends.kafka.security import KafkaSecurity
from streams.ports import RawMessage
from streams.runtime.faust_consumer import LaneTransport, Revocation
from streams.runtime.faust_intake import BulkTransport, batches, bulk_intake_fits
from streams.runtime.faust_security import credentials_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from streams.backends.kafka.gaps import GapCheck
    from streams.metrics import Metrics
    from streams.runtime.faust_consumer import LaneConsumer
    from streams.runtime.lane import Lane
    from streams.topics import Role


_COMMIT_S = 15.0


@dataclass(frozen=True, slots=True)
class AppOptions:
    """What a role's app is built from; times in seconds, sizes in bytes."""

    role: Role
    group: str
    topics: Sequence[str]
    bootstrap: str
    data: Path
    batch_documents: int
    batch_wait: float
    batches_in_flight: int
    max_message_bytes: int
    commit_interval: float = 1.0
    revocation_timeout: float = 30.0
    poll_interval: float = 300.0
    session_timeout: float = 10.0
    fetch_bytes: int = 1 << 20
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    web: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the app tells its role."""

    role: Role
    gaps: GapCheck
    metrics: Metrics
    on_gap: Callable[[str, int, int, int], None]
    on_revoked: Callable[[], None]


class OldestFirst(SchedulingStrategyT):  # type: ignore[misc]  # untyped
    """Merges the partitions of a fetch by the broker's timestamps.

    Faust's own strategy goes round them one by one, and a backlog would come partition after
    partition: to the drift detector that is a stream that jumps back in time.
    """

    def iterate(self, records: Mapping[Any, list[Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield ``(partition, record)``; records of one partition keep their order."""
        streams = ([(tp, record) for record in found] for tp, found in records.items())
        return heapq.merge(*streams, key=lambda item: item[1].timestamp or 0)


def build_app(options: AppOptions, lane: Lane, hooks: Hooks) -> faust.App:
    """Build a role's app; an app can be started once only, so a restart builds another."""
    folder = options.data / "faust" / options.role
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        options.group,
        broker="kafka://" + options.bootstrap.replace(",", ";"),
        broker_credentials=credentials_for(options.security),
        datadir=str(folder),
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        key_serializer="raw",
        value_serializer="raw",
        broker_commit_interval=options.commit_interval,
        broker_session_timeout=options.session_timeout,
        broker_heartbeat_interval=0.3 * options.session_timeout,
        # The group waits so long for a member that finishes what it has in flight.
        broker_rebalance_timeout=options.revocation_timeout + _COMMIT_S,
        broker_request_timeout=max(90.0, 2 * options.revocation_timeout),
        broker_max_poll_interval=options.poll_interval,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=options.fetch_bytes,
        ConsumerScheduler=OldestFirst,
        producer_max_request_size=options.max_message_bytes,
        stream_buffer_maxsize=2 * options.batch_documents,
        stream_wait_empty=True,
        **_web(options),
    )
    app.finalize()

    async def settle(timeout: float) -> bool:
        return await lane.settle(timeout, hooks.on_revoked)

    transport = BulkTransport if bulk_intake_fits() else LaneTransport
    app.transport = transport(app, Revocation(options.revocation_timeout, settle))
    _add_agent(app, options, lane, hooks)
    return app


def wait_for_nothing(app: faust.App) -> None:
    """Let an app stop although messages that it has read will never be acknowledged here.

    When the lane is drained, nobody takes these any more; waiting for them, as Faust does by
    default and must do in a rebalance, would last for ever.
    """
    with warnings.catch_warnings():
        # Faust warns of a setting that changes after a rebalance has asked for it.
        warnings.simplefilter("ignore")
        app.conf.stream_wait_empty = False


def _web(options: AppOptions) -> dict[str, Any]:
    if options.web is None:
        return {"web_enabled": False}
    host, port = options.web
    return {"web_enabled": True, "web_bind": host, "web_host": host, "web_port": port}


def _add_agent(app: faust.App, options: AppOptions, lane: Lane, hooks: Hooks) -> None:
    channel = app.topic(
        *options.topics,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        allow_empty=True,
    )

    async def work(stream: Any) -> None:
        take = partial(batches, stream) if bulk_intake_fits() else stream.noack_take
        async for events in take(options.batch_documents, within=options.batch_wait):
            try:
                await _take_in(app.consumer, events, lane, hooks)
            except Exception as error:  # noqa: BLE001 - handed to the supervisor, never lost
                lane.fail(error)
                # Never leave the loop: Faust would restart its agent behind these messages.
                await asyncio.Event().wait()

    app.agent(channel, name=f"tidemark.{options.role}", concurrency=1)(work)

    async def revoked(_app: faust.App, revoked: Any, **_: Any) -> None:
        for tp in revoked:
            hooks.gaps.forget(tp.topic, tp.partition)

    app.on_partitions_revoked.connect(revoked, weak=False)


async def _take_in(consumer: LaneConsumer, events: Sequence[Any], lane: Lane, hooks: Hooks) -> None:
    fresh = [event.message for event in events if consumer.current(event.message)]
    for event in events:
        if not consumer.current(event.message):  # read before a rebalance: others read it again
            consumer.leave(event.message)
    if fresh:
        messages = [_raw(message) for message in fresh]
        _check_gaps(messages, hooks)
        hooks.metrics.received(hooks.role, len(messages))
        await lane.submit(messages, partial(consumer.finish, fresh))


def _raw(message: Any) -> RawMessage:
    return RawMessage(
        Origin(message.topic, message.partition, message.offset, round(message.timestamp * 1000)),
        message.key,
        message.value,
        _headers(message.headers) if message.headers else {},
    )


def _headers(headers: Any) -> Mapping[str, bytes]:
    pairs = headers.items() if isinstance(headers, dict) else headers
    return {name: value if value is not None else b"" for name, value in pairs}


def _check_gaps(messages: Sequence[RawMessage], hooks: Hooks) -> None:
    for message in messages:
        origin = message.origin
        missing = hooks.gaps.observe(origin.topic, origin.partition, origin.offset)
        if missing:
            hooks.on_gap(origin.topic, origin.partition, origin.offset, missing)
