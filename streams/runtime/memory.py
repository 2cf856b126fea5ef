"""Samples the resident memory of this process and its children while it works."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psutil

from streams.runtime.report import MemoryProfile

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_MIB = 1024 * 1024


class MemorySampler:
    """A context manager; ``profile`` holds what was seen, also while it runs."""

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._process = psutil.Process()
        self._samples: list[tuple[float, float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)

    @property
    def profile(self) -> MemoryProfile:
        """What was seen so far."""
        return MemoryProfile(tuple(self._samples))

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._samples.append(self._sample())
            if self._stop.wait(self._interval):
                return

    def _sample(self) -> tuple[float, float, float]:
        children = 0.0
        for child in self._process.children(recursive=True):
            try:
                children += child.memory_info().rss / _MIB
            except psutil.NoSuchProcess:
                continue
        own = self._process.memory_info().rss / _MIB
        return time.monotonic() - self._started, own, children
