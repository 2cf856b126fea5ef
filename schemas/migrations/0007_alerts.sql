-- Alerts tell how sure they are and how they ended; windows tell which reference they were compared with.
ALTER TABLE {{db}}.drift_windows_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS reference_id LowCardinality(String),
    ADD COLUMN IF NOT EXISTS reference_reason LowCardinality(String);

ALTER TABLE {{db}}.drift_alerts_raw {{on_cluster}}
    ADD COLUMN IF NOT EXISTS reason LowCardinality(String),
    ADD COLUMN IF NOT EXISTS as_of Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS changed_from Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS changed_to Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS expected_false_alarms Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS channels Array(Tuple(channel String, score Float64)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS effect Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS effect_by_mix Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS effect_within_labels Nullable(Float64) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS label_intervals Array(Tuple(label String, before_low Float64, before_high Float64, after_low Float64, after_high Float64)) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS reference_id LowCardinality(String),
    ADD COLUMN IF NOT EXISTS note String CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS also Array(Tuple(kind String, score Float64, threshold Float64, message String, sql String)) CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS label LowCardinality(String);

-- Who has seen an alert; the last word counts. Apart from the alerts, which go on being updated.
CREATE TABLE IF NOT EXISTS {{db}}.drift_acknowledgements_raw {{on_cluster}}
(
    source LowCardinality(String),
    alert_id String CODEC(ZSTD(1)),
    acknowledged_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    acknowledged_by String CODEC(ZSTD(1)),
    note String CODEC(ZSTD(3)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (source, alert_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- The seams of a trend: each reference that a source was compared with, since when and why.
CREATE VIEW IF NOT EXISTS {{db}}.drift_references {{on_cluster}} AS
SELECT
    source, reference_id, any(reference_reason) AS reason, min(window_start) AS since,
    max(window_start + toIntervalSecond(window_seconds)) AS until,
    max(reference_documents) AS documents, any(embedding_model) AS model
FROM {{db}}.drift_windows_raw FINAL
WHERE reference_id != ''
GROUP BY source, reference_id
ORDER BY source, since;

CREATE OR REPLACE VIEW {{db}}.drift_alerts {{on_cluster}} AS
SELECT
    alert.alert_id AS alert_id, alert.source AS source, alert.kind AS kind,
    alert.severity AS severity, alert.state AS state, alert.window_start AS window_start,
    alert.window_end AS window_end, alert.window_documents AS window_documents,
    alert.detected_at AS detected_at, alert.changed_at AS changed_at, alert.score AS score,
    alert.threshold AS threshold, alert.message AS message, alert.terms_up AS terms_up,
    alert.terms_down AS terms_down, alert.labels AS labels, alert.new_documents AS new_documents,
    alert.old_documents AS old_documents, alert.reference_documents AS reference_documents,
    alert.embedding_model AS embedding_model, alert.sql AS sql, alert.version AS version,
    alert.reason AS reason, alert.as_of AS as_of, alert.changed_from AS changed_from,
    alert.changed_to AS changed_to, alert.expected_false_alarms AS expected_false_alarms,
    alert.channels AS channels, alert.effect AS effect, alert.effect_by_mix AS effect_by_mix,
    alert.effect_within_labels AS effect_within_labels, alert.label_intervals AS label_intervals,
    alert.reference_id AS reference_id,
    if(seen.version = 0, NULL, seen.acknowledged_at) AS acknowledged_at,
    coalesce(seen.acknowledged_by, '') AS acknowledged_by,
    if(coalesce(seen.note, '') = '', alert.note, seen.note) AS note,
    alert.also AS also, alert.label AS label
FROM (SELECT * FROM {{db}}.drift_alerts_raw FINAL) AS alert
LEFT JOIN (SELECT * FROM {{db}}.drift_acknowledgements_raw FINAL) AS seen
    ON alert.source = seen.source AND alert.alert_id = seen.alert_id;
