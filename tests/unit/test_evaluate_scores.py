"""The figures of ``tidemark eval classify`` and ``summarize``, worked out by hand."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from models import guard
from models.enricher import OnePassEnricher
from models.guard import Embedded, Guard
from models.plugged import PluggedEnricher
from models.summarize.generative import Written
from schemas.messages import Enriched
from streams.cli.eval_classify import Judged, figures, judged, reliability, strange
from streams.cli.eval_summarize import Case, cases, judge, lead, novelty, rouge_scorer
from streams.cli.eval_summarize import figures as summary_figures
from streams.cli.multi_label import several_labels
from streams.errors import Misconfigured
from tests.support.examples import record as example

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.ports import ModelCard, Text

JUDGED = [
    Judged("sea", "sea", "sea", 0.95),
    Judged("sea", "sea", "sea", 0.91),
    Judged("sea", "money", "money", 0.55),
    Judged("money", "money", "money", 0.58),
    Judged("money", "unsure", "money", 0.21),
]


def document(**changes: object) -> Enriched:
    enriched = example("enriched")
    assert isinstance(enriched, Enriched)
    return replace(enriched, **changes)  # type: ignore[arg-type]  # checked by the record


def test_accuracy_counts_unsure_as_wrong_and_says_what_it_is_without() -> None:
    found = figures(JUDGED)
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["accuracy_when_sure"] == pytest.approx(3 / 4)
    assert found["accuracy_without_unsure"] == pytest.approx(4 / 5)
    assert found["unsure"] == pytest.approx(1 / 5)


def test_macro_f1_is_the_mean_over_true_labels() -> None:
    """F1 of sea: 2 of 2 and of 3; of money: 1 of 2 and of 2."""
    found = figures(JUDGED)
    assert [label["f1"] for label in found["labels"]] == [0.5, 0.8]
    assert found["macro_f1"] == pytest.approx(0.65)
    assert found["labels"][0]["taken_for"] == ["unsure 1"]


def test_confusion_has_a_row_for_each_true_label() -> None:
    assert figures(JUDGED)["confusion"] == {
        "money": {"money": 1, "sea": 0, "unsure": 1},
        "sea": {"money": 1, "sea": 2, "unsure": 0},
    }


def test_calibration_error_weighs_the_gaps_of_the_bins() -> None:
    """Gaps: 0.79 of one document, 0.065 of two, 0.07 of two."""
    found = figures(JUDGED)
    assert found["calibration_error"] == pytest.approx((0.79 + 2 * 0.065 + 2 * 0.07) / 5)


def test_reliability_has_the_bins_that_occur() -> None:
    rows = reliability(np.array([1.0, 0.05]), np.array([True, False]))
    assert [(row["from"], row["to"], row["documents"]) for row in rows] == [
        (0.0, 0.1, 1),
        (0.9, 1.0, 1),
    ]


def test_labels_are_matched_whatever_their_capitals() -> None:
    (one,) = judged([document(metadata={"topic": " Weather "})], "topic")
    assert one == Judged("weather", "weather", "weather", 0.75)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "has no 'topic': --label-column must name a column that every row fills"),
        ({"topic": "tides"}, "no label of 'topic' is a class: it has 'tides', the classifier"),
    ],
)
def test_a_column_that_cannot_be_used_is_refused(metadata: dict[str, str], message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        judged([document(metadata=metadata)], "topic")


def test_labels_that_are_no_class_are_told() -> None:
    """They count as wrong, which would look like the classifier's fault."""
    cases = [*JUDGED, Judged("air", "sea", "sea", 0.9)]
    assert strange(JUDGED, ["sea", "money"]) == ""
    assert strange(cases, ["sea", "money"]).startswith(
        "1 documents have a label that is no class of the classifier ('air') and count as wrong"
    )


def test_several_labels_are_judged_one_by_one() -> None:
    """Given are those of a probability of a half and more."""
    scores = {"sea": 0.9, "money": 0.2, "air": 0.6}
    rows = [
        document(metadata={"topics": cell}, scores=scores) for cell in ("sea;air", "sea; money")
    ]
    found = several_labels("f", rows, "topics", ";")
    assert found is not None
    assert found["accuracy"] == 0.5
    assert [row["f1"] for row in found["labels"]] == [pytest.approx(2 / 3, abs=1e-4), 0, 1]
    assert several_labels("f", rows[:1], "topics", None) is None
    with pytest.raises(Misconfigured, match="'fish' in 'topics' is no class of the classifier"):
        several_labels(
            "f", [document(metadata={"topics": "fish;sea"}, scores=scores)], "topics", ";"
        )


