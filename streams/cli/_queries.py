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
    formatDateTime(label_shares.period, '{_pattern(unit)}') AS period, label, documents,
    round(share, 3) AS share, round(low, 3) AS low, round(high, 3) AS high,
    round(confidence_mean, 3) AS confidence_mean
FROM label_shares(
    window_from = {{from:{_TIME}}}, window_to = {{to:{_TIME}}},
    source = {{source:String}}, unit = '{unit}') AS label_shares
ORDER BY label_shares.period DESC, documents DESC, label
LIMIT {{limit:UInt32}}"""


def term_trends(unit: str) -> str:
    """Documents that hold a term, per unit of time, and their share."""
    if unit not in UNITS:
        raise ValueError(unit)
    return f"""\
SELECT
    formatDateTime(dateTrunc('{unit}', published_at), '{_pattern(unit)}') AS period,
    {{term:String}} AS term,
    countIf(has(terms, {{term:String}}) OR has(phrases, {{term:String}})) AS documents,
    round(documents / count(), 4) AS share
FROM documents_raw FINAL
WHERE {_IN_RANGE}
GROUP BY period
ORDER BY period DESC
LIMIT {{limit:UInt32}}"""


TERMS = f"""\
SELECT
    term, kind, state, round(z, 2) AS z, if(q < 0.0001, 0, round(q, 4)) AS q, documents,
    baseline_documents, round(share, 4) AS share, round(baseline_share, 4) AS baseline_share,
    round(growth, 2) AS growth, count, baseline_count, round(log_odds, 3) AS log_odds, first_seen
FROM trending_terms(
    window_from = {{window_from:{_TIME}}}, window_to = {{window_to:{_TIME}}},
    baseline_from = {{baseline_from:{_TIME}}}, baseline_to = {{baseline_to:{_TIME}}},
    source = {{source:String}})
WHERE documents >= {{least:UInt32}} AND trending_terms.q <= {{q:Float64}}
ORDER BY trending_terms.z DESC, term
LIMIT {{limit:UInt32}}"""

TERM_DOCUMENTS = f"""\
SELECT
    word AS term, count() AS documents,
    arraySlice(arraySort(groupArray((published_at, doc_id, source, summary))), 1, {{each:UInt32}}) AS shown
FROM
(
    SELECT published_at, doc_id, source, summary, arrayIntersect(arrayConcat(terms, phrases), JSONExtract({{terms:String}}, 'Array(String)')) AS found
    FROM documents_raw FINAL
    WHERE {_IN_RANGE} AND published_hour >= toDateTime64({{from:{_TIME}}}, 0, 'UTC') - toIntervalHour(1)
        AND notEmpty(found)
)
ARRAY JOIN found AS word
GROUP BY word"""  # noqa: E501 - SQL

CHANGED = f"""\
SELECT
    aspect, name, round(before, 4) AS before, round(after, 4) AS after,
    round(change, 4) AS change, round(low, 4) AS low, round(high, 4) AS high
FROM what_changed(
    a_from = {{a_from:{_TIME}}}, a_to = {{a_to:{_TIME}}},
    b_from = {{b_from:{_TIME}}}, b_to = {{b_to:{_TIME}}}, source = {{source:String}})
ORDER BY indexOf(['volume', 'length', 'confidence', 'vocabulary', 'label'], aspect), name DESC"""

CHANGED_DRIFT = f"""\
SELECT
    'drift' AS aspect, embedding_model AS name, mmd2, p_value_bursts AS p_value,
    centroid_distance, documents_a, documents_b
FROM drift_between(
    a_source = {{source:String}}, a_from = {{a_from:{_TIME}}}, a_to = {{a_to:{_TIME}}}, a_version = '',
    b_source = {{source:String}}, b_from = {{b_from:{_TIME}}}, b_to = {{b_to:{_TIME}}}, b_version = '')"""  # noqa: E501 - SQL

CHANGED_ALERTS = f"""\
SELECT detected_at, source, severity, state, message
FROM drift_alerts
WHERE window_end >= {{a_from:{_TIME}}} AND window_start < {{b_to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
ORDER BY detected_at, alert_id
LIMIT 20"""

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

DRIFT_LABELS = f"""\
SELECT
    source, label, window_start, documents, drift_state AS state,
    reference_documents, round(drift_score, 2) AS score, round(drift_threshold, 2) AS threshold
FROM drift_labels
WHERE {_WINDOW_IN_RANGE}
ORDER BY window_start DESC, source, label
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
