-- Sums over the embeddings of a window, one row per model; the highest version of a window counts.
-- Whole numbers: sumForEach over any windows is exact, in any order.
CREATE TABLE IF NOT EXISTS {{db}}.drift_sketches_raw {{on_cluster}}
(
    source LowCardinality(String),
    window_start DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    window_seconds UInt32 CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1)),
    embedding_model LowCardinality(String),
    embedding_revision LowCardinality(String),
    compute_type LowCardinality(String),
    kernel LowCardinality(String),
    documents UInt64 CODEC(T64, ZSTD(1)),
    embedding_sums Array(Int64) CODEC(T64, ZSTD(1)),
    feature_sums Array(Int64) CODEC(T64, ZSTD(1)),
    square_sums Array(Int64) CODEC(T64, ZSTD(1)),
    product_sums Array(Int64) CODEC(T64, ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(window_start)
ORDER BY (source, window_seconds, window_start, embedding_model, embedding_revision, compute_type, kernel)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.drift_sketches {{on_cluster}} AS
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end, window_seconds,
    embedding_model, embedding_revision, compute_type, kernel, documents,
    embedding_sums, feature_sums, square_sums, product_sums, version
FROM {{db}}.drift_sketches_raw FINAL;

-- Drift between two sides, each any windows of any sources, from their sums alone: one row for each
-- model that both have. The formulas and their sources: streams/drift/sketches/difference.py. Each
-- side has the parameters _source ('' for all), _from, _to and _version ('' for all, else a compute
-- type or the beginning of a revision).
CREATE VIEW IF NOT EXISTS {{db}}.drift_between {{on_cluster}} AS
WITH
    sides AS
    (
        SELECT
            embedding_model, side, count() AS windows, sum(documents) AS n,
            arraySort(groupUniqArray(concat(embedding_revision, '/', compute_type))) AS versions,
            sumForEach(embedding_sums) AS centroid, sumForEach(feature_sums) AS f,
            sumForEach(square_sums) AS squares, sumForEach(product_sums) AS products,
            sum(arraySum(x -> x * x, arrayMap(x -> toFloat64(x), feature_sums)) / documents) AS lengths
        FROM
        (
            SELECT *, ({a_source:String} IN ('', source)
            AND window_start >= {a_from:DateTime64(3, 'UTC')} AND window_start < {a_to:DateTime64(3, 'UTC')}
            AND ({a_version:String} IN ('', compute_type) OR startsWith(embedding_revision, {a_version:String}))) AS in_a,
            ({b_source:String} IN ('', source)
            AND window_start >= {b_from:DateTime64(3, 'UTC')} AND window_start < {b_to:DateTime64(3, 'UTC')}
            AND ({b_version:String} IN ('', compute_type) OR startsWith(embedding_revision, {b_version:String}))) AS in_b
            FROM {{db}}.drift_sketches_raw FINAL
            WHERE kernel = 'gaussian-1/128' AND documents > 0 AND (in_a OR in_b)
        )
        ARRAY JOIN arrayConcat(if(in_a, ['a'], []), if(in_b, ['b'], [])) AS side
        GROUP BY embedding_model, side
    ),
    means AS
    (
        SELECT
            *, toFloat64(n) AS d, d / greatest(d - 1, 1) AS free, arrayMap(x -> x / d, f) AS mean,
            free * (128 * 16129 - arraySum(x -> x * x, mean)) AS trace
        FROM sides
    ),
    moments AS
    (
        SELECT
            *,
            arrayConcat(
                arrayMap((s, m) -> free * (s / d - m * m), squares, arraySlice(mean, 1, 128)),
                arrayMap((s, m) -> free * (16129 - s / d - m * m), squares, arraySlice(mean, 129, 128))
            ) AS variances,
            arrayMap((s, l, r) -> free * (s / d - l * r), products,
                arrayConcat(arraySlice(mean, 1, 64), arraySlice(mean, 129, 64), arraySlice(mean, 1, 64), arraySlice(mean, 129, 64)),
                arrayConcat(arraySlice(mean, 65, 64), arraySlice(mean, 193, 64), arraySlice(mean, 193, 64), arraySlice(mean, 65, 64))) AS covariances,
            arrayMap((c, l, r) -> (l * r + c * c) / greatest(d - 1, 1), covariances,
                arrayConcat(arraySlice(variances, 1, 64), arraySlice(variances, 129, 64), arraySlice(variances, 1, 64), arraySlice(variances, 129, 64)),
                arrayConcat(arraySlice(variances, 65, 64), arraySlice(variances, 193, 64), arraySlice(variances, 193, 64), arraySlice(variances, 65, 64))) AS noise,
            if(windows < 2 OR trace <= 0, 1,
                greatest(1, (lengths - d * arraySum(x -> x * x, mean)) / ((windows - 1) * trace))) AS bursts
        FROM means
    ),
    joined AS
    (
        SELECT
            embedding_model,
            anyIf(versions, side = 'a') AS versions_a, anyIf(versions, side = 'b') AS versions_b,
            anyIf(n, side = 'a') AS documents_a, anyIf(n, side = 'b') AS documents_b,
            anyIf(windows, side = 'a') AS windows_a, anyIf(windows, side = 'b') AS windows_b,
            anyIf(bursts, side = 'a') AS bursts_a, anyIf(bursts, side = 'b') AS bursts_b,
            anyIf(trace, side = 'a') AS trace_a, anyIf(trace, side = 'b') AS trace_b,
            anyIf(variances, side = 'a') AS variances_a, anyIf(variances, side = 'b') AS variances_b,
            anyIf(covariances, side = 'a') AS covariances_a, anyIf(covariances, side = 'b') AS covariances_b,
            anyIf(noise, side = 'a') AS noise_a, anyIf(noise, side = 'b') AS noise_b,
            anyIf(centroid, side = 'a') AS centroid_a, anyIf(centroid, side = 'b') AS centroid_b,
            anyIf(mean, side = 'a') AS mean_a, anyIf(mean, side = 'b') AS mean_b,
            arraySum((x, y) -> (x - y) * (x - y), mean_a, mean_b) AS apart,
            [1 / documents_a, bursts_a / documents_a] AS weights_a,
            [1 / documents_b, bursts_b / documents_b] AS weights_b
        FROM moments
        GROUP BY embedding_model
        HAVING documents_a > 1 AND documents_b > 1 AND length(centroid_a) = length(centroid_b)
    ),
    -- Two of each from here on: documents independent, and in bursts.
    spread AS
    (
        SELECT
            *,
            arrayMap((u, v) -> u * trace_a + v * trace_b, weights_a, weights_b) AS expected,
            arrayMap((u, v) -> arraySum((x, y) -> pow(u * x + v * y, 2), variances_a, variances_b), weights_a, weights_b) AS diagonal,
            arrayMap((u, v) -> arrayMap((x, y, g, h) -> pow(u * x + v * y, 2) - u * u * g - v * v * h, covariances_a, covariances_b, noise_a, noise_b), weights_a, weights_b) AS pairs,
            arrayMap((own, pair) -> own + greatest(0, 256 * (127 * arrayAvg(arraySlice(pair, 1, 128)) + 128 * arrayAvg(arraySlice(pair, 129, 128)))), diagonal, pairs) AS squared,
            arrayMap((t, s) -> t * t / s / 4, expected, squared) AS freedom,
            arrayMap((t, s, k) -> 1 + sqrt(2 / k) * (apart - t) / sqrt(2 * s), expected, squared, freedom) AS ratio,
            arrayMap((r, k, s) -> multiIf(s <= 0, if(apart <= 0, 1, 0), r <= 0, 1, erfc((cbrt(r) - 1 + 2 / (9 * k)) / sqrt(4 / (9 * k))) / 2), ratio, freedom, squared) AS tails
        FROM joined
    )
SELECT
    embedding_model, versions_a, versions_b, documents_a, documents_b, windows_a, windows_b,
    (apart - expected[1]) / (128 * 16129) AS mmd2,
    1 - arraySum((x, y) -> toFloat64(x) * y, centroid_a, centroid_b)
        / sqrt(arraySum(x -> toFloat64(x) * x, centroid_a) * arraySum(x -> toFloat64(x) * x, centroid_b)) AS centroid_distance,
    if(least(documents_a, documents_b) < 30, NULL, tails[1]) AS p_value,
    if(least(documents_a, documents_b) < 30, NULL, tails[2]) AS p_value_bursts,
    bursts_a, bursts_b
FROM spread;
