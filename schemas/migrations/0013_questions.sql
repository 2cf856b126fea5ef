-- Tables of the cells, in place of those of 0012: whole days beside the hours, and the words and terms of all
-- sources together, so that a long time is answered by few cells. The land role computes them from the
-- documents, which answer until then. A version of a day counts once trend_versions_raw names it.
CREATE TABLE IF NOT EXISTS {{db}}.trend_versions_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    slot UInt8,
    seen UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY day
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Of an hour (seconds = 3600) and of a day (86400), as all cells.
CREATE TABLE IF NOT EXISTS {{db}}.trend_sums_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    label LowCardinality(String),
    embedding_model LowCardinality(String),
    device LowCardinality(String),
    compute_type LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    confidences Float64 CODEC(ZSTD(1)),
    confidence_squares Float64 CODEC(ZSTD(1)),
    tokens UInt64 CODEC(T64, ZSTD(1)),
    token_squares UInt64 CODEC(T64, ZSTD(1)),
    tokens_in UInt64 CODEC(T64, ZSTD(1)),
    tokens_out UInt64 CODEC(T64, ZSTD(1)),
    tokenize_ms Float64 CODEC(ZSTD(1)),
    inference_ms Float64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, start, source, label, embedding_model, device, compute_type, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Distinct words, as states that merge: HyperLogLog of 4,096 cells, 2.2 KB and an error of 1.5 %. The empty
-- source stands for all of them; no document has it.
CREATE TABLE IF NOT EXISTS {{db}}.trend_vocabulary_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    tokens UInt64 CODEC(T64, ZSTD(1)),
    words AggregateFunction(uniqCombined64(12), String) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, start, source, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Words and phrases with the documents that hold them, near-copies of a day counted once. A term is its hash,
-- whose last bit tells words (0) from phrases (1); the keys 0, 1 and 2 are the totals: documents, mentions of
-- words and of phrases. The cells of a day and all sources name them. The four parts are a quarter of the
-- hashes each, so that they are added up beside one another. One row a part, and not one a term, so that a
-- version that has lost a word leaves nothing behind.
CREATE TABLE IF NOT EXISTS {{db}}.trend_keys_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    part UInt8,
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    keys Array(UInt64) CODEC(Delta(8), T64, LZ4),
    documents Array(UInt32) CODEC(T64, LZ4),
    counts Array(UInt32) CODEC(T64, LZ4),
    names Array(String) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, start, source, part, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Days that were touched, and the version of their cells where one may answer.
CREATE OR REPLACE VIEW {{db}}.trend_days {{on_cluster}} AS
SELECT day, max(found.version) AS version, version > 0 AND sum(found.noted) = max(found.seen) AS valid
FROM
(
    SELECT day, max(touched) AS noted, 0 AS version, 0 AS seen FROM {{db}}.trend_touched_raw GROUP BY day, writer
    UNION ALL
    SELECT day, 0, max(trend_versions_raw.version), argMax(seen, trend_versions_raw.version) FROM {{db}}.trend_versions_raw GROUP BY day
) AS found
GROUP BY day;

-- The questions, answered by the helper tables: days and hours that lie whole in the asked time and whose
-- day is valid by their cells, all others (of days without a valid version, and hours that one of the times
-- asked for cuts in two) by their documents. The same names and columns as before. Which these are is found
-- out once, as one tuple, and every table is read once: of a question this small the plan takes longest.
CREATE OR REPLACE VIEW {{db}}.label_shares {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(day, version), valid),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0,
                    [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])),
                arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))))
        FROM {{db}}.trend_days
        WHERE day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}
    ) AS asked
SELECT
    period, label, documents, sum(documents) OVER (PARTITION BY period) AS total,
    documents / total AS share,
    (documents + 1.9208 - 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS low,
    (documents + 1.9208 + 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS high,
    confidence_mean
FROM
(
    SELECT
        multiIf(
            CAST({unit:String}, 'Enum8(\'minute\', \'hour\', \'day\', \'week\', \'month\', \'quarter\', \'year\', \'all\')') IN ('minute', 'hour'), start,
            {unit:String} = 'day', makeDateTime64(toYear(start), toMonth(start), toDayOfMonth(start), 0, 0, 0, 0, 0, 'UTC'),
            {unit:String} = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Second(start) + 259200) / 604800) * 604800 - 259200), 'UTC'),
            {unit:String} = 'month', makeDateTime64(toYear(start), toMonth(start), 1, 0, 0, 0, 0, 0, 'UTC'),
            {unit:String} = 'quarter', makeDateTime64(toYear(start), toQuarter(start) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
            {unit:String} = 'year', makeDateTime64(toYear(start), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
            toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
        label, sum(cells.documents) AS documents, sum(cells.confidences) / documents AS confidence_mean
    FROM
    (
        SELECT start, label, documents, confidences
        FROM {{db}}.trend_sums_raw
        WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
            AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalSecond(seconds) <= {window_to:DateTime64(3, 'UTC')}
            AND seconds = if({unit:String} = 'hour' OR day < {window_from:DateTime64(3, 'UTC')} OR day + toIntervalDay(1) > {window_to:DateTime64(3, 'UTC')}, 3600, 86400)
            AND has(asked.1, cityHash64(day, version))
        UNION ALL
        SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, label, toUInt64(1), toFloat64(confidence)
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
            AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
            AND ({unit:String} = 'minute' OR published_hour IN (SELECT arrayJoin(asked.2)))
    ) AS cells
    GROUP BY period, label
);

CREATE OR REPLACE VIEW {{db}}.cost {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(day, version), valid),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0,
                    [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])),
                arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))))
        FROM {{db}}.trend_days
        WHERE day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}
    ) AS asked
