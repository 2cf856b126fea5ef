-- Words and two-word phrases of a window against a baseline. Everything counts documents, since
-- occurrences inside one are not independent, and near-copies of a day count once; a document of the
-- window never counts in the baseline. Counted are cells of whole days, of whole hours of the days
-- that one of the times cuts in two, and documents where no cell answers (of these, those with the
-- same signature count once). The keys 0, 1 and 2 are the totals: documents, mentions of words and of
-- phrases. Names are joined last: strings cost four times what their hashes do, and
-- of a single day only terms in three documents or more can be asked for. Terms in as many documents of both
-- sides share one p_value, so chances are worked out by pairs of numbers, of which there are few.
--
-- z: log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin'
-- Words", equations 16, 19 and 22); the prior has the pooled shares of the words (of the phrases) and
-- weighs as much as the smaller of the two sides.
--
-- p_value: were the documents shuffled between the sides, the number of those with the term in the
-- window would be hypergeometric (Fisher 1935). Its upper tail from d on is at most pmf(d) / (1 - r),
-- with r = pmf(d + 1) / pmf(d), as the ratios fall; given that the window has the term at all, it is
-- divided by 1 - pmf(0). q: Benjamini and Hochberg (1995) over all terms of the window.
CREATE OR REPLACE VIEW {{db}}.trending_terms {{on_cluster}} AS
WITH
    (
        WITH arrayMap(x -> cityHash64(x.1, x.2), arrayFilter(x -> x.3 AND has(cut_days, x.1), days)) AS cut_versions
        SELECT (
            arrayMap(x -> cityHash64(x.1, x.2, x.3), arrayFilter(x -> ((x.2 >= {window_from:DateTime64(3, 'UTC')} AND x.2 < {window_to:DateTime64(3, 'UTC')}) OR (x.2 >= {baseline_from:DateTime64(3, 'UTC')} AND x.2 < {baseline_to:DateTime64(3, 'UTC')})),
                arrayFlatten(arrayMap(
                    x -> if(has(cut_days, x.1),
                        arrayMap(hour -> (toUInt32(3600), hour, x.2), arrayFilter(hour -> NOT has(cut_hours, hour), arrayMap(hour -> x.1 + toIntervalHour(hour), range(24)))),
                        [(toUInt32(86400), x.1, x.2)]),
                    arrayFilter(x -> x.3, days))))),
            arrayConcat(cut_hours, arrayFlatten(arrayMap(x -> arrayMap(hour -> x.1 + toIntervalHour(hour), range(24)), arrayFilter(x -> NOT x.3, days)))) AS hours,
            cut_versions,
            if(empty(hours), intDiv(2, greatest(1, arrayCount(x -> x.1 > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND x.1 < {window_to:DateTime64(3, 'UTC')}, days))) + 1, 1),
            first, last,
            arrayMap(x -> cityHash64(x.1, x.2), arrayFilter(x -> x.3, days)))
        FROM
        (
            SELECT
                arrayFilter(at -> toUnixTimestamp64Milli(at) % 86400000 != 0, [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}]) AS cut,
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(at) / 86400000) * 86400), 'UTC'), cut) AS cut_days,
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(at) / 3600000) * 3600), 'UTC'),
                    arrayFilter(at -> toUnixTimestamp64Milli(at) % 3600000 != 0, cut)) AS cut_hours,
                groupArray((day, version, valid)) AS days,
                toDateTime64(least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}), 0, 'UTC') AS first, toDateTime64(greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}), 0, 'UTC') AS last
            FROM {{db}}.trend_days
            WHERE day > least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}) - toIntervalDay(1) AND day < greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')})
        )
    ) AS asked,
    counted AS
    (
        SELECT
            key, sumIf(number, seen >= {window_from:DateTime64(3, 'UTC')} AND seen < {window_to:DateTime64(3, 'UTC')}) AS documents, toUInt64(sum(number) - documents) AS baseline_documents,
            sumIf(occurrence, seen >= {window_from:DateTime64(3, 'UTC')} AND seen < {window_to:DateTime64(3, 'UTC')}) AS count, toUInt64(sum(occurrence) - count) AS baseline_count, min(seen) AS first_seen
        FROM
        (
            SELECT start AS seen, key, number, occurrence
            FROM {{db}}.trend_keys_raw
            ARRAY JOIN keys AS key, trend_keys_raw.documents AS number, counts AS occurrence
            WHERE part < 2 AND start >= asked.5 AND start < asked.6 AND has(asked.1, cityHash64(seconds, start, version))
                AND (source = {source:String} OR seconds = 3600 AND {source:String} = '')
            UNION ALL
            SELECT start AS seen, key, number, occurrence
            FROM {{db}}.trend_keys_raw
            ARRAY JOIN keys AS key, trend_keys_raw.documents AS number, counts AS occurrence
            WHERE part > 1 AND start >= asked.5 AND start < asked.6 AND has(asked.1, cityHash64(seconds, start, version))
                AND (source = {source:String} OR seconds = 3600 AND {source:String} = '')
            UNION ALL
            SELECT published_at AS seen, if(trimLeft(word) = '', length(word), if(position(word, ' ') > 0, bitOr(cityHash64(word), 1), bitAnd(cityHash64(word), 18446744073709551614))) AS key, number, occurrence
            FROM
            (
                SELECT published_at, terms, phrases, term_counts
                FROM {{db}}.documents_raw FINAL
                WHERE ((published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) OR (published_at >= {baseline_from:DateTime64(3, 'UTC')} AND published_at < {baseline_to:DateTime64(3, 'UTC')})) AND {source:String} IN ('', source)
                    AND published_hour IN (SELECT arrayJoin(asked.2))
                    AND cityHash64(source, doc_id) NOT IN (
                        SELECT arrayJoin(copies) FROM {{db}}.trend_copies_raw WHERE has(asked.3, cityHash64(day, version)))
                ORDER BY published_at, doc_id
                LIMIT 1 BY source, floor(toUnixTimestamp64Second(published_hour) / 86400), if(empty(signature), doc_id, toString(signature))
            )
            ARRAY JOIN
                arrayConcat(terms, phrases, ['', ' ', '  ']) AS word,
                arrayConcat(arrayResize(emptyArrayUInt32(), length(terms) + length(phrases), 1), [1, length(terms), length(phrases)]) AS number,
                arrayConcat(term_counts, arrayResize(emptyArrayUInt32(), length(phrases), 1), [0, 0, 0]) AS occurrence
        )
        GROUP BY key
        HAVING documents > 0
    ),
    pairs AS
    (
        SELECT
            least(key, 3) AS sort, documents, baseline_documents, count() AS terms,
            groupArrayIf(key, key > 2 AND documents > 2) AS keys, groupArrayIf(counted.count, key > 2 AND documents > 2) AS counts,
            groupArrayIf(baseline_count, key > 2 AND documents > 2) AS baseline_counts, groupArrayIf(first_seen, key > 2 AND documents > 2) AS firsts
        FROM counted
        GROUP BY sort, documents, baseline_documents
    ),
    chances AS
    (
        SELECT
            *,
            sumIf(terms, sort = 3) OVER () AS tested,
            maxIf(documents, sort = 0) OVER () AS window_size, maxIf(baseline_documents, sort = 0) OVER () AS baseline_size,
            maxIf(documents, sort = 1) OVER () AS window_words, maxIf(baseline_documents, sort = 1) OVER () AS baseline_words,
            maxIf(documents, sort = 2) OVER () AS window_phrases, maxIf(baseline_documents, sort = 2) OVER () AS baseline_phrases,
            toFloat64(window_size) AS n, n + baseline_size AS both,
            toFloat64(documents) AS d, d + baseline_documents AS k, both - k AS others,
            exp(arraySum((x, sign) -> lgamma(x + 1) * sign,
                [k, others, n, both - n, both, d, k - d, n - d, others - n + d], [1, 1, 1, 1, -1, -1, -1, -1, -1])) AS pmf,
            (k - d) * (n - d) / ((d + 1) * (others - n + d + 1)) AS r,
            if(others < n, 0, exp(lgamma(others + 1) - lgamma(others - n + 1) - lgamma(both + 1) + lgamma(both - n + 1))) AS pmf_0,
            if(r >= 1 OR pmf_0 >= 1, 1, least(1, pmf / (1 - r) / (1 - pmf_0))) AS p_value
        FROM pairs
    )
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
    FROM {{db}}.trend_keys_raw
    ARRAY JOIN keys AS key, names AS name, trend_keys_raw.documents AS number
    WHERE seconds = 86400 AND source = '' AND start > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND start < {window_to:DateTime64(3, 'UTC')}
        AND has(asked.7, cityHash64(day, version)) AND number >= asked.4
    UNION ALL
    SELECT if(position(word, ' ') > 0, bitOr(cityHash64(word), 1), bitAnd(cityHash64(word), 18446744073709551614)) AS key, any(word) AS term
    FROM {{db}}.documents_raw
    ARRAY JOIN arrayConcat(terms, phrases) AS word
    WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND published_hour IN (SELECT arrayJoin(asked.2))
    GROUP BY key
) AS named
ANY INNER JOIN
(
    SELECT
        key, documents, baseline_documents, count, baseline_count, first, p_value, q, window_size, baseline_size, tested,
        if(bitAnd(key, 1) = 0, window_words, window_phrases) AS window_total,
        if(bitAnd(key, 1) = 0, baseline_words, baseline_phrases) AS baseline_total,
        toFloat64(least(window_total, baseline_total)) AS prior_total,
        prior_total * (documents + baseline_documents) / (window_total + baseline_total) AS prior
    FROM
    (
        SELECT *, least(1, min(p_value * tested / rank) OVER (ORDER BY p_value DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS q
        FROM (SELECT *, sum(terms) OVER (ORDER BY p_value) AS rank FROM chances WHERE notEmpty(keys))
    )
    ARRAY JOIN keys AS key, counts AS count, baseline_counts AS baseline_count, firsts AS first
) AS found USING key;
