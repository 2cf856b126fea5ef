-- Dead letters that were put back (`tidemark dead-letters replay`), and what became of each.
CREATE TABLE IF NOT EXISTS {{db}}.replays_raw {{on_cluster}}
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    replay_topic LowCardinality(String),
    replay_partition Int32 CODEC(ZSTD(1)),
    replay_offset Int64 CODEC(ZSTD(1)),
    replay_received_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    outcome LowCardinality(String),
    number UInt32 CODEC(ZSTD(1)),
    landed_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYYYYMM(received_at)
ORDER BY (topic, partition, offset, received_at, replay_topic, replay_partition, replay_offset, replay_received_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.replays {{on_cluster}} AS
SELECT
    topic, partition, offset, received_at, replay_topic, replay_partition, replay_offset,
    replay_received_at, outcome, number, landed_at
FROM {{db}}.replays_raw FINAL;

-- Each with the message that resolved it: the first replay that landed.
CREATE OR REPLACE VIEW {{db}}.dead_letters {{on_cluster}} AS
WITH put_back AS
(
    SELECT
        topic, partition, offset, received_at,
        count() AS replays,
        countIf(outcome = 'landed') > 0 AS resolved,
        minIf(landed_at, outcome = 'landed') AS first_landed_at,
        argMinIf((replay_topic, replay_partition, replay_offset), (landed_at, replay_offset), outcome = 'landed') AS by
    FROM {{db}}.replays_raw FINAL
    GROUP BY topic, partition, offset, received_at
)
SELECT
    letter.topic AS topic, letter.partition AS partition, letter.offset AS offset,
    letter.received_at AS received_at, letter.key AS key, letter.value AS value,
    letter.headers AS headers, letter.code AS code, letter.reason AS reason, letter.role AS role,
    letter.doc_id AS doc_id, letter.source AS source, letter.failed_at AS failed_at,
    length(letter.value) AS value_bytes,
    coalesce(back.replays, 0) AS replays,
    coalesce(back.resolved, 0) AS resolved,
    if(resolved, concat(back.by.1, '/', toString(back.by.2), '/', toString(back.by.3)), NULL) AS resolved_by,
    if(resolved, back.first_landed_at, NULL) AS resolved_at
FROM (SELECT * FROM {{db}}.dead_letters_raw FINAL) AS letter
LEFT JOIN put_back AS back
    ON letter.topic = back.topic AND letter.partition = back.partition
    AND letter.offset = back.offset AND letter.received_at = back.received_at;
