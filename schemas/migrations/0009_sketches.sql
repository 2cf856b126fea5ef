-- Sums over the embeddings of a window, one row per model; the highest version of a window counts.
-- Whole numbers: sumForEach over any windows is exact, in any order.
CREATE TABLE IF NOT EXISTS {{db}}.drift_sketches_raw {{on_cluster}}
(
    source LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_seconds UInt32 CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    embedding_model LowCardinality(String),
    embedding_revision LowCardinality(String),
    compute_type LowCardinality(String),
    kernel LowCardinality(String),
    documents UInt64 CODEC(T64, ZSTD(1)),
    embedding_sums Array(Int64) CODEC(T64, ZSTD(1)),
    feature_sums Array(Int64) CODEC(T64, ZSTD(1)),
    square_sums Array(Int64) CODEC(T64, ZSTD(1)),
    product_sums Array(Int64) CODEC(T64, ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(window_start)
ORDER BY (source, window_seconds, window_start, embedding_model, embedding_revision, compute_type, kernel)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.drift_sketches {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end, window_seconds,
    embedding_model, embedding_revision, compute_type, kernel, documents,
    embedding_sums, feature_sums, square_sums, product_sums, version
FROM {{db}}.drift_sketches_raw FINAL;
