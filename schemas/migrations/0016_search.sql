-- The documents nearest to a vector by cosine. Embeddings of another model are not compared: they lie
-- in another space. Parameters: vector, model and revision as in the documents, source and label ('' for
-- all), published_from, published_to (not included), most.
--
-- Candidates come from all versions of all documents, which needs no merging of parts; only these are
-- then read FINAL. Should more than three versions in four of the nearest be superseded by ones that
-- are far, there are fewer rows than asked for, never wrong ones.
CREATE VIEW IF NOT EXISTS {{db}}.nearest {{on_cluster}} AS
SELECT
    doc_id, source, published_at, title, label, confidence, summary,
    1 - cosineDistance(embedding, {vector:Array(Float32)}) AS similarity,
    embedding_model, embedding_revision, compute_type, embedding
FROM {{db}}.documents_raw FINAL
WHERE (published_hour, source, doc_id) IN
    (
        SELECT published_hour, source, doc_id
        FROM {{db}}.documents_raw
        WHERE published_hour >= toStartOfHour({published_from:DateTime64(3, 'UTC')})
            AND published_at >= {published_from:DateTime64(3, 'UTC')} AND published_at < {published_to:DateTime64(3, 'UTC')}
            AND {source:String} IN ('', source) AND {label:String} IN ('', label)
            AND embedding_model = {model:String} AND embedding_revision = {revision:String}
            AND length(embedding) = length({vector:Array(Float32)})
        ORDER BY cosineDistance(embedding, {vector:Array(Float32)})
        LIMIT 4 * {most:UInt32} + 64
    )
    AND published_at >= {published_from:DateTime64(3, 'UTC')} AND published_at < {published_to:DateTime64(3, 'UTC')}
    AND {source:String} IN ('', source) AND {label:String} IN ('', label)
    AND embedding_model = {model:String} AND embedding_revision = {revision:String}
    AND length(embedding) = length({vector:Array(Float32)})
ORDER BY similarity DESC, source, doc_id
LIMIT {most:UInt32};
