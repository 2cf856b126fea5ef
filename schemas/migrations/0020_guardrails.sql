-- What guardrails stopped, so that nothing a model wrote is lost, and what was redacted.
ALTER TABLE {{db}}.documents_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS summary_flags Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS summary_rejected String CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS redactions Map(LowCardinality(String), UInt32) CODEC(ZSTD(1));

CREATE OR REPLACE VIEW {{db}}.documents {{on_cluster}} AS
SELECT
    doc_id, source, published_at, published_hour, title, text, language, metadata,
    label, confidence, scores, summary, summary_method,
    characters, sentences, tokens, unique_tokens, word_pieces, unknown_tokens,
    word_pieces_per_character, cut_off, terms, term_counts,
    embedding, embedding_model, embedding_revision, classifier, device, compute_type,
    tokens_in, tokens_out, queue_ms, tokenize_ms, inference_ms,
    topic, partition, offset, received_at, enriched_at, version,
    summary_flags, summary_rejected, redactions
FROM {{db}}.documents_raw FINAL;

-- How often each rule stopped a generated summary, of an hour and source.
CREATE VIEW IF NOT EXISTS {{db}}.guardrails {{on_cluster}} AS
SELECT hour, source, rule, stopped, documents, stopped / documents AS share
FROM
(
    SELECT
        published_hour AS hour, source, count() AS documents,
        sumMap(summary_flags, arrayMap(flag -> toUInt64(1), summary_flags)) AS found
    FROM {{db}}.documents
    GROUP BY hour, source
)
ARRAY JOIN found.1 AS rule, found.2 AS stopped;
