-- Questions with parameters. {unit} is minute, hour, day, week (from Monday), month, quarter, year
-- or all; an empty {source} stands for all of them; the ends are not included. Periods are computed
-- with whole seconds because toStartOfHour() and its like saturate outside 1970-2106.
CREATE VIEW IF NOT EXISTS {{db}}.label_shares {{on_cluster}} AS
WITH
    {unit:String} AS unit,
    counted AS
    (
        SELECT
            multiIf(
                unit = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'),
                unit = 'hour', published_hour,
                unit = 'day', makeDateTime64(toYear(published_at), toMonth(published_at), toDayOfMonth(published_at), 0, 0, 0, 0, 0, 'UTC'),
                unit = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Milli(published_at) / 1000 + 259200) / 604800) * 604800 - 259200), 'UTC'),
                unit = 'month', makeDateTime64(toYear(published_at), toMonth(published_at), 1, 0, 0, 0, 0, 0, 'UTC'),
                unit = 'quarter', makeDateTime64(toYear(published_at), toQuarter(published_at) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
                unit = 'year', makeDateTime64(toYear(published_at), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
                toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
            label, count() AS documents, avg(confidence) AS confidence_mean
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}
            AND {source:String} IN ('', source)
        GROUP BY period, label
    )
SELECT
    period, label, documents, sum(documents) OVER (PARTITION BY period) AS total,
    documents / total AS share,
    (documents + 1.9208 - 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS low,
    (documents + 1.9208 + 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS high,
    confidence_mean
FROM counted;

CREATE VIEW IF NOT EXISTS {{db}}.unique_tokens {{on_cluster}} AS
WITH {unit:String} AS unit
SELECT
    multiIf(
        unit = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'),
        unit = 'hour', published_hour,
        unit = 'day', makeDateTime64(toYear(published_at), toMonth(published_at), toDayOfMonth(published_at), 0, 0, 0, 0, 0, 'UTC'),
        unit = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Milli(published_at) / 1000 + 259200) / 604800) * 604800 - 259200), 'UTC'),
        unit = 'month', makeDateTime64(toYear(published_at), toMonth(published_at), 1, 0, 0, 0, 0, 0, 'UTC'),
        unit = 'quarter', makeDateTime64(toYear(published_at), toQuarter(published_at) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        unit = 'year', makeDateTime64(toYear(published_at), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    count() AS documents, sum(tokens) AS tokens,
    uniqCombined64Array(12)(terms) AS unique_tokens
FROM {{db}}.documents_raw FINAL
WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}
    AND {source:String} IN ('', source)
GROUP BY period;

CREATE VIEW IF NOT EXISTS {{db}}.cost {{on_cluster}} AS
WITH {unit:String} AS unit
SELECT
    multiIf(
        unit = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'),
        unit = 'hour', published_hour,
        unit = 'day', makeDateTime64(toYear(published_at), toMonth(published_at), toDayOfMonth(published_at), 0, 0, 0, 0, 0, 'UTC'),
        unit = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Milli(published_at) / 1000 + 259200) / 604800) * 604800 - 259200), 'UTC'),
        unit = 'month', makeDateTime64(toYear(published_at), toMonth(published_at), 1, 0, 0, 0, 0, 0, 'UTC'),
        unit = 'quarter', makeDateTime64(toYear(published_at), toQuarter(published_at) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        unit = 'year', makeDateTime64(toYear(published_at), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    source, embedding_model, device, compute_type,
    count() AS documents, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out,
    sum(tokenize_ms) / 1000 AS tokenize_seconds, sum(inference_ms) / 1000 AS inference_seconds,
    (tokenize_seconds + inference_seconds) * 1000 / documents AS ms_per_document,
    (tokens_in + tokens_out) / nullIf(tokenize_seconds + inference_seconds, 0) AS tokens_per_second
FROM {{db}}.documents_raw FINAL
WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}
    AND {source:String} IN ('', source)
GROUP BY period, source, embedding_model, device, compute_type;

-- A window's drift in a few plain columns; drift_windows has all that is known of it.
CREATE VIEW IF NOT EXISTS {{db}}.drift {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end,
    documents, late_documents, drift_score AS score, drift_threshold AS threshold,
    drift_score / drift_threshold AS ratio, drift_state AS state,
    if(empty(monitor_scores), '', arraySort(kind -> -monitor_scores[kind], mapKeys(monitor_scores))[1]) AS monitor,
    if(empty(monitor_scores), NULL, arrayMax(mapValues(monitor_scores))) AS monitor_score,
    monitor_threshold, reference_id, reference_reason
FROM {{db}}.drift_windows_raw FINAL
WHERE window_start >= {window_from:DateTime64(3, 'UTC')} AND window_start < {window_to:DateTime64(3, 'UTC')}
    AND {source:String} IN ('', source);

-- Two periods side by side, a row for each figure: volume, words per document, vocabulary, labels.
-- Intervals of 95 %: of the ratio of two rates (log-normal, Poisson counts), of the difference of
-- two means (normal), of the difference of two shares (Newcombe 1998, method 10).
CREATE VIEW IF NOT EXISTS {{db}}.what_changed {{on_cluster}} AS
WITH
    sides AS
    (
        SELECT
            published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')} AS later,
            label, tokens, confidence, terms
        FROM {{db}}.documents_raw FINAL
        WHERE {source:String} IN ('', source)
            AND ((published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')})
                OR (published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')}))
    ),
    means AS
    (
        SELECT
            (toUnixTimestamp64Milli({a_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({a_from:DateTime64(3, 'UTC')})) / 86400000 AS a_days,
            (toUnixTimestamp64Milli({b_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({b_from:DateTime64(3, 'UTC')})) / 86400000 AS b_days,
            countIf(NOT later) AS a_n, countIf(later) AS b_n,
            sumIf(tokens, NOT later) AS a_tokens, sumIf(tokens, later) AS b_tokens,
            sumIf(toFloat64(tokens) * tokens, NOT later) AS a_squares, sumIf(toFloat64(tokens) * tokens, later) AS b_squares,
            sumIf(toFloat64(confidence), NOT later) AS a_confidence, sumIf(toFloat64(confidence), later) AS b_confidence,
            sumIf(toFloat64(confidence) * confidence, NOT later) AS a_confidences, sumIf(toFloat64(confidence) * confidence, later) AS b_confidences,
            uniqCombined64ArrayIf(12)(terms, NOT later) AS a_words, uniqCombined64ArrayIf(12)(terms, later) AS b_words
        FROM sides
    ),
    shares AS
    (
        SELECT
            label, countIf(NOT later) AS a_k, countIf(later) AS b_k,
            sum(a_k) OVER () AS a_n, sum(b_k) OVER () AS b_n,
            a_k / a_n AS a, b_k / b_n AS b,
            (a_k + 1.9208 - 1.96 * sqrt(a_k * (a_n - a_k) / a_n + 0.9604)) / (a_n + 3.8416) AS a_low,
            (a_k + 1.9208 + 1.96 * sqrt(a_k * (a_n - a_k) / a_n + 0.9604)) / (a_n + 3.8416) AS a_high,
            (b_k + 1.9208 - 1.96 * sqrt(b_k * (b_n - b_k) / b_n + 0.9604)) / (b_n + 3.8416) AS b_low,
            (b_k + 1.9208 + 1.96 * sqrt(b_k * (b_n - b_k) / b_n + 0.9604)) / (b_n + 3.8416) AS b_high
        FROM sides
        GROUP BY label
    )
SELECT
    aspect, name, toFloat64(side_a) AS before, toFloat64(side_b) AS after,
    toFloat64(difference) AS change, toFloat64(least_change) AS low, toFloat64(most_change) AS high
FROM
(
    SELECT
        'volume' AS aspect, 'documents per day' AS name, a_n / a_days AS side_a, b_n / b_days AS side_b,
        side_b - side_a AS difference,
        if(a_n * b_n = 0, NULL, side_a * (side_b / side_a * exp(-1.96 * sqrt(1 / a_n + 1 / b_n)) - 1)) AS least_change,
        if(a_n * b_n = 0, NULL, side_a * (side_b / side_a * exp(1.96 * sqrt(1 / a_n + 1 / b_n)) - 1)) AS most_change
    FROM means
    UNION ALL
    SELECT 'volume', 'documents', a_n, b_n, toInt64(b_n) - toInt64(a_n), NULL, NULL FROM means
    UNION ALL
    SELECT
        'length', 'words per document', a_tokens / a_n AS x, b_tokens / b_n AS y, y - x AS d,
        d - 1.96 * sqrt(greatest(a_squares / a_n - x * x, 0) / a_n + greatest(b_squares / b_n - y * y, 0) / b_n),
        d + 1.96 * sqrt(greatest(a_squares / a_n - x * x, 0) / a_n + greatest(b_squares / b_n - y * y, 0) / b_n)
    FROM means
    UNION ALL
    SELECT
        'confidence', 'mean confidence', a_confidence / a_n AS x, b_confidence / b_n AS y, y - x AS d,
        d - 1.96 * sqrt(greatest(a_confidences / a_n - x * x, 0) / a_n + greatest(b_confidences / b_n - y * y, 0) / b_n),
        d + 1.96 * sqrt(greatest(a_confidences / a_n - x * x, 0) / a_n + greatest(b_confidences / b_n - y * y, 0) / b_n)
    FROM means
    UNION ALL
    SELECT 'vocabulary', 'distinct words', a_words, b_words, toInt64(b_words) - toInt64(a_words), NULL, NULL FROM means
    UNION ALL
    SELECT
        'label', label, a, b, b - a,
        b - a - sqrt((b - b_low) * (b - b_low) + (a_high - a) * (a_high - a)),
        b - a + sqrt((b_high - b) * (b_high - b) + (a - a_low) * (a - a_low))
    FROM shares
);
