-- Label counts per hour and source.
CREATE VIEW IF NOT EXISTS {{db}}.label_trends {{on_cluster}} AS
SELECT
    published_hour AS hour,
    source,
    label,
    count() AS documents,
    avg(confidence) AS confidence_mean
FROM {{db}}.documents_raw FINAL
GROUP BY hour, source, label;

-- Terms of a window against a baseline: log-odds ratio with an informative Dirichlet prior
-- (Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations 16, 19 and 22). The counts are
-- documents that contain the term, since occurrences inside one document are not independent; the
-- prior has the pooled shares of the terms and weighs as much as the smaller of the two sides. A
-- document of the window never counts in the baseline. An empty source stands for all of them.
-- The empty term counts the documents themselves; no tokenizer makes one.
CREATE VIEW IF NOT EXISTS {{db}}.trending_terms {{on_cluster}} AS
WITH
    sides AS
    (
        SELECT
            published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AS inside,
            arrayPushBack(terms, '') AS words,
            arrayPushBack(term_counts, 1) AS occurrences
        FROM {{db}}.documents_raw FINAL
        WHERE ({source:String} = '' OR source = {source:String})
            AND ((published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')})
                OR (published_at >= {baseline_from:DateTime64(3, 'UTC')} AND published_at < {baseline_to:DateTime64(3, 'UTC')}))
    ),
    counted AS
    (
        SELECT
            word AS term,
            sumIf(occurrence, inside) AS count,
            sumIf(occurrence, NOT inside) AS baseline_count,
            countIf(inside) AS documents,
            countIf(NOT inside) AS baseline_documents
        FROM sides
        ARRAY JOIN words AS word, occurrences AS occurrence
        GROUP BY word
    ),
    totals AS
    (
        SELECT
            *,
            sumIf(documents, term = '') OVER () AS window_size,
            sumIf(baseline_documents, term = '') OVER () AS baseline_size,
            sumIf(documents, term != '') OVER () AS window_total,
            sumIf(baseline_documents, term != '') OVER () AS baseline_total
        FROM counted
    ),
    priors AS
    (
        SELECT
            *,
            toFloat64(least(window_total, baseline_total)) AS prior_total,
            prior_total * (documents + baseline_documents) / (window_total + baseline_total) AS prior
        FROM totals
        WHERE term != ''
    )
SELECT
    term,
    log((documents + prior) / (window_total + prior_total - documents - prior))
        - log((baseline_documents + prior) / (baseline_total + prior_total - baseline_documents - prior)) AS log_odds,
    log_odds / sqrt(1 / (documents + prior) + 1 / (baseline_documents + prior)) AS z,
    count,
    baseline_count,
    documents,
    baseline_documents,
    documents / window_size AS share,
    baseline_documents / greatest(baseline_size, 1) AS baseline_share,
    window_size,
    baseline_size
FROM priors;

-- Milliseconds from the broker's timestamp to the start of work and to the durable row, and of
-- inference, per hour of arrival and source.
CREATE VIEW IF NOT EXISTS {{db}}.latency {{on_cluster}} AS
SELECT
    hour, source, documents,
    queue[1] AS queue_ms_p50, queue[2] AS queue_ms_p95, queue[3] AS queue_ms_p99,
    inference[1] AS inference_ms_p50, inference[2] AS inference_ms_p95, inference[3] AS inference_ms_p99,
    landed, landing[1] AS landed_ms_p50, landing[2] AS landed_ms_p95, landing[3] AS landed_ms_p99
FROM
(
    SELECT
        toStartOfHour(received_at) AS hour, source, count() AS documents,
        quantiles(0.5, 0.95, 0.99)(queue_ms) AS queue,
        quantiles(0.5, 0.95, 0.99)(tokenize_ms + inference_ms) AS inference
    FROM {{db}}.documents_raw FINAL
    GROUP BY hour, source
) AS work
FULL OUTER JOIN
(
    SELECT
        toStartOfHour(received_at) AS hour, source, count() AS landed,
        quantiles(0.5, 0.95, 0.99)(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at)) AS landing
    FROM {{db}}.deliveries_raw FINAL
    WHERE outcome = 'landed'
    GROUP BY hour, source
) AS arrivals
USING (hour, source);