SELECT
    multiIf(
        CAST({unit:String}, 'Enum8(\'minute\', \'hour\', \'day\', \'week\', \'month\', \'quarter\', \'year\', \'all\')') IN ('minute', 'hour'), start,
        {unit:String} = 'day', makeDateTime64(toYear(start), toMonth(start), toDayOfMonth(start), 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Second(start) + 259200) / 604800) * 604800 - 259200), 'UTC'),
        {unit:String} = 'month', makeDateTime64(toYear(start), toMonth(start), 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'quarter', makeDateTime64(toYear(start), toQuarter(start) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'year', makeDateTime64(toYear(start), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    source, embedding_model, device, compute_type,
    sum(cells.documents) AS documents, sum(cells.tokens_in) AS tokens_in, sum(cells.tokens_out) AS tokens_out,
    sum(cells.tokenize_ms) / 1000 AS tokenize_seconds, sum(cells.inference_ms) / 1000 AS inference_seconds,
    (tokenize_seconds + inference_seconds) * 1000 / documents AS ms_per_document,
    (tokens_in + tokens_out) / nullIf(tokenize_seconds + inference_seconds, 0) AS tokens_per_second
FROM
(
        SELECT start, source, embedding_model, device, compute_type, documents, tokens_in, tokens_out, tokenize_ms, inference_ms
        FROM {{db}}.trend_sums_raw
        WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
            AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalSecond(seconds) <= {window_to:DateTime64(3, 'UTC')}
            AND seconds = if({unit:String} = 'hour' OR day < {window_from:DateTime64(3, 'UTC')} OR day + toIntervalDay(1) > {window_to:DateTime64(3, 'UTC')}, 3600, 86400)
            AND has(asked.1, cityHash64(day, version))
        UNION ALL
        SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, source, embedding_model, device, compute_type, toUInt64(1), toUInt64(documents_raw.tokens_in), toUInt64(documents_raw.tokens_out), toFloat64(documents_raw.tokenize_ms), toFloat64(documents_raw.inference_ms)
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
            AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
            AND ({unit:String} = 'minute' OR published_hour IN (SELECT arrayJoin(asked.2)))
) AS cells
GROUP BY period, source, embedding_model, device, compute_type;

CREATE OR REPLACE VIEW {{db}}.unique_tokens {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(day, version), valid),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0,
                    [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])),
                arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))))
        FROM {{db}}.trend_days
        WHERE day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}
    ) AS asked
SELECT
    multiIf(
        CAST({unit:String}, 'Enum8(\'minute\', \'hour\', \'day\', \'week\', \'month\', \'quarter\', \'year\', \'all\')') IN ('minute', 'hour'), start,
        {unit:String} = 'day', makeDateTime64(toYear(start), toMonth(start), toDayOfMonth(start), 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Second(start) + 259200) / 604800) * 604800 - 259200), 'UTC'),
        {unit:String} = 'month', makeDateTime64(toYear(start), toMonth(start), 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'quarter', makeDateTime64(toYear(start), toQuarter(start) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'year', makeDateTime64(toYear(start), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    sum(cells.documents) AS documents, sum(cells.tokens) AS tokens, uniqCombined64Merge(12)(words) AS unique_tokens
FROM
(
        SELECT start, documents, tokens, words
        FROM {{db}}.trend_vocabulary_raw
        WHERE {unit:String} != 'minute' AND source = {source:String}
            AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalSecond(seconds) <= {window_to:DateTime64(3, 'UTC')}
            AND seconds = if({unit:String} = 'hour' OR day < {window_from:DateTime64(3, 'UTC')} OR day + toIntervalDay(1) > {window_to:DateTime64(3, 'UTC')}, 3600, 86400)
            AND has(asked.1, cityHash64(day, version))
        UNION ALL
        SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, count(), sum(documents_raw.tokens), uniqCombined64ArrayState(12)(terms)
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
            AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
            AND ({unit:String} = 'minute' OR published_hour IN (SELECT arrayJoin(asked.2)))
        GROUP BY start
) AS cells
GROUP BY period;

-- Label counts per hour and source.
CREATE OR REPLACE VIEW {{db}}.label_trends {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(day, version), valid),
            arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid)))
        FROM {{db}}.trend_days
    ) AS asked
