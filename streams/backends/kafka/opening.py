"""Open the broker that ``TIDEMARK_KAFKA`` names."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from streams.backends.kafka.address import check_reachable, parse_addresses
from streams.backends.kafka.broker import Backend, Broker, Kind
from streams.backends.kafka.inprocess import InProcessCluster
from streams.backends.kafka.local import LocalOptions, local_kafka
from streams.backends.kafka.ports import answers
from streams.backends.kafka.security import KafkaSecurity, security_from_settings
from streams.backends.kafka.sharing import BrokerRecord, Ownership, read_record
from streams.backends.kafka.topic_specs import largest_message
from streams.clock import SystemClock
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from streams.clock import Clock
    from streams.config import Settings

_EMBEDDED = ("auto", "local", "in-process")
_KINDS: dict[str, Kind] = {"local": "apache-kafka-local", "in-process": "in-process"}
_LOOK_AGAIN_SECONDS = 0.05
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """Which broker, and how long to wait for it.

    Attributes:
        mode: ``auto``, ``local``, ``in-process`` or ``host:port,...``, as ``TIDEMARK_KAFKA``.
        data: data folder; holds the lock, the record, the jars and the messages.
        max_message_bytes: largest message of the documents topic.
        security: how to speak to an external broker.
        nodes: nodes of a local cluster.
        port: fixed port of its first node; None for a free one that is kept.
        jars: folder that keeps fetched jars; the data folder's ``kafka`` when absent.
        start_timeout: seconds to wait for a broker to start or to answer.
    """

    mode: str
    data: Path
    max_message_bytes: int = 8 * 1024 * 1024
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    nodes: int = 1
    port: int | None = None
    jars: Path | None = None
    start_timeout: float = 60.0


def open_broker(
    options: BrokerOptions,
    environment: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Broker:
    """Start the broker, share the one that another process runs, or reach an external one.

    Args:
        options: which broker.
        environment: where Java, Maven and ``KAFKA_HOME`` are looked up; this process's if None.
        clock: dates the record for other processes; the machine's if None.
        tell: told one line before something that takes long.

    Raises:
        Misconfigured: the settings are wrong or only half there, or something has to be installed.
        Unavailable: the broker does not start or does not answer.
    """
    if options.mode not in _EMBEDDED:
        return _external(options)
    if options.security != KafkaSecurity():
        raise Misconfigured(
            "TIDEMARK_KAFKA_* asks for TLS or a user, but TIDEMARK_KAFKA names no broker: set it "
            "to host:port, or unset the security settings"
        )
    deadline = time.monotonic() + options.start_timeout
    pause = threading.Event()
    while True:
        ownership = Ownership.claim(options.data)
        if ownership is not None:
            start = partial(_start, options, environment or os.environ, tell)
            return _own(ownership, start, clock or SystemClock())
        shared = _share(options)
        if shared is not None:
            return shared
        if time.monotonic() > deadline:
            raise _held(options.data)
        pause.wait(_LOOK_AGAIN_SECONDS)


def broker_from_settings(
    settings: Settings, tell: Callable[[str], None] = lambda _line: None
) -> Broker:
    """Open the broker of the settings; see ``open_broker``."""
    return open_broker(
        BrokerOptions(
            mode=settings.kafka,
            data=settings.data,
            max_message_bytes=settings.max_message_bytes,
            security=security_from_settings(settings),
        ),
        tell=tell,
    )


def running_broker(settings: Settings) -> Broker | None:
    """Return the broker of the settings without starting one; None where none runs.

    Raises:
        Misconfigured: the address or a security setting is wrong.
        Unavailable: an external broker does not answer.
    """
    options = BrokerOptions(
        settings.kafka, settings.data, security=security_from_settings(settings)
    )
    return _share(options) if settings.kafka in _EMBEDDED else _external(options)


def _external(options: BrokerOptions) -> Broker:
    bootstrap = parse_addresses(options.mode)
    check_reachable(bootstrap, options.security, min(options.start_timeout, _ANSWER_SECONDS))
    return Broker(bootstrap, "external", security=options.security)


def _own(
    ownership: Ownership, start: Callable[[], tuple[Backend, Kind, str]], clock: Clock
) -> Broker:
    try:
        backend, kind, remark = start()
    except BaseException:
        ownership.release()
        raise
    broker = Broker(
        backend.bootstrap,
        kind,
        owner_pid=os.getpid(),
        backend=backend,
        ownership=ownership,
        remark=remark,
    )
    try:
        ownership.publish(BrokerRecord(broker.bootstrap, kind, os.getpid(), clock.now_ms()))
    except BaseException:
        broker.close()
        raise
    return broker


def _start(
    options: BrokerOptions, environment: Mapping[str, str], tell: Callable[[str], None]
) -> tuple[Backend, Kind, str]:
    if options.mode == "in-process":
        return InProcessCluster(options.nodes), "in-process", ""
    limits = LocalOptions(
        options.data / "kafka",
        options.nodes,
        options.port,
        largest_message(options.max_message_bytes),
    )
    try:
        kafka = local_kafka(limits, environment, options.jars, tell)
    except TidemarkError as error:
        if options.mode == "local":
            raise
        return InProcessCluster(options.nodes), "in-process", f"because {error}"
    kafka.start(options.start_timeout)
    return kafka, "apache-kafka-local", f"started in {kafka.start_seconds:.1f} s"


def _share(options: BrokerOptions) -> Broker | None:
    record = read_record(options.data)
    if record is None or not any(answers(one) for one in record.bootstrap.split(",")):
        return None
    kind: Kind = "in-process" if record.kind == "in-process" else "apache-kafka-local"
    if options.mode != "auto" and _KINDS[options.mode] != kind:
        raise Misconfigured(
            f"TIDEMARK_KAFKA={options.mode}, but process {record.pid} runs {kind} for the data "
            f"folder {options.data}: stop it, or set TIDEMARK_KAFKA=auto to share it"
        )
    return Broker(record.bootstrap, kind, owner_pid=record.pid)


def _held(data: Path) -> Unavailable:
    record = read_record(data)
    who = f"process {record.pid}" if record else "another process"
    return Unavailable(
        f"{who} holds the broker of the data folder {data}, but no broker answers: stop that "
        "process, or set TIDEMARK_DATA to another folder"
    )
