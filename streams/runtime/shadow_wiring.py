"""The enrich stage around a model, for the champion and for the challenger in its shadow."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from streams.backends.kafka.group_reader import GroupReader
from streams.durations import parse_duration
from streams.ports import Price
from streams.runtime.shadow import Opening, ShadowThread
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from streams.stages.redact import redactor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.config import Settings
    from streams.ports import Enricher, Producer
    from streams.runtime.platform import Platform
    from streams.runtime.shadow import Challenger


def ingest_of(platform: Platform) -> Ingest:
    """Return what reads and checks the documents."""
    settings = platform.settings
    return Ingest(
        platform.codec.decode, settings.max_document_bytes, parse_duration(settings.max_future)
    )


def stage_of(platform: Platform, enricher: Enricher) -> EnrichStage:
    """Return the enrich stage around a model."""
    settings = platform.settings
    redactor, price = redactor_of(settings.redact), price_of(settings)
    ingest = ingest_of(platform)
    return EnrichStage(ingest, enricher, platform.clock, time.sleep, redactor, price=price)


def shadow_threads(
    platform: Platform,
    challenger: Callable[[], Challenger] | None,
    producer: Callable[[], Producer],
) -> tuple[ShadowThread, ...]:
    """Return the thread in which the challenger answers, where there is one."""
    settings, topics = platform.settings, platform.topics
    if settings.shadow is None or challenger is None:
        return ()
    opening = Opening(
        challenger=challenger,
        stage=partial(stage_of, platform),
        reader=lambda: GroupReader(
            platform.broker, topics.documents, topics.shadow_group, topics.group("enrich")
        ),
        producer=producer,
    )
    thread = ShadowThread(
        settings.shadow,
        opening=opening,
        ingest=ingest_of(platform),
        share=settings.shadow_share,
        codec=platform.codec,
        topics=topics,
        metrics=platform.metrics,
        log=platform.log.bind(role="enrich"),
    )
    return (thread,)


def price_of(settings: Settings) -> Price:
    """Return what an hour of this machine costs; nothing where nobody said."""
    if not settings.price_per_hour:
        return Price()
    return Price(settings.price_per_hour, settings.price_currency)
