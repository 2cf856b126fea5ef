"""The broker that the configuration asks for: owned, shared with another process, or external."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, Protocol

from streams.backends.kafka.ports import answers
from streams.backends.kafka.security import KafkaSecurity

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from streams.backends.kafka.sharing import Ownership

Kind = Literal["apache-kafka-local", "in-process", "external"]
_MISSES = 2


class Backend(Protocol):
    """A broker that this process runs."""

    bootstrap: str

    def alive(self) -> bool:
        """Whether it runs; cheap."""
        ...

    def stop(self) -> None:
        """End it in order."""
        ...


class Broker:
    """An address with an owner; a context manager that stops what this process owns.

    Attributes:
        bootstrap: addresses for clients, ``host:port,...``.
        kind: what answers there.
        owned: whether it ends with this object.
        owner_pid: process that runs it; None for an external broker.
        security: how to speak to it.
    """

    def __init__(
        self,
        bootstrap: str,
        kind: Kind,
        *,
        owner_pid: int | None = None,
        security: KafkaSecurity | None = None,
        backend: Backend | None = None,
        ownership: Ownership | None = None,
        remark: str = "",
    ) -> None:
        self.bootstrap = bootstrap
        self.kind: Kind = kind
        self.owner_pid = owner_pid
        self.security = security or KafkaSecurity()
        self._backend = backend
        self._ownership = ownership
        self._remark = remark
        self._watching: list[tuple[threading.Thread, threading.Event]] = []

    @property
    def owned(self) -> bool:
        """Whether this process runs the broker."""
        return self._backend is not None

    @property
    def durable(self) -> bool:
        """Whether messages outlive the broker's process."""
        return self.kind != "in-process"

    def describe(self) -> str:
        """Return the line that a person sees at start."""
        return f"Kafka: {self._what()}{f' ({self._remark})' if self._remark else ''}"

    def alive(self) -> bool:
        """Whether the broker still answers; takes microseconds on this machine."""
        if self._backend is not None and not self._backend.alive():
            return False
        return any(answers(address) for address in self.bootstrap.split(","))

    def watch(self, gone: Callable[[str], None], interval: float = 1.0) -> None:
        """Call ``gone`` once, from a thread, when an embedded broker is no longer there.

        Outages of external brokers are the clients' business; for them nothing is started.
        """
        if self.kind == "external":
            return
        stop = threading.Event()
        watcher = threading.Thread(
            target=self._watch, args=(gone, interval, stop), name="broker-watch", daemon=True
        )
        self._watching.append((watcher, stop))
        watcher.start()

    def unwatch(self) -> None:
        """Call nobody any more."""
        for watcher, stop in self._watching:
            stop.set()
            if watcher is not threading.current_thread():
                watcher.join()
        self._watching.clear()

    def close(self) -> None:
        """Stop watching, stop what this process owns, give up the ownership."""
        self.unwatch()
        try:
            if self._backend is not None:
                self._backend.stop()
        finally:
            if self._ownership is not None:
                self._ownership.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _what(self) -> str:
        if self.kind == "external":
            return f"at {self.bootstrap}"
        name = "Apache Kafka on this machine"
        if self.kind == "in-process":
            name = "librdkafka's in-process cluster, for trying out, not durable"
        owner = "" if self.owned else f", run by process {self.owner_pid}"
        return f"{name}, at {self.bootstrap}{owner}"

    def _watch(self, gone: Callable[[str], None], interval: float, stop: threading.Event) -> None:
        misses = 0
        while misses < _MISSES:
            if stop.wait(interval):
                return
            misses = 0 if self.alive() else misses + 1
        if self.owned:
            gone(f"the broker at {self.bootstrap} ended")
        else:
            gone(
                f"the broker at {self.bootstrap} is gone: its owner (process "
                f"{self.owner_pid}) ended"
            )
