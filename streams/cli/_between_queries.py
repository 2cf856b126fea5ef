"""The SQL behind ``tidemark drift between``; everything from the command line is bound."""

from __future__ import annotations

_TIME = "DateTime64(3, 'UTC')"
_NAMES = ("a", "b")


def _windows(side: str) -> str:
    return (
        f"({{{side}_source:String}} IN ('', source) AND window_start >= {{{side}_from:{_TIME}}} "
        f"AND window_start < {{{side}_to:{_TIME}}})"
    )


def _version(side: str) -> str:
    return (
        f"({{{side}_version:String}} IN ('', compute_type) "
        f"OR startsWith(embedding_revision, {{{side}_version:String}}))"
    )


def models(side: str) -> str:
    """Return which models a side has: name, kernel, dimensions, and the span of its windows."""
    return f"""\
SELECT
    embedding_model, kernel, length(embedding_sums) AS dimensions, sum(documents) AS documents,
    toUnixTimestamp64Milli(min(window_start)) AS first,
    toUnixTimestamp64Milli(max(window_end)) AS last
FROM drift_sketches
WHERE {_windows(side)} AND {_version(side)}
GROUP BY embedding_model, kernel, dimensions
ORDER BY documents DESC"""


DIFFERENCE = f"""\
SELECT * FROM drift_between(
    a_source = {{a_source:String}}, a_from = {{a_from:{_TIME}}},
    a_to = {{a_to:{_TIME}}}, a_version = {{a_version:String}},
    b_source = {{b_source:String}}, b_from = {{b_from:{_TIME}}},
    b_to = {{b_to:{_TIME}}}, b_version = {{b_version:String}})"""

LABELS = f"""\
SELECT
    label, a AS documents_a, b AS documents_b,
    a / greatest(sum(a) OVER (), 1) AS share_a, b / greatest(sum(b) OVER (), 1) AS share_b
FROM
(
    SELECT label, sumIf(count, {_windows("a")}) AS a, sumIf(count, {_windows("b")}) AS b
    FROM drift_windows
    ARRAY JOIN mapKeys(labels) AS label, mapValues(labels) AS count
    WHERE {_windows("a")} OR {_windows("b")}
    GROUP BY label
)
WHERE a + b > 0
ORDER BY abs(share_b - share_a) DESC, label"""


def _documents(side: str) -> str:
    return (
        f"({{{side}_source:String}} IN ('', source) AND published_at >= {{{side}_from:{_TIME}}} "
        f"AND published_at < {{{side}_to:{_TIME}}} AND {_version(side)})"
    )


# The log-odds ratio with an informative Dirichlet prior of Monroe, Colaresi and Quinn (2008), over
# documents that contain the word; the prior weighs as much as the smaller side.
WORDS = f"""\
SELECT
    term, documents_a, documents_b,
    documents_a / greatest(size_a, 1) AS share_a, documents_b / greatest(size_b, 1) AS share_b,
    (log((documents_b + prior) / (total_b + prior_total - documents_b - prior))
        - log((documents_a + prior) / (total_a + prior_total - documents_a - prior)))
        / sqrt(1 / (documents_a + prior) + 1 / (documents_b + prior)) AS z
FROM
(
    SELECT
        *,
        max(if(term = '', documents_a, 0)) OVER () AS size_a,
        max(if(term = '', documents_b, 0)) OVER () AS size_b,
        sum(if(term = '', 0, documents_a)) OVER () AS total_a,
        sum(if(term = '', 0, documents_b)) OVER () AS total_b,
        toFloat64(least(total_a, total_b)) AS prior_total,
        prior_total * (documents_a + documents_b) / (total_a + total_b) AS prior
    FROM
    (
        SELECT
            term, countIf({_documents("a")}) AS documents_a,
            countIf({_documents("b")}) AS documents_b
        FROM documents
        ARRAY JOIN arrayPushFront(terms, '') AS term
        WHERE {_documents("a")} OR {_documents("b")}
        GROUP BY term
    )
)
WHERE term != '' AND documents_a + documents_b >= {{least:UInt32}}"""

TOP_WORDS = f"""\
SELECT * FROM ({WORDS})
WHERE isFinite(z)
ORDER BY z {{direction}}, term
LIMIT {{limit:UInt32}}"""
