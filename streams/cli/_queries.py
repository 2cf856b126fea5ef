"""The SQL behind the questions; everything from the command line is a bound parameter."""

from __future__ import annotations

UNITS = {
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 7 * 86_400,
    "month": 30 * 86_400,
    "quarter": 91 * 86_400,
    "year": 365 * 86_400,
}
"""Units of time, with about how many seconds they have."""

_TIME = "DateTime64(3, 'UTC')"
_IN_RANGE = f"""\
published_at >= {{from:{_TIME}}} AND published_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})"""

BOUNDS = """\
SELECT
    count() AS documents,
    toUnixTimestamp64Milli(min(published_at)) AS first,
    toUnixTimestamp64Milli(max(published_at)) AS last,
    toUnixTimestamp64Milli(quantileExact(0.75)(published_at)) AS three_quarters
FROM documents
WHERE {source:String} = '' OR source = {source:String}"""


def trends(unit: str) -> str:
    """Label counts and shares per unit of time; ``unit`` is one of ``UNITS``."""
    if unit not in UNITS:
        raise ValueError(unit)
    return f"""\
SELECT
    formatDateTime(dateTrunc('{unit}', published_at), '{_pattern(unit)}') AS period,
    label,
    count() AS documents,
    round(documents / sum(documents) OVER (PARTITION BY period), 3) AS share,
    round(avg(confidence), 3) AS confidence_mean
FROM documents
WHERE {_IN_RANGE}
GROUP BY period, label
ORDER BY period DESC, documents DESC
LIMIT {{limit:UInt32}}"""


TERMS = f"""\
SELECT
    term, round(z, 2) AS z, documents, baseline_documents,
    round(share, 4) AS share, round(baseline_share, 4) AS baseline_share,
    count, baseline_count, round(log_odds, 3) AS log_odds
FROM trending_terms(
    window_from = {{window_from:{_TIME}}}, window_to = {{window_to:{_TIME}}},
    baseline_from = {{baseline_from:{_TIME}}}, baseline_to = {{baseline_to:{_TIME}}},
    source = {{source:String}})
WHERE documents >= {{least:UInt32}}
ORDER BY z DESC, term
LIMIT {{limit:UInt32}}"""

_WINDOW_IN_RANGE = f"""\
window_start >= {{from:{_TIME}}} AND window_start < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})"""

DRIFT_WINDOWS = f"""\
SELECT
    source, window_start, window_end, documents, late_documents,
    round(drift_score, 2) AS score, round(drift_threshold, 2) AS threshold, drift_state AS state,
    round(rates.achieved, 2) AS achieved,
    tokens, unique_tokens, round(expected_unique_tokens) AS expected_unique_tokens, new_tokens,
    round(unknown_share, 4) AS unknown_share,
    round(word_pieces_per_character, 3) AS word_pieces_per_character,
    arraySort(kind -> -monitor_scores[kind], mapKeys(monitor_scores))[1] AS loudest_monitor,
    if(empty(monitor_scores), NULL, round(monitor_scores[loudest_monitor], 2)) AS monitor_score,
    round(monitor_threshold, 2) AS monitor_threshold
FROM drift_windows
LEFT JOIN
(
    SELECT source, toNullable(ratio) AS achieved FROM false_alarm_rates WHERE level_documents = 1000
) AS rates USING (source)
WHERE {_WINDOW_IN_RANGE}
ORDER BY window_start DESC, source
LIMIT {{limit:UInt32}}"""

DRIFT_MONITORS = f"""\
SELECT
    source, window_start, round(documents_per_minute, 1) AS per_minute, copies, near_copies,
    without_title, without_language, without_words,
    arrayMap(words -> round(words), length_quantiles) AS words_5_50_95,
    round(confidence_mean, 3) AS confidence, round(confidence_deviation, 3) AS deviation,
    round(lateness_mean, 1) AS late_seconds, monitor_state AS state,
    mapFilter((kind, score) -> score > monitor_threshold, monitor_scores) AS loud
FROM drift_windows
WHERE {_WINDOW_IN_RANGE}
ORDER BY window_start DESC, source
LIMIT {{limit:UInt32}}"""

DRIFT_ALERTS = f"""\
SELECT
    detected_at, source, severity, state, kind, round(score, 2) AS score,
    round(threshold, 2) AS threshold, message,
    arrayMap(change -> change.term, terms_up) AS terms_up,
    arrayMap(change -> change.term, terms_down) AS terms_down,
    arrayMap(other -> other.kind, also) AS also,
    if(acknowledged_at IS NULL, '', acknowledged_by || ': ' || note) AS seen, alert_id
FROM drift_alerts
WHERE {_WINDOW_IN_RANGE}
ORDER BY detected_at DESC, alert_id
LIMIT {{limit:UInt32}}"""

LEDGER = "SELECT * FROM ledger"

LEDGER_RANGE = f"""\
SELECT
    topic, partition, min(minute) AS first_minute, max(minute) AS last_minute,
    sum(received) AS received, sum(landed) AS landed, sum(dead_lettered) AS dead_lettered,
    sum(in_flight) AS in_flight, sum(missing) AS missing, missing = 0 AS adds_up
FROM ledger_minutes
WHERE minute >= {{from:{_TIME}}} AND minute < {{to:{_TIME}}}
GROUP BY topic, partition
ORDER BY topic, partition"""

LEDGER_NEWEST = """\
SELECT topic, partition, since, last_offset + 1 AS reach, observed_at IS NOT NULL AS watched
FROM ledger
ORDER BY since DESC
LIMIT 1 BY topic, partition"""

LEDGER_MINUTES = f"""\
SELECT * FROM ledger_minutes
WHERE minute >= {{from:{_TIME}}} AND minute < {{to:{_TIME}}}
ORDER BY minute DESC, topic, partition
LIMIT {{limit:UInt32}}"""

DEAD_LETTERS = f"""\
SELECT
    failed_at, topic, partition, offset, code, reason, role, source, doc_id,
    value_bytes AS bytes, replays, resolved_by,
    if(value IS NULL, '(null)', left(assumeNotNull(value), 80)) AS preview
FROM dead_letters
WHERE failed_at >= {{from:{_TIME}}} AND failed_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
ORDER BY failed_at DESC, topic, partition, offset
LIMIT {{limit:UInt32}}"""

DEAD_LETTER_BYTES = """\
SELECT value IS NULL AS missing, hex(assumeNotNull(value)) AS bytes
FROM dead_letters
WHERE topic = {topic:String} AND partition = {partition:Int32} AND offset = {offset:Int64}
ORDER BY received_at DESC
LIMIT 1"""


def _pattern(unit: str) -> str:
    patterns = {"minute": "%Y-%m-%d %H:%i", "hour": "%Y-%m-%d %H:00", "year": "%Y"}
    patterns |= {"month": "%Y-%m", "quarter": "%Y-Q%Q"}
    return patterns.get(unit, "%Y-%m-%d")
