-- Two periods side by side as before, with half the plan, which took longer than what it plans: the sums of a side
-- are one array, and the formula of an interval stands once.
CREATE OR REPLACE VIEW {{db}}.what_changed {{on_cluster}} AS
WITH
    (
        WITH
            [{a_from:DateTime64(3, 'UTC')}, {a_to:DateTime64(3, 'UTC')}, {b_from:DateTime64(3, 'UTC')}, {b_to:DateTime64(3, 'UTC')}] AS ends,
            arrayMap(at -> toUnixTimestamp64Milli(at), ends) AS bounds
        SELECT (
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 86400000) * 86400), 'UTC'), arrayFilter(at -> at % 86400000 != 0, bounds)),
            groupArrayIf(cityHash64(day, version), valid),
            arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0, bounds)) AS cut,
            arrayConcat(cut, arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))),
            arrayMin(ends), arrayMax(ends),
            (bounds[2] - bounds[1]) / 86400000, (bounds[4] - bounds[3]) / 86400000)
        FROM {{db}}.trend_days
        WHERE day > arrayMin(ends) - toIntervalDay(1) AND day < arrayMax(ends)
    ) AS asked
SELECT row.1 AS aspect, row.2 AS name, row.3 AS before, row.4 AS after, after - before AS change, row.5 AS low, row.6 AS high
FROM
(
    SELECT
        a[1] AS a_n, b[1] AS b_n, a_n / assumeNotNull(asked.7) AS a_rate, b_n / assumeNotNull(asked.8) AS b_rate, 1.96 * sqrt(1 / a_n + 1 / b_n) AS width,
        arrayConcat(
            [('volume', 'documents per day', a_rate, b_rate, if(a_n * b_n = 0, NULL, b_rate * exp(-width) - a_rate), if(a_n * b_n = 0, NULL, b_rate * exp(width) - a_rate)),
            ('volume', 'documents', a_n, b_n, NULL, NULL)],
            arrayMap(
                one -> (one.1, one.2, one.3, one.4, toNullable(one.4 - one.3 - one.5), toNullable(one.4 - one.3 + one.5)),
                arrayMap(
                    (aspect, name, at) -> (aspect, name, a[at] / a_n, b[at] / b_n, 1.96 * sqrt(
                        greatest(a[at + 1] / a_n - pow(a[at] / a_n, 2), 0) / a_n + greatest(b[at + 1] / b_n - pow(b[at] / b_n, 2), 0) / b_n)),
                    ['length', 'confidence'], ['words per document', 'mean confidence'], [2, 4])),
            [('vocabulary', 'distinct words', toFloat64(a_words), toFloat64(b_words), NULL, NULL)],
            arrayMap(
                one -> ('label', one.1, one.2.1, one.3.1, toNullable(one.3.1 - one.2.1 - hypot(one.3.2, one.2.3)), toNullable(one.3.1 - one.2.1 + hypot(one.3.3, one.2.2))),
                arrayMap(
                    (label, shares) -> (label, shares[1], shares[2]),
                    found.1,
                    arrayMap(
                        counts -> arrayMap(
                            (k, n) -> (
                                k / n,
                                k / n - (k + 1.9208 - 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416),
                                (k + 1.9208 + 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416) - k / n),
                            counts, [a_n, b_n]),
                        found.2)))) AS figures
    FROM
    (
        SELECT
            sumForEach(labels.a) AS a, sumForEach(labels.b) AS b, uniqCombined64Merge(12)(labels.a_words) AS a_words, uniqCombined64Merge(12)(labels.b_words) AS b_words,
            (groupArrayIf(label, a_k + b_k > 0), groupArrayIf([a_k, b_k], a_k + b_k > 0)) AS found
        FROM
        (
            SELECT
                label, sumForEachIf(figures, in_a) AS a, sumForEachIf(figures, in_b) AS b, a[1] AS a_k, b[1] AS b_k,
                uniqCombined64MergeStateIf(12)(words, in_a) AS a_words, uniqCombined64MergeStateIf(12)(words, in_b) AS b_words
            FROM
            (
                SELECT
                    label, start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')} AS in_a, start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')} AS in_b,
                    [toFloat64(documents), toFloat64(tokens), toFloat64(token_squares), confidences, confidence_squares] AS figures,
                    arrayReduce('uniqCombined64State(12)', emptyArrayString()) AS words
                FROM {{db}}.trend_sums_raw
                WHERE {source:String} IN ('', source) AND start >= asked.5 AND start < asked.6 AND has(asked.2, cityHash64(day, version))
                    AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
                UNION ALL
                SELECT '', start >= {a_from:DateTime64(3, 'UTC')} AND start < {a_to:DateTime64(3, 'UTC')}, start >= {b_from:DateTime64(3, 'UTC')} AND start < {b_to:DateTime64(3, 'UTC')}, emptyArrayFloat64(), words
                FROM {{db}}.trend_vocabulary_raw
                WHERE source = {source:String} AND start >= asked.5 AND start < asked.6 AND has(asked.2, cityHash64(day, version))
                    AND if(has(asked.1, day), seconds = 3600 AND NOT has(asked.3, start), seconds = 86400)
                UNION ALL
                SELECT
                    label, published_at >= {a_from:DateTime64(3, 'UTC')} AND published_at < {a_to:DateTime64(3, 'UTC')} AS in_a, published_at >= {b_from:DateTime64(3, 'UTC')} AND published_at < {b_to:DateTime64(3, 'UTC')} AS in_b,
                    [toFloat64(count()), toFloat64(sum(documents_raw.tokens)), toFloat64(sum(toUInt64(documents_raw.tokens) * documents_raw.tokens)), sum(toFloat64(confidence)), sum(toFloat64(confidence) * confidence)],
                    uniqCombined64ArrayState(12)(terms)
                FROM {{db}}.documents_raw FINAL
                WHERE {source:String} IN ('', source) AND published_hour IN (SELECT arrayJoin(asked.4)) AND (in_a OR in_b)
                GROUP BY label, in_a, in_b
            ) AS sides
            GROUP BY label
        ) AS labels
    )
)
ARRAY JOIN figures AS row;

-- Finds the documents of a time of arrival without reading all of them, which are sorted by publication; rows from
-- before have no such index and are read.
ALTER TABLE {{db}}.documents_raw {{on_cluster}} ADD INDEX IF NOT EXISTS by_arrival received_at TYPE minmax GRANULARITY 1;
