-- Statistics per source and window of event time; the highest version of a window counts.
CREATE TABLE IF NOT EXISTS {{db}}.drift_windows_raw {{on_cluster}}
(
    source LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_seconds UInt32 CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    late_documents UInt64 CODEC(T64, ZSTD(1)),
    tokens UInt64 CODEC(T64, ZSTD(1)),
    unique_tokens UInt64 CODEC(T64, ZSTD(1)),
    new_tokens UInt64 CODEC(T64, ZSTD(1)),
    word_pieces UInt64 CODEC(T64, ZSTD(1)),
    unknown_tokens UInt64 CODEC(T64, ZSTD(1)),
    characters UInt64 CODEC(T64, ZSTD(1)),
    tokens_mean Float64 CODEC(ZSTD(1)),
    tokens_deviation Float64 CODEC(ZSTD(1)),
    confidence_mean Float64 CODEC(ZSTD(1)),
    labels Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    drift_score Nullable(Float64) CODEC(ZSTD(1)),
    drift_threshold Nullable(Float64) CODEC(ZSTD(1)),
    drift_state LowCardinality(String),
    reference_documents UInt64 CODEC(T64, ZSTD(1)),
    embedding_model LowCardinality(String)
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(window_start)
ORDER BY (source, window_seconds, window_start)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.drift_windows {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end,
    window_seconds, documents, late_documents, tokens, unique_tokens, new_tokens,
    word_pieces, unknown_tokens, characters,
    unknown_tokens / greatest(word_pieces, 1) AS unknown_share,
    word_pieces / greatest(characters, 1) AS word_pieces_per_character,
    tokens_mean, tokens_deviation, confidence_mean, labels,
    drift_score, drift_threshold, drift_state, reference_documents, embedding_model, version
FROM {{db}}.drift_windows_raw FINAL;

-- Alerts with their explanation; the highest version of an alert counts.
CREATE TABLE IF NOT EXISTS {{db}}.drift_alerts_raw {{on_cluster}}
(
    alert_id String CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    source LowCardinality(String),
    kind LowCardinality(String),
    severity LowCardinality(String),
    state LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_end DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_documents UInt64 CODEC(ZSTD(1)),
    detected_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    changed_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    score Float64 CODEC(ZSTD(1)),
    threshold Float64 CODEC(ZSTD(1)),
    message String CODEC(ZSTD(3)),
    terms_up Array(Tuple(term String, z Float64, before Float64, after Float64)) CODEC(ZSTD(1)),
    terms_down Array(Tuple(term String, z Float64, before Float64, after Float64)) CODEC(ZSTD(1)),
    labels Array(Tuple(label String, before Float64, after Float64, low Float64, high Float64)) CODEC(ZSTD(1)),
    new_documents Array(Tuple(doc_id String, published_at DateTime64(3, 'UTC'), summary String, weight Float64)) CODEC(ZSTD(3)),
    old_documents Array(Tuple(doc_id String, published_at DateTime64(3, 'UTC'), summary String, weight Float64)) CODEC(ZSTD(3)),
    reference_documents UInt64 CODEC(ZSTD(1)),
    embedding_model LowCardinality(String),
    sql String CODEC(ZSTD(3))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (source, alert_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.drift_alerts {{on_cluster}} AS
SELECT
    alert_id, source, kind, severity, state, window_start, window_end, window_documents,
    detected_at, changed_at, score, threshold, message, terms_up, terms_down, labels,
    new_documents, old_documents, reference_documents, embedding_model, sql, version
FROM {{db}}.drift_alerts_raw FINAL;