SELECT hour, source, label, sum(cells.documents) AS documents, sum(cells.confidences) / documents AS confidence_mean
FROM
(
    SELECT start AS hour, source, label, documents, confidences
    FROM {{db}}.trend_sums_raw
    WHERE seconds = 3600 AND cityHash64(day, version) IN (SELECT arrayJoin(asked.1))
    UNION ALL
    SELECT published_hour AS hour, source, label, 1, toFloat64(confidence)
    FROM {{db}}.documents_raw FINAL
    WHERE published_hour IN (SELECT arrayJoin(asked.2))
) AS cells
GROUP BY hour, source, label;

-- Two periods side by side, a row for each figure: volume, words per document, vocabulary, labels.
-- Intervals of 95 %: of the ratio of two rates (log-normal, Poisson counts), of the difference of
-- two means (normal), of the difference of two shares (Newcombe 1998, method 10). Every cell is read
-- once: the figures are rows of one array. The words come as rows of no document.
CREATE OR REPLACE VIEW {{db}}.what_changed {{on_cluster}} AS
WITH
    (
        SELECT (
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 86400000) * 86400), 'UTC'), arrayFilter(at -> at % 86400000 != 0, bounds)),
            arrayMap(x -> cityHash64(x.1, x.2), arrayFilter(x -> x.3, days)),
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, bounds)) AS cut,
            arrayConcat(cut, arrayFlatten(arrayMap(x -> arrayMap(hour -> x.1 + toIntervalHour(hour), range(24)), arrayFilter(x -> NOT x.3, days)))))
        FROM
        (
            SELECT
                arrayMap(at -> toUnixTimestamp64Milli(at), [{a_from:DateTime64(3, 'UTC')}, {a_to:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')}]) AS bounds,
                groupArray((day, version, valid)) AS days
            FROM {{db}}.trend_days
            WHERE day > least({a_from:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')}) - toIntervalDay(1) AND day < greatest({a_to:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')})
        )
    ) AS asked,
    labels AS
    (
        SELECT
            label,
            sumIf(sides.documents, in_a) AS a_k,
            sumIf(sides.tokens, in_a) AS a_tokens,
            sumIf(sides.token_squares, in_a) AS a_squares,
            sumIf(sides.confidences, in_a) AS a_confidence,
            sumIf(sides.confidence_squares, in_a) AS a_confidences,
            sumIf(sides.documents, in_b) AS b_k,
            sumIf(sides.tokens, in_b) AS b_tokens,
            sumIf(sides.token_squares, in_b) AS b_squares,
            sumIf(sides.confidences, in_b) AS b_confidence,
            sumIf(sides.confidence_squares, in_b) AS b_confidences,
            uniqCombined64MergeStateIf(12)(words, in_a) AS a_words, uniqCombined64MergeStateIf(12)(words, in_b) AS b_words
        FROM
        (
            SELECT
                label, (start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')}) AS in_a, (start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')}) AS in_b, documents, tokens, token_squares, confidences, confidence_squares,
                arrayReduce('uniqCombined64State(12)', emptyArrayString()) AS words
            FROM {{db}}.trend_sums_raw
            WHERE {source:String} IN ('', source) AND has(asked.2, cityHash64(day, version)) AND start < greatest({a_to:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')}) AND start >= least({a_from:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')})
                AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
            UNION ALL
            SELECT '', (start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')}), (start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')}), 0, 0, 0, 0, 0, words
            FROM {{db}}.trend_vocabulary_raw
            WHERE source = {source:String} AND has(asked.2, cityHash64(day, version)) AND start < greatest({a_to:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')}) AND start >= least({a_from:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')})
                AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
            UNION ALL
            SELECT
                label, (published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')}) AS in_a, (published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')}) AS in_b, count(), sum(documents_raw.tokens),
                sum(toUInt64(documents_raw.tokens) * documents_raw.tokens), sum(toFloat64(confidence)), sum(toFloat64(confidence) * confidence),
                uniqCombined64ArrayState(12)(terms)
            FROM {{db}}.documents_raw FINAL
            WHERE {source:String} IN ('', source) AND published_hour IN (SELECT arrayJoin(asked.4)) AND (in_a OR in_b)
            GROUP BY label, in_a, in_b
        ) AS sides
        GROUP BY label
    ),
    means AS
    (
        SELECT
            (toUnixTimestamp64Milli({a_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({a_from:DateTime64(3, 'UTC')})) / 86400000 AS a_days,
            (toUnixTimestamp64Milli({b_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({b_from:DateTime64(3, 'UTC')})) / 86400000 AS b_days,
            toFloat64(sum(a_k)) AS a_n, toFloat64(sum(b_k)) AS b_n,
            sum(labels.a_tokens) AS a_tokens, sum(labels.b_tokens) AS b_tokens,
            sum(labels.a_squares) AS a_squares, sum(labels.b_squares) AS b_squares,
            sum(labels.a_confidence) AS a_confidence, sum(labels.b_confidence) AS b_confidence,
            sum(labels.a_confidences) AS a_confidences, sum(labels.b_confidences) AS b_confidences,
            uniqCombined64Merge(12)(labels.a_words) AS a_words, uniqCombined64Merge(12)(labels.b_words) AS b_words,
            groupArrayIf((label, toFloat64(a_k), toFloat64(b_k)), a_k + b_k > 0) AS found
        FROM labels
    ),
    shares AS
    (
        SELECT
            *, arrayMap(one -> (
                one.1, one.2 / a_n, one.3 / b_n,
                (one.2 + 1.9208 - 1.96 * sqrt(one.2 * (a_n - one.2) / a_n + 0.9604)) / (a_n + 3.8416),
                (one.2 + 1.9208 + 1.96 * sqrt(one.2 * (a_n - one.2) / a_n + 0.9604)) / (a_n + 3.8416),
                (one.3 + 1.9208 - 1.96 * sqrt(one.3 * (b_n - one.3) / b_n + 0.9604)) / (b_n + 3.8416),
                (one.3 + 1.9208 + 1.96 * sqrt(one.3 * (b_n - one.3) / b_n + 0.9604)) / (b_n + 3.8416)), found) AS intervals,
            1.96 * sqrt(1 / a_n + 1 / b_n) AS log_width
        FROM means
    )
SELECT row.1 AS aspect, row.2 AS name, row.3 AS before, row.4 AS after, after - before AS change, row.5 AS low, row.6 AS high
FROM
(
    SELECT arrayConcat(
            [('volume', 'documents per day', a_n / a_days, b_n / b_days,
                if(a_n * b_n = 0, NULL, a_n / a_days * (b_n / b_days / (a_n / a_days) * exp(-log_width) - 1)),
                if(a_n * b_n = 0, NULL, a_n / a_days * (b_n / b_days / (a_n / a_days) * exp(log_width) - 1))),
            ('volume', 'documents', a_n, b_n, NULL, NULL),
            ('length', 'words per document', a_tokens / a_n, b_tokens / b_n,
                toNullable(b_tokens / b_n - a_tokens / a_n - 1.96 * sqrt(greatest(a_squares / a_n - pow(a_tokens / a_n, 2), 0) / a_n + greatest(b_squares / b_n - pow(b_tokens / b_n, 2), 0) / b_n)),
                toNullable(b_tokens / b_n - a_tokens / a_n + 1.96 * sqrt(greatest(a_squares / a_n - pow(a_tokens / a_n, 2), 0) / a_n + greatest(b_squares / b_n - pow(b_tokens / b_n, 2), 0) / b_n))),
            ('confidence', 'mean confidence', a_confidence / a_n, b_confidence / b_n,
                toNullable(b_confidence / b_n - a_confidence / a_n - 1.96 * sqrt(greatest(a_confidences / a_n - pow(a_confidence / a_n, 2), 0) / a_n + greatest(b_confidences / b_n - pow(b_confidence / b_n, 2), 0) / b_n)),
                toNullable(b_confidence / b_n - a_confidence / a_n + 1.96 * sqrt(greatest(a_confidences / a_n - pow(a_confidence / a_n, 2), 0) / a_n + greatest(b_confidences / b_n - pow(b_confidence / b_n, 2), 0) / b_n))),
            ('vocabulary', 'distinct words', toFloat64(a_words), toFloat64(b_words), NULL, NULL)],
            arrayMap(one -> ('label', one.1, one.2, one.3,
                toNullable(one.3 - one.2 - sqrt(pow(one.3 - one.6, 2) + pow(one.5 - one.2, 2))),
                toNullable(one.3 - one.2 + sqrt(pow(one.7 - one.3, 2) + pow(one.2 - one.4, 2)))), intervals)) AS figures
    FROM shares
)
ARRAY JOIN figures AS row;

-- Nothing reads the tables of 0012 any more.
DROP TABLE IF EXISTS {{db}}.trend_counts_raw {{on_cluster}} SYNC;

DROP TABLE IF EXISTS {{db}}.trend_words_raw {{on_cluster}} SYNC;

DROP TABLE IF EXISTS {{db}}.trend_terms_raw {{on_cluster}} SYNC;

DROP TABLE IF EXISTS {{db}}.trend_days_raw {{on_cluster}} SYNC;
