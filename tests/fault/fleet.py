"""Workers of all roles under a small supervisor, as a process manager would run them."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

from streams.topics import ROLES
from tests.fault.worker import Exit, HarnessFailed, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Self

    from streams.topics import Role

_LOOK_S = 0.1
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 10.0
_WELL_AFTER_S = 20.0
_STOP_S = 45.0
_READY_S = 600.0


class Fleet:
    """Starts workers, starts them again when they end, and remembers every end.

    A worker that the harness has ended comes back at once; one that ended by itself after a delay
    that doubles until it has run well for a while.

    Args:
        slot: makes the slot of a role's next worker.
    """

    def __init__(self, slot: Callable[[Role, int], WorkerProcess]) -> None:
        self._slot = slot
        self._slots: list[WorkerProcess] = []
        self._numbers = dict.fromkeys(ROLES, 0)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="fleet", daemon=True)
        self.began = time.monotonic()
        self.exits: list[Exit] = []

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._supervisor.join()
        for worker in self._slots:
            for number in (signal.SIGCONT, signal.SIGTERM):
                self._signal(worker, number, "stop")
        deadline = time.monotonic() + _STOP_S
        for worker in self._slots:
            worker.wait(max(0.1, deadline - time.monotonic()))
        self._take_exits()

    def add(self, role: Role) -> WorkerProcess:
        """Add a worker; it starts at once."""
        with self._lock:
            worker = self._slot(role, self._numbers[role])
            self._numbers[role] += 1
            self._slots.append(worker)
            worker.start()
        return worker

    def remove(self, worker: WorkerProcess) -> None:
        """Take a worker away in order: SIGTERM, and it does not come back."""
        with self._lock:
            self._slots.remove(worker)
        worker.signal(signal.SIGTERM, "remove")
        worker.wait(_STOP_S)
        self._note(worker)

    def of(self, *roles: Role) -> list[WorkerProcess]:
        """Return the workers of some roles; of all, when none is named."""
        with self._lock:
            return [worker for worker in self._slots if not roles or worker.role in roles]

    def wait_ready(self, seconds: float = _READY_S) -> None:
        """Wait until every worker has said that it is ready.

        Raises:
            HarnessFailed: one did not; shows the end of its log.
        """
        deadline = time.monotonic() + seconds
        while waiting := [worker for worker in self.of() if not worker.ready]:
            if time.monotonic() > deadline:
                raise HarnessFailed(f"{waiting[0].name} is not ready:\n{waiting[0].tail()}")
            self._over.wait(_LOOK_S)

    def kill(self, worker: WorkerProcess) -> None:
        """Kill -9."""
        with self._lock:
            worker.signal(signal.SIGKILL, "kill")

    def terminate(self, worker: WorkerProcess) -> None:
        """SIGTERM; returns at once."""
        with self._lock:
            worker.signal(signal.SIGTERM, "term")

    def pause(self, workers: Sequence[WorkerProcess]) -> None:
        """SIGSTOP."""
        for worker in workers:
            worker.signal(signal.SIGSTOP)

    def resume(self, workers: Sequence[WorkerProcess]) -> None:
        """SIGCONT, for those that still are."""
        for worker in workers:
            self._signal(worker, signal.SIGCONT)

    def dump_stacks(self) -> None:
        """Let every worker write its stacks to its log."""
        for worker in self.of():
            self._signal(worker, signal.SIGUSR1)

    def unasked(self, since: int = 0) -> list[Exit]:
        """Return the ends that the harness had not asked for, or that went badly.

        Args:
            since: so many ends at the beginning are left out.
        """
        return [one for one in self.exits[since:] if one.last_words]

    def _signal(self, worker: WorkerProcess, number: signal.Signals, wanted: str = "") -> None:
        with contextlib.suppress(HarnessFailed):  # it has ended, which is as good
            worker.signal(number, wanted)

    def _supervise(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._take_exits()
            with self._lock:
                for worker in self._slots:
                    due = worker.restart_at
                    if due is not None and time.monotonic() >= due:
                        worker.start()

    def _take_exits(self) -> None:
        with self._lock:
            for worker in self._slots:
                self._note(worker)

    def _note(self, worker: WorkerProcess) -> None:
        ended = worker.take_exit(self.began)
        if ended is None:
            return
        self.exits.append(ended)
        if ended.wanted or ended.seconds_up > _WELL_AFTER_S:
            worker.failures = 0
        delay = 0.0
        if not ended.wanted:
            delay = min(_FIRST_DELAY_S * 2**worker.failures, _LONGEST_DELAY_S)
            worker.failures += 1
        worker.restart_at = time.monotonic() + delay
