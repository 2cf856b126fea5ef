-- The words of a day in their own order, in place of those of 0013: by source first, and with a mark every 32 rows.
-- A row holds a state of a few kilobytes; of 8,192 that a mark stood for, all were read for the thirty of a month.
CREATE TABLE IF NOT EXISTS {{db}}.trend_words_raw {{on_cluster}}
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
ORDER BY (seconds, source, start, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 32;

-- The land role computes them anew from the documents, which answer until then: the form tells.
CREATE OR REPLACE VIEW {{db}}.trend_days {{on_cluster}} AS
SELECT day, max(found.version) AS version, version > 0 AND sum(found.noted) = max(found.seen) AND max(found.form) = 2 AS valid
FROM
(
    SELECT day, max(touched) AS noted, 0 AS version, 0 AS seen, 0 AS form FROM {{db}}.trend_touched_raw GROUP BY day, writer
    UNION ALL
    SELECT
        day, 0, max(trend_versions_raw.version), argMax(seen, trend_versions_raw.version), argMax(form, trend_versions_raw.version)
    FROM {{db}}.trend_versions_raw GROUP BY day
) AS found
GROUP BY day;

-- As in 0013, from the new table.
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
        FROM {{db}}.trend_words_raw
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

-- As in 0026, from the new table.
CREATE OR REPLACE VIEW {{db}}.what_changed {{on_cluster}} AS
WITH
    (
        WITH
            [{a_from:DateTime64(3, 'UTC')}, {a_to:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')}] AS ends,
            arrayMap(at -> toUnixTimestamp64Milli(at), ends) AS bounds
        SELECT (
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 86400000) * 86400), 'UTC'), arrayFilter(at -> at % 86400000 != 0, bounds)),
            groupArrayIf(cityHash64(day, version), valid),
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, bounds)) AS cut,
            arrayConcat(cut, arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))),
            arrayMin(ends), arrayMax(ends),
            (bounds[2] - bounds[1]) / 86400000, (bounds[4] - bounds[3]) / 86400000)
        FROM {{db}}.trend_days
        WHERE day > arrayMin(ends) - toIntervalDay(1) AND day < arrayMax(ends)
    ) AS asked
SELECT row.1 AS aspect, row.2 AS name, row.3 AS before, row.4 AS after, after - before AS change, row.5 AS low, row.6 AS high
FROM
(
    SELECT
        a[1] AS a_n, b[1] AS b_n, a_n / assumeNotNull(asked.7) AS a_rate, b_n / assumeNotNull(asked.8) AS b_rate, 1.96 * sqrt(1 / a_n + 1 / b_n) AS width,
        arrayConcat(
            [('volume', 'documents per day', a_rate, b_rate, if(a_n * b_n = 0, NULL, b_rate * exp(-width) - a_rate), if(a_n * b_n = 0, NULL, b_rate * exp(width) - a_rate)),
            ('volume', 'documents', a_n, b_n, NULL, NULL)],
            arrayMap(
                one -> (one.1, one.2, one.3, one.4, toNullable(one.4 - one.3 - one.5), toNullable(one.4 - one.3 + one.5)),
                arrayMap(
                    (aspect, name, at) -> (aspect, name, a[at] / a_n, b[at] / b_n, 1.96 * sqrt(
                        greatest(a[at + 1] / a_n - pow(a[at] / a_n, 2), 0) / a_n + greatest(b[at + 1] / b_n - pow(b[at] / b_n, 2), 0) / b_n)),
                    ['length', 'confidence'], ['words per document', 'mean confidence'], [2, 4])),
            [('vocabulary', 'distinct words', toFloat64(a_words), toFloat64(b_words), NULL, NULL)],
            arrayMap(
                one -> ('label', one.1, one.2.1, one.3.1, toNullable(one.3.1 - one.2.1 - hypot(one.3.2, one.2.3)), toNullable(one.3.1 - one.2.1 + hypot(one.3.3, one.2.2))),
                arrayMap(
                    (label, shares) -> (label, shares[1], shares[2]),
                    found.1,
                    arrayMap(
                        counts -> arrayMap(
                            (k, n) -> (
                                k / n,
                                k / n - (k + 1.9208 - 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416),
                                (k + 1.9208 + 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416) - k / n),
                            counts, [a_n, b_n]),
                        found.2)))) AS figures
    FROM
    (
        SELECT
            sumForEach(labels.a) AS a, sumForEach(labels.b) AS b, uniqCombined64Merge(12)(labels.a_words) AS a_words, uniqCombined64Merge(12)(labels.b_words) AS b_words,
            (groupArrayIf(label, a_k + b_k > 0), groupArrayIf([a_k, b_k], a_k + b_k > 0)) AS found
        FROM
        (
            SELECT
                label, sumForEachIf(figures, in_a) AS a, sumForEachIf(figures, in_b) AS b, a[1] AS a_k, b[1] AS b_k,
                uniqCombined64MergeStateIf(12)(words, in_a) AS a_words, uniqCombined64MergeStateIf(12)(words, in_b) AS b_words
            FROM
            (
                SELECT
                    label, start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')} AS in_a, start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')} AS in_b,
                    [toFloat64(documents), toFloat64(tokens), toFloat64(token_squares), confidences, confidence_squares] AS figures,
                    arrayReduce('uniqCombined64State(12)', emptyArrayString()) AS words
                FROM {{db}}.trend_sums_raw
                WHERE {source:String} IN ('', source) AND start >= asked.5 AND start < asked.6 AND has(asked.2, cityHash64(day, version))
                    AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
                UNION ALL
                SELECT '', start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')}, start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')}, emptyArrayFloat64(), words
                FROM {{db}}.trend_words_raw
                WHERE source = {source:String} AND start >= asked.5 AND start < asked.6 AND has(asked.2, cityHash64(day, version))
                    AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
                UNION ALL
                SELECT
                    label, published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')} AS in_a, published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')} AS in_b,
                    [toFloat64(count()), toFloat64(sum(documents_raw.tokens)), toFloat64(sum(toUInt64(documents_raw.tokens) * documents_raw.tokens)), sum(toFloat64(confidence)), sum(toFloat64(confidence) * confidence)],
                    uniqCombined64ArrayState(12)(terms)
                FROM {{db}}.documents_raw FINAL
                WHERE {source:String} IN ('', source) AND published_hour IN (SELECT arrayJoin(asked.4)) AND (in_a OR in_b)
                GROUP BY label, in_a, in_b
            ) AS sides
            GROUP BY label
        ) AS labels
    )
)
ARRAY JOIN figures AS row;

-- Nothing reads the words of 0013 any more.
DROP TABLE IF EXISTS {{db}}.trend_vocabulary_raw {{on_cluster}} SYNC;
