"""The SQL that computes the helper tables of the trends anew for some days.

Marks in braces are filled by ``str.format`` with whole numbers and times of our own making; nothing
of a document or of the command line comes here.
"""

from __future__ import annotations

DAY = (
    "fromUnixTimestamp64Second("
    "toInt64(floor(toUnixTimestamp64Second(published_hour) / 86400) * 86400), 'UTC')"
)

NEW_DAYS = f"""\
INSERT INTO trend_touched_raw (day, writer, touched)
SELECT DISTINCT {DAY} AS day, 'found', 1
FROM documents_raw
WHERE is_deleted = 0 AND day NOT IN (SELECT day FROM trend_touched_raw)"""
"""Days from before there were helper tables."""

STALE = """\
SELECT toUnixTimestamp64Second(notes.day), notes.seen, days.version, days.slot
FROM
(
    SELECT day, sum(touched) AS seen FROM trend_touched_raw FINAL GROUP BY day
) AS notes
LEFT JOIN (SELECT * FROM trend_versions_raw FINAL) AS days USING (day)
WHERE notes.seen != days.seen OR days.form != {form}
ORDER BY notes.day DESC
LIMIT {most}"""
"""Days touched since they were computed, or computed in an older form, newest first."""

SIZES = f"""\
SELECT
    toUnixTimestamp64Second({DAY}) AS day, toUnixTimestamp64Second(published_hour) AS hour, count()
FROM documents_raw
WHERE {{days}}
GROUP BY day, hour ORDER BY day, hour"""

COPIES = f"""\
INSERT INTO trend_copies_raw (day, slot, version, copies)
SELECT day, {{slot}}, {{version}}, groupUniqArray(cityHash64(source, one.2))
FROM
(
    SELECT {DAY} AS day, source, arraySort(groupArray((published_at, doc_id, signature))) AS alike
    FROM documents_raw FINAL
    ARRAY JOIN signature AS band, arrayEnumerate(signature) AS place
    WHERE {{days}}
    GROUP BY day, source, place, band
    HAVING count() > 1
)
ARRAY JOIN arraySlice(alike, 2) AS one
WHERE arraySum((x, y) ->
    arrayCount(i -> bitAnd(bitShiftRight(bitXor(x, y), i), 255) = 0, [0, 8, 16, 24]),
    one.3, alike[1].3) >= 12
GROUP BY day"""
"""Of documents that agree in a band, all but the first are copies if they are like the first."""

HOUR_SUMS = f"""\
INSERT INTO trend_sums_raw
SELECT
    3600, published_hour AS start, {DAY} AS day, source, label, embedding_model, device,
    compute_type, {{slot}}, {{version}}, count(),
    sum(toFloat64(confidence)), sum(toFloat64(confidence) * confidence),
    sum(tokens), sum(toUInt64(tokens) * tokens), sum(tokens_in), sum(tokens_out),
    sum(toFloat64(tokenize_ms)), sum(toFloat64(inference_ms)),
    sum((toFloat64(tokenize_ms) + inference_ms) / 3600000 * price_per_hour),
    countIf(price_per_hour > 0), anyIf(currency, currency != '')
FROM documents_raw FINAL
WHERE {{hours}}
GROUP BY start, day, source, label, embedding_model, device, compute_type"""

DAY_SUMS = """\
INSERT INTO trend_sums_raw
SELECT
    86400, day AS its_start, day, source, label, embedding_model, device, compute_type,
    {slot}, {version}, sum(documents), sum(confidences), sum(confidence_squares),
    sum(tokens), sum(token_squares), sum(tokens_in), sum(tokens_out),
    sum(tokenize_ms), sum(inference_ms), sum(cost), sum(priced), anyIf(currency, currency != '')
FROM trend_sums_raw
WHERE seconds = 3600 AND {own}
GROUP BY day, source, label, embedding_model, device, compute_type"""

HOUR_WORDS = f"""\
INSERT INTO trend_words_raw
SELECT 3600, published_hour AS start, {DAY} AS day, source, {{slot}}, {{version}},
    count(), sum(tokens), uniqCombined64ArrayState(12)(terms)
FROM documents_raw FINAL
WHERE {{hours}}
GROUP BY start, day, source"""

