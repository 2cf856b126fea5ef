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
LEFT JOIN (SELECT * FROM trend_days_raw FINAL) AS days USING (day)
WHERE notes.seen != days.seen
ORDER BY notes.day DESC
LIMIT {most}"""
"""Days that were touched since they were computed, newest first."""

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

COUNTS = f"""\
INSERT INTO trend_counts_raw
SELECT
    published_hour AS start, {DAY} AS day, source, label, embedding_model, device, compute_type,
    {{slot}}, {{version}}, count(),
    sum(toFloat64(confidence)), sum(toFloat64(confidence) * confidence),
    sum(tokens), sum(toUInt64(tokens) * tokens), sum(tokens_in), sum(tokens_out),
    sum(toFloat64(tokenize_ms)), sum(toFloat64(inference_ms)),
    sum((toFloat64(tokenize_ms) + inference_ms) / 3600000 * price_per_hour),
    countIf(price_per_hour > 0), anyIf(currency, currency != '')
FROM documents_raw FINAL
WHERE {{hours}}
GROUP BY start, day, source, label, embedding_model, device, compute_type"""

WORDS = f"""\
INSERT INTO trend_words_raw
SELECT published_hour AS start, {DAY} AS day, source, {{slot}}, {{version}},
    count(), sum(tokens), uniqCombined64ArrayState(12)(terms)
FROM documents_raw FINAL
WHERE {{hours}}
GROUP BY start, day, source"""

_CELLS = """\
INSERT INTO trend_terms_raw (
    seconds, start, day, source, slot, version, documents, word_mentions, phrase_mentions,
    terms, hashes, term_documents, term_counts)
SELECT
    {{seconds}}, start, any(found.its_day), source, {{slot}}, {{version}},
    sumIf(found.documents, found.term = ''),
    sumIf(found.documents, found.term != '' AND position(found.term, ' ') = 0),
    sumIf(found.documents, position(found.term, ' ') > 0),
    groupArrayIf(found.term, found.term != '') AS names,
    arrayMap(name -> cityHash64(name), names),
    groupArrayIf(toUInt32(least(found.documents, 4294967295)), found.term != ''),
    groupArrayIf(toUInt32(least(found.counts, 4294967295)), found.term != '')
FROM
(
{found}
    GROUP BY start, source, term
    ORDER BY term
) AS found
GROUP BY start, source"""

HOUR_TERMS = _CELLS.format(
    found=f"""\
    SELECT
        published_hour AS start, any({DAY}) AS its_day, source, term,
        count() AS documents, sum(occurrences) AS counts
    FROM documents_raw FINAL
    ARRAY JOIN
        arrayConcat(terms, phrases, ['']) AS term,
        arrayConcat(term_counts, arrayResize([1], length(phrases) + 1, 1)) AS occurrences
    WHERE {{hours}} AND cityHash64(source, doc_id) NOT IN (
        SELECT arrayJoin(copies) FROM trend_copies_raw WHERE {{own}})"""
)

DAY_TERMS = _CELLS.format(
    found="""\
    SELECT trend_terms_raw.day AS start, any(trend_terms_raw.day) AS its_day, source, term,
        sum(in_documents) AS documents, sum(occurrences) AS counts
    FROM trend_terms_raw
    ARRAY JOIN
        arrayPushBack(terms, '') AS term,
        arrayPushBack(term_documents, toUInt32(trend_terms_raw.documents)) AS in_documents,
        arrayPushBack(term_counts, 0) AS occurrences
    WHERE seconds = 3600 AND {own}"""
)
