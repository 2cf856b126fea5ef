"""Structured logs: lines for people on a terminal, JSON for machines; secrets never pass."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

from streams.secret_texts import HIDDEN, mask_text

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from structlog.typing import Processor

__all__ = ["Seldom", "configure_logs", "logger", "mask", "mask_text"]

_SECRET_KEY = re.compile(r"password|secret|token$|credential|sasl|authorization", re.IGNORECASE)
_START_UP_NOISE = (
    "load in progress: retrying",
    "GroupCoordinatorNotAvailableError",
    "Marking the coordinator dead",
)
_LIBRDKAFKA = "tidemark.librdkafka"
_LEFT_UNDONE = "Task was destroyed but it is pending"
_SELDOM_S = 60.0
_BEGINNING = 40
_MOST_KEYS = 1_000
_QUIET = ("faust", "mode", "aiokafka", "asyncio", "urllib3", "httpx", "huggingface_hub", "aiohttp")


def mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide values under secret-looking keys, known secrets and passwords in URLs anywhere."""
    for key, value in event.items():
        event[key] = HIDDEN if _SECRET_KEY.search(key) else _masked(value)
    return event


def _masked(value: Any) -> Any:
    """Hide secrets in a value as it will be written; what holds none is left as it is."""
    if isinstance(value, str):
        return mask_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, bytes) else repr(value)
    shown = repr(text) if isinstance(text, bytes) else text
    clean = mask_text(shown)
    return value if clean == shown else clean


def configure_logs(log_format: str, level: str) -> None:
    """Send all logs, the libraries' too, through structlog to standard error."""
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    handler.addFilter(_no_start_up_noise)
    handler.addFilter(Seldom())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _no_start_up_noise(record: logging.LogRecord) -> bool:
    """Drop what clients say of a broker that has just started; they wait and try again."""
    message = record.getMessage()
    return not any(noise in message for noise in _START_UP_NOISE)


class Seldom(logging.Filter):
    """Lets a library say one thing once in a minute.

    While a broker is away, its clients complain of it dozens of times a second. And what they
    leave undone when they are stopped, Python tells of when it collects the rest of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write a record."""
        if record.name.partition(".")[0] not in _QUIET and record.name != _LIBRDKAFKA:
            return True
        message = record.getMessage()
        if message.startswith(_LEFT_UNDONE):
            return not any(whose in message for whose in ("aiokafka", "coro=<Event.wait()"))
        # The text before its values: most libraries give a template, some a finished line.
        key = (record.name, str(record.msg)[:_BEGINNING])
        if record.created - self._said.get(key, float("-inf")) < _SELDOM_S:
            return False
        if len(self._said) >= _MOST_KEYS:
            self._said.clear()
        self._said[key] = record.created
        return True


def logger(**context: Any) -> structlog.stdlib.BoundLogger:
    """Return a logger that carries ``context`` on every line."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("tidemark").bind(**context)
    return bound