MERGED_WORDS = """\
INSERT INTO trend_words_raw
SELECT {seconds}, its_start, day, its_source, {slot}, {version},
    sum(documents), sum(tokens), uniqCombined64MergeState(12)(words)
FROM
(
    SELECT if({seconds} = 86400, day, start) AS its_start, day, alike AS its_source,
        documents, tokens, words
    FROM trend_words_raw
    ARRAY JOIN {sources} AS alike
    WHERE seconds = 3600 AND source != '' AND {own}
)
GROUP BY its_start, day, its_source"""
"""Words of a day, and of all sources together (the source is empty), from those of the hours."""

_KEY = (
    "if(position(term, ' ') > 0, bitOr(cityHash64(term), 1), "
    "bitAnd(cityHash64(term), 18446744073709551614))"
)
"""A term as a number: its hash, whose last bit tells phrases from words."""

_CELLS = """\
INSERT INTO trend_cells_raw (
    seconds, start, day, source, tier, half, slot, version, most, keys, documents, counts, names)
SELECT
    {{seconds}}, found.start, any(found.its_day), its_source,
    multiIf(key < 3, 6, {{seconds}} = 3600, 0, least(5, floor(log2(in_documents)))) AS tier,
    bitShiftRight(key, 63) AS half, {{slot}}, {{version}},
    toUInt32(least(max(in_documents), 4294967295)), groupArray(key),
    groupArray(toUInt32(least(in_documents, 4294967295))),
    groupArray(toUInt32(least(occurrences, 4294967295))), {names}
FROM
(
{found}
    ORDER BY start, its_source, key
) AS found
GROUP BY found.start, its_source, tier, half"""

HOUR_KEYS = _CELLS.format(
    names="[]",
    found=f"""\
    SELECT
        published_hour AS start, any({DAY}) AS its_day, source AS its_source,
        if(trimLeft(term) = '', length(term), {_KEY}) AS key,
        sum(number) AS in_documents, sum(occurrence) AS occurrences
    FROM documents_raw FINAL
    ARRAY JOIN
        arrayConcat(terms, phrases, ['', ' ', '  ']) AS term,
        arrayConcat(
            arrayResize(emptyArrayUInt64(), length(terms) + length(phrases), 1),
            [1, length(terms), length(phrases)]) AS number,
        arrayConcat(
            term_counts, arrayResize(emptyArrayUInt32(), length(phrases), 1), [0, 0, 0]
        ) AS occurrence
    WHERE {{hours}} AND cityHash64(source, doc_id) NOT IN (
        SELECT arrayJoin(copies) FROM trend_copies_raw WHERE {{own}})
    GROUP BY start, its_source, key""",
)
"""The keys 0, 1 and 2 are the totals: documents, mentions of words and of phrases."""

_OF_HOURS = """\
    SELECT day AS its_day, {source} AS its_source, key, number, occurrence, '' AS name
    FROM trend_cells_raw
    ARRAY JOIN keys AS key, trend_cells_raw.documents AS number, counts AS occurrence
    WHERE seconds = 3600 AND {{own}}"""

_DAY = """\
    SELECT
        its_day AS start, its_day, its_source, key, sum(number) AS in_documents,
        sum(occurrence) AS occurrences, max(name) AS named
    FROM
    (
{rows}
    )
    GROUP BY its_day, its_source, key
    HAVING in_documents > 0"""

DAY_KEYS = _CELLS.format(names="[]", found=_DAY.format(rows=_OF_HOURS.format(source="source")))

ALL_KEYS = _CELLS.format(
    names="groupArray(named)",
    found=_DAY.format(
        rows=_OF_HOURS.format(source="''")
        + f"""
    UNION ALL
    SELECT {DAY} AS its_day, '', {_KEY} AS key, 0, 0, any(term)
    FROM documents_raw
    ARRAY JOIN arrayConcat(terms, phrases) AS term
    WHERE {{days}}
    GROUP BY its_day, key"""
    ),
)
"""Of all sources together, with the names."""

TOTALS = """\
INSERT INTO trend_totals_raw (seconds, start, day, source, slot, version, documents, terms)
SELECT
    seconds, start, day, source, {slot}, {version}, sumIf(number, key = 0),
    uniqCombined64StateIf(12)(key, key > 2)
FROM trend_cells_raw
ARRAY JOIN keys AS key, trend_cells_raw.documents AS number
WHERE {own}
GROUP BY seconds, start, day, source"""
"""How many documents, and how many different terms, of all cells that were written."""

OF_HOURS = (HOUR_SUMS, HOUR_WORDS, HOUR_KEYS)
OF_DAYS = (DAY_SUMS, DAY_KEYS, ALL_KEYS, TOTALS)
