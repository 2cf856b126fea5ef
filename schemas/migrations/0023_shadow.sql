-- Which writer and which prompt made a row, whatever came of it, and what the machine cost an hour.
ALTER TABLE {{db}}.documents_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS summarizer LowCardinality(String),
    ADD COLUMN IF NOT EXISTS prompt LowCardinality(String),
    ADD COLUMN IF NOT EXISTS price_per_hour Float32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS currency LowCardinality(String);

CREATE OR REPLACE VIEW {{db}}.documents {{on_cluster}} AS
SELECT
    doc_id, source, published_at, published_hour, title, text, language, metadata,
    label, confidence, scores, summary, summary_method,
    characters, sentences, tokens, unique_tokens, word_pieces, unknown_tokens,
    word_pieces_per_character, cut_off, terms, term_counts,
    embedding, embedding_model, embedding_revision, classifier, device, compute_type,
    tokens_in, tokens_out, queue_ms, tokenize_ms, inference_ms,
    topic, partition, offset, received_at, enriched_at, version,
    summary_flags, summary_rejected, redactions,
    summarizer, prompt, price_per_hour, currency
FROM {{db}}.documents_raw FINAL;

-- Of an hour or a day: what its documents cost, how many of them have a price, and in which money.
ALTER TABLE {{db}}.trend_sums_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS cost Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS priced UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS currency LowCardinality(String);

CREATE OR REPLACE VIEW {{db}}.cost {{on_cluster}} AS
WITH
    (
        SELECT (
            groupArrayIf(cityHash64(day, version), valid),
            arrayConcat(
                arrayMap(at -> fromUnixTimestamp64Second(toInt64(floor(at / 3600000) * 3600), 'UTC'), arrayFilter(at -> at % 3600000 != 0,
                    [toUnixTimestamp64Milli({window_from:DateTime64(3, 'UTC')}), toUnixTimestamp64Milli({window_to:DateTime64(3, 'UTC')})])),
                arrayFlatten(groupArrayIf(arrayMap(hour -> day + toIntervalHour(hour), range(24)), NOT valid))))
        FROM {{db}}.trend_days
        WHERE day > {window_from:DateTime64(3, 'UTC')} - toIntervalDay(1) AND day < {window_to:DateTime64(3, 'UTC')}
    ) AS asked
SELECT
    multiIf(
        CAST({unit:String}, 'Enum8(\'minute\', \'hour\', \'day\', \'week\', \'month\', \'quarter\', \'year\', \'all\')') IN ('minute', 'hour'), start,
        {unit:String} = 'day', makeDateTime64(toYear(start), toMonth(start), toDayOfMonth(start), 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'week', fromUnixTimestamp64Second(toInt64(floor((toUnixTimestamp64Second(start) + 259200) / 604800) * 604800 - 259200), 'UTC'),
        {unit:String} = 'month', makeDateTime64(toYear(start), toMonth(start), 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'quarter', makeDateTime64(toYear(start), toQuarter(start) * 3 - 2, 1, 0, 0, 0, 0, 0, 'UTC'),
        {unit:String} = 'year', makeDateTime64(toYear(start), 1, 1, 0, 0, 0, 0, 0, 'UTC'),
        toDateTime64({window_from:DateTime64(3, 'UTC')}, 0, 'UTC')) AS period,
    source, embedding_model, device, compute_type,
    sum(cells.documents) AS documents, sum(cells.tokens_in) AS tokens_in, sum(cells.tokens_out) AS tokens_out,
    sum(cells.tokenize_ms) / 1000 AS tokenize_seconds, sum(cells.inference_ms) / 1000 AS inference_seconds,
    (tokenize_seconds + inference_seconds) * 1000 / documents AS ms_per_document,
    (tokens_in + tokens_out) / nullIf(tokenize_seconds + inference_seconds, 0) AS tokens_per_second,
    if(sum(cells.priced) = 0, NULL, sum(cells.cost)) AS cost,
    if(sum(cells.priced) = 0, NULL, sum(cells.cost) / sum(cells.priced) * 1000) AS cost_per_thousand,
    anyIf(toString(cells.currency), cells.currency != '') AS currency
FROM
(
        SELECT start, source, embedding_model, device, compute_type, documents, tokens_in, tokens_out, tokenize_ms, inference_ms, cost, priced, currency
        FROM {{db}}.trend_sums_raw
        WHERE {unit:String} != 'minute' AND {source:String} IN ('', source)
            AND start >= {window_from:DateTime64(3, 'UTC')} AND start + toIntervalSecond(seconds) <= {window_to:DateTime64(3, 'UTC')}
            AND seconds = if({unit:String} = 'hour' OR day < {window_from:DateTime64(3, 'UTC')} OR day + toIntervalDay(1) > {window_to:DateTime64(3, 'UTC')}, 3600, 86400)
            AND has(asked.1, cityHash64(day, version))
        UNION ALL
        SELECT if({unit:String} = 'minute', fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(published_at) / 60000) * 60), 'UTC'), published_hour) AS start, source, embedding_model, device, compute_type, toUInt64(1), toUInt64(documents_raw.tokens_in), toUInt64(documents_raw.tokens_out), toFloat64(documents_raw.tokenize_ms), toFloat64(documents_raw.inference_ms),
            (toFloat64(documents_raw.tokenize_ms) + documents_raw.inference_ms) / 3600000 * price_per_hour, toUInt64(price_per_hour > 0), currency
        FROM {{db}}.documents_raw FINAL
        WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
            AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
            AND ({unit:String} = 'minute' OR published_hour IN (SELECT arrayJoin(asked.2)))
) AS cells
GROUP BY period, source, embedding_model, device, compute_type;

