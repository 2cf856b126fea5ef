-- Documents of a window grouped by their embeddings; the highest version of a window counts. A later
-- version of a window has all topics of the earlier ones. streams/trends finds them.
CREATE TABLE IF NOT EXISTS {{db}}.topic_windows_raw {{on_cluster}}
(
    source LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_seconds UInt32 CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    topic_id LowCardinality(String),
    name LowCardinality(String),
    documents UInt64 CODEC(T64, ZSTD(1)),
    similarity Float32 CODEC(ZSTD(1)),
    central_doc_id String CODEC(ZSTD(1)),
    central_summary String CODEC(ZSTD(3)),
    central_similarity Float32 CODEC(ZSTD(1)),
    first_seen DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    parent LowCardinality(String),
    ended LowCardinality(String),
    merged_into LowCardinality(String),
    embedding_model LowCardinality(String)
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(window_start)
ORDER BY (source, window_seconds, window_start, topic_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A topic in a window, by the name that it had then; share is of the window's documents that are in a topic.
CREATE VIEW IF NOT EXISTS {{db}}.topics {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end, window_seconds,
    topic_id, name, documents,
    documents / greatest(1, sum(documents) OVER (PARTITION BY source, window_seconds, window_start)) AS share,
    similarity, central_doc_id, central_summary, central_similarity,
    first_seen, first_seen >= window_start AS is_new, parent, ended, merged_into, embedding_model, version
FROM {{db}}.topic_windows_raw FINAL;

-- The lines of the largest topics of a time: their documents in every period of so many seconds, zeros
-- too, under the newest name. A topic that was merged or has faded says when, and into which.
CREATE VIEW IF NOT EXISTS {{db}}.topic_lines {{on_cluster}} AS
WITH
    counted AS
    (
        SELECT
            source, topic_id,
            fromUnixTimestamp64Milli(toInt64(floor(toUnixTimestamp64Milli(window_start) / (1000 * {period_seconds:UInt32}))
                * 1000 * {period_seconds:UInt32}), 'UTC') AS period,
            sum(documents) AS found
        FROM {{db}}.topic_windows_raw FINAL
        WHERE window_start >= {window_from:DateTime64(3, 'UTC')} AND window_start < {window_to:DateTime64(3, 'UTC')}
            AND {source:String} IN ('', source)
        GROUP BY source, topic_id, period
    ),
    periods AS
    (
        SELECT source, period, sum(found) AS all_documents FROM counted GROUP BY source, period
    ),
    largest AS
    (
        SELECT
            source, topic_id, sum(documents) AS total, argMax(name, (window_start, version)) AS newest_name,
            sum(similarity * documents) / greatest(1, total) AS mean_similarity,
            argMax(central_doc_id, central_similarity) AS most_central_doc_id,
            argMax(central_summary, central_similarity) AS most_central_summary,
            any(first_seen) AS first, any(parent) AS born_of,
            max(ended) AS end, max(merged_into) AS went_into, maxIf(window_start, ended != '') AS ended_at
        FROM {{db}}.topic_windows_raw FINAL
        WHERE window_start >= {window_from:DateTime64(3, 'UTC')} AND window_start < {window_to:DateTime64(3, 'UTC')}
            AND {source:String} IN ('', source)
        GROUP BY source, topic_id
        HAVING total > 0
        ORDER BY total DESC, topic_id
        LIMIT {most:UInt32}
    )
SELECT
    largest.source AS source, largest.topic_id AS topic_id, newest_name AS name, periods.period AS period,
    coalesce(counted.found, 0) AS documents, documents / greatest(1, all_documents) AS share, total,
    mean_similarity AS similarity, most_central_doc_id AS central_doc_id, most_central_summary AS central_summary,
    first AS first_seen, born_of AS parent, end AS ended, if(end = '', NULL, ended_at) AS ended_at, went_into AS merged_into
FROM largest
INNER JOIN periods ON periods.source = largest.source
LEFT JOIN counted ON counted.source = largest.source AND counted.topic_id = largest.topic_id AND counted.period = periods.period
ORDER BY total DESC, source, topic_id, period;
