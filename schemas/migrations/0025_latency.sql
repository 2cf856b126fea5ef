-- Latencies as states that merge, exactly in any order: DDSketch (Masson, Rim and Lee 2019), whose quantiles
-- are within 1 % of the value at that rank, 250 bytes a source and hour. (ClickHouse's is off by up to 3 % below
-- 1, so what documents took is in microseconds.) As the other cells they are computed anew, from the rows as
-- they stand, of each day that was touched: what documents took by the day they were published on, which the
-- documents are sorted by and which a document may leave, and when messages landed by the day they arrived on.
-- Both are cells of an hour of arrival. A version of a day counts once latency_versions_raw names it.

-- The days of arrival that a writer has landed messages of, noted after these.
CREATE TABLE IF NOT EXISTS {{db}}.latency_touched_raw {{on_cluster}}
(
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    writer LowCardinality(String),
    touched UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(touched)}}
ORDER BY (day, writer)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS {{db}}.latency_versions_raw {{on_cluster}}
(
    clock LowCardinality(String),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    slot UInt8,
    seen UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (clock, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The clock is what the day is of: publication (of documents) or arrival (of messages).
CREATE TABLE IF NOT EXISTS {{db}}.latency_cells_raw {{on_cluster}}
(
    clock LowCardinality(String),
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    queue AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD(1)),
    inference AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD(1)),
    landed UInt64 CODEC(T64, ZSTD(1)),
    landing AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Float64) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (clock, start, day, source, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE OR REPLACE VIEW {{db}}.latency_days {{on_cluster}} AS
SELECT clock, day, max(found.version) AS version, version > 0 AND sum(found.noted) = max(found.seen) AS valid
FROM
(
    SELECT 'publication' AS clock, day, max(touched) AS noted, 0 AS version, 0 AS seen FROM {{db}}.trend_touched_raw GROUP BY day, writer
    UNION ALL
    SELECT 'arrival', day, max(touched), 0, 0 FROM {{db}}.latency_touched_raw GROUP BY day, writer
    UNION ALL
    SELECT clock, day, 0, max(latency_versions_raw.version), argMax(seen, latency_versions_raw.version) FROM {{db}}.latency_versions_raw GROUP BY clock, day
) AS found
GROUP BY clock, day;

-- The same columns as before, within 1 %. Of days without valid cells the rows themselves answer.
CREATE OR REPLACE VIEW {{db}}.latency {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(clock, day, version), valid),
            arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid AND clock = 'publication')),
            groupArrayIf(day, NOT valid AND clock = 'arrival'),
            minIf(day, NOT valid AND clock = 'arrival'), maxIf(day, NOT valid AND clock = 'arrival') + toIntervalDay(1))
        FROM {{db}}.latency_days
    ) AS asked
SELECT
    hour, source, sum(cells.documents) AS documents,
    max(cells.queue)[1] / 1000 AS queue_ms_p50, max(cells.queue)[2] / 1000 AS queue_ms_p95, max(cells.queue)[3] / 1000 AS queue_ms_p99,
    max(cells.inference)[1] / 1000 AS inference_ms_p50, max(cells.inference)[2] / 1000 AS inference_ms_p95, max(cells.inference)[3] / 1000 AS inference_ms_p99,
    sum(cells.landed) AS landed,
    max(cells.landing)[1] AS landed_ms_p50, max(cells.landing)[2] AS landed_ms_p95, max(cells.landing)[3] AS landed_ms_p99
FROM
(
    SELECT
        hour, source, sum(works.documents) AS documents, quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(works.queue) AS queue,
        quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(works.inference) AS inference, toUInt64(0) AS landed, emptyArrayFloat64() AS landing
    FROM
    (
        SELECT start AS hour, source, documents, queue, inference
        FROM {{db}}.latency_cells_raw
        WHERE clock = 'publication' AND cityHash64(clock, day, version) IN (SELECT arrayJoin(asked.1))
        UNION ALL
        SELECT
            toStartOfHour(received_at) AS hour, source, count(), quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(queue_ms) * 1000),
            quantilesDDState(0.01, 0.5, 0.95, 0.99)((toFloat64(tokenize_ms) + inference_ms) * 1000)
        FROM {{db}}.documents_raw FINAL
        WHERE published_hour IN (SELECT arrayJoin(asked.2))
        GROUP BY hour, source
    ) AS works
    GROUP BY hour, source
    UNION ALL
    SELECT hour, source, 0, [], [], sum(arrivals.landed), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(arrivals.landing)
    FROM
    (
        SELECT start AS hour, source, landed, landing
        FROM {{db}}.latency_cells_raw
        WHERE clock = 'arrival' AND cityHash64(clock, day, version) IN (SELECT arrayJoin(asked.1))
        UNION ALL
        SELECT
            toStartOfHour(received_at) AS hour, source, count(),
            quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at)))
        FROM {{db}}.deliveries_raw FINAL
        WHERE outcome = 'landed' AND received_at >= asked.4 AND received_at < asked.5
            AND has(asked.3, fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(received_at) / 86400000) * 86400), 'UTC'))
        GROUP BY hour, source
    ) AS arrivals
    GROUP BY hour, source
) AS cells
GROUP BY hour, source;

-- Landed messages of an hour of arrival, with their latencies as a state that quantilesDDMerge adds up over
-- any hours; of hours that a time asked for cuts in two, and of days without valid cells, from the deliveries.
CREATE OR REPLACE VIEW {{db}}.landings {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(clock, day, version), valid),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0,
                    [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])),
                arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))) AS asked_hours,
            if(empty(asked_hours), toDateTime64(0, 0, 'UTC'), arrayMin(asked_hours)),
            if(empty(asked_hours), toDateTime64(0, 0, 'UTC'), arrayMax(asked_hours) + toIntervalHour(1)))
        FROM {{db}}.latency_days
        WHERE clock = 'arrival' AND day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}
    ) AS asked
SELECT start AS hour, source, landed, landing AS landed_ms
FROM {{db}}.latency_cells_raw
WHERE clock = 'arrival' AND {source:String} IN ('', source)
    AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalHour(1) <= {window_to:DateTime64(3, 'UTC')}
    AND has(asked.1, cityHash64(clock, day, version))
UNION ALL
SELECT
    toDateTime64(toStartOfHour(received_at), 0, 'UTC') AS hour, source, count(),
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(toFloat64(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(received_at)))
FROM {{db}}.deliveries_raw FINAL
WHERE outcome = 'landed' AND {source:String} IN ('', source)
    AND received_at >= {window_from:DateTime64(3, 'UTC')} AND received_at < {window_to:DateTime64(3, 'UTC')}
    AND received_at >= asked.3 AND received_at < asked.4
    AND has(asked.2, fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(received_at) / 3600000) * 3600), 'UTC'))
GROUP BY hour, source;
