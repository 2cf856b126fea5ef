"""``tidemark`` in a process that ends with the harness; tests may give it a small or slow model.

    python -m tests.fault.worker_process worker --role enrich

SIGUSR1 writes the stacks of all threads and tasks to standard error. Without the variables below
it is the production command line and nothing else.

``FAULT_MODEL_FILES``  folder with the files of the tiny model of the tests, instead of the pinned
``FAULT_SLOW``         file that holds how many seconds one batch of inference takes longer
``FAULT_POLL_S``       the consumers' poll interval, so that a test need not wait for minutes
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import models.manifest
from tests.support.tiny_model import pinned_tiny

MODEL_FILES, SLOW, POLL_S = "FAULT_MODEL_FILES", "FAULT_SLOW", "FAULT_POLL_S"
_LOOK_S = 0.5


def main() -> None:
    """Run the command line."""
    parent = os.getppid()
    signal.signal(signal.SIGUSR1, lambda _number, _frame: dump_stacks())
    threading.Thread(target=_end_with, args=(parent,), name="orphan-watch", daemon=True).start()
    if MODEL_FILES in os.environ:
        use_tiny_model(Path(os.environ[MODEL_FILES]))
    if SLOW in os.environ:
        _slow_down(Path(os.environ[SLOW]))
    if POLL_S in os.environ:
        _poll_within(float(os.environ[POLL_S]))
    from streams.cli.main import main as tidemark  # noqa: PLC0415 - after the model was exchanged

    tidemark()


def dump_stacks() -> None:
    """Write where every thread is and what every task of every event loop waits for."""
    faulthandler.dump_traceback(sys.stderr)
    for task in [one for one in gc.get_objects() if isinstance(one, asyncio.Task)]:
        if not task.done():
            task.print_stack(limit=12, file=sys.stderr)
    sys.stderr.flush()


def use_tiny_model(files: Path) -> None:
    """Let the manifest name the tiny model; to be called before the registry is imported."""
    tiny = pinned_tiny(files)

    def only_tiny(own: Path | None = None) -> dict[str, models.manifest.PinnedModel]:  # noqa: ARG001
        return {tiny.name: tiny}

    models.manifest.read_manifest = only_tiny


def slowness(path: Path) -> float:
    """Return the seconds that the file asks for; 0 where it is not there."""
    try:
        return float(path.read_text(encoding="ascii") or 0)
    except FileNotFoundError:
        return 0.0


def _slow_down(path: Path) -> None:
    from models.enricher import OnePassEnricher  # noqa: PLC0415 - heavy import

    core = OnePassEnricher.core

    def slow_core(self: OnePassEnricher, prepared: object) -> Any:
        until = time.monotonic() + slowness(path)
        while (left := min(until - time.monotonic(), slowness(path))) > 0:
            # As long as it takes, unless the harness has had enough of it.
            threading.Event().wait(min(left, _LOOK_S))
        return core(self, prepared)

    OnePassEnricher.core = slow_core  # type: ignore[method-assign]


def _poll_within(seconds: float) -> None:
    from streams.runtime import wiring  # noqa: PLC0415 - heavy imports
    from streams.runtime.faust_app import AppOptions  # noqa: PLC0415

    vars(wiring)["AppOptions"] = partial(AppOptions, poll_interval=seconds)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(_LOOK_S)
    os._exit(1)


if __name__ == "__main__":
    main()
