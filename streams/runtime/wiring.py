"""The only composition root: a platform in, role runners out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from streams.backends.kafka.gaps import GapCheck
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.producer import KafkaProducer, open_producer, producer_options
from streams.backends.kafka.state import FencedState, PlainState
from streams.durations import is_off, parse_duration, parse_rate
from streams.runtime.canary import CanaryThread
from streams.runtime.drift_role import DriftRole
from streams.runtime.enrich_role import EnrichRole
from streams.runtime.faust_app import AppOptions, Hooks
from streams.runtime.land_role import LandRole
from streams.runtime.ledger_thread import ledger_threads
from streams.runtime.lookback import look_back
from streams.runtime.role_runner import RolePlan, RoleRunner
from streams.runtime.shadow_wiring import shadow_threads, stage_of
from streams.runtime.summaries import summary_threads
from streams.runtime.switching import ModelSwitch
from streams.runtime.trend_thread import trend_threads
from streams.stages.drift import DriftStage
from streams.stages.guard import DeadLetterGuard, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.config import Settings
    from streams.ports import Enricher, Producer, StateStore
    from streams.runtime.lane import Checkpoint, Step
    from streams.runtime.platform import Platform
    from streams.runtime.role_runner import Companion
    from streams.runtime.shadow import Challenger
    from streams.stages.enrich import EnrichStage
    from streams.topics import Role

_LAND_MESSAGES = 500
_DRIFT_MESSAGES = 500
_LAND_TICK_S = 0.1
_FETCH_BYTES: dict[Role, int] = {"enrich": 128 << 10, "drift": 1 << 20, "land": 1 << 20}


@dataclass(frozen=True, slots=True)
class Parts:
    """What only some roles need; the others leave it out."""

    enricher: Enricher | None = None
    warehouse: ClickHouseWarehouse | None = None
    challenger: Callable[[], Challenger] | None = None
    load: Callable[[Settings], Enricher] | None = None
    loaded: Settings | None = None


def build_runners(
    platform: Platform,
    roles: Sequence[Role],
    parts: Parts,
    *,
    web: tuple[str, int] | None = None,
    mount_web: Callable[[Any], None] | None = None,
) -> tuple[list[RoleRunner], DriftRole | None]:
    """Build runners for the roles; the first one serves the web pages.

    Returns:
        The runners in the order of ``roles``, and the drift role where it is among them.
    """
    runners: list[RoleRunner] = []
    drift: DriftRole | None = None
    for role in roles:
        first = not runners
        plan, built = _plan(platform, role, parts, web if first else None)
        if isinstance(built, DriftRole):
            drift = built
        mount = mount_web if first and web is not None else None
        platform.metrics.waiting(role, partial(platform.waiting.waits, role))
        runners.append(RoleRunner(plan, platform.log.bind(role=role), mount))
    return runners, drift


def _plan(
    platform: Platform, role: Role, parts: Parts, web: tuple[str, int] | None
) -> tuple[RolePlan, object]:
    producer = role_producer(platform, role)
    if role == "enrich":
        enrich = _enrich(platform, parts, producer)
        companions: tuple[Companion, ...] = (
            *canary_threads(platform, enrich.stage),
            *switches(platform, parts, enrich.stage),
            *shadow_threads(platform, parts.challenger, lambda: role_producer(platform, "shadow")),
        )
        plan = _role_plan(platform, role, enrich.steps(), producer, web=web, companions=companions)
        return plan, enrich
    if role == "drift":
        drift = _drift(platform, producer)
        plan = _role_plan(
            platform,
            role,
            drift.steps(),
            producer,
            web=web,
            checkpoint=drift,
            on_revoked=drift.revoked,
        )
        return plan, drift
    land = _land(platform, parts, producer)
    plan = _role_plan(
        platform,
        role,
        land.steps(),
        producer,
        web=web,
        checkpoint=land,
        tick=_LAND_TICK_S,
        companions=(
            *ledger_threads(platform, parts.warehouse, lambda: role_producer(platform, role)),
            *trend_threads(platform, parts.warehouse),
            *summary_threads(platform, parts.warehouse),
        ),
    )
    return plan, land


def role_producer(platform: Platform, client: str) -> KafkaProducer:
    """Open a producer; on the in-process cluster it holds back by what groups have consumed."""
    size = platform.settings.max_message_bytes
    return open_producer(platform.broker, platform.topics, size, f"tidemark-{client}")


def _enrich(platform: Platform, parts: Parts, producer: KafkaProducer) -> EnrichRole:
    settings = platform.settings
    assert parts.enricher is not None  # noqa: S101 - the caller opened it for this role
    stage = stage_of(platform, parts.enricher)
    retry = platform.retry("enrich")

    def history() -> Record:
        return retry("look back at the dead letters", lambda: look_back(platform))

    return EnrichRole(
        stage=stage,
        codec=platform.codec,
        producer=producer,
        topics=platform.topics,
        guard=DeadLetterGuard(settings.dead_letter_share, history),
        retry=retry,
        metrics=platform.metrics,
        receipts=platform.receipts,
    )


def switches(platform: Platform, parts: Parts, stage: EnrichStage) -> tuple[ModelSwitch, ...]:
    """Return the thread that changes the models when others are chosen."""
    if parts.load is None:
        return ()
    log = platform.log.bind(role="enrich")
    return (ModelSwitch(platform.settings, stage, parts.load, log, loaded=parts.loaded),)


def canary_threads(platform: Platform, stage: EnrichStage) -> tuple[CanaryThread, ...]:
    """Return the thread that runs the canaries, unless they are off."""
    settings = platform.settings
    if is_off(settings.canary):
        return ()
    thread = CanaryThread(
        stage=stage,
        codec=platform.codec,
        producer=lambda: role_producer(platform, "canary"),
        topics=platform.topics,
        partitions=enriched_partitions(platform),
        clock=platform.clock,
        metrics=platform.metrics,
        log=platform.log.bind(role="enrich"),
        every_ms=parse_duration(settings.canary),
    )
    return (thread,)


def _drift(platform: Platform, producer: Producer) -> DriftRole:
    return DriftRole(
        stage=DriftStage(drift_options(platform.settings, enriched_partitions(platform))),
        codec=platform.codec,
        producer=producer,
        state=_state(platform, producer),
        topics=platform.topics,
        retry=platform.retry("drift"),
        clock=platform.clock,
        metrics=platform.metrics,
    )


def _state(platform: Platform, producer: Producer) -> StateStore:
    broker, topic = platform.broker, platform.topics.state
    if broker.kind == "in-process":
        return PlainState(broker, topic, producer)
    options = producer_options(
        platform.topics, platform.settings.max_message_bytes, "tidemark-state"
    )
    return FencedState(broker, topic, producer, options)


def _land(platform: Platform, parts: Parts, producer: Producer) -> LandRole:
    assert parts.warehouse is not None  # noqa: S101 - the caller opened it for this role
    return LandRole(
        codec=platform.codec,
        warehouse=parts.warehouse,
        producer=producer,
        topics=platform.topics,
        retry=platform.retry("land"),
        clock=platform.clock,
        metrics=platform.metrics,
        wait_ms=parse_duration(platform.settings.land_wait),
        receipts=platform.receipts,
    )


def _role_plan(
    platform: Platform,
    role: Role,
    steps: Sequence[Step],
    producer: KafkaProducer,
    *,
    web: tuple[str, int] | None,
    checkpoint: Checkpoint | None = None,
    tick: float = 0.5,
    on_revoked: Callable[[], None] = lambda: None,
    companions: Sequence[Companion] = (),
) -> RolePlan:
    return RolePlan(
        options=_app_options(platform, role, web),
        hooks=_hooks(platform, role, on_revoked),
        steps=steps,
        step_timeout=parse_duration(platform.settings.inference_timeout) / 1000,
        checkpoint=checkpoint,
        tick=tick,
        close=producer.close,
        abandon=producer.abandon,
        companions=companions,
    )


def _app_options(platform: Platform, role: Role, web: tuple[str, int] | None) -> AppOptions:
    settings, topics = platform.settings, platform.topics
    sizes = {"enrich": settings.batch_documents, "drift": _DRIFT_MESSAGES, "land": _LAND_MESSAGES}
    waits = {"enrich": settings.batch_wait, "drift": "100ms", "land": "100ms"}
    return AppOptions(
        role=role,
        group=topics.group(role),
        topics=topics.consumed_by(role),
        bootstrap=platform.broker.bootstrap,
        data=platform.data,
        batch_documents=sizes[role],
        batch_wait=parse_duration(waits[role]) / 1000,
        batches_in_flight=settings.batches_in_flight if role == "enrich" else 2,
        # Backpressure of the in-process cluster goes by commits: keep them prompt there.
        commit_interval=1.0 if platform.broker.durable else 0.25,
        max_message_bytes=2 * settings.max_message_bytes + (1 << 20),
        # Small fetches keep the partitions of a backlog in step; a larger message comes whole.
        fetch_bytes=_FETCH_BYTES[role],
        security=platform.broker.security,
        web=web,
        revocation_timeout=parse_duration(settings.rebalance_timeout) / 1000,
    )


def _hooks(platform: Platform, role: Role, on_revoked: Callable[[], None]) -> Hooks:
    log = platform.log.bind(role=role)

    def on_gap(topic: str, partition: int, offset: int, missing: int) -> None:
        platform.metrics.missing(role, topic, missing)
        log.error(
            "offsets missing: the broker lost messages, or never had any there (transactions, "
            "compaction); `tidemark ledger` tells which",
            topic=topic,
            partition=partition,
            before_offset=offset,
            missing=missing,
        )

    return Hooks(role, GapCheck(), platform.metrics, on_gap, on_revoked)


def enriched_partitions(platform: Platform) -> int:
    """Return how many partitions the enriched topic has, whatever the settings ask for."""
    reader = OffsetReader(platform.broker.bootstrap, platform.broker.security)
    try:
        return max(1, len(reader.partitions(platform.topics.enriched)))
    finally:
        reader.close()


def drift_options(settings: Settings, partitions: int | None = None) -> Any:
    """Options of the drift stage from the settings.

    Args:
        settings: the configuration.
        partitions: of the enriched topic; as many as the settings ask for if None.
    """
    from streams.drift.options import DriftOptions  # noqa: PLC0415

    return DriftOptions(
        window_ms=parse_duration(settings.window),
        lateness_ms=parse_duration(settings.lateness),
        reference_documents=settings.drift_reference,
        false_alarms_per_ms=parse_rate(settings.false_alarms),
        partitions=partitions or settings.partitions,
        settles=settings.drift_renewal != "never",
        renew_documents=int(renewal) if (renewal := settings.drift_renewal).isdecimal() else None,
        by_label=settings.drift_segments == "label",
    )
