"""What a view of the page asks for: a stretch of time, by which clock, and of which source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal, get_args

from streams.errors import TidemarkError

if TYPE_CHECKING:
    from collections.abc import Mapping

Clock = Literal["event", "arrival"]
"""The time that a document bears, or the one at which the broker took it."""

_CLOCKS: tuple[Clock, ...] = get_args(Clock)
_FIRST_MS = -2_208_988_800_000
_LAST_MS = 10_413_791_999_999
_BUCKETS = 90
_LONGEST_SOURCE = 256
_LONGEST_REVISION = 200

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
PRESETS: Mapping[str, int | None] = {
    "15m": 15 * _MINUTE,
    "1h": _HOUR,
    "6h": 6 * _HOUR,
    "24h": _DAY,
    "7d": 7 * _DAY,
    "30d": 30 * _DAY,
    "all": None,
}
"""Name of a range -> seconds back from now; all: from the first document to the last."""

_STEPS_S = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1_825, 3_650)),
)


class InvalidView(TidemarkError):  # noqa: N818 - named by its consequence
    """The address asks for something that is no range, clock, or source."""


@dataclass(frozen=True, slots=True)
class View:
    """A range as it was asked for; relative ones move with the time.

    Attributes:
        preset: one of ``PRESETS``, or empty where times are given.
        start: milliseconds since 1970, if given.
        end: the same; not included.
        revision: of the data that the asker knows of: what was found for an older one is no answer.
    """

    clock: Clock
    source: str
    preset: str
    start: int | None = None
    end: int | None = None
    revision: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> View:
        """Read clock, source, range or from and to (ISO 8601, UTC), and revision.

        Raises:
            InvalidView: one of them is none; says which.
        """
        clock = query.get("clock", "event")
        known = [one for one in _CLOCKS if one == clock]
        if not known:
            raise InvalidView(f"clock={clock[:40]!r} is neither event nor arrival")
        source = query.get("source", "")
        if len(source) > _LONGEST_SOURCE:
            raise InvalidView(f"a source has at most {_LONGEST_SOURCE} characters")
        revision = query.get("revision", "")
        if len(revision) > _LONGEST_REVISION:
            raise InvalidView(f"a revision has at most {_LONGEST_REVISION} characters")
        start, end = _time(query, "from"), _time(query, "to")
        if start is None and end is None:
            preset = query.get("range", "all")
            if preset not in PRESETS:
                raise InvalidView(f"range={preset[:40]!r} is none of {', '.join(PRESETS)}")
            return cls(known[0], source, preset, revision=revision)
        if start is not None and end is not None and start >= end:
            raise InvalidView("from must be before to")
        return cls(known[0], source, "", start, end, revision)

    def limits(self, now_ms: int) -> tuple[int, int]:
        """Return the first millisecond and the first one after; wide open for ``all``."""
        seconds = PRESETS.get(self.preset)
        if seconds is not None:
            return now_ms - seconds * 1000, now_ms
        start = _FIRST_MS if self.start is None else self.start
        return start, _LAST_MS if self.end is None else self.end


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in milliseconds since 1970, the end not included, cut into steps."""

    start: int
    end: int
    least_s: int = 1

    @property
    def step_ms(self) -> int:
        """Length of a bucket: the shortest of a fixed list that makes at most 90 of them.

        It is a multiple of ``least_s``, so that each holds as many windows of that length.
        """
        length_s = max(self.end - self.start, 1) / 1000
        steps = (step for step in (self.least_s, *_STEPS_S) if step % self.least_s == 0)
        return 1000 * next((step for step in steps if length_s / step <= _BUCKETS), _STEPS_S[-1])

    def dictionary(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {"from": self.start, "to": self.end, "step": self.step_ms}


def _time(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        milliseconds = round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidView(f"{name}={text[:40]!r} is no time such as 2024-05-06T07:08") from None
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        raise InvalidView(f"{name}={text[:40]!r} is outside 1900 to 2299")
    return milliseconds
