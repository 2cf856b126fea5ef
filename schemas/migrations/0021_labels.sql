-- What people say that documents are about, and how right the models were.
--
-- Of one person's messages about one document the last counts; one without labels takes back what
-- they said before. The version is the message's place (broker's milliseconds and offset): a
-- redelivery has the same one.
CREATE TABLE IF NOT EXISTS {{db}}.labels_raw {{on_cluster}}
(
    source LowCardinality(String),
    doc_id String CODEC(ZSTD(1)),
    labelled_by LowCardinality(String),
    labels Array(LowCardinality(String)) CODEC(ZSTD(1)),
    labelled_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    note String CODEC(ZSTD(3)),
    received_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    version UInt64 CODEC(ZSTD(1))
)
ENGINE = {{engine ReplacingMergeTree(version)}}
ORDER BY (source, doc_id, labelled_by)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS {{db}}.labels {{on_cluster}} AS
SELECT source, doc_id, labelled_by, labels, labelled_at, note, received_at
FROM {{db}}.labels_raw FINAL
WHERE notEmpty(labels);

-- A label is true of a document when more than half of the persons who labelled it say so; where
-- they agree on none, the document is disputed, and no model is judged by it.
CREATE VIEW IF NOT EXISTS {{db}}.labelled_documents {{on_cluster}} AS
SELECT
    source, doc_id, count() AS persons, max(labelled_at) AS labelled_at,
    sumMap(labels, arrayMap(one -> toUInt32(1), labels)) AS votes,
    arrayFilter((one, times) -> times * 2 > persons, votes.1, votes.2) AS truth
FROM
(
    SELECT source, doc_id, labelled_at, arrayMap(one -> toString(one), labels) AS labels
    FROM {{db}}.labels_raw FINAL
    WHERE notEmpty(labels)
)
GROUP BY source, doc_id;

-- Of each version of the models: how many of the labelled documents it got right. A document with
-- several true labels is right when the one that was given is among them. `unsure` is no answer:
-- neither right nor a wrong mention of any label.
CREATE VIEW IF NOT EXISTS {{db}}.accuracy {{on_cluster}} AS
WITH arrayFilter(one -> one.2 > 0, found) AS classes
SELECT
    source, classifier, embedding_model, embedding_revision, compute_type,
    documents, correct, documents - correct - unsure AS wrong, unsure, disputed,
    if(documents = 0, NULL, correct / documents) AS accuracy,
    if(documents = 0, NULL, (correct + 1.9208 - 1.96 * sqrt(correct * (documents - correct) / documents + 0.9604)) / (documents + 3.8416)) AS low,
    if(documents = 0, NULL, (correct + 1.9208 + 1.96 * sqrt(correct * (documents - correct) / documents + 0.9604)) / (documents + 3.8416)) AS high,
    if(documents = unsure, NULL, correct / (documents - unsure)) AS accuracy_without_unsure,
    length(classes) AS labels,
    if(documents = 0, NULL, arrayAvg(arrayMap(one -> if(one.3 = 0, 0, one.4 / one.3), classes))) AS macro_precision,
    if(documents = 0, NULL, arrayAvg(arrayMap(one -> one.4 / one.2, classes))) AS macro_recall,
    if(documents = 0, NULL, arrayAvg(arrayMap(one -> 2 * one.4 / (one.2 + one.3), classes))) AS macro_f1
FROM
(
    SELECT
        source, classifier, embedding_model, embedding_revision, compute_type,
        countIf(notEmpty(truth)) AS documents, countIf(empty(truth)) AS disputed,
        countIf(has(truth, label)) AS correct, countIf(notEmpty(truth) AND label = 'unsure') AS unsure,
        sumMap(truth, arrayMap(one -> toUInt64(1), truth)) AS meant,
        sumMapIf([label], [toUInt64(1)], notEmpty(truth) AND label != 'unsure') AS said,
        sumMapIf([label], [toUInt64(1)], has(truth, label)) AS met,
        arrayMap(one -> (one, meant.2[indexOf(meant.1, one)], said.2[indexOf(said.1, one)], met.2[indexOf(met.1, one)]),
            arraySort(arrayDistinct(arrayConcat(meant.1, said.1)))) AS found
    FROM
    (
        SELECT
            document.source AS source, document.classifier AS classifier,
            document.embedding_model AS embedding_model, document.embedding_revision AS embedding_revision,
            document.compute_type AS compute_type, document.label AS label, judged.truth AS truth
        FROM
        (
            SELECT source, doc_id, toString(label) AS label, classifier, embedding_model, embedding_revision, compute_type
            FROM {{db}}.documents_raw FINAL
            WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}
                AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
                AND {source:String} IN ('', source)
                AND (source, doc_id) IN (SELECT source, doc_id FROM {{db}}.labels_raw)
        ) AS document
        INNER JOIN {{db}}.labelled_documents AS judged
            ON document.source = judged.source AND document.doc_id = judged.doc_id
    )
    GROUP BY source, classifier, embedding_model, embedding_revision, compute_type
)
ORDER BY source, documents DESC;

