"""A real Apache Kafka on this machine: one KRaft node on loopback, or several for tests."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.jars import pinned_version, provide_jars
from streams.backends.kafka.java import find_java
from streams.backends.kafka.librdkafka import silent_logger
from streams.backends.kafka.node import JvmOptions, KafkaNode
from streams.backends.kafka.plan import make_plan
from streams.backends.kafka.ports import LOOPBACK
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from streams.backends.kafka.properties import Listener

START_SECONDS = 60.0
_ATTEMPTS = 3
_LOOK_AGAIN_SECONDS = 0.02
_LEAST_FREE_BYTES = 64 * 1024 * 1024
_TAKEN = "Address already in use"


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What a local cluster is asked to be.

    Attributes:
        folder: where jars, messages and logs are kept.
        nodes: number of KRaft nodes, each with its own Java process.
        port: fixed port of the first node; None for a free one that is kept.
        max_message_bytes: largest message that the brokers take.
    """

    folder: Path
    nodes: int = 1
    port: int | None = None
    max_message_bytes: int = 32 * 1024 * 1024


class LocalKafka:
    """The nodes of a local cluster; ``start`` returns when every node answers."""

    def __init__(self, options: LocalOptions, jvm: JvmOptions) -> None:
        self._options = replace(options, folder=options.folder.resolve())
        self.jvm = jvm
        self.nodes: tuple[KafkaNode, ...] = ()
        self.bootstrap = ""
        self.start_seconds = 0.0

    def start(self, timeout: float = START_SECONDS) -> None:
        """Start every node and wait until clients see all of them.

        Raises:
            Misconfigured: the folder cannot be used as asked, or the fixed port is taken.
            Unavailable: a node died or did not answer in time; carries the log's last complaint.
        """
        started = time.monotonic()
        _check_folder(self._options.folder)
        for attempt in range(_ATTEMPTS):
            try:
                self._start_once(started + timeout, renew_ports=attempt > 0)
                break
            except Unavailable as error:
                self.stop()
                # Another process took a port after it was chosen.
                if _TAKEN not in str(error) or self._options.port or attempt == _ATTEMPTS - 1:
                    raise
            except BaseException:
                self.stop()
                raise
        self.start_seconds = time.monotonic() - started

    def stop(self) -> None:
        """Stop every node in order; returns when all are gone.

        All at once: a broker cannot leave in order without a quorum of controllers, so none may
        outlast the others. The last controller would wait five seconds for a successor that
        cannot come; it is ended as soon as its broker has closed its logs.
        """
        for node in self.nodes:
            node.begin_stop()
        pause = threading.Event()
        while len(running := [node for node in self.nodes if node.alive()]) > 1:
            pause.wait(_LOOK_AGAIN_SECONDS)
        for node in running if len(self.nodes) > 1 else ():
            node.end_once_closed()
        for node in self.nodes:
            node.stop()

    def alive(self) -> bool:
        """Whether every node's process runs."""
        return bool(self.nodes) and all(node.alive() for node in self.nodes)

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until clients see every node.

        Raises:
            Unavailable: a node died, or the time is over.
        """
        self._wait_ready(time.monotonic() + timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _start_once(self, deadline: float, *, renew_ports: bool) -> None:
        options = self._options
        plan = make_plan(options.folder, options.nodes, options.port, renew=renew_ports)
        self.bootstrap = plan.bootstrap
        self.nodes = tuple(
            KafkaNode(options.folder, node, plan, options.max_message_bytes, self.jvm)
            for node in plan.nodes
        )
        for node in self.nodes:
            node.start()
        self._wait_ready(deadline)

    def _wait_ready(self, deadline: float) -> None:
        # Each node is asked itself: the others go on naming one that was killed for a while.
        for node in self.nodes:
            client = _probe(node)
            while not self._sees_all(client):
                self._raise_if_dead()
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"Apache Kafka did not answer in time: {node.complaint()}; its log is "
                        f"{node.log}"
                    )

    def _sees_all(self, client: AdminClient) -> bool:
        try:
            return len(client.list_topics(timeout=0.5).brokers) == len(self.nodes)
        except KafkaException:
            return False

    def _raise_if_dead(self) -> None:
        for node in self.nodes:
            if not node.alive():
                raise Unavailable(
                    f"Apache Kafka ended while it started: {node.complaint()}; its log is "
                    f"{node.log}"
                )


def local_kafka(
    options: LocalOptions,
    environment: Mapping[str, str],
    jars: Path | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> LocalKafka:
    """Find Java and the jars; the cluster that is returned has not been started.

    Args:
        options: the cluster.
        environment: where ``JAVA_HOME``, ``KAFKA_HOME`` and ``PATH`` are looked up.
        jars: folder that keeps fetched jars; the cluster's own folder when absent.
        tell: told one line before jars are fetched.

    Raises:
        Misconfigured: Java, or Maven and ``KAFKA_HOME``, are missing.
        Unavailable: the jars cannot be fetched now.
    """
    java = find_java(environment)
    cache = jars or options.folder
    class_path = provide_jars(cache.resolve(), environment, tell=tell)
    # An archive of an unpacked Kafka that others may upgrade would go stale unseen.
    own = class_path.parent == cache.resolve()
    archive = cache.resolve() / f"jars-{pinned_version()}-java-{java.release}.jsa" if own else None
    return LocalKafka(options, JvmOptions(java.executable, class_path, archive))


def start_test_kafka(
    folder: Path,
    *,
    nodes: int = 1,
    port: int | None = None,
    max_message_bytes: int = 32 * 1024 * 1024,
    jars: Path | None = None,
    properties: Mapping[str, str] | None = None,
    listeners: Sequence[Listener] = (),
    system: Mapping[str, str] | None = None,
) -> LocalKafka:
    """Start a cluster for tests, with data in ``folder``; stop it with ``stop`` or ``with``.

    Args:
        folder: empty folder, or one that an earlier cluster left.
        nodes: number of KRaft nodes.
        port: fixed port of the first node.
        max_message_bytes: largest message that the brokers take.
        jars: folder that keeps fetched jars between tests.
        properties: broker properties that override Tidemark's own.
        listeners: ports beside the plain one, of a single node.
        system: Java's system properties.

    Raises:
        Misconfigured: Java, or Maven and ``KAFKA_HOME``, are missing.
        Unavailable: the jars cannot be fetched, or the cluster does not start.
    """
    options = LocalOptions(folder, nodes, port, max_message_bytes)
    found = local_kafka(options, os.environ, jars)
    # Tests kill brokers, and should not wait long for the dead one to be forgotten.
    fast = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "250"}
    given = {**fast, **(properties or {})}
    jvm = replace(found.jvm, properties=given, listeners=listeners, system=system or {})
    kafka = LocalKafka(options, jvm)
    kafka.start()
    return kafka


def _probe(node: KafkaNode) -> AdminClient:
    config = {
        "bootstrap.servers": f"{LOOPBACK}:{node.node.port}",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 200,
    }
    return AdminClient(config, logger=silent_logger())


def _check_folder(folder: Path) -> None:
    if set(str(folder)) & set(",:\n"):
        raise Misconfigured(
            f"Apache Kafka cannot keep its data in {folder}: its name has a comma or a colon; "
            "set TIDEMARK_DATA to another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise Misconfigured(
            f"cannot write in {folder} ({error.strerror}): make it writable or set TIDEMARK_DATA"
        ) from error
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise Unavailable(
            f"only {free // 2**20} MiB are free for Apache Kafka in {folder}: free some space or "
            "set TIDEMARK_DATA to a folder on another disk"
        )
