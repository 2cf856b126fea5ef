-- The fate of every message of the documents topic. A topic that was deleted and created again
-- counts its offsets from 0 again, so the broker's timestamp is a part of the key; a redelivered
-- message has the same one. The version lets the first landing stand, so that a redelivery does not
-- change a latency, and lets a landing win over a dead letter.
CREATE TABLE IF NOT EXISTS {{db}}.deliveries_raw {{on_cluster}}
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    outcome LowCardinality(String),
    source LowCardinality(String),
    doc_id String CODEC(ZSTD(1)),
    landed_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    INDEX by_time received_at TYPE minmax GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, partition, offset, received_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.deliveries {{on_cluster}} AS
SELECT topic, partition, offset, received_at, outcome, source, doc_id, landed_at
FROM {{db}}.deliveries_raw FINAL;

-- Messages that could not be processed, byte for byte.
CREATE TABLE IF NOT EXISTS {{db}}.dead_letters_raw {{on_cluster}}
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    key Nullable(String) CODEC(ZSTD(3)),
    value Nullable(String) CODEC(ZSTD(3)),
    headers Map(String, String) CODEC(ZSTD(3)),
    code LowCardinality(String),
    reason String CODEC(ZSTD(3)),
    role LowCardinality(String),
    doc_id Nullable(String) CODEC(ZSTD(1)),
    source LowCardinality(Nullable(String)),
    failed_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, partition, offset, received_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.dead_letters {{on_cluster}} AS
SELECT
    topic, partition, offset, received_at, key, value, headers, code, reason, role,
    doc_id, source, failed_at, length(value) AS value_bytes
FROM {{db}}.dead_letters_raw FINAL;

CREATE VIEW IF NOT EXISTS {{db}}.ledger {{on_cluster}} AS
SELECT
    topic,
    partition,
    min(offset) AS first_offset,
    max(offset) AS last_offset,
    count() AS received,
    countIf(outcome = 'landed') AS landed,
    countIf(outcome = 'dead-lettered') AS dead_lettered,
    max(offset) - min(offset) + 1 - toInt64(uniqExact(offset)) AS missing,
    min(received_at) AS first_received_at,
    max(received_at) AS last_received_at,
    max(landed_at) AS last_landed_at
FROM {{db}}.deliveries_raw FINAL
GROUP BY topic, partition
ORDER BY topic, partition;

CREATE VIEW IF NOT EXISTS {{db}}.ledger_minutes {{on_cluster}} AS
SELECT
    topic,
    partition,
    toStartOfMinute(received_at) AS minute,
    min(offset) AS first_offset,
    max(offset) AS last_offset,
    count() AS received,
    countIf(outcome = 'landed') AS landed,
    countIf(outcome = 'dead-lettered') AS dead_lettered,
    max(landed_at) AS last_landed_at
FROM {{db}}.deliveries_raw FINAL
GROUP BY topic, partition, minute
ORDER BY minute, topic, partition;