-- The same of each label: `documents` have it, `mentions` were given it, `correct` are both.
CREATE VIEW IF NOT EXISTS {{db}}.accuracy_by_label {{on_cluster}} AS
SELECT
    source, classifier, embedding_model, embedding_revision, compute_type,
    one.1 AS label, one.2 AS documents, one.3 AS mentions, one.4 AS correct,
    if(mentions = 0, NULL, correct / mentions) AS precision,
    if(mentions = 0, NULL, (correct + 1.9208 - 1.96 * sqrt(correct * (mentions - correct) / mentions + 0.9604)) / (mentions + 3.8416)) AS precision_low,
    if(mentions = 0, NULL, (correct + 1.9208 + 1.96 * sqrt(correct * (mentions - correct) / mentions + 0.9604)) / (mentions + 3.8416)) AS precision_high,
    if(documents = 0, NULL, correct / documents) AS recall,
    if(documents = 0, NULL, (correct + 1.9208 - 1.96 * sqrt(correct * (documents - correct) / documents + 0.9604)) / (documents + 3.8416)) AS recall_low,
    if(documents = 0, NULL, (correct + 1.9208 + 1.96 * sqrt(correct * (documents - correct) / documents + 0.9604)) / (documents + 3.8416)) AS recall_high,
    2 * correct / (documents + mentions) AS f1
FROM
(
    SELECT
        source, classifier, embedding_model, embedding_revision, compute_type,
        countIf(notEmpty(truth)) AS documents, countIf(empty(truth)) AS disputed,
        countIf(has(truth, label)) AS correct, countIf(notEmpty(truth) AND label = 'unsure') AS unsure,
        sumMap(truth, arrayMap(one -> toUInt64(1), truth)) AS meant,
        sumMapIf([label], [toUInt64(1)], notEmpty(truth) AND label != 'unsure') AS said,
        sumMapIf([label], [toUInt64(1)], has(truth, label)) AS met,
        arrayMap(one -> (one, meant.2[indexOf(meant.1, one)], said.2[indexOf(said.1, one)], met.2[indexOf(met.1, one)]),
            arraySort(arrayDistinct(arrayConcat(meant.1, said.1)))) AS found
    FROM
    (
        SELECT
            document.source AS source, document.classifier AS classifier,
            document.embedding_model AS embedding_model, document.embedding_revision AS embedding_revision,
            document.compute_type AS compute_type, document.label AS label, judged.truth AS truth
        FROM
        (
            SELECT source, doc_id, toString(label) AS label, classifier, embedding_model, embedding_revision, compute_type
            FROM {{db}}.documents_raw FINAL
            WHERE published_at >= {window_from:DateTime64(3, 'UTC')} AND published_at < {window_to:DateTime64(3, 'UTC')}
                AND published_hour >= {window_from:DateTime64(3, 'UTC')} - toIntervalHour(1) AND published_hour < {window_to:DateTime64(3, 'UTC')}
                AND {source:String} IN ('', source)
                AND (source, doc_id) IN (SELECT source, doc_id FROM {{db}}.labels_raw)
        ) AS document
        INNER JOIN {{db}}.labelled_documents AS judged
            ON document.source = judged.source AND document.doc_id = judged.doc_id
    )
    GROUP BY source, classifier, embedding_model, embedding_revision, compute_type
)
ARRAY JOIN found AS one
ORDER BY source, classifier, label;
