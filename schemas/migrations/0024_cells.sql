-- Cells of words and terms in tiers, in place of those of 0013: a question looks first for the terms that
-- can be in its answer, among those in many documents of a day, and then counts these alone. The land role
-- computes them from the documents, which answer until then: "form" tells cells of this form from older ones.
ALTER TABLE {{db}}.trend_versions_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS form UInt8;

CREATE OR REPLACE VIEW {{db}}.trend_days {{on_cluster}} AS
SELECT day, max(found.version) AS version, version > 0 AND sum(found.noted) = max(found.seen) AND max(found.form) = 1 AS valid
FROM
(
    SELECT day, max(touched) AS noted, 0 AS version, 0 AS seen, 0 AS form FROM {{db}}.trend_touched_raw GROUP BY day, writer
    UNION ALL
    SELECT
        day, 0, max(trend_versions_raw.version), argMax(seen, trend_versions_raw.version), argMax(form, trend_versions_raw.version)
    FROM {{db}}.trend_versions_raw GROUP BY day
) AS found
GROUP BY day;

-- Of an hour and source, and of a day and source or (the empty source) all of them: documents, near-copies of a
-- day counted once, and how many different terms they have: a state that merges, exact where these are few and
-- with a standard error of 1.6 % else. Of a part of them as few states are read as can be: they take longest.
CREATE TABLE IF NOT EXISTS {{db}}.trend_totals_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    documents UInt64 CODEC(T64, ZSTD(1)),
    terms AggregateFunction(uniqCombined64(12), UInt64) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY toYear(start)
ORDER BY (seconds, source, start, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 32;

-- The terms of these cells. A term is its hash, whose last bit tells words (0) from phrases (1); the cells of a
-- day and all sources name them. The terms of a day lie in tiers by the number of documents they are in (0: 1,
-- 1: 2 to 3, 2: 4 to 7, 3: 8 to 15, 4: 16 to 31, 5: more), those of an hour in one (0), and "most" is the largest
-- of these numbers: who looks for frequent ones leaves the others unread. Tier 6 are the totals, as the keys 0, 1
-- and 2: documents, mentions of words and of phrases. The halves are those of the hashes: as they are partitions,
-- two threads add them up beside one another.
CREATE TABLE IF NOT EXISTS {{db}}.trend_cells_raw {{on_cluster}}
(
    seconds UInt32,
    start DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    day DateTime64(0, 'UTC') CODEC(Delta(8), ZSTD(1)),
    source LowCardinality(String),
    tier UInt8,
    half UInt8,
    slot UInt8,
    version UInt64 CODEC(ZSTD(1)),
    most UInt32 CODEC(ZSTD(1)),
    keys Array(UInt64) CODEC(Delta(8), T64, LZ4),
    documents Array(UInt32) CODEC(T64, LZ4),
    counts Array(UInt32) CODEC(T64, LZ4),
    names Array(String) CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
PARTITION BY (toYear(start), half)
ORDER BY (seconds, source, tier, start, half, slot)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity_bytes = 1048576;

-- Words and two-word phrases of a window against a baseline. Everything counts documents, since
-- occurrences inside one are not independent, and near-copies of a day count once; a document of the
-- window never counts in the baseline. Counted are cells of whole days, of whole hours of the days
-- that one of the times cuts in two, and documents where no cell answers (of these, those with the
-- same signature count once).
--
-- A term is asked about when it is in three documents of the window or more, and in one of 5,000 or
-- more. To be in F documents of D cells it must be in f = ceil(F / D) documents of one of them, and
-- where its documents in the cells with f or more, and f - 1 in each other, are fewer than F, it is
-- not. What is left is counted exactly, in window and baseline. Where documents answer for a part of
-- the window, every term is counted. Names are joined last. The plan takes as long as the counting, and is
-- made twice: the scalars are arrays and not tuples, as a tuple is copied with its subquery into each mention.
--
-- z: log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin'
-- Words", equations 16, 19 and 22); the prior has the pooled shares of the words (of the phrases) and
-- weighs as much as the smaller of the two sides.
--
-- p_value: were the documents shuffled between the sides, the number of those with the term in the
-- window would be hypergeometric (Fisher 1935). Its upper tail from d on is at most pmf(d) / (1 - r),
-- with r = pmf(d + 1) / pmf(d), as the ratios fall; given that the window has the term at all, it is
-- divided by 1 - pmf(0). q: Benjamini and Hochberg (1995) over all terms of the window ("tested"), those
-- that are not asked about with a p_value of 1, which is never too small.
CREATE OR REPLACE VIEW {{db}}.trending_terms {{on_cluster}} AS
WITH
    (
        SELECT groupArray((day, version, valid))
        FROM {{db}}.trend_days
        WHERE day > least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}) - toIntervalDay(1) AND day < greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')})
    ) AS days,
    (
        SELECT [(
            groupArray(cell),
            groupArrayIf(cell, inside),
            countIf(inside),
            greatest(3, intDiv(sumIf(documents, inside) + 4999, 5000)) AS floor,
            if(fresh, 1, intDiv(floor - 1, greatest(1, countIf(inside))) + 1),
            if(fresh, 1, intDiv(floor - 1, greatest(1, toInt64(ceil(toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')}) / 86400000) - floor(toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}) / 86400000)))) + 1),
            uniqCombined64MergeIf(12)(terms, inside),
            toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}) % 3600000 != 0 OR toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')}) % 3600000 != 0
                OR arrayExists(one -> NOT one.3 AND one.1 > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND one.1 < {window_to:DateTime64(3, 'UTC')}, days) AS fresh)]
        FROM
        (
            SELECT cityHash64(seconds, start, version) AS cell, (start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) AS inside, documents, terms
            FROM {{db}}.trend_totals_raw
            WHERE ((start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) OR (start >= {baseline_from:DateTime64(3, 'UTC')} AND start < {baseline_to:DateTime64(3, 'UTC')})) AND (source = {source:String} OR seconds = 3600 AND {source:String} = '')
                AND has(days, (day, version, 1))
                AND NOT arrayExists(at -> at > start AND at < start + toIntervalSecond(seconds), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}])
                AND (seconds = 86400 OR arrayExists(at -> at > day AND at < day + toIntervalDay(1), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}]))
        )
    ) AS cells
