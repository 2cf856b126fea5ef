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
