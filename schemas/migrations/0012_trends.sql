-- Two-word phrases of a document, and its MinHash signature in four bands: documents that agree in
-- one band and in 12 of the 16 bytes are near-copies (streams/drift/monitors/copies.py).
ALTER TABLE {{db}}.documents_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS phrases Array(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS signature Array(UInt32) CODEC(ZSTD(1));

-- Helper tables of the trends: what the documents of an hour (of a day) add up to.
--
-- A view that adds up as rows are inserted counts a batch that is delivered twice twice, and cannot
-- take back a document that moves to another time. So the cells of a day are computed anew, from
-- the documents as they stand, whenever the day was touched, and replace the old ones whole: a
-- version of a day counts once trend_days_raw names it, which is written last. The old version and
-- the new one live side by side (slot 0 and 1), so that nobody finds a hole while they change.
--
-- Each writer of documents notes the days it has touched after it has written them, by its own
-- clock; a day is up to date when it has seen the newest note of every writer.
CREATE TABLE IF NOT EXISTS {{db}}.trend_touched_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer LowCardinality(String),
    touched UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(touched)}}
ORDER BY (day, writer)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- "seen" is the sum of the notes that the version knows: each of them only grows, so the sums are
-- equal only if all are. A version that was overtaken answers nothing: the documents do, until the
-- day is computed again.
CREATE TABLE IF NOT EXISTS {{db}}.trend_days_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    slot UInt8,
    seen UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY day
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{db}}.trend_counts_raw {{on_cluster}}
(
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    label LowCardinality(String),
    embedding_model LowCardinality(String),
    device LowCardinality(String),
    compute_type LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    confidences Float64 CODEC(ZSTD(1)),
    confidence_squares Float64 CODEC(ZSTD(1)),
    tokens UInt64 CODEC(T64, ZSTD(1)),
    token_squares UInt64 CODEC(T64, ZSTD(1)),
    tokens_in UInt64 CODEC(T64, ZSTD(1)),
    tokens_out UInt64 CODEC(T64, ZSTD(1)),
    tokenize_ms Float64 CODEC(ZSTD(1)),
    inference_ms Float64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (start, source, label, embedding_model, device, compute_type, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Distinct words, as states that merge: HyperLogLog of 4,096 cells, 2.2 KB and an error of 1.5 %.
CREATE TABLE IF NOT EXISTS {{db}}.trend_words_raw {{on_cluster}}
(
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
ORDER BY (start, source, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Words and phrases with the documents that hold them, near-copies of a day counted once: of an
-- hour (seconds = 3600) and of a day (86400). One row a cell, so that a version that has lost a word
-- leaves nothing behind. The hashes are what is compared, in half the time; the terms name them.
CREATE TABLE IF NOT EXISTS {{db}}.trend_terms_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    word_mentions UInt64 CODEC(T64, ZSTD(1)),
    phrase_mentions UInt64 CODEC(T64, ZSTD(1)),
    terms Array(String) CODEC(ZSTD(1)),
    hashes Array(UInt64) CODEC(LZ4),
    term_documents Array(UInt32) CODEC(T64, ZSTD(1)),
    term_counts Array(UInt32) CODEC(T64, ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, start, source, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Near-copies of a day that count no term, as hashes of source and doc_id.
CREATE TABLE IF NOT EXISTS {{db}}.trend_copies_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    copies Array(UInt64) CODEC(LZ4)
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (day, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Days that were touched, and the version of their cells where one may answer.
CREATE VIEW IF NOT EXISTS {{db}}.trend_days {{on_cluster}} AS
SELECT
    notes.day AS day, days.version AS version,
    days.version > 0 AND days.seen = notes.seen AS valid
FROM (SELECT day, sum(touched) AS seen FROM {{db}}.trend_touched_raw FINAL GROUP BY day) AS notes
LEFT JOIN (SELECT * FROM {{db}}.trend_days_raw FINAL) AS days USING (day);
