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
            toInt64(uniqExactIf(fate.offset, fate.offset < mark.base)) AS before_base,
            toInt64(uniqExactIf(fate.offset, fate.offset >= mark.base AND fate.offset < mark.settled)) AS below,
            toInt64(countIf(fate.outcome = 'landed')) AS landed,
            toInt64(countIf(fate.outcome = 'dead-lettered')) AS dead_lettered,
            min(fate.received_at) AS first_received_at,
            max(fate.received_at) AS last_received_at,
            max(fate.landed_at) AS last_landed_at
        FROM (SELECT * FROM {{db}}.deliveries_raw FINAL) AS fate
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
    settling AS
    (
        SELECT topic, partition, since, min(base) AS base, max(settled) AS settled
        FROM {{db}}.ledger_marks_raw
        GROUP BY topic, partition, since
    ),
    fates AS
    (
        SELECT
            fate.topic AS topic, fate.partition AS partition, fate.offset AS offset,
            fate.received_at AS received_at, fate.outcome AS outcome, fate.landed_at AS landed_at,
            mark.since AS since, mark.base AS base
        FROM (SELECT * FROM {{db}}.deliveries_raw FINAL) AS fate
        ASOF LEFT JOIN settling AS mark
            ON fate.topic = mark.topic AND fate.partition = mark.partition AND fate.received_at >= mark.since
    ),
    seen AS
    (
        SELECT topic, partition, since, minute, end FROM {{db}}.ledger_marks_raw FINAL
        UNION ALL
        SELECT
            topic, partition, since,
            toStartOfMinute(max(fates.received_at)) AS minute, max(fates.offset) + 1 AS end
        FROM fates
        GROUP BY topic, partition, since
    ),
    reached AS
    (
        SELECT topic, partition, since, minute, max(seen.end) AS end
        FROM seen
        GROUP BY topic, partition, since, minute
    ),
    ends AS
    (
        SELECT
            topic, partition, since, minute,
            max(reached.end) OVER (PARTITION BY topic, partition, since ORDER BY minute) AS next
        FROM reached
    ),
    spans AS
    (
        SELECT
            one.topic AS topic, one.partition AS partition, one.since AS since, one.minute AS minute,
            one.next AS next, mark.base AS base, mark.settled AS settled,
            greatest(mark.base, lagInFrame(one.next, 1, mark.base) OVER (
                PARTITION BY one.topic, one.partition, one.since ORDER BY one.minute
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS start
        FROM ends AS one
        INNER JOIN settling AS mark
            ON one.topic = mark.topic AND one.partition = mark.partition AND one.since = mark.since
    ),
    known AS
    (
        SELECT DISTINCT topic, partition, since, offset FROM fates WHERE offset >= base
        UNION ALL
        SELECT topic, partition, since, arrayJoin(range(first_offset, next_offset)) AS offset
        FROM {{db}}.ledger_gaps_raw FINAL
        WHERE reason = 'no-message' AND state = 'open'
    ),
    resolved AS
    (
        SELECT
            known.topic AS topic, known.partition AS partition, known.since AS since,
            span.start AS start,
            toInt64(countIf(known.offset < span.settled)) AS below,
            toInt64(countIf(known.offset >= span.settled)) AS above
        FROM known
        ASOF INNER JOIN (SELECT * FROM spans WHERE next > start) AS span
            ON known.topic = span.topic AND known.partition = span.partition
            AND known.since = span.since AND known.offset >= span.start
        GROUP BY topic, partition, since, start
    ),
    open AS
    (
        SELECT
            span.topic AS topic, span.partition AS partition, span.since AS since,
            span.minute AS minute, span.start AS start, span.next AS next,
            least(greatest(span.settled, span.start), span.next) AS middle,
            middle - span.start - coalesce(resolved.below, 0) AS missing,
            span.next - middle - coalesce(resolved.above, 0) AS in_flight
        FROM spans AS span
        LEFT JOIN resolved
            ON span.topic = resolved.topic AND span.partition = resolved.partition
            AND span.since = resolved.since AND span.start = resolved.start
        WHERE span.next > span.start
    ),
    joined AS
    (
        SELECT
            topic, partition, toStartOfMinute(received_at) AS minute,
            offset AS first, offset AS last,
            outcome = 'landed' AS landed, outcome = 'dead-lettered' AS dead_lettered,
            toInt64(0) AS in_flight, toInt64(0) AS missing, landed_at
        FROM fates
        UNION ALL
        SELECT
            topic, partition, minute, start, next - 1, 0, 0, in_flight, missing,
            toDateTime64(0, 3, 'UTC')
        FROM open
        WHERE in_flight > 0 OR missing > 0
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
