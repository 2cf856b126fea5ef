"""The SQL behind an emerging term: the documents that show it."""

from __future__ import annotations

from streams.dashboard.questions import TIME

DOCUMENTS = f"""\
SELECT published_at AS time, doc_id, source, label, coalesce(title, '') AS headline,
    if(lengthUTF8(summary) > 300, concat(leftUTF8(summary, 299), '…'), summary) AS short
FROM documents_raw FINAL
WHERE published_at >= {{from:{TIME}}} AND published_at < {{to:{TIME}}}
    AND published_hour > {{from:{TIME}}} - INTERVAL 1 HOUR AND published_hour < {{to:{TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
    AND (has(terms, {{term:String}}) OR has(phrases, {{term:String}}))
ORDER BY published_at DESC, doc_id
LIMIT 1 BY source, if(empty(signature), doc_id, toString(signature))
LIMIT 12"""
"""The newest documents with a term; of those with the same signature one."""
