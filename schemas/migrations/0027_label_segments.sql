-- How far each label of a source is that is watched by itself (TIDEMARK_DRIFT_SEGMENTS=label).
ALTER TABLE {{db}}.drift_windows_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS label_states Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS label_references Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS label_scores Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS label_thresholds Map(LowCardinality(String), Float64) CODEC(ZSTD(1));

CREATE VIEW IF NOT EXISTS {{db}}.drift_labels {{on_cluster}} AS
SELECT
    source, toString(label) AS label,
    window_start, window_start + toIntervalSecond(window_seconds) AS window_end, window_seconds,
    labels[label] AS documents,
    if(mapContains(label_scores, label), label_scores[label], NULL) AS drift_score,
    if(mapContains(label_thresholds, label), label_thresholds[label], NULL) AS drift_threshold,
    toString(label_states[label]) AS drift_state, label_references[label] AS reference_documents,
    embedding_model, version
FROM {{db}}.drift_windows_raw FINAL
ARRAY JOIN mapKeys(label_states) AS label;
