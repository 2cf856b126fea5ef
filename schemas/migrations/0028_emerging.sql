-- What came up in every hour, against the day before it, and in every day, against the week before it: answers of
-- trending_terms that the land role keeps, so that a history of them is read and not computed. A row is a whole
-- answer, which replaces an older one at once. "of" are hashes of the cells that it was computed from: with another
-- one there it is computed again, but not where a cell has gone with its documents' age.
CREATE TABLE IF NOT EXISTS {{db}}.emerging_terms_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    version UInt64 CODEC(ZSTD(1)),
    of Array(UInt64) CODEC(ZSTD(1)),
    found Array(Tuple(
        term String, kind String, state String, log_odds Float64, z Float64, p_value Float64, q Float64, growth Float64,
        count UInt64, baseline_count UInt64, documents UInt64, baseline_documents UInt64, share Float64, baseline_share Float64,
        first_seen_ms Int64, window_size UInt64, baseline_size UInt64, tested UInt64)) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, source, start)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE VIEW {{db}}.emerging_terms {{on_cluster}} AS
SELECT
    if(seconds = 3600, 'hour', 'day') AS unit, start AS window_start, source,
    one.1 AS term, one.2 AS kind, one.3 AS state, one.4 AS log_odds, one.5 AS z, one.6 AS p_value, one.7 AS q, one.8 AS growth,
    one.9 AS count, one.10 AS baseline_count, one.11 AS documents, one.12 AS baseline_documents, one.13 AS share, one.14 AS baseline_share,
    fromUnixTimestamp64Milli(one.15, 'UTC') AS first_seen, one.16 AS window_size, one.17 AS baseline_size, one.18 AS tested,
    fromUnixTimestamp64Micro(toInt64(version), 'UTC') AS computed_at
FROM {{db}}.emerging_terms_raw FINAL
ARRAY JOIN found AS one;
