-- The questions, answered by the helper tables: hours that lie whole in the asked time and whose day is
-- valid by their cells, all others (of days without a valid version, and those that one of the times
-- asked for cuts in two) by their documents. The same names and columns as before. They share nothing by
-- views inside views: each level of those is planned twice, which took longer than reading the cells.
CREATE OR REPLACE VIEW {{db}}.label_shares {{on_cluster}} AS
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
            FROM {{db}}.trend_counts_raw
            WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
                AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {window_to:DateTime64(3, 'UTC')}
                AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
            UNION ALL
            SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, label, toUInt64(1), toFloat64(confidence)
            FROM {{db}}.documents_raw FINAL
            WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
                AND ({unit:String} = 'minute' OR published_hour IN (
                    SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                        arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])))), 'UTC')
                    UNION ALL
                    SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                    WHERE NOT valid AND day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}))
        ) AS cells
    GROUP BY period, label
);

CREATE OR REPLACE VIEW {{db}}.cost {{on_cluster}} AS
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
        FROM {{db}}.trend_counts_raw
        WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
            AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {window_to:DateTime64(3, 'UTC')}
            AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
        UNION ALL
        SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, source, embedding_model, device, compute_type, toUInt64(1), toUInt64(documents_raw.tokens_in), toUInt64(documents_raw.tokens_out), toFloat64(documents_raw.tokenize_ms), toFloat64(documents_raw.inference_ms)
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
            AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
            AND ({unit:String} = 'minute' OR published_hour IN (
                SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                    arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])))), 'UTC')
                UNION ALL
                SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                WHERE NOT valid AND day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}))
    ) AS cells
GROUP BY period, source, embedding_model, device, compute_type;

CREATE OR REPLACE VIEW {{db}}.unique_tokens {{on_cluster}} AS
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
    WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
        AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {window_to:DateTime64(3, 'UTC')}
        AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
    UNION ALL
    SELECT
        if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start,
        count(), sum(documents_raw.tokens), uniqCombined64ArrayState(12)(terms)
    FROM {{db}}.documents_raw FINAL
    WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
        AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
        AND ({unit:String} = 'minute' OR published_hour IN (
                SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                    arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])))), 'UTC')
                UNION ALL
                SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                WHERE NOT valid AND day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}))
    GROUP BY start
) AS cells
GROUP BY period;

