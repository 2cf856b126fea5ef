"""What a worker says of its waiting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from streams.runtime import worker as module
from streams.runtime.worker import Worker


class _Runner:
    """A role that is without its group, or not."""

    role = "land"
    running = True

    def __init__(self) -> None:
        self.alone = True
        self.looks = 0

    @property
    def adrift(self) -> bool:
        self.looks += 1
        return self.alone


class _Log:
    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, event: str, **_values: Any) -> None:
        self.said.append(event)

    info = warning


async def _looked(runner: _Runner, log: _Log, told: int) -> None:
    """Wait for so many lines, and until the worker has looked a few times more."""
    while len(log.said) < told:
        await asyncio.sleep(0.001)
    enough = runner.looks + 10
    while runner.looks < enough:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(("passing_s", "said"), [(0.01, ["waiting", "going on"]), (1e6, [])])
async def test_only_what_lasts_is_told(
    passing_s: float, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that waits, and gets on; one that waits in passing is no news."""
    monkeypatch.setattr(module, "_LOOK_S", 0.001)
    monkeypatch.setattr(module, "_PASSING_S", passing_s)
    runner, log = _Runner(), _Log()
    worker = Worker([runner], shutdown_timeout=1.0, log=log)  # type: ignore[list-item, arg-type]
    telling = asyncio.create_task(worker.tell())
    try:
        await asyncio.wait_for(_looked(runner, log, len(said[:1])), 30)
        runner.alone = False
        await asyncio.wait_for(_looked(runner, log, len(said)), 30)
    finally:
        telling.cancel()
    assert log.said == said
