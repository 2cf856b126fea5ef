"""The SQL behind the panels about the models: what they cost, and how right they are."""

from __future__ import annotations

from streams.dashboard.questions import TIME, bucket

_ASKED = f"""\
window_from = {{from:{TIME}}}, window_to = {{to:{TIME}}},
    source = {{source:String}}"""


def cost(unit: str) -> str:
    """Milliseconds of the models per document, tokens a second and the price, by time.

    Args:
        unit: of the cells that are added up: ``minute`` or ``hour``.
    """
    return f"""\
SELECT
    {bucket("period")} AS time,
    sum(cells.documents) AS documents,
    round(sum(tokenize_seconds + inference_seconds) * 1000 / documents, 3) AS milliseconds,
    round(sum(tokens_in + tokens_out)
        / nullIf(sum(tokenize_seconds + inference_seconds), 0), 1) AS tokens_per_second,
    round(sum(cells.cost) / nullIf(sum(cells.cost / nullIf(cost_per_thousand, 0)), 0), 6)
        AS per_thousand,
    anyIf(currency, currency != '') AS money
FROM cost({_ASKED}, unit = '{unit}') AS cells
GROUP BY time
ORDER BY time"""


MODELS = f"""\
SELECT *
FROM
(
    SELECT
        source, 'right' AS measure, concat(classifier, ' ', compute_type) AS model, '' AS against,
        documents, round(accuracy, 4) AS share,
        round(low, 4) AS share_low, round(high, 4) AS share_high,
        round(macro_f1, 4) AS f1, NULL AS milliseconds, NULL AS per_thousand, '' AS money
    FROM accuracy({_ASKED})
    WHERE documents > 0
    UNION ALL
    SELECT source, 'agrees', challenger, champion, documents,
        round(agreement, 4), round(low, 4), round(high, 4),
        NULL, round(challenger_ms, 3), round(challenger_cost, 6), coalesce(currency, '')
    FROM shadow_comparison({_ASKED})
)
ORDER BY source, measure DESC, documents DESC, model
LIMIT 20"""