-- Label counts per hour and source.
CREATE OR REPLACE VIEW {{db}}.label_trends {{on_cluster}} AS
SELECT hour, source, label, sum(cells.documents) AS documents, sum(cells.confidences) / documents AS confidence_mean
FROM
(
    SELECT start AS hour, source, label, documents, confidences
    FROM {{db}}.trend_counts_raw
    WHERE (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
    UNION ALL
    SELECT published_hour AS hour, source, label, 1, toFloat64(confidence)
    FROM {{db}}.documents_raw FINAL
    WHERE published_hour IN (SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days WHERE NOT valid)
) AS cells
GROUP BY hour, source, label;

-- Two periods side by side, a row for each figure: volume, words per document, vocabulary, labels.
-- Intervals of 95 %: of the ratio of two rates (log-normal, Poisson counts), of the difference of
-- two means (normal), of the difference of two shares (Newcombe 1998, method 10). Every cell is read
-- once: the figures are rows of one array.
CREATE OR REPLACE VIEW {{db}}.what_changed {{on_cluster}} AS
WITH
    labels AS
    (
        SELECT
            label, sumIf(documents, NOT later) AS a_k, sumIf(documents, later) AS b_k,
            sumIf(tokens, NOT later) AS a_tokens, sumIf(tokens, later) AS b_tokens,
            sumIf(token_squares, NOT later) AS a_squares, sumIf(token_squares, later) AS b_squares,
            sumIf(confidences, NOT later) AS a_confidence, sumIf(confidences, later) AS b_confidence,
            sumIf(confidence_squares, NOT later) AS a_confidences, sumIf(confidence_squares, later) AS b_confidences
        FROM
        (
            SELECT label, 0 AS later, sum(cells.documents) AS documents, sum(cells.tokens) AS tokens, sum(cells.token_squares) AS token_squares, sum(cells.confidences) AS confidences, sum(cells.confidence_squares) AS confidence_squares
            FROM
            (
                    SELECT label, documents, tokens, token_squares, confidences, confidence_squares
                    FROM {{db}}.trend_counts_raw
                    WHERE {source:String} IN ('', source)
                        AND start >= {a_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {a_to:DateTime64(3, 'UTC')}
                        AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
                    UNION ALL
                    SELECT label, toUInt64(1), toUInt64(documents_raw.tokens), toUInt64(documents_raw.tokens) * documents_raw.tokens, toFloat64(confidence), toFloat64(confidence) * confidence
                    FROM {{db}}.documents_raw FINAL
                    WHERE published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                        AND published_hour >= {a_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {a_to:DateTime64(3, 'UTC')}
                        AND (published_hour IN (
                            SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                                arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({a_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({a_to:DateTime64(3, 'UTC')})])))), 'UTC')
                            UNION ALL
                            SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                            WHERE NOT valid AND day > {a_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {a_to:DateTime64(3, 'UTC')}))
                ) AS cells
            GROUP BY label
            UNION ALL
            SELECT label, 1 AS later, sum(cells.documents) AS documents, sum(cells.tokens) AS tokens, sum(cells.token_squares) AS token_squares, sum(cells.confidences) AS confidences, sum(cells.confidence_squares) AS confidence_squares
            FROM
            (
                    SELECT label, documents, tokens, token_squares, confidences, confidence_squares
                    FROM {{db}}.trend_counts_raw
                    WHERE {source:String} IN ('', source)
                        AND start >= {b_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {b_to:DateTime64(3, 'UTC')}
                        AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
                    UNION ALL
                    SELECT label, toUInt64(1), toUInt64(documents_raw.tokens), toUInt64(documents_raw.tokens) * documents_raw.tokens, toFloat64(confidence), toFloat64(confidence) * confidence
                    FROM {{db}}.documents_raw FINAL
                    WHERE published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                        AND published_hour >= {b_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {b_to:DateTime64(3, 'UTC')}
                        AND (published_hour IN (
                            SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                                arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({b_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({b_to:DateTime64(3, 'UTC')})])))), 'UTC')
                            UNION ALL
                            SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                            WHERE NOT valid AND day > {b_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {b_to:DateTime64(3, 'UTC')}))
                ) AS cells
            GROUP BY label
        )
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
            groupArray((label, toFloat64(a_k), toFloat64(b_k))) AS found
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
    CROSS JOIN
    (
        SELECT uniqCombined64Merge(12)(words) AS a_words
        FROM
            (
                SELECT words FROM {{db}}.trend_words_raw
                WHERE {source:String} IN ('', source)
                    AND start >= {a_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {a_to:DateTime64(3, 'UTC')}
                    AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
                UNION ALL
                SELECT uniqCombined64ArrayState(12)(terms)
                FROM {{db}}.documents_raw FINAL
                WHERE published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                    AND published_hour >= {a_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {a_to:DateTime64(3, 'UTC')}
                    AND published_hour IN (
                SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                    arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({a_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({a_to:DateTime64(3, 'UTC')})])))), 'UTC')
                UNION ALL
                SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                WHERE NOT valid AND day > {a_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {a_to:DateTime64(3, 'UTC')})
            )
    ) AS before
    CROSS JOIN
    (
        SELECT uniqCombined64Merge(12)(words) AS b_words
        FROM
            (
                SELECT words FROM {{db}}.trend_words_raw
                WHERE {source:String} IN ('', source)
                    AND start >= {b_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {b_to:DateTime64(3, 'UTC')}
                    AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
                UNION ALL
                SELECT uniqCombined64ArrayState(12)(terms)
                FROM {{db}}.documents_raw FINAL
                WHERE published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                    AND published_hour >= {b_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {b_to:DateTime64(3, 'UTC')}
                    AND published_hour IN (
                SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600,
                    arrayFilter(at -> at % 3600000 != 0, [toUnixTimestamp64Milli({b_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({b_to:DateTime64(3, 'UTC')})])))), 'UTC')
                UNION ALL
                SELECT day + toIntervalHour(arrayJoin(range(24))) FROM {{db}}.trend_days
                WHERE NOT valid AND day > {b_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {b_to:DateTime64(3, 'UTC')})
            )
    ) AS after
)
ARRAY JOIN figures AS row;
