-- Words and two-word phrases of a window against a baseline. Everything counts documents, since
-- occurrences inside one are not independent, and near-copies of a day count once; a document of the
-- window never counts in the baseline. Counted are cells of whole days, of whole hours of the days
-- that one of the times cuts in two, and documents where no cell answers (of these, those with the
-- same signature count once). The keys 0, 1 and 2 are the totals: documents, mentions of words and of
-- phrases. Names are read of the window alone: strings cost four times what their hashes do.
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
        SELECT (
            arrayMap(at -> toInt64(floor(at / 86400000)), arrayFilter(at -> at % 86400000 != 0, bounds)),
            arrayMap(at -> toInt64(floor(at / 3600000)), arrayFilter(at -> at % 3600000 != 0, bounds)),
            arrayMap(x -> cityHash64(x.1, x.2), arrayFilter(x -> x.3, days)),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, bounds)),
                arrayFlatten(arrayMap(x -> arrayMap(hour -> x.1 + toIntervalHour(hour), range(24)), arrayFilter(x -> NOT x.3, days)))) AS hours,
            if(empty(hours), intDiv(2, greatest(1, arrayCount(x -> x.1 > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND x.1 < {window_to:DateTime64(3, 'UTC')}, days))) + 1, 1))
        FROM
        (
            SELECT
                arrayMap(at -> toUnixTimestamp64Milli(at), [{window_from:DateTime64(3, 'UTC')}, {window_to:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')}]) AS bounds,
                groupArray((day, version, valid)) AS days
            FROM {{db}}.trend_days
            WHERE day > least({window_from:DateTime64(3, 'UTC')}, {baseline_from:DateTime64(3, 'UTC')}) - toIntervalDay(1) AND day < greatest({window_to:DateTime64(3, 'UTC')}, {baseline_to:DateTime64(3, 'UTC')})
        )
    ) AS asked,
    counted AS
    (
        SELECT
            if(side.documents IN (1, 2) AND key > 2 AND empty(asked.4), 3, key) AS place,
            max(name) AS term, sum(side.documents) AS documents, sum(side.baseline_documents) AS baseline_documents,
            sum(side.count) AS count, sum(side.baseline_count) AS baseline_count, min(side.first_seen) AS first_seen,
            if(place = 3, count(), 1) AS terms
        FROM
        (
            SELECT
                key, '' AS name, sumIf(number, inside) AS documents, sumIf(number, NOT inside) AS baseline_documents,
                sumIf(occurrences, inside) AS count, sumIf(occurrences, NOT inside) AS baseline_count,
                toDateTime64(min(start), 3, 'UTC') AS first_seen
            FROM
            (
                SELECT start, (start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) AS inside, keys, trend_keys_raw.documents AS numbers, counts
                FROM {{db}}.trend_keys_raw
                WHERE part < 2 AND ((start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) OR (start >= {baseline_from:DateTime64(3, 'UTC')} AND start < {baseline_to:DateTime64(3, 'UTC')}))
                    AND has(asked.3, cityHash64(day, version)) AND if(seconds = 3600, {source:String} IN ('', source), source = {source:String})
                    AND if(has(asked.1, intDiv(toUnixTimestamp64Second(day), 86400)),
                        seconds = 3600 AND NOT has(asked.2, intDiv(toUnixTimestamp64Second(start), 3600)), seconds = 86400)
            )
            ARRAY JOIN keys AS key, numbers AS number, counts AS occurrences
            GROUP BY key
            HAVING documents > 0 OR notEmpty(asked.4)
            UNION ALL
            SELECT
                key, '' AS name, sumIf(number, inside) AS documents, sumIf(number, NOT inside) AS baseline_documents,
                sumIf(occurrences, inside) AS count, sumIf(occurrences, NOT inside) AS baseline_count,
                toDateTime64(min(start), 3, 'UTC') AS first_seen
            FROM
            (
                SELECT start, (start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) AS inside, keys, trend_keys_raw.documents AS numbers, counts
                FROM {{db}}.trend_keys_raw
                WHERE part > 1 AND ((start >= {window_from:DateTime64(3, 'UTC')} AND start < {window_to:DateTime64(3, 'UTC')}) OR (start >= {baseline_from:DateTime64(3, 'UTC')} AND start < {baseline_to:DateTime64(3, 'UTC')}))
                    AND has(asked.3, cityHash64(day, version)) AND if(seconds = 3600, {source:String} IN ('', source), source = {source:String})
                    AND if(has(asked.1, intDiv(toUnixTimestamp64Second(day), 86400)),
                        seconds = 3600 AND NOT has(asked.2, intDiv(toUnixTimestamp64Second(start), 3600)), seconds = 86400)
            )
            ARRAY JOIN keys AS key, numbers AS number, counts AS occurrences
            GROUP BY key
            HAVING documents > 0 OR notEmpty(asked.4)
            UNION ALL
            SELECT key, name, 0, 0, 0, 0, toDateTime64('2299-01-01', 3, 'UTC')
            FROM {{db}}.trend_keys_raw
            ARRAY JOIN keys AS key, names AS name, trend_keys_raw.documents AS number
            WHERE seconds = 86400 AND source = '' AND start > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND start < {window_to:DateTime64(3, 'UTC')}
                AND has(asked.3, cityHash64(day, version)) AND number >= asked.5
            UNION ALL
            SELECT
                if(trimLeft(word) = '', length(word), if(position(word, ' ') > 0, bitOr(cityHash64(word), 1), bitAnd(cityHash64(word), 18446744073709551614))) AS key,
                any(word), sumIf(number, inside), sumIf(number, NOT inside),
                sumIf(occurrences, inside), sumIf(occurrences, NOT inside), min(published_at)
            FROM
            (
                SELECT (published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) AS inside, published_at, terms, phrases, term_counts
                FROM {{db}}.documents_raw FINAL
                WHERE ((published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}) OR (published_at >= {baseline_from:DateTime64(3, 'UTC')} AND published_at < {baseline_to:DateTime64(3, 'UTC')})) AND {source:String} IN ('', source)
                    AND published_hour IN (SELECT arrayJoin(asked.4))
                    AND cityHash64(source, doc_id) NOT IN (
                        SELECT arrayJoin(copies) FROM {{db}}.trend_copies_raw
                        WHERE has(asked.1, intDiv(toUnixTimestamp64Second(day), 86400)) AND has(asked.3, cityHash64(day, version)))
                ORDER BY published_at, doc_id
                LIMIT 1 BY source, floor(toUnixTimestamp64Second(published_hour) / 86400), if(empty(signature), doc_id, toString(signature))
            )
            ARRAY JOIN
                arrayConcat(terms, phrases, ['', ' ', '  ']) AS word,
                arrayConcat(arrayResize(emptyArrayUInt64(), length(terms) + length(phrases), 1), [1, length(terms), length(phrases)]) AS number,
                arrayConcat(term_counts, arrayResize(emptyArrayUInt32(), length(phrases), 1), [0, 0, 0]) AS occurrences
            GROUP BY key
        ) AS side
        GROUP BY place
        HAVING documents > 0
    ),
    pairs AS
    (
        SELECT
            least(place, 4) AS sort, documents, baseline_documents,
            groupArrayIf((place, term, count, baseline_count, first_seen), place > 4 AND documents > 2) AS found,
            sum(sum(terms) * (sort > 2)) OVER () AS tested,
            max(documents * (sort = 0)) OVER () AS window_size, max(baseline_documents * (sort = 0)) OVER () AS baseline_size,
            max(documents * (sort = 1)) OVER () AS window_words, max(baseline_documents * (sort = 1)) OVER () AS baseline_words,
            max(documents * (sort = 2)) OVER () AS window_phrases, max(baseline_documents * (sort = 2)) OVER () AS baseline_phrases
        FROM counted
        GROUP BY sort, documents, baseline_documents
    ),
    chances AS
    (
        SELECT
            *, toFloat64(window_size) AS n, n + baseline_size AS both,
            toFloat64(documents) AS d, d + baseline_documents AS k,
            exp(lgamma(k + 1) - lgamma(d + 1) - lgamma(k - d + 1) + lgamma(both - k + 1)
                - lgamma(n - d + 1) - lgamma(both - k - n + d + 1)
                - lgamma(both + 1) + lgamma(n + 1) + lgamma(both - n + 1)) AS pmf,
            (k - d) * (n - d) / ((d + 1) * (both - k - n + d + 1)) AS r,
            if(both - k < n, 0, exp(lgamma(both - k + 1) - lgamma(both - k - n + 1) - lgamma(both + 1) + lgamma(both - n + 1))) AS pmf_0,
            if(r >= 1 OR pmf_0 >= 1, 1, least(1, pmf / (1 - r) / (1 - pmf_0))) AS p_value
        FROM pairs
        WHERE notEmpty(found)
    )
SELECT
    row.2 AS term, if(bitAnd(row.1, 1) = 1, 'phrase', 'word') AS kind,
    multiIf(baseline_documents = 0, 'new', share > baseline_share, 'growing', 'falling') AS state,
    log((documents + prior) / (window_total + prior_total - documents - prior))
        - log((baseline_documents + prior) / (baseline_total + prior_total - baseline_documents - prior)) AS log_odds,
    log_odds / sqrt(1 / (documents + prior) + 1 / (baseline_documents + prior)) AS z,
    p_value, q,
    (documents + 0.5) / (window_size + 1) / ((baseline_documents + 0.5) / (baseline_size + 1)) AS growth,
    row.3 AS count, row.4 AS baseline_count, documents, baseline_documents,
    documents / window_size AS share, baseline_documents / greatest(baseline_size, 1) AS baseline_share,
    row.5 AS first_seen, window_size, baseline_size, tested
FROM
(
    SELECT
        row, documents, baseline_documents, p_value, q, window_size, baseline_size, tested,
        if(kind_bit = 0, window_words, window_phrases) AS window_total,
        if(kind_bit = 0, baseline_words, baseline_phrases) AS baseline_total,
        toFloat64(least(window_total, baseline_total)) AS prior_total,
        prior_total * (documents + baseline_documents) / (window_total + baseline_total) AS prior
    FROM
    (
        SELECT row, bitAnd(row.1, 1) AS kind_bit, *
        FROM
        (
            SELECT *, least(1, min(p_value * tested / rank) OVER (ORDER BY p_value DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS q
            FROM (SELECT *, sum(length(found)) OVER (ORDER BY p_value) AS rank FROM chances)
        )
        ARRAY JOIN found AS row
    )
);