-- What a challenger answered in the shadow of the champion, of each version of its model. The
-- version of a row is its document's: a redelivery has the same one.
CREATE TABLE IF NOT EXISTS {{db}}.shadow_results_raw {{on_cluster}}
(
    source LowCardinality(String),
    doc_id String CODEC(ZSTD(1)),
    shadow LowCardinality(String),
    task LowCardinality(String),
    published_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    topic LowCardinality(String),
    partition Int32 CODEC(ZSTD(1)),
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    version UInt64 CODEC(Delta(8), ZSTD(1)),
    label LowCardinality(String),
    confidence Float32 CODEC(ZSTD(1)),
    scores Map(LowCardinality(String), Float32) CODEC(ZSTD(1)),
    summary String CODEC(ZSTD(3)),
    summary_method LowCardinality(String),
    summary_flags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    classifier LowCardinality(String),
    summarizer LowCardinality(String),
    prompt LowCardinality(String),
    embedding_model LowCardinality(String),
    embedding_revision LowCardinality(String),
    device LowCardinality(String),
    compute_type LowCardinality(String),
    tokens_in UInt32 CODEC(T64, ZSTD(1)),
    tokens_out UInt32 CODEC(T64, ZSTD(1)),
    queue_ms Float32 CODEC(ZSTD(1)),
    tokenize_ms Float32 CODEC(ZSTD(1)),
    inference_ms Float32 CODEC(ZSTD(1)),
    price_per_hour Float32 CODEC(ZSTD(1)),
    currency LowCardinality(String),
    enriched_at DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX by_time published_at TYPE minmax GRANULARITY 1
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (source, doc_id, shadow, classifier, summarizer, prompt, embedding_revision, compute_type)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.shadow_results {{on_cluster}} AS
SELECT
    source, doc_id, shadow, task, published_at, topic, partition, offset, received_at, version,
    label, confidence, scores, summary, summary_method, summary_flags, classifier, summarizer,
    prompt, embedding_model, embedding_revision, device, compute_type, tokens_in, tokens_out,
    queue_ms, tokenize_ms, inference_ms, price_per_hour, currency, enriched_at
FROM {{db}}.shadow_results_raw FINAL;

-- Both on the same messages. Cohen (1960): agreement beyond what the two mixes of labels make by
-- chance; `unsure` is one of the labels there.
CREATE VIEW IF NOT EXISTS {{db}}.shadow_comparison {{on_cluster}} AS
SELECT
    source, shadow, task, champion, challenger, documents, agreeing, agreeing / documents AS agreement,
    if(documents = 0, NULL, (agreeing + 1.9208 - 1.96 * sqrt(agreeing * (documents - agreeing) / documents + 0.9604)) / (documents + 3.8416)) AS low,
    if(documents = 0, NULL, (agreeing + 1.9208 + 1.96 * sqrt(agreeing * (documents - agreeing) / documents + 0.9604)) / (documents + 3.8416)) AS high,
    if(task = 'summarization' OR by_chance = 1, NULL, (agreement - by_chance) / (1 - by_chance)) AS kappa,
    champion_unsure, challenger_unsure, summary_overlap, champion_characters, challenger_characters,
    champion_ms, challenger_ms, champion_ms_p95, challenger_ms_p95,
    champion_tokens, challenger_tokens, champion_cost, challenger_cost, currency,
    labelled, champion_correct, challenger_correct, only_champion_correct, only_challenger_correct,
    arraySort(one -> (-one.3, one.1, one.2), arrayMap((pair, times) -> (pair.1, pair.2, times), pairs.1, pairs.2)) AS confusion
FROM
(
    SELECT
        source, shadow, task, champion, challenger, count() AS documents,
        countIf(if(task = 'summarization', champion_summary = challenger_summary, champion_label = challenger_label)) AS agreeing,
        sumMap([champion_label], [toUInt64(1)]) AS champion_mix, sumMap([challenger_label], [toUInt64(1)]) AS challenger_mix,
        arraySum(arrayMap((label, times) -> times * challenger_mix.2[indexOf(challenger_mix.1, label)], champion_mix.1, champion_mix.2))
            / pow(documents, 2) AS by_chance,
        countIf(champion_label = 'unsure') AS champion_unsure, countIf(challenger_label = 'unsure') AS challenger_unsure,
        avg(length(arrayIntersect(champion_words, challenger_words)) / greatest(length(arrayDistinct(arrayConcat(champion_words, challenger_words))), 1)) AS summary_overlap,
        avg(lengthUTF8(champion_summary)) AS champion_characters, avg(lengthUTF8(challenger_summary)) AS challenger_characters,
        avg(its_ms) AS champion_ms, avg(other_ms) AS challenger_ms,
        quantileExact(0.95)(its_ms) AS champion_ms_p95, quantileExact(0.95)(other_ms) AS challenger_ms_p95,
        avg(its_tokens) AS champion_tokens, avg(other_tokens) AS challenger_tokens,
        if(countIf(its_price > 0) = 0, NULL, avgIf(its_ms * its_price, its_price > 0) / 3600) AS champion_cost,
        if(countIf(other_price > 0) = 0, NULL, avgIf(other_ms * other_price, other_price > 0) / 3600) AS challenger_cost,
        anyIf(money, money != '') AS currency,
        countIf(notEmpty(truth)) AS labelled,
        countIf(has(truth, champion_label)) AS champion_correct, countIf(has(truth, challenger_label)) AS challenger_correct,
        countIf(has(truth, champion_label) AND NOT has(truth, challenger_label)) AS only_champion_correct,
        countIf(has(truth, challenger_label) AND NOT has(truth, champion_label)) AS only_challenger_correct,
        sumMap([(champion_label, challenger_label)], [toUInt64(1)]) AS pairs
    FROM
    (
        SELECT
            other.source AS source, toString(other.shadow) AS shadow, toString(other.task) AS task,
            concat(multiIf(task = 'summarization', if(document.summarizer = '', document.summary_method, document.summarizer), task = 'embedding', concat(document.embedding_model, '@', document.embedding_revision), document.classifier), if(document.prompt != '' AND task = 'summarization', concat(' ', document.prompt), ''), ' ', document.compute_type) AS champion,
            concat(multiIf(task = 'summarization', if(other.summarizer = '', other.summary_method, other.summarizer), task = 'embedding', concat(other.embedding_model, '@', other.embedding_revision), other.classifier), if(other.prompt != '' AND task = 'summarization', concat(' ', other.prompt), ''), ' ', other.compute_type) AS challenger,
            toString(document.label) AS champion_label, toString(other.label) AS challenger_label,
            document.summary AS champion_summary, other.summary AS challenger_summary,
            arrayDistinct(splitByNonAlpha(lowerUTF8(champion_summary))) AS champion_words,
            arrayDistinct(splitByNonAlpha(lowerUTF8(challenger_summary))) AS challenger_words,
            toFloat64(document.tokenize_ms) + document.inference_ms AS its_ms,
            toFloat64(other.tokenize_ms) + other.inference_ms AS other_ms,
            document.tokens_in + document.tokens_out AS its_tokens, other.tokens_in + other.tokens_out AS other_tokens,
            document.price_per_hour AS its_price, other.price_per_hour AS other_price,
            toString(if(other.currency != '', other.currency, document.currency)) AS money,
            judged.truth AS truth
        FROM
        (
            SELECT source, doc_id, version, shadow, task, label, summary, summary_method, classifier, summarizer, prompt, embedding_model, embedding_revision, compute_type, tokens_in, tokens_out, tokenize_ms, inference_ms, price_per_hour, currency
            FROM {{db}}.shadow_results_raw FINAL
            WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
        ) AS other
        INNER JOIN
        (
            SELECT source, doc_id, version, label, summary, summary_method, classifier, summarizer, prompt, embedding_model, embedding_revision, compute_type, tokens_in, tokens_out, tokenize_ms, inference_ms, price_per_hour, currency
            FROM {{db}}.documents_raw FINAL
            WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source)
                AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
                AND (source, doc_id) IN (SELECT source, doc_id FROM {{db}}.shadow_results_raw WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')} AND {source:String} IN ('', source))
        ) AS document
            ON other.source = document.source AND other.doc_id = document.doc_id AND other.version = document.version
        LEFT JOIN {{db}}.labelled_documents AS judged
            ON other.source = judged.source AND other.doc_id = judged.doc_id
    )
    GROUP BY source, shadow, task, champion, challenger
)
ORDER BY documents DESC, source, challenger;
