"""The SQL behind the panels; whatever comes from the address is a bound parameter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streams.backends.clickhouse.literals import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

TIME = "DateTime64(3, 'UTC')"
_SOURCE = "({source:String} = '' OR source = {source:String})"
_COLUMNS = {"event": "published_at", "arrival": "received_at"}


def _within(column: str) -> str:
    return f"{column} >= {{from:{TIME}}} AND {column} < {{to:{TIME}}}"


def _landed(clock: str) -> str:
    """Documents of a range; by time of publication the hours, which the table is sorted by, too."""
    hours = (
        f"\n    AND published_hour > {{from:{TIME}}} - INTERVAL 1 HOUR "
        f"AND published_hour < {{to:{TIME}}}"
    )
    return f"{_within(_COLUMNS[clock])} AND {_SOURCE}{hours if clock == 'event' else ''}"


def bucket(column: str) -> str:
    """Begin of the step; toStartOfInterval() would saturate outside 1970 to 2106."""
    return (
        f"fromUnixTimestamp64Milli(toUnixTimestamp64Milli({column})\n"
        f"        - positiveModulo(toUnixTimestamp64Milli({column}), {{step_ms:Int64}}), 'UTC')"
    )


def bounds(clock: str) -> str:
    """Both clocks' first and last time of the documents that one clock puts in a range."""
    return f"""\
SELECT
    count() AS documents,
    toUnixTimestamp64Milli(min(published_at)) AS event_first,
    toUnixTimestamp64Milli(max(published_at)) AS event_last,
    toUnixTimestamp64Milli(quantileExact(0.75)(published_at)) AS event_late,
    toUnixTimestamp64Milli(min(received_at)) AS arrival_first,
    toUnixTimestamp64Milli(max(received_at)) AS arrival_last
FROM documents
WHERE {_landed(clock)}"""


HOURS = f"""\
SELECT
    sum(hours.documents) AS documents,
    toUnixTimestamp64Milli(min(period)) AS first_hour,
    toUnixTimestamp64Milli(max(period)) AS last_hour,
    toUnixTimestamp64Milli(quantileExactWeighted(0.75)(period, hours.documents)) AS event_late
FROM label_shares(
    window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}},
    source = {{source:String}}, unit = 'hour') AS hours"""
"""The hours of a range, from the cells: documents are few enough to look at in the outer two."""

EDGES = f"""\
SELECT
    toUnixTimestamp64Milli(min(published_at)) AS event_first,
    toUnixTimestamp64Milli(max(published_at)) AS event_last
FROM documents
WHERE {_landed("event")}
    AND published_hour IN (
        fromUnixTimestamp64Milli({{first_hour:Int64}}, 'UTC'),
        fromUnixTimestamp64Milli({{last_hour:Int64}}, 'UTC'))"""

ARRIVALS = f"""\
SELECT
    toUnixTimestamp64Milli(min(received_at)) AS arrival_first,
    toUnixTimestamp64Milli(max(received_at)) AS arrival_last
FROM documents_raw
WHERE is_deleted = 0 AND {_landed("event")}"""
"""Of all rows, so that nothing need be put together: a redelivered message arrived once."""

SOURCES = """\
SELECT source, sum(label_trends.documents) AS documents
FROM label_trends
GROUP BY source
ORDER BY source"""


def window(table: str) -> str:
    """Length of the longest window of a table; 0 where it has none."""
    return f"""\
SELECT max(window_seconds) AS seconds
FROM {table}
WHERE window_start < {{to:{TIME}}} AND {_SOURCE}"""


BEFORE = f"""\
SELECT count() AS documents
FROM
(
    SELECT 1 FROM documents
    WHERE published_at < {{to:{TIME}}} AND {_SOURCE}
    LIMIT {{least:UInt32}}
)"""


def documents(clock: str) -> str:
    """Documents per minute, by label."""
    column = _COLUMNS[clock]
    return f"""\
SELECT
    {bucket(column)} AS time,
    label,
    count() AS documents,
    round(documents * 60000 / {{step_ms:Int64}}, 6) AS per_minute
FROM documents
WHERE {_landed(clock)}
GROUP BY time, label
ORDER BY time, label"""


DOCUMENTS_BY_HOUR = f"""\
SELECT
    {bucket("period")} AS time,
    label,
    sum(hours.documents) AS documents,
    round(documents * 60000 / {{step_ms:Int64}}, 6) AS per_minute
FROM label_shares(
    window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}},
    source = {{source:String}}, unit = 'hour') AS hours
GROUP BY time, label
ORDER BY time, label"""
"""The same by time of publication in steps of whole hours: from the cells, where there are any."""


LATEST = 8
_CANDIDATES = 40
"""Rows among which the newest documents are looked for: some may be older versions of others."""


def latest(clock: str, *, whole: bool = False) -> str:
    """The newest documents, looked for among the newest rows or in the whole range.

    These rows are found without putting versions together. Where too many of them are older
    versions of others, fewer than ``LATEST`` documents come back; otherwise the answer is the same.
    """
    column = _COLUMNS[clock]
    newest = f"""\
WITH
    (
        SELECT (min(at), groupUniqArray(hour)) FROM
        (
            SELECT {column} AS at, published_hour AS hour FROM documents_raw
            WHERE is_deleted = 0 AND {_landed(clock)}
            ORDER BY at DESC, offset DESC LIMIT {_CANDIDATES}
        )
    ) AS newest
"""
    among = f"\n    AND {column} >= newest.1 AND published_hour IN (SELECT arrayJoin(newest.2))"
    return f"""\
{"" if whole else newest}\
SELECT {column} AS time, source, label, round(confidence, 3) AS confidence,
    coalesce(title, '') AS headline, leftUTF8(summary, 400) AS short, doc_id
FROM documents
WHERE {_landed(clock)}{"" if whole else among}
ORDER BY {column} DESC, offset DESC
LIMIT {LATEST}"""


