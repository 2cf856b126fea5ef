"""One Apache Kafka process: its properties, its command line, its start and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streams.backends.kafka.jars import PROJECT
from streams.backends.kafka.process import GuardedProcess, wait_for_lock
from streams.backends.kafka.properties import broker_properties, escaped, telling_line
from streams.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from streams.backends.kafka.plan import Node, Plan
    from streams.backends.kafka.properties import Listener

_FORMAT_SECONDS = 120
_ENDED_BY_SIGTERM = 128 + signal.SIGTERM
_CLOSED = ".kafka_cleanshutdown"
_LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class JvmOptions:
    """How the Java processes are run.

    Attributes:
        java: path of the executable.
        jars: folder of the class path.
        archive: class-data-sharing archive to use where it exists, and to write where it does not
            and the cluster has one node; saves about one second per start, costs about two at the
            first stop.
        heap_mb: largest heap of a node.
        grace: seconds between SIGTERM and SIGKILL.
        properties: broker properties that override Tidemark's own.
        listeners: ports beside the plain one.
        system: Java's system properties.
    """

    java: Path
    jars: Path
    archive: Path | None = None
    heap_mb: int = 384
    grace: float = 10.0
    properties: Mapping[str, str] = field(default_factory=dict)
    listeners: Sequence[Listener] = ()
    system: Mapping[str, str] = field(default_factory=dict)


class KafkaNode:
    """A node of the local cluster; ``start`` and ``stop`` may be repeated."""

    def __init__(
        self, folder: Path, node: Node, plan: Plan, max_message_bytes: int, jvm: JvmOptions
    ) -> None:
        self.node = node
        self.log = folder / "logs" / f"node-{node.number}.log"
        self.console = folder / "logs" / f"node-{node.number}.out"
        self._data = folder / "data" / f"node-{node.number}"
        self._new_archive = self._beside(".jsa")
        self._plan = plan
        self._jvm = jvm
        own = broker_properties(node, plan, self._data, max_message_bytes, jvm.listeners)
        self._properties = own | dict(jvm.properties)
        self._process: GuardedProcess | None = None

    def start(self) -> None:
        """Format the storage where that was never done, and start the process if none runs.

        Ports and data are those of the time before. Returns before the node answers:
        ``LocalKafka.wait_ready`` waits for that.

        Raises:
            Unavailable: an earlier process does not let go of the folder, or formatting failed.
        """
        if self.alive():
            return
        self._data.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        lock = wait_for_lock(self._beside(".lock"), self._jvm.grace + 5)
        try:
            settings = self._write_properties()
            if not self._formatted():
                self._format(settings)
            with self.console.open("wb") as output:
                command = [*self._java(), *self._archive(), "kafka.Kafka", str(settings)]
                self._process = GuardedProcess(command, output, lock, self._jvm.grace)
        finally:
            # Guard and Java inherited the lock: it is free again when both are gone.
            os.close(lock)

    def begin_stop(self) -> None:
        """Ask the process to end in order, without waiting for it."""
        if self._process is not None:
            self._process.begin_stop()

    def stop(self) -> None:
        """End the process in order; returns when it is gone."""
        if self._process is None:
            return
        code = self._process.stop()
        self._process = None
        self._keep_archive(complete=code == _ENDED_BY_SIGTERM)

    def end_once_closed(self) -> None:
        """Wait until the broker has closed its logs, then end what else the process waits for."""
        pause = threading.Event()
        # Kafka removes the mark when it starts, and writes it after the last log is on disk.
        while self.alive() and not (self._data / _CLOSED).exists():
            pause.wait(_LOOK_AGAIN_SECONDS)
        if self._process is not None:
            self._process.kill()

    def kill(self) -> None:
        """End the process with SIGKILL; for tests of failures."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive()

    @property
    def pid(self) -> int | None:
        """Process id of the Java process while it runs."""
        return self._process.command_pid() if self._process is not None else None

    def complaint(self) -> str:
        """Return the most telling line of the log, for an error message."""
        written = [
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.console, self.log)
            if path.exists()
        ]
        return telling_line("\n".join(written))

    def _beside(self, suffix: str) -> Path:
        return self._data.with_name(self._data.name + suffix)

    def _write_properties(self) -> Path:
        path = self._beside(".properties")
        lines = [f"{name}={escaped(value)}\n" for name, value in self._properties.items()]
        path.write_text("".join(lines), encoding="ascii")
        return path

    def _formatted(self) -> bool:
        # Formatting may have been cut short, and somebody may have emptied the folder since.
        done = self._beside(".formatted").exists()
        return done and (self._data / "meta.properties").exists()

    def _format(self, settings: Path) -> None:
        shared = self._archive() if self._jvm.archive and self._jvm.archive.exists() else []
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
        command = [*self._java(), *shared, *tool]
        answer = subprocess.run(  # noqa: S603 - Java of this machine, fixed arguments
            [*command, "--cluster-id", self._plan.cluster_id, "--config", str(settings)],
            capture_output=True,
            text=True,
            timeout=_FORMAT_SECONDS,
            check=False,
        )
        if answer.returncode != 0:
            reason = telling_line(answer.stdout + answer.stderr)
            raise Unavailable(f"cannot format {self._data} for Apache Kafka: {reason}")
        self._beside(".formatted").touch()

    def _java(self) -> list[str]:
        return [
            str(self._jvm.java),
            # A node that lives for minutes gains more from a fast start than from the second tier.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xms128m",
            f"-Xmx{self._jvm.heap_mb}m",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            *(f"-D{name}={value}" for name, value in self._jvm.system.items()),
            f"-Dtidemark.kafka.log={self.log}",
            f"-Dlog4j2.configurationFile={PROJECT / 'log4j2.properties'}",
            "-cp",
            f"{self._jvm.jars}/*",
        ]

    def _archive(self) -> list[str]:
        if self._jvm.archive is None:
            return []
        if self._jvm.archive.exists():
            return [f"-XX:SharedArchiveFile={self._jvm.archive}"]
        # Several would write at the same time, and the last one of them is not waited for.
        if len(self._plan.nodes) > 1:
            return []
        return [f"-XX:ArchiveClassesAtExit={self._new_archive}", "-Xlog:cds=off"]

    def _keep_archive(self, *, complete: bool) -> None:
        """Put a new archive in place; one that Java could not finish is thrown away."""
        if self._jvm.archive is None or not self._new_archive.exists():
            return
        # Without the archive the next start only takes longer.
        with contextlib.suppress(OSError):
            if complete and not self._jvm.archive.exists():
                self._new_archive.replace(self._jvm.archive)
            else:
                self._new_archive.unlink()
