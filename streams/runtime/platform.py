"""What a process opens once and its roles share: broker, topics, codec, metrics, clock."""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.security import security_from_settings
from streams.backends.kafka.topic_creation import forbid_creation_on_demand
from streams.backends.kafka.topics import ensure_topics, specs_from_settings
from streams.backends.schema_registry import codec_from_settings, values_of
from streams.clock import Clock, SystemClock
from streams.logs import logger
from streams.metrics import Metrics
from streams.runtime.receipts import Receipts
from streams.runtime.retry import Retry
from streams.runtime.waiting import Waiting
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import structlog

    from schemas.codec import Codec
    from streams.backends.kafka.broker import Broker
    from streams.config import Settings


@dataclass(frozen=True, slots=True)
class Platform:
    """Shared by all roles of a process; ``stop`` interrupts everything that waits."""

    settings: Settings
    data: Path
    topics: Topics
    broker: Broker
    codec: Codec
    metrics: Metrics = field(default_factory=Metrics)
    clock: Clock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    log: structlog.stdlib.BoundLogger = field(default_factory=logger)
    waiting: Waiting = field(default_factory=Waiting)

    @property
    def receipts(self) -> Receipts:
        """Who is told what became of a message."""
        return Receipts(self.settings.receipts, self.topics.receipts, self.codec)

    def retry(self, role: str) -> Retry:
        """Return the policy of a role for what may come back."""
        log = self.log.bind(role=role)
        return Retry(self.stop, log, random.Random(), role=role, board=self.waiting)  # noqa: S311 - jitter


@contextmanager
def open_platform(settings: Settings, data: Path | None = None) -> Iterator[Platform]:
    """Open the broker and its topics; closes what this process owns.

    Args:
        settings: the configuration.
        data: folder of embedded data; the configured one if None.

    Raises:
        Misconfigured: a setting is wrong or only half there.
        Unavailable: the broker does not start or does not answer.
    """
    folder = data or settings.data
    topics = Topics(settings.topic_prefix)
    options = BrokerOptions(
        mode=settings.kafka,
        data=folder,
        max_message_bytes=settings.max_message_bytes,
        security=security_from_settings(settings),
        # Fetched once for all data folders, the demo's fresh ones too.
        jars=settings.data / "kafka",
    )
    log = logger()
    codec = codec_from_settings(settings)
    forbid_creation_on_demand()
    with open_broker(options, tell=lambda what: log.info("broker", doing=what)) as broker:
        platform = Platform(settings, folder, topics, broker, codec)
        platform.log.info("broker ready", broker=broker.describe())
        _ensure(platform)
        codec.announce(values_of(topics))
        yield platform


def _ensure(platform: Platform) -> None:
    specs = specs_from_settings(platform.settings, platform.topics)
    report = ensure_topics(platform.broker, specs)
    if report.created:
        platform.log.info("topics created", topics=list(report.created))
    for difference in report.differences:
        platform.log.warning("topic differs", difference=str(difference), remedy=difference.remedy)
    for remark in report.remarks:
        platform.log.warning("topics", remark=remark)
