-- The questions, answered by the helper tables: hours that lie whole in the asked time and whose day is
-- valid by their cells, all others by their documents. The same names and columns as before.

-- Hours that no cell answers for: of days without a valid version, and those that one of the times
-- asked for cuts in two.
CREATE VIEW IF NOT EXISTS {{db}}.trend_raw_hours {{on_cluster}} AS
WITH arrayMap(at -> toUnixTimestamp64Milli(at), [{at_1:DateTime64(3, 'UTC')}, {at_2:DateTime64(3, 'UTC')}, {at_3:DateTime64(3, 'UTC')}, {at_4:DateTime64(3, 'UTC')}]) AS bounds
SELECT fromUnixTimestamp64Second(toInt64(arrayJoin(arrayMap(at -> floor(at / 3600000) * 3600, arrayFilter(at -> at % 3600000 != 0, bounds)))), 'UTC') AS hour
UNION ALL
SELECT day + toIntervalHour(arrayJoin(range(24))) AS hour
FROM {{db}}.trend_days
WHERE NOT valid
    AND toUnixTimestamp64Second(day) * 1000 > arrayMin(bounds) - 86400000 AND toUnixTimestamp64Second(day) * 1000 < arrayMax(bounds);

-- Counts per period of the documents in a time; what the views after it are made of.
CREATE VIEW IF NOT EXISTS {{db}}.trend_counts {{on_cluster}} AS
SELECT
    multiIf(
        CAST({unit:String}, 'Enum8(\'minute\', \'hour\', \'day\', \'week\', \'month\', \'quarter\', \'year\', \'all\')') IN ('minute', 'hour'), start,
        {unit:String} = 'day', makeDateTime64(toYear(start), toMonth(start), toDayOfMonth(start), 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Second(start) + 259200) / 604800) * 604800 - 259200), 'UTC'),
        {unit:String} = 'month', makeDateTime64(toYear(start), toMonth(start), 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'quarter', makeDateTime64(toYear(start), toQuarter(start) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'year', makeDateTime64(toYear(start), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    source, label, embedding_model, device, compute_type,
    sum(cells.documents) AS documents, sum(cells.confidences) AS confidences,
    sum(cells.confidence_squares) AS confidence_squares, sum(cells.tokens) AS tokens,
    sum(cells.token_squares) AS token_squares, sum(cells.tokens_in) AS tokens_in,
    sum(cells.tokens_out) AS tokens_out, sum(cells.tokenize_ms) AS tokenize_ms,
    sum(cells.inference_ms) AS inference_ms
FROM
(
    SELECT
        start, source, label, embedding_model, device, compute_type, documents, confidences,
        confidence_squares, tokens, token_squares, tokens_in, tokens_out, tokenize_ms, inference_ms
    FROM {{db}}.trend_counts_raw
    WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
        AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {window_to:DateTime64(3, 'UTC')}
        AND (day, version) IN (SELECT day, version FROM {{db}}.trend_days WHERE valid)
    UNION ALL
    SELECT
        if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start,
        source, label, embedding_model, device, compute_type, count(), sum(toFloat64(confidence)),
        sum(toFloat64(confidence) * confidence), sum(toUInt64(documents_raw.tokens)),
        sum(toUInt64(documents_raw.tokens) * documents_raw.tokens), sum(documents_raw.tokens_in),
        sum(documents_raw.tokens_out), sum(toFloat64(documents_raw.tokenize_ms)), sum(toFloat64(documents_raw.inference_ms))
    FROM {{db}}.documents_raw FINAL
    WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
        AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
        AND ({unit:String} = 'minute' OR published_hour IN (
            SELECT hour FROM {{db}}.trend_raw_hours(at_1 = {window_from:DateTime64(3, 'UTC')}, at_2 = {window_to:DateTime64(3, 'UTC')}, at_3 = {window_from:DateTime64(3, 'UTC')}, at_4 = {window_to:DateTime64(3, 'UTC')})))
    GROUP BY start, source, label, embedding_model, device, compute_type
) AS cells
GROUP BY period, source, label, embedding_model, device, compute_type;

CREATE OR REPLACE VIEW {{db}}.label_shares {{on_cluster}} AS
SELECT
    period, label, documents, sum(documents) OVER (PARTITION BY period) AS total,
    documents / total AS share,
    (documents + 1.9208 - 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS low,
    (documents + 1.9208 + 1.96 * sqrt(documents * (total - documents) / total + 0.9604)) / (total + 3.8416) AS high,
    confidence_mean
FROM
(
    SELECT period, label, sum(counts.documents) AS documents, sum(counts.confidences) / documents AS confidence_mean
    FROM {{db}}.trend_counts(window_from = {window_from:DateTime64(3, 'UTC')}, window_to = {window_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = {unit:String}) AS counts
    GROUP BY period, label
);

CREATE OR REPLACE VIEW {{db}}.cost {{on_cluster}} AS
SELECT
    period, source, embedding_model, device, compute_type,
    sum(counts.documents) AS documents, sum(counts.tokens_in) AS tokens_in, sum(counts.tokens_out) AS tokens_out,
    sum(counts.tokenize_ms) / 1000 AS tokenize_seconds, sum(counts.inference_ms) / 1000 AS inference_seconds,
    (tokenize_seconds + inference_seconds) * 1000 / documents AS ms_per_document,
    (tokens_in + tokens_out) / nullIf(tokenize_seconds + inference_seconds, 0) AS tokens_per_second
FROM {{db}}.trend_counts(window_from = {window_from:DateTime64(3, 'UTC')}, window_to = {window_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = {unit:String}) AS counts
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
            SELECT hour FROM {{db}}.trend_raw_hours(at_1 = {window_from:DateTime64(3, 'UTC')}, at_2 = {window_to:DateTime64(3, 'UTC')}, at_3 = {window_from:DateTime64(3, 'UTC')}, at_4 = {window_to:DateTime64(3, 'UTC')})))
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
-- two means (normal), of the difference of two shares (Newcombe 1998, method 10).
CREATE OR REPLACE VIEW {{db}}.what_changed {{on_cluster}} AS
WITH
    sides AS
    (
        SELECT *, 0 AS later FROM {{db}}.trend_counts(window_from = {a_from:DateTime64(3, 'UTC')}, window_to = {a_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = 'all')
        UNION ALL
        SELECT *, 1 AS later FROM {{db}}.trend_counts(window_from = {b_from:DateTime64(3, 'UTC')}, window_to = {b_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = 'all')
    ),
    vocabularies AS
    (
        SELECT sumIf(unique_tokens, NOT later) AS a_words, sumIf(unique_tokens, later) AS b_words
        FROM
        (
            SELECT unique_tokens, 0 AS later FROM {{db}}.unique_tokens(window_from = {a_from:DateTime64(3, 'UTC')}, window_to = {a_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = 'all')
            UNION ALL
            SELECT unique_tokens, 1 AS later FROM {{db}}.unique_tokens(window_from = {b_from:DateTime64(3, 'UTC')}, window_to = {b_to:DateTime64(3, 'UTC')}, source = {source:String}, unit = 'all')
        )
    ),
    means AS
    (
        SELECT
            (toUnixTimestamp64Milli({a_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({a_from:DateTime64(3, 'UTC')})) / 86400000 AS a_days,
            (toUnixTimestamp64Milli({b_to:DateTime64(3, 'UTC')}) - toUnixTimestamp64Milli({b_from:DateTime64(3, 'UTC')})) / 86400000 AS b_days,
            sumIf(documents, NOT later) AS a_n, sumIf(documents, later) AS b_n,
            sumIf(tokens, NOT later) AS a_tokens, sumIf(tokens, later) AS b_tokens,
            sumIf(token_squares, NOT later) AS a_squares, sumIf(token_squares, later) AS b_squares,
            sumIf(confidences, NOT later) AS a_confidence, sumIf(confidences, later) AS b_confidence,
            sumIf(confidence_squares, NOT later) AS a_confidences, sumIf(confidence_squares, later) AS b_confidences
        FROM sides
    ),
    shares AS
    (
        SELECT
            label, sumIf(documents, NOT later) AS a_k, sumIf(documents, later) AS b_k,
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
    SELECT 'vocabulary', 'distinct words', a_words, b_words, toInt64(b_words) - toInt64(a_words), NULL, NULL FROM vocabularies
    UNION ALL
    SELECT
        'label', label, a, b, b - a,
        b - a - sqrt((b - b_low) * (b - b_low) + (a_high - a) * (a_high - a)),
        b - a + sqrt((b_high - b) * (b_high - b) + (a - a_low) * (a - a_low))
    FROM shares
);