TERMS = f"""\
SELECT
    term, kind, state, round(z, 1) AS z, round(q, 4) AS q, documents, baseline_documents,
    round(share, 4) AS share, round(baseline_share, 4) AS baseline_share, first_seen,
    window_size, baseline_size
FROM trending_terms(
    window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}},
    baseline_from = {{baseline_from:{TIME}}}, baseline_to = {{baseline_to:{TIME}}},
    source = {{source:String}})
WHERE trending_terms.q <= 0.05 AND trending_terms.z > 0
ORDER BY trending_terms.z DESC, term
LIMIT 14"""

_WINDOWS = f"""\
WHERE window_end > {{from:{TIME}}} AND window_start < {{to:{TIME}}} AND {_SOURCE}"""

DRIFT = f"""\
SELECT
    {bucket("window_start")} AS time,
    round(max(drift_score), 3) AS score,
    round(min(drift_threshold), 3) AS threshold,
    countIf(drift_state = 'collecting') AS collecting,
    count() AS windows
FROM drift_windows
{_WINDOWS}
GROUP BY time
ORDER BY time"""

WORDS = f"""\
SELECT
    {bucket("window_start")} AS time,
    round(avg(unique_tokens), 1) AS unique_tokens,
    round(avg(expected_unique_tokens), 1) AS expected,
    round(avg(new_tokens), 1) AS new_tokens,
    count() AS windows
FROM drift_windows
{_WINDOWS}
GROUP BY time
ORDER BY time"""

TOPICS = f"""\
SELECT
    source, topic_id, name, period AS time, documents, round(share, 4) AS share, total,
    first_seen, ended, merged_into, leftUTF8(central_summary, 240) AS summary
FROM topic_lines(
    window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}}, source = {{source:String}},
    period_seconds = {{step_s:UInt32}}, most = 9)
ORDER BY total DESC, topic_id, time"""

SUMMARIES = f"""\
SELECT
    window_start AS time, source, documents, leftUTF8(summary, 600) AS short,
    summary_method AS method, sentences,
    arrayMap(share -> round(toFloat64(share), 3), shares) AS shares
FROM running_summaries
{_WINDOWS}
ORDER BY window_start DESC, documents DESC, source
LIMIT 8"""

ALERTS = f"""\
SELECT alert_id, source, kind, severity, state, detected_at, changed_at,
    round(score, 2) AS score, round(threshold, 2) AS threshold, message, acknowledged_by
FROM drift_alerts
WHERE (({_within("detected_at")}) OR kind IN ('ledger', 'pipeline')) AND {_SOURCE}
ORDER BY detected_at DESC, alert_id
LIMIT 50"""

ALERT = """\
SELECT * FROM drift_alerts
WHERE alert_id = {alert_id:String} AND source = {source:String}"""

LATENCY = f"""\
SELECT
    {bucket("received_at")} AS time,
    round(count() * 1000 / {{step_ms:Int64}}, 6) AS per_second,
    quantiles(0.5, 0.95, 0.99)(toUnixTimestamp64Milli(landed_at)
        - toUnixTimestamp64Milli(received_at)) AS milliseconds
FROM deliveries
WHERE outcome = 'landed' AND {_within("received_at")} AND {_SOURCE}
GROUP BY time
ORDER BY time"""

LATENCY_BY_HOUR = f"""\
SELECT
    {bucket("hour")} AS time,
    round(sum(hours.landed) * 1000 / {{step_ms:Int64}}, 6) AS per_second,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(landed_ms) AS milliseconds
FROM landings(
    window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}}, source = {{source:String}}) AS hours
GROUP BY time
ORDER BY time"""
"""The same in steps of whole hours, from the cells; quantiles within 1 %."""

LEDGER = """\
SELECT sum(received) AS received, sum(landed) AS landed, sum(dead_lettered) AS dead_lettered,
    sum(in_flight) AS in_flight, sum(missing) AS missing, max(observed_at) AS observed_at
FROM ledger"""

LETTERS = f"""\
SELECT code, count() AS letters, any(reason) AS reason, countIf(resolved) AS resolved
FROM dead_letters
WHERE {_within("received_at")} AND ({{source:String}} = '' OR coalesce(source, '') = {{source:String}})
GROUP BY code
ORDER BY letters DESC, code
LIMIT 8"""  # noqa: E501

_PARAMETER = re.compile(r"\{(\w+):((?:[^{}'()]|\([^)]*\))+)\}")


def written_out(sql: str, parameters: Mapping[str, object]) -> str:
    """Return SQL with its parameters as literals, to be pasted wherever ClickHouse is asked."""

    def literal(match: re.Match[str]) -> str:
        value = parameters[match.group(1)]
        return str(value) if isinstance(value, int) else quote(str(value))

    return _PARAMETER.sub(literal, sql)
