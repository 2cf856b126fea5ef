"""``tidemark`` as a process of its own, with its own settings, for signals and kills."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
_LOOK_S = 0.05


def environment(data: Path, **settings: object) -> dict[str, str]:
    """The environment of a command: this one's without settings, then the given settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    given = {"DATA": data, "WEB_PORT": 0, "LOG_FORMAT": "json", "CANARY": "off"}
    given |= {name.upper(): value for name, value in settings.items()}
    named = {f"TIDEMARK_{name}": str(value) for name, value in given.items()}
    # What a killed client leaves behind stays in the folder of the test.
    return {**kept, "PYTHONPATH": str(ROOT), "TMPDIR": str(data), **named}


def data_folder(folder: Path, model_folder: Path) -> Path:
    """A data folder that has the weights already."""
    folder.mkdir(parents=True, exist_ok=True)
    models = folder / "models"
    if not models.exists():
        models.symlink_to(model_folder.parent, target_is_directory=True)
    return folder


class Command:
    """A command that runs; its output goes to a file."""

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", *arguments],
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=dict(env),
            )

    @property
    def output(self) -> str:
        """Everything that was written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def until(self, claim: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until the claim holds; the command's end or the time's is an error."""
        deadline = time.monotonic() + seconds
        while not claim():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}:\n{self.output[-3000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"did not get there:\n{self.output[-3000:]}")
            threading.Event().wait(_LOOK_S)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Wait for the end; returns the exit code."""
        return self.process.wait(seconds)


@contextmanager
def running_command(*arguments: str, env: Mapping[str, str], log: Path) -> Iterator[Command]:
    """Run a command; whatever happens, it does not outlive the block."""
    command = Command(*arguments, env=env, log=log)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.process.wait()


def output_of(*arguments: str, env: Mapping[str, str], seconds: float = 60.0) -> tuple[int, str]:
    """Run a command to its end; returns the exit code and what it wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
        env=dict(env),
    )
    return done.returncode, done.stderr
