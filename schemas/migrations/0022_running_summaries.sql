-- What a source was about in an hour: its most central documents, in their own words or in those of a
-- model that was given them. Of any longer time they are chosen among those of its hours.
--
-- A summary that is folded as documents arrive counts one that is delivered twice twice, and cannot
-- take back a document that moves to another hour. So an hour is summarized anew, from the documents
-- as they stand, whenever these have changed (fingerprint); "seen" is the sum of the notes of
-- trend_touched_raw that were there before it was read. It only grows: of two workers, and of one
-- that was killed half-way and repeats itself, the later knowledge wins, not the later clock. An hour
-- that has lost its documents has a row with none.
CREATE TABLE IF NOT EXISTS {{db}}.running_summaries_raw {{on_cluster}}
(
    source LowCardinality(String),
    window_start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    seen UInt64 CODEC(ZSTD(1)),
    fingerprint UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    summary String CODEC(ZSTD(3)),
    summary_method LowCardinality(String),
    summary_flags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    summary_rejected String CODEC(ZSTD(3)),
    doc_ids Array(String) CODEC(ZSTD(1)),
    sentences Array(String) CODEC(ZSTD(3)),
    shares Array(Float32) CODEC(ZSTD(1)),
    embeddings Array(Array(BFloat16)) CODEC(ZSTD(1)),
    embedding_model LowCardinality(String)
)
ENGINE = {{engine ReplacingMergeTree(seen)}}
PARTITION BY toYear(window_start)
ORDER BY (window_start, source)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Written last: the hours of the day know all notes up to "seen".
CREATE TABLE IF NOT EXISTS {{db}}.summary_days_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    seen UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(seen)}}
ORDER BY day
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.running_summaries {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalHour(1) AS window_end, documents,
    summary, summary_method, summary_flags, summary_rejected, doc_ids, sentences, shares, embedding_model
FROM {{db}}.running_summaries_raw FINAL
WHERE documents > 0;
