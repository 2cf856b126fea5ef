"""Ctrl-C as a question, and remarks beside an answer: what long commands share."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def note(line: str) -> None:
    """Tell something that is no answer."""
    typer.echo(line, err=True)


@contextmanager
def until_asked_to_stop(asked: threading.Event | None = None) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM set an event instead of ending the process in mid-work."""
    event = asked or threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: event.set()) for number in numbers]
    try:
        yield event.is_set
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