def test_novelty_is_the_share_of_new_pairs_of_words() -> None:
    assert (
        novelty(["the", "tide", "turns", "at", "noon"], ["the", "tide", "turns", "early"]) == 1 / 3
    )
    assert novelty(["a", "b"], ["a"]) == 0.0


def test_leads_are_the_first_sentences() -> None:
    assert lead("One came. Two went. Three.", 2) == "One came. Two went."


def test_a_document_without_a_reference_is_left_out() -> None:
    with_one = document(metadata={"tldr": "Reopened."}, title="T", text="It reopened. At noon.")
    (case,) = cases([document(metadata={}), with_one], "tldr")
    assert (case.document, case.references) == ("T.\nIt reopened. At noon.", ("Reopened.",))
    assert case.summaries["lead-1"] == "It reopened."
    with pytest.raises(Misconfigured, match="no document has a 'gist'"):
        cases([with_one], "gist")


def test_guardrail_rates_are_shares_of_the_documents() -> None:
    """Without an encoder the guard still asks what words can tell."""
    text = "Ten ships left the port of Antwerp on Monday."
    found = [Case(text, (), {"summary": text}), Case(text, (), {"summary": "12 ships left."})]
    reports = judge(found, None)
    told = summary_figures("summary", found, reports["summary"], None)
    assert [report.flags for report in reports["summary"]] == [(), ("numbers",)]
    assert (told["flagged"], told["guardrails"]) == (0.5, {"numbers": 0.5})
    assert told["rouge1"] is None
    assert told["compression"] == pytest.approx((1 + 9 / 3) / 2)
    assert Guard().check(text, text).passed


def test_of_several_references_the_best_counts() -> None:
    """A list in the reference's column is as many references."""
    pytest.importorskip("rouge_score", reason="the extra `eval` is not installed")
    (case,) = cases([document(metadata={"tldr": '["No word of it.", "the tides turn"]'})], "tldr")
    assert case.references == ("No word of it.", "the tides turn")
    assert rouge_scorer()(case.references, "the tides turn")["rouge1"] == 1.0


def test_what_a_model_wrote_is_judged_as_the_enrich_role_judges_it() -> None:
    """By the embeddings of the one pass within, and by what the model was told."""

    class OnePass(OnePassEnricher):
        """Stands for the one pass; its vectors are the stand-in below."""

        def __init__(self) -> None: ...

    class Says:
        method, instructions = "said", "Summarize the following document in one sentence, please."

        def write(self, texts: Sequence[Text]) -> list[Written]:
            return [Written("") for _ in texts]

    plugged = PluggedEnricher(OnePass(), cast("ModelCard", None), summarizer=Says())
    text = "Ten ships left the port of Antwerp on Monday."
    found = [Case(text, (), {"summary": Says.instructions, "lead-1": Says.instructions})]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "embed", lambda _, texts: [embedded(one) for one in texts])
        reports = judge(found, plugged)
    assert {"prompt", "meaning"} <= set(reports["summary"][0].flags)
    assert "prompt" not in reports["lead-1"][0].flags


def embedded(text: str) -> Embedded:
    """Return a vector of its own for what says Antwerp, and another for all the rest."""
    vector = np.eye(2, dtype=np.float32)[int("Antwerp" in text)]
    return Embedded(vector, (text,), vector[None])


def test_rouge_is_that_of_the_reference_package() -> None:
    pytest.importorskip("rouge_score", reason="the extra `eval` is not installed")
    scores = rouge_scorer()(["the tide turned at noon"], "the tides turn")
    assert scores["rouge1"] == pytest.approx(2 * 3 / 8)
    assert scores["rougeL"] == pytest.approx(2 * 3 / 8)


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(Misconfigured, match=r"rouge-score: pip install rouge-score,"):
        rouge_scorer()
