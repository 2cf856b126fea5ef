-- What the broker says, as seen once a minute or more often: how far each partition reaches, how
-- far the enrich role has come, and below which offset every result must have landed ("settled").
-- "since" parts a topic from an earlier one of the same name; "base" is where this ledger begins.
CREATE TABLE IF NOT EXISTS {{db}}.ledger_marks_raw {{on_cluster}}
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    since DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    minute DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    base Int64 CODEC(ZSTD(1)),
    low Int64 CODEC(Delta(8), ZSTD(1)),
    end Int64 CODEC(Delta(8), ZSTD(1)),
    committed Int64 CODEC(Delta(8), ZSTD(1)),
    settled Int64 CODEC(Delta(8), ZSTD(1)),
    generation LowCardinality(String),
    watcher LowCardinality(String),
    observed_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYYYYMM(minute)
ORDER BY (topic, partition, since, minute)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Offsets below "settled" that nobody has landed, with what the broker says of them.
CREATE TABLE IF NOT EXISTS {{db}}.ledger_gaps_raw {{on_cluster}}
(
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    since DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    first_offset Int64 CODEC(ZSTD(1)),
    next_offset Int64 CODEC(ZSTD(1)),
    reason LowCardinality(String),
    state LowCardinality(String),
    alert_id String CODEC(ZSTD(1)),
    found_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (topic, partition, since, first_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.ledger_gaps {{on_cluster}} AS
SELECT
    topic, partition, since, first_offset, next_offset - 1 AS last_offset,
    next_offset - first_offset AS offsets, reason, state, alert_id, found_at
FROM {{db}}.ledger_gaps_raw FINAL
ORDER BY topic, partition, since, first_offset;

-- received = landed + dead_lettered + in_flight + missing; it adds up when nothing is missing. Where
-- no land role has asked the broker yet, only what landed is known to have been received.
-- No join for every delivery: what is missing is recorded in ledger_gaps_raw, and what is in flight
-- lies at or above the settled offset.
CREATE OR REPLACE VIEW {{db}}.ledger {{on_cluster}} AS
WITH
    marks AS
    (
        SELECT
            topic, partition, since,
            min(base) AS base,
            max(end) AS end,
            max(settled) AS settled,
            max(ledger_marks_raw.observed_at) AS observed_at
        FROM {{db}}.ledger_marks_raw
        GROUP BY topic, partition, since
    ),
    counted AS
    (
        SELECT
            fate.topic AS topic,
            fate.partition AS partition,
            mark.since AS since,
            min(fate.offset) AS first_offset,
            max(fate.offset) AS last_offset,
            toInt64(uniqExact(fate.offset)) AS resolved,
            toInt64(countIf(fate.offset < mark.base)) AS before_base,
            toInt64(countIf(fate.offset >= mark.base AND fate.offset < mark.settled)) AS below,
            toInt64(countIf(fate.outcome = 'landed')) AS landed,
            toInt64(countIf(fate.outcome = 'dead-lettered')) AS dead_lettered,
            min(fate.received_at) AS first_received_at,
            max(fate.received_at) AS last_received_at,
            max(fate.landed_at) AS last_landed_at
        FROM (SELECT topic, partition, offset, outcome, received_at, landed_at FROM {{db}}.deliveries_raw FINAL) AS fate
        ASOF LEFT JOIN marks AS mark
            ON fate.topic = mark.topic AND fate.partition = mark.partition AND fate.received_at >= mark.since
        GROUP BY topic, partition, since
    ),
    joined AS
    (
        SELECT
            topic, partition, since, base, end, settled, observed_at,
            0 AS resolved, 0 AS before_base, 0 AS below, 0 AS landed, 0 AS dead_lettered, 0 AS holes,
            toInt64(0) AS first_offset, toInt64(0) AS last_offset,
            toDateTime64(0, 3, 'UTC') AS first_received_at,
            toDateTime64(0, 3, 'UTC') AS last_received_at,
            toDateTime64(0, 3, 'UTC') AS last_landed_at
        FROM marks
        UNION ALL
        SELECT
            topic, partition, since, 0, 0, 0, toDateTime64(0, 3, 'UTC'),
            resolved, before_base, below, landed, dead_lettered, 0,
            first_offset, last_offset, first_received_at, last_received_at, last_landed_at
        FROM counted
        UNION ALL
        SELECT
            topic, partition, since, 0, 0, 0, toDateTime64(0, 3, 'UTC'),
            0, 0, 0, 0, 0, next_offset - first_offset,
            0, 0, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC')
        FROM {{db}}.ledger_gaps_raw FINAL
        WHERE reason = 'no-message' AND state = 'open'
    ),
    summed AS
    (
        SELECT
            topic, partition, since,
            sum(joined.resolved) AS known,
            max(joined.observed_at) AS seen_at,
            toUnixTimestamp64Milli(seen_at) > 0 AS watched,
            maxIf(joined.first_offset, joined.resolved > 0) AS first_known,
            maxIf(joined.last_offset, joined.resolved > 0) AS last_known,
            if(watched, max(joined.base), first_known) AS start,
            greatest(max(joined.end), if(known > 0, last_known + 1, 0)) AS reach,
            greatest(start, if(watched, max(joined.settled), reach)) AS settles,
            sum(joined.holes) AS without_message,
            sum(joined.before_base) AS early,
            if(watched, sum(joined.below), known) AS below_settled,
            sum(joined.landed) AS landed,
            sum(joined.dead_lettered) AS dead_lettered,
            max(joined.first_received_at) AS first_received_at,
            max(joined.last_received_at) AS last_received_at,
            max(joined.last_landed_at) AS last_landed_at
        FROM joined
        GROUP BY topic, partition, since
    )
SELECT
    topic,
    partition,
    since,
    if(known > 0, least(start, first_known), start) AS first_offset,
    reach - 1 AS last_offset,
    toUInt64(if(watched, reach - start - without_message + early, known)) AS received,
    toUInt64(landed) AS landed,
    toUInt64(dead_lettered) AS dead_lettered,
    if(watched, toInt64(received) - known - missing, 0) AS in_flight,
    settles - start - without_message - below_settled AS missing,
    missing = 0 AS adds_up,
    settles AS settled_offset,
    if(known > 0, first_received_at, NULL) AS first_received_at,
    if(known > 0, last_received_at, NULL) AS last_received_at,
    if(known > 0, last_landed_at, NULL) AS last_landed_at,
    if(watched, seen_at, NULL) AS observed_at
FROM summed
ORDER BY topic, partition, since;

-- The same per minute. Messages that landed or were dead-lettered count in the minute of the
-- broker's timestamp; of the others only the offset is known, and they count in the minute in which
-- the ledger first saw that the partition reaches so far.
CREATE OR REPLACE VIEW {{db}}.ledger_minutes {{on_cluster}} AS
WITH
    grouped AS
    (
        SELECT topic, partition, since, min(base) AS base, max(settled) AS settled, max(end) AS end
        FROM {{db}}.ledger_marks_raw
        GROUP BY topic, partition, since
    ),
    generations AS
    (
        SELECT
            topic, partition, since, base, greatest(settled, base) AS settled, end,
            leadInFrame(since, 1, toDateTime64('2299-12-31 00:00:00', 3, 'UTC')) OVER (
                PARTITION BY topic, partition ORDER BY since
                ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS until
        FROM grouped
    ),
    recent AS
    (
        SELECT DISTINCT
            fate.topic AS topic, fate.partition AS partition, one.since AS since,
            fate.offset AS offset, fate.received_at AS received_at
        FROM (SELECT topic, partition, offset, received_at FROM {{db}}.deliveries_raw) AS fate
        INNER JOIN generations AS one ON fate.topic = one.topic AND fate.partition = one.partition
        WHERE fate.offset >= one.settled AND fate.received_at >= one.since AND fate.received_at < one.until
    ),
    seen AS
    (
        SELECT topic, partition, since, minute, max(ends.end) AS end
        FROM
        (
            SELECT topic, partition, since, minute, end FROM {{db}}.ledger_marks_raw FINAL
            UNION ALL
            SELECT
                topic, partition, since,
                toStartOfMinute(max(recent.received_at)) AS minute, max(recent.offset) + 1 AS end
            FROM recent
            GROUP BY topic, partition, since
        ) AS ends
        GROUP BY topic, partition, since, minute
    ),
    reached AS
    (
        SELECT
            topic, partition, since, minute,
            max(seen.end) OVER (PARTITION BY topic, partition, since ORDER BY minute) AS next
        FROM seen
    ),
    spans AS
    (
        SELECT
            span.topic AS topic, span.partition AS partition, span.since AS since,
            span.minute AS minute, span.next AS next, one.settled AS settled,
            greatest(one.base, lagInFrame(span.next, 1, one.base) OVER (
                PARTITION BY span.topic, span.partition, span.since ORDER BY span.minute
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS start
        FROM reached AS span
        INNER JOIN generations AS one
            ON span.topic = one.topic AND span.partition = one.partition AND span.since = one.since
    ),
    marked AS
    (
        SELECT
            topic, partition, since, offset,
            toInt64(0) AS missing, toInt64(-1) AS in_flight
        FROM recent
        UNION ALL
        SELECT
            topic, partition, since, arrayJoin(range(first_offset, next_offset)) AS offset,
            toInt64(reason != 'no-message'), toInt64(0)
        FROM {{db}}.ledger_gaps_raw FINAL
        WHERE state = 'open' AND reason != 'no-message'
    ),
    open AS
    (
        SELECT
            marked.topic AS topic, marked.partition AS partition, span.minute AS minute,
            marked.offset AS first, marked.offset AS last, marked.in_flight AS in_flight,
            marked.missing AS missing
        FROM marked
        ASOF INNER JOIN (SELECT * FROM spans WHERE next > start) AS span
            ON marked.topic = span.topic AND marked.partition = span.partition
            AND marked.since = span.since AND marked.offset >= span.start
        UNION ALL
        SELECT
            topic, partition, minute, greatest(start, settled), next - 1,
            next - greatest(start, settled), toInt64(0)
        FROM spans
        WHERE next > start AND next > settled
    ),
    joined AS
    (
        SELECT
            topic, partition, toStartOfMinute(received_at) AS minute,
            min(fate.offset) AS first, max(fate.offset) AS last,
            countIf(fate.outcome = 'landed') AS landed,
            countIf(fate.outcome = 'dead-lettered') AS dead_lettered,
            toInt64(0) AS in_flight, toInt64(0) AS missing, max(fate.landed_at) AS landed_at
        FROM (SELECT * FROM {{db}}.deliveries_raw FINAL) AS fate
        GROUP BY topic, partition, minute
        UNION ALL
        SELECT
            topic, partition, minute, min(open.first), max(open.last), 0, 0,
            sum(open.in_flight), sum(open.missing), toDateTime64(0, 3, 'UTC')
        FROM open
        GROUP BY topic, partition, minute
        HAVING sum(open.in_flight) != 0 OR sum(open.missing) != 0
    )
SELECT
    topic,
    partition,
    minute,
    min(joined.first) AS first_offset,
    max(joined.last) AS last_offset,
    toUInt64(sum(joined.landed) + sum(joined.dead_lettered) + sum(joined.in_flight) + sum(joined.missing)) AS received,
    toUInt64(sum(joined.landed)) AS landed,
    toUInt64(sum(joined.dead_lettered)) AS dead_lettered,
    sum(joined.in_flight) AS in_flight,
    sum(joined.missing) AS missing,
    missing = 0 AS adds_up,
    if(landed + dead_lettered > 0, max(joined.landed_at), NULL) AS last_landed_at
FROM joined
GROUP BY topic, partition, minute
ORDER BY minute, topic, partition;
