"""The last frames of a source, in chunks that are written once."""

from __future__ import annotations

from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.codec import pack, unpack
from streams.drift.monitors.metrics import METRICS, Row
from streams.drift.monitors.quiet import HISTORY, LEAST_HISTORY, LENGTHS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHUNK = 16
_NEWEST = max(LENGTHS)
_NUMBERS = (
    *("log_distinct", "log_tokens", "log_tokens_squared", "slope", "bend"),
    *("documents", "ms", "distinct", "start", "end"),
)


class History:
    """Frames: the newest that are judged, and before them those that the quiet law rests on."""

    def __init__(self, count: int = 0) -> None:
        self.count = count  # frames so far; those before a new beginning are not kept
        self._rows: list[Row] = []
        self._chunks: dict[int, bytes] = {}

    @property
    def ready(self) -> bool:
        """Whether there are frames enough to fit a law."""
        return len(self._rows) >= LEAST_HISTORY + _NEWEST

    def append(self, row: Row) -> None:
        """Take a frame in."""
        self._rows.append(row)
        self.count += 1
        if self.count % _CHUNK == 0:
            self._chunks[self.count - _CHUNK] = _encoded(self._rows[-_CHUNK:])
            for first in [f for f in self._chunks if f + _CHUNK <= self.count - _kept()]:
                del self._chunks[first]
        # The chunks that are kept hold at least as many.
        del self._rows[: max(0, len(self._rows) - _kept())]

    def newest(self) -> list[Row]:
        """Return the frames that are judged, oldest first."""
        return self._rows[-_NEWEST:]

    def past(self, back: int = 0) -> list[Row]:
        """Return the frames that the law rests on, as they were ``back`` frames ago."""
        end = len(self._rows) - _NEWEST - back
        return self._rows[max(0, end - HISTORY) : max(0, end)]

    def fitted(self, refit: int) -> list[Row]:
        """Return the frames that the newest law was fitted on; none if there is none yet.

        A law is fitted as soon as there are frames enough, and then whenever the number of frames
        is a multiple of ``refit``.
        """
        back = min(self.count % refit, max(0, len(self._rows) - LEAST_HISTORY - _NEWEST))
        past = self.past(back)
        return past if len(past) >= LEAST_HISTORY else []

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the full chunks, by name."""
        return {str(first): partial(bytes, chunk) for first, chunk in self._chunks.items()}

    def head(self) -> list[Any]:
        """Return the number of frames, and those after the last full chunk, as plain values."""
        tail = self.count % _CHUNK
        return [self.count, [_plain(row) for row in self._rows[len(self._rows) - tail :]]]

    def restore(self, head: list[Any], parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned."""
        self.count, tail = head
        self._chunks = {int(name): parts[name] for name in sorted(parts, key=int)}
        self._rows = [row for chunk in self._chunks.values() for row in _decoded(chunk)]
        self._rows += [_row(plain) for plain in tail]
        del self._rows[: max(0, len(self._rows) - _kept())]


def _kept() -> int:
    return HISTORY + _NEWEST + _CHUNK


def _plain(row: Row) -> list[Any]:
    numbers = [getattr(row, name) for name in _NUMBERS]
    plain = [None if isnan(number) else number for number in numbers]
    return [plain, row.values.tolist(), row.variances.tolist(), row.labels, row.languages]


def _row(plain: list[Any]) -> Row:
    numbers, values, variances, labels, languages = plain
    named = dict(zip(_NUMBERS, numbers, strict=True))
    for name in ("slope", "bend"):
        named[name] = float("nan") if named[name] is None else named[name]
    return Row(
        values=np.array(values),
        variances=np.array(variances),
        labels=labels,
        languages=languages,
        **named,
    )


def _encoded(rows: list[Row]) -> bytes:
    plain = [_plain(row) for row in rows]
    meta = {"rows": [[numbers, labels, languages] for numbers, _, _, labels, languages in plain]}
    arrays = {
        "values": np.stack([row.values for row in rows]),
        "variances": np.stack([row.variances for row in rows]),
    }
    return pack(meta, arrays)


def _decoded(chunk: bytes) -> list[Row]:
    meta, arrays = unpack(chunk)
    if arrays["values"].shape[1] != len(METRICS):
        return []  # of a version with other monitors: they collect anew
    return [
        _row([numbers, values, variances, labels, languages])
        for (numbers, labels, languages), values, variances in zip(
            meta["rows"], arrays["values"], arrays["variances"], strict=True
        )
    ]