SELECT
    term, if(bitAnd(key, 1) = 1, 'phrase', 'word') AS kind,
    multiIf(baseline_documents = 0, 'new', share > baseline_share, 'growing', 'falling') AS state,
    log((documents + prior) / (window_total + prior_total - documents - prior))
        - log((baseline_documents + prior) / (baseline_total + prior_total - baseline_documents - prior)) AS log_odds,
    log_odds / sqrt(1 / (documents + prior) + 1 / (baseline_documents + prior)) AS z,
    p_value, q,
    (documents + 0.5) / (window_size + 1) / ((baseline_documents + 0.5) / (baseline_size + 1)) AS growth,
    count, baseline_count, documents, baseline_documents,
    documents / window_size AS share, baseline_documents / greatest(baseline_size, 1) AS baseline_share,
    toDateTime64(first, 3, 'UTC') AS first_seen, window_size, baseline_size, tested
FROM
(
    SELECT key, name AS term
    FROM {{db}}.trend_cells_raw
    ARRAY JOIN keys AS key, names AS name, trend_cells_raw.documents AS number
    WHERE seconds = 86400 AND source = '' AND start > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND start < {window_to:DateTime64(3, 'UTC')}
        AND most >= cells[1].6 AND number >= cells[1].6 AND has(days, (day, version, 1))
    UNION ALL
    SELECT if(position(word, ' ') > 0, bitOr(cityHash64(word), 1), bitAnd(cityHash64(word), 18446744073709551614)) AS key, any(word) AS term
    FROM {{db}}.documents_raw
    ARRAY JOIN arrayConcat(terms, phrases) AS word
    WHERE (published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) AND published_hour IN (SELECT arrayJoin(arrayConcat(arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, arrayMap(at -> toUnixTimestamp64Milli(at), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}]))), arrayFlatten(arrayMap(one -> if(one.3, [], arrayMap(hour -> one.1 + toIntervalHour(hour), range(24))), days)))))
    GROUP BY key
) AS named
ANY INNER JOIN
(
    SELECT
        *, least(1, min(p_value * tested / rank) OVER (ORDER BY p_value DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS q
    FROM
    (
        SELECT *, count() OVER (ORDER BY p_value) AS rank
        FROM
        (
            SELECT *, if(r >= 1 OR pmf_0 >= 1, 1, least(1, exp(ways + lgamma(k + 1) + lgamma(n + 1)
                    - lgamma(documents + 1) - lgamma(k - documents + 1) - lgamma(n - documents + 1) - lgamma(rest + documents + 1)) / (1 - r) / (1 - pmf_0))) AS p_value
            FROM
            (
                SELECT
                    *, (k - documents) * (n - documents) / ((documents + 1) * (rest + documents + 1)) AS r,
                    if(rest < 0, 0, exp(ways - lgamma(rest + 1))) AS pmf_0
                FROM
                (
                    SELECT
                        *, toFloat64(window_size) AS n, toFloat64(documents + baseline_documents) AS k, baseline_size - k AS rest,
                        lgamma(n + rest + 1) + lgamma(baseline_size + 1) - lgamma(n + baseline_size + 1) AS ways,
                        prior_total * k / (window_total + baseline_total) AS prior
                    FROM
                    (
                        SELECT
                            *, totals[1].2 AS window_size, totals[1].3 AS baseline_size,
                            totals[2 + bitAnd(key, 1)] AS mentions, toFloat64(mentions.2) AS window_total, toFloat64(mentions.3) AS baseline_total, least(window_total, baseline_total) AS prior_total
                        FROM
                        (
                            SELECT
                                *, arraySort(groupArrayIf((key, documents, baseline_documents), key < 3) OVER ()) AS totals,
                                if(cells[1].8, uniqCombined64If(12)(key, key > 2 AND documents > 0) OVER (), cells[1].7) AS tested
                            FROM
                            (
                                SELECT
                                    key, sumIf(number, inside) AS documents, sumIf(number, NOT inside) AS baseline_documents,
                                    sumIf(occurrence, inside) AS count, sumIf(occurrence, NOT inside) AS baseline_count, min(seen) AS first
                                FROM
                                (
                                    SELECT start AS seen, (start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) AS inside, key, number, occurrence
                                    FROM {{db}}.trend_cells_raw
                                    ARRAY JOIN keys AS key, trend_cells_raw.documents AS number, counts AS occurrence
                                    WHERE start >= least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}) AND start < greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}) AND (source = {source:String} OR seconds = 3600 AND {source:String} = '') AND has(cells[1].1, cityHash64(seconds, start, version))
                                        AND (cells[1].8 OR key IN (
                                            SELECT key
                                            FROM {{db}}.trend_cells_raw
                                            ARRAY JOIN keys AS key, trend_cells_raw.documents AS number
                                            WHERE start >= least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}) AND start < greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}) AND (source = {source:String} OR seconds = 3600 AND {source:String} = '') AND has(cells[1].2, cityHash64(seconds, start, version)) AND most >= cells[1].5 AND number >= cells[1].5
                                            GROUP BY key
                                            HAVING key < 3 OR sum(number) + (cells[1].5 - 1) * (cells[1].3 - count()) >= cells[1].4))
                                    UNION ALL
                                    SELECT
                                        published_at AS seen, (published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) AS inside,
                                        if(trimLeft(word) = '', length(word), if(position(word, ' ') > 0, bitOr(cityHash64(word), 1), bitAnd(cityHash64(word), 18446744073709551614))) AS key, number, occurrence
                                    FROM
                                    (
                                        SELECT published_at, terms, phrases, term_counts
                                        FROM {{db}}.documents_raw FINAL
                                        WHERE ((published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) OR (published_at >= {baseline_from:DateTime64(3, 'UTC')} AND published_at < {baseline_to:DateTime64(3, 'UTC')})) AND {source:String} IN ('', source) AND published_hour IN (SELECT arrayJoin(arrayConcat(arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, arrayMap(at -> toUnixTimestamp64Milli(at), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}]))), arrayFlatten(arrayMap(one -> if(one.3, [], arrayMap(hour -> one.1 + toIntervalHour(hour), range(24))), days)))))
                                            AND cityHash64(source, doc_id) NOT IN (
                                                SELECT arrayJoin(copies) FROM {{db}}.trend_copies_raw
                                                WHERE arrayExists(at -> at > day AND at < day + toIntervalDay(1), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}])
                                                    AND has(days, (day, version, 1)))
                                        ORDER BY published_at, doc_id
                                        LIMIT 1 BY source, floor(toUnixTimestamp64Second(published_hour) / 86400), if(empty(signature), doc_id, toString(signature))
                                    )
                                    ARRAY JOIN
                                        arrayConcat(terms, phrases, ['', ' ', '  ']) AS word,
                                        arrayConcat(arrayResize(emptyArrayUInt32(), length(terms) + length(phrases), 1), [1, length(terms), length(phrases)]) AS number,
                                        arrayConcat(term_counts, arrayResize(emptyArrayUInt32(), length(phrases), 1), [0, 0, 0]) AS occurrence
                                )
                                GROUP BY key
                            )
                        )
                        WHERE key > 2 AND documents >= greatest(3, intDiv(window_size + 4999, 5000))
                    )
                )
            )
        )
    )
) AS found USING key;

-- Nothing reads the cells of 0013 any more.
DROP TABLE IF EXISTS {{db}}.trend_keys_raw {{on_cluster}} SYNC;
