-- Documents with everything the enrich role found out about them.
--
-- One document is (source, doc_id). The sorting key begins with the hour it was published in, so
-- that questions about a time read little; a document that is published again with another time
-- leaves a tombstone (is_deleted = 1) at its old hour. The hour is a column of its own because
-- toStartOfHour() saturates outside 1970-2106. Partitions are years because an archive spreads each
-- batch over decades: with months, landing one was 15 times slower.
CREATE TABLE IF NOT EXISTS {{db}}.documents_raw {{on_cluster}}
(
    doc_id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    published_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    published_hour DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    title Nullable(String) CODEC(ZSTD(3)),
    text String CODEC(ZSTD(3)),
    language LowCardinality(Nullable(String)),
    metadata Map(String, String) CODEC(ZSTD(1)),
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    summary String CODEC(ZSTD(3)),
    summary_method LowCardinality(String),
    label LowCardinality(String),
    confidence Float32 CODEC(ZSTD(1)),
    scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1)),
    characters UInt32 CODEC(T64, ZSTD(1)),
    sentences UInt32 CODEC(T64, ZSTD(1)),
    tokens UInt32 CODEC(T64, ZSTD(1)),
    unique_tokens UInt32 CODEC(T64, ZSTD(1)),
    word_pieces UInt32 CODEC(T64, ZSTD(1)),
    unknown_tokens UInt32 CODEC(T64, ZSTD(1)),
    word_pieces_per_character Float32 CODEC(ZSTD(1)),
    cut_off Bool,
    terms Array(String) CODEC(ZSTD(1)),
    term_counts Array(UInt32) CODEC(ZSTD(1)),
    embedding Array(BFloat16) CODEC(ZSTD(1)),
    embedding_model LowCardinality(String),
    embedding_revision LowCardinality(String),
    classifier LowCardinality(String),
    device LowCardinality(String),
    compute_type LowCardinality(String),
    tokens_in UInt32 CODEC(T64, ZSTD(1)),
    tokens_out UInt32 CODEC(T64, ZSTD(1)),
    queue_ms Float32 CODEC(ZSTD(1)),
    tokenize_ms Float32 CODEC(ZSTD(1)),
    inference_ms Float32 CODEC(ZSTD(1)),
    enriched_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    is_deleted UInt8 DEFAULT 0 CODEC(ZSTD(1)),
    INDEX by_time published_at TYPE minmax GRANULARITY 1,
    INDEX by_document doc_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree(version, is_deleted)}}
PARTITION BY toYear(published_at)
ORDER BY (published_hour, source, doc_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Every hour that a document was ever given: finds the row to bury when it moves, by primary key.
-- Written before documents_raw, so that it knows at least every row that is there.
CREATE TABLE IF NOT EXISTS {{db}}.document_hours_raw {{on_cluster}}
(
    source LowCardinality(String),
    doc_id String CODEC(ZSTD(1)),
    published_hour DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (source, doc_id, published_hour)
SETTINGS index_granularity = 512, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.documents {{on_cluster}} AS
SELECT
    doc_id, source, published_at, published_hour, title, text, language, metadata,
    label, confidence, scores, summary, summary_method,
    characters, sentences, tokens, unique_tokens, word_pieces, unknown_tokens,
    word_pieces_per_character, cut_off, terms, term_counts,
    embedding, embedding_model, embedding_revision, classifier, device, compute_type,
    tokens_in, tokens_out, queue_ms, tokenize_ms, inference_ms,
    topic, partition, offset, received_at, enriched_at, version
FROM {{db}}.documents_raw FINAL;
