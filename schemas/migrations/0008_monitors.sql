-- Plain monitors and vocabulary per window. Counts, maps of counts and samples of hashes merge over
-- any windows and sources; see schemas/README.md for the errors.
ALTER TABLE {{db}}.drift_windows_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS copies UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS near_copies UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS without_title UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS without_language UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS without_words UInt64 CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS languages Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS language_word_pieces Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS language_characters Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS confidence_deviation Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS lateness_mean Float64 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS length_sketch Map(Int16, UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS confidence_sketch Map(Int16, UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS lateness_sketch Map(Int16, UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS token_sample Array(UInt32) CODEC(Delta(4), ZSTD(1)),
    ADD COLUMN IF NOT EXISTS expected_unique_tokens Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS monitor_state LowCardinality(String) DEFAULT 'collecting',
    ADD COLUMN IF NOT EXISTS monitor_scores Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS monitor_threshold Nullable(Float64) CODEC(ZSTD(1));

-- Shares of labels have Wilson's 95 % interval (1927; z = 1.96, z squared = 3.8416). Quantiles come
-- from the buckets: g = 1.02 / 0.98, and bucket i is spoken for by 2 g^i / (g + 1).
CREATE OR REPLACE VIEW {{db}}.drift_windows {{on_cluster}} AS
WITH
    1.02 / 0.98 AS g,
    if(empty(length_sketch), [], [0.05, 0.5, 0.95]) AS levels,
    mapSort(length_sketch) AS lengths,
    mapSort(confidence_sketch) AS confidences,
    mapSort(lateness_sketch) AS latenesses,
    arrayMap(level -> arrayFirst((bucket, below) -> below >= level * documents, mapKeys(lengths), arrayCumSum(mapValues(lengths))), levels) AS length_buckets,
    arrayMap(level -> arrayFirst((bucket, below) -> below >= level * documents, mapKeys(latenesses), arrayCumSum(mapValues(latenesses))), levels) AS lateness_buckets
SELECT
    source, window_start, window_start + toIntervalSecond(window_seconds) AS window_end,
    window_seconds, documents, late_documents, tokens, unique_tokens, new_tokens,
    word_pieces, unknown_tokens, characters,
    unknown_tokens / greatest(word_pieces, 1) AS unknown_share,
    word_pieces / greatest(characters, 1) AS word_pieces_per_character,
    tokens_mean, tokens_deviation, confidence_mean, labels,
    drift_score, drift_threshold, drift_state, reference_documents, embedding_model, version,
    new_tokens / greatest(unique_tokens, 1) AS new_share, expected_unique_tokens, token_sample,
    copies, near_copies, (copies + near_copies) / documents AS copy_share,
    without_title, without_language, without_words,
    mapApply((label, count) -> (label, CAST((
        count / documents,
        (count + 1.9208 - 1.96 * sqrt(count * (documents - count) / documents + 0.9604)) / (documents + 3.8416),
        (count + 1.9208 + 1.96 * sqrt(count * (documents - count) / documents + 0.9604)) / (documents + 3.8416)
    ), 'Tuple(share Float64, low Float64, high Float64)')), labels) AS label_shares,
    languages,
    mapApply((language, pieces) -> (language, pieces / greatest(language_characters[language], 1)), language_word_pieces) AS language_pieces_per_character,
    language_word_pieces, language_characters,
    confidence_deviation,
    documents * 60 / window_seconds AS documents_per_minute,
    late_documents / documents AS late_share, lateness_mean,
    length_sketch, confidence_sketch, lateness_sketch,
    arrayMap(bucket -> if(bucket < 0, 0, 2 * pow(g, bucket) / (g + 1)), length_buckets) AS length_quantiles,
    arrayMap(level -> (arrayFirst((bucket, below) -> below >= level * documents, mapKeys(confidences), arrayCumSum(mapValues(confidences))) + 0.5) / 100, levels) AS confidence_quantiles,
    arrayMap(bucket -> if(bucket < 0, 0, 2 * pow(g, bucket) / (g + 1)) / 1000, lateness_buckets) AS lateness_quantiles,
    monitor_state, monitor_scores, monitor_threshold, reference_id, reference_reason
FROM {{db}}.drift_windows_raw FINAL;

-- Distinct words of any windows and sources together. Each window holds the 1,024 smallest hashes of
-- its words; the 1,024 smallest of them all are those of the union (Bar-Yossef et al. 2002, "Counting
-- distinct elements in a data stream"; the estimator of Beyer et al. 2007, standard error
-- 1 / sqrt(1022) = 3.1 %). Fewer than 1,024 hashes are all there are: the count is exact.
CREATE VIEW IF NOT EXISTS {{db}}.vocabulary {{on_cluster}} AS
WITH 1024 AS k
SELECT
    windows, documents, tokens,
    if(exact, length(pool), (k - 1) * 4294967296 / (pool[k] + 1)) AS unique_tokens,
    length(pool) < k AS exact,
    if(exact, unique_tokens, unique_tokens / (1 + 1.96 / sqrt(k - 2))) AS low,
    if(exact, unique_tokens, unique_tokens / (1 - 1.96 / sqrt(k - 2))) AS high
FROM
(
    SELECT
        count() AS windows, sum(documents) AS documents, sum(tokens) AS tokens,
        arraySort(groupUniqArrayArray(token_sample)) AS pool
    FROM {{db}}.drift_windows_raw FINAL
    WHERE window_start >= {window_from:DateTime64(3, 'UTC')} AND window_start < {window_to:DateTime64(3, 'UTC')}
        AND ({source:String} = '' OR source = {source:String})
        AND (notEmpty(token_sample) OR unique_tokens = 0)
);
