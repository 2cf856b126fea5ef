"""Keeps what came up in every hour and day: answers of ``trending_terms``, to be read.

See ``schemas/migrations/0028_emerging.sql`` for the table. A window is asked about when a cell of
its documents or of its baseline is none of those that its answer was computed from, which are known
by a hash of their sums. An answer is one row, so that it replaces the one before whole. Where cells
have gone with the age of their documents the answer stays; where documents were published again at
another time, and none is left, it is emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.backends.clickhouse.keeping import Keeper, never
from streams.backends.clickhouse.rows import DAY_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HOUR_S = 3600
_BASELINE = {_HOUR_S: DAY_S, DAY_S: 7 * DAY_S}
"""Seconds of the baseline that ends where a window of so many seconds begins."""

_LATEST_HOURS_S = 2 * DAY_S
"""Hours are asked about for so long: of a day in the past, its own answer is left."""

_EVER = -(1 << 40)
_MOST = 20
_MOST_STALE = 10_000
_MOST_TERMS = 100
_FOUND = 0.05

_STALE = """\
SELECT source, toUnixTimestamp64Second(start), cells.of, answers.version
FROM
(
    SELECT
        owner AS source, start,
        groupArray(cityHash64(start, documents, words)) OVER (
            PARTITION BY owner ORDER BY toUnixTimestamp64Second(start)
            RANGE BETWEEN {baseline} PRECEDING AND CURRENT ROW) AS of
    FROM
    (
        SELECT
            arrayJoin([source, '']) AS owner, start, sum(totals.documents) AS documents,
            sum(finalizeAggregation(terms)) AS words
        FROM trend_totals_raw AS totals
        WHERE seconds = {seconds} AND source != '' AND toUnixTimestamp64Second(start) >= {begin}
            AND (day, version) IN (SELECT day, version FROM trend_versions_raw FINAL)
        GROUP BY owner, start
    )
) AS cells
FULL OUTER JOIN
(
    SELECT source, start, of, found.version AS version, days.version AS computed
    FROM (SELECT * FROM emerging_terms_raw FINAL WHERE seconds = {seconds}) AS found
    LEFT JOIN (SELECT day, version FROM trend_versions_raw FINAL) AS days USING (day)
) AS answers USING (source, start)
WHERE toUnixTimestamp64Second(start) >= {first} AND if(
    empty(cells.of), notEmpty(answers.of) AND computed > answers.version,
    NOT hasAll(answers.of, cells.of))
ORDER BY start DESC, source
LIMIT {most}"""

_TIME = "fromUnixTimestamp64Second({{{}:Int64}}, 'UTC')"
_ASK = f"""\
SELECT
    term, kind, state, log_odds, z, p_value, q, growth, count, baseline_count, documents,
    baseline_documents, share, baseline_share, toUnixTimestamp64Milli(first_seen),
    window_size, baseline_size, tested
FROM trending_terms(
    window_from = {_TIME.format("start")}, window_to = {_TIME.format("end")},
    baseline_from = {_TIME.format("baseline")}, baseline_to = {_TIME.format("start")},
    source = {{source:String}})
WHERE trending_terms.q <= {_FOUND} AND trending_terms.z > 0
ORDER BY trending_terms.z DESC, term
LIMIT {_MOST_TERMS}"""


class Window(NamedTuple):
    """A window whose answer is not that of its cells.

    Attributes:
        seconds: its length.
        source: whose documents; the empty one stands for all.
        start: seconds since 1970.
        of: hashes of its cells; none where there are no documents any more.
        version: of the answer; 0 where there is none.
    """

    seconds: int
    source: str
    start: int
    of: tuple[int, ...]
    version: int


class EmergingKeeper(Keeper):
    """Asks what came up, again where cells are others; safe beside other workers."""

    def adopt(self) -> None:
        """Do nothing: what landed before has cells, and no answer yet."""

    def refresh(self, stopped: Callable[[], bool] = never) -> int:
        """Ask about some windows whose cells have changed; returns how many those are.

        Args:
            stopped: asked between two windows; what is left is stale still.

        Raises:
            Unavailable: the database does not answer; try again later.
        """
        windows = chosen([one for seconds in _BASELINE for one in self._stale(seconds)], _MOST)
        for window in windows:
            if stopped():
                break
            self._ask(window)
        return len(windows)

    def _stale(self, seconds: int) -> Iterator[Window]:
        now = self._clock.now_ms() // 1000
        first = now - _LATEST_HOURS_S if seconds == _HOUR_S else _EVER
        marks = {"seconds": seconds, "baseline": _BASELINE[seconds], "most": _MOST_STALE}
        sql = _STALE.format(**marks, first=first, begin=first - _BASELINE[seconds])
        for source, start, of, version in self._warehouse.query(sql).rows:
            yield Window(seconds, str(source), int(start), tuple(map(int, of)), int(version))

    def _ask(self, window: Window) -> None:
        times = {"start": window.start, "end": window.start + window.seconds}
        baseline = window.start - _BASELINE[window.seconds]
        asked = {"source": window.source, "baseline": baseline, **times}
        rows = self._warehouse.query(_ASK, asked).rows if window.of else []
        columns: dict[str, list[object]] = {
            "seconds": [window.seconds],
            "start": [window.start],
            "day": [window.start - window.start % DAY_S],
            "source": [window.source],
            "version": [self._version([window.version])],
            "of": [list(window.of)],
            "found": [[tuple(row) for row in rows]],
        }
        self._answer("emerging_terms_raw", columns)


def chosen(stale: Sequence[Window], most: int) -> list[Window]:
    """Return which windows to ask about: half of them the newest, half the longest unanswered.

    The newest change with every batch; were only they asked about, a backlog would never be done.
    """
    newest = sorted(stale, key=lambda one: (-one.start, one.source))
    waiting = sorted(stale, key=lambda one: (one.version, -one.start, one.source))
    both = dict.fromkeys([*newest[: most - most // 2], *waiting[: most // 2]])
    return list(dict.fromkeys([*both, *newest]))[:most]
