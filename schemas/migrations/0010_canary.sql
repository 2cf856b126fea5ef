-- What enrich workers answered to the canary documents: is it the world, or is it us?
CREATE TABLE IF NOT EXISTS {{db}}.canaries_raw {{on_cluster}}
(
    answered_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    worker LowCardinality(String),
    host LowCardinality(String),
    canary_set LowCardinality(String),
    doc_id LowCardinality(String),
    language LowCardinality(Nullable(String)),
    text LowCardinality(String),
    label LowCardinality(String),
    confidence Float32 CODEC(ZSTD(1)),
    tokens UInt32 CODEC(T64, ZSTD(1)),
    unique_tokens UInt32 CODEC(T64, ZSTD(1)),
    word_pieces UInt32 CODEC(T64, ZSTD(1)),
    unknown_tokens UInt32 CODEC(T64, ZSTD(1)),
    embedding Array(BFloat16) CODEC(ZSTD(1)),
    embedding_model LowCardinality(String),
    embedding_revision LowCardinality(String),
    classifier LowCardinality(String),
    device LowCardinality(String),
    compute_type LowCardinality(String),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (answered_at, worker, doc_id)
TTL toDateTime(answered_at) + toIntervalDay(90)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.canaries {{on_cluster}} AS
SELECT
    answered_at, worker, host, canary_set, doc_id, language, text, label, confidence, tokens,
    unique_tokens, word_pieces, unknown_tokens, embedding, embedding_model, embedding_revision,
    classifier, device, compute_type, version
FROM {{db}}.canaries_raw FINAL;

-- Is the promised rate of false alarms kept? Quiet documents, and how often the score passed log 100,
-- 300, 1,000, 3,000 and 10,000 in them, of each source since its beginning.
ALTER TABLE {{db}}.drift_windows_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS quiet_counts Array(UInt64) CODEC(ZSTD(1));

-- The 95 % interval is that of a Poisson count, by Wilson and Hilferty's cube (1931).
CREATE VIEW IF NOT EXISTS {{db}}.false_alarm_rates {{on_cluster}} AS
WITH
    [100, 300, 1000, 3000, 10000] AS levels,
    observed + 1 AS next
SELECT
    source, level AS level_documents, counts[1] AS quiet_documents, quiet_documents / level AS expected,
    counts[at + 1] AS observed,
    observed / expected AS ratio,
    if(observed = 0, 0, observed * pow(1 - 1 / (9 * observed) - 1.96 / (3 * sqrt(observed)), 3)) / expected AS low,
    next * pow(1 - 1 / (9 * next) + 1.96 / (3 * sqrt(next)), 3) / expected AS high
FROM
(
    SELECT source, argMax(quiet_counts, quiet_counts[1]) AS counts
    FROM {{db}}.drift_windows_raw FINAL
    WHERE length(quiet_counts) = 6 AND quiet_counts[1] > 0
    GROUP BY source
)
ARRAY JOIN levels AS level, arrayEnumerate(levels) AS at;
