"""Guardrails within the one pass: what breaks a rule gives way, marked, and nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.guard import RULES, Guard, Limits, Watch, embed, guard_of
from models.guard.dates import check_dates
from models.guard.numbers import check_numbers
from models.plugged import PluggedEnricher
from schemas.codec import codec_for
from schemas.messages import Enriched
from streams.clock import FixedClock
from streams.config import Settings, load_settings
from streams.errors import Misconfigured
from streams.ports import Text
from streams.stages.enrich import Enrichment, EnrichStage
from streams.stages.ingest import Ingest
from tests.support.fakes import raw
from tests.support.tiny_one_pass import Told, tiny_one_pass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.enricher import OnePassEnricher
    from models.guard.text import Prose
    from models.guard.verdict import Verdict
    from streams.ports import Inference

HARBOUR = Text(
    "Harbour open",
    "The harbour of Rotterdam reopened on Monday after a storm that lasted 12 hours. Ships had "
    "waited outside the port, and the pilots worked through the night to bring them in.",
)
MARKET = Text(
    "", "Prices of wheat fell by 3 percent in Chicago. Traders had expected a poor harvest there."
)
TRUE = {
    HARBOUR.text: "The harbour of Rotterdam reopened after a storm of 12 hours.",
    MARKET.text: "Wheat prices fell by 3 percent in Chicago.",
}
LENIENT = Limits(least_support=0.01, least_cosine=0.0001)
"""The tiny model's numbers are random: rules on meaning have their own test."""


@pytest.fixture(scope="module")
def one_pass(tmp_path_factory: pytest.TempPathFactory) -> OnePassEnricher:
    return tiny_one_pass(tmp_path_factory.mktemp("models") / "tiny")


def watched(
    one_pass: OnePassEnricher, says: Callable[[Text], str], guard: Guard | None = None
) -> PluggedEnricher:
    watch = Watch(one_pass, guard or Guard(LENIENT), None)
    return PluggedEnricher(one_pass, one_pass.card, summarizer=Told(says), watch=watch)


def run(enricher: PluggedEnricher, *texts: Text) -> list[Inference]:
    return enricher.post(enricher.core(enricher.pre(texts)))


def test_what_is_true_is_kept(one_pass: OnePassEnricher) -> None:
    """The summary is the model's, and the row says whose."""
    found = run(watched(one_pass, lambda text: TRUE[text.text]), HARBOUR, MARKET)
    assert [one.summary for one in found] == list(TRUE.values())
    assert {one.summary_method for one in found} == {Told.method}
    assert {(one.summary_flags, one.summary_rejected) for one in found} == {((), "")}


def test_what_breaks_a_rule_gives_way_and_is_kept_beside(one_pass: OnePassEnricher) -> None:
    """Only in its own row: the extractive summary, the rules, the model, and what it wrote."""
    wrong = "The harbour of Antwerp reopened after a storm of 13 hours."
    says = {HARBOUR.text: wrong, MARKET.text: TRUE[MARKET.text]}
    harbour, market = run(watched(one_pass, lambda text: says[text.text]), HARBOUR, MARKET)
    (extractive,) = one_pass.post(one_pass.core(one_pass.pre([HARBOUR])))
    assert harbour.summary == extractive.summary
    assert harbour.summary_method == f"extractive-fallback:numbers,names ({Told.method})"
    assert harbour.summary_flags == ("numbers", "names")
    assert harbour.summary_rejected == wrong
    assert market.summary == TRUE[MARKET.text]
    assert (harbour.tokens_out, market.tokens_out) == (3, 3)


def test_the_title_is_part_of_the_document(one_pass: OnePassEnricher) -> None:
    """A name that stands in the title alone is no invention."""
    titled = Text("Visit of Merkel", HARBOUR.text)
    (found,) = run(watched(one_pass, lambda _: "Visit of Merkel to Rotterdam."), titled)
    assert found.summary_flags == ()


def test_nothing_written_leaves_the_extractive_summary(one_pass: OnePassEnricher) -> None:
    """With the rule as its flag; where the rule is not asked, the method says so."""
    (found,) = run(watched(one_pass, lambda _: ""), HARBOUR)
    assert found.summary
    assert (found.summary_flags, found.summary_rejected) == (("empty",), "")
    guard = Guard(LENIENT, frozenset(RULES) - {"empty"})
    (found,) = run(watched(one_pass, lambda _: "", guard), HARBOUR)
    assert found.summary
    assert found.summary_method.endswith(f"({Told.method} wrote nothing)")


def test_copied_instructions_are_stopped(one_pass: OnePassEnricher) -> None:
    """The watch knows what the model is told."""
    prompt = "You summarize documents and answer with the summary alone."
    enricher = PluggedEnricher(
        one_pass,
        one_pass.card,
        summarizer=Told(lambda _: prompt),
        watch=Watch(one_pass, Guard(LENIENT), prompt),
    )
    (found,) = run(enricher, HARBOUR)
    assert "prompt" in found.summary_flags


def test_vectors_are_those_of_the_one_pass(one_pass: OnePassEnricher) -> None:
    """The document is not encoded again: its vectors are the batch's, and so is its embedding."""
    encoded = one_pass.core(one_pass.pre([HARBOUR, MARKET]))
    texts = [TRUE[HARBOUR.text], ""]
    harbour, market = Watch(one_pass, Guard(), None).embed(encoded, texts)
    assert harbour is not None
    assert market is None
    (summary,) = embed(one_pass, texts[:1])
    assert np.array_equal(harbour[1].vectors, summary.vectors)
    (inference, _) = one_pass.post(encoded)
    assert np.array_equal(harbour[0].whole, inference.embedding)
    assert len(harbour[0].vectors) == len(harbour[0].sentences)
    assert harbour[0].sentences[0] == ""  # the title is one of them


def test_drift_of_meaning_goes_by_the_streams_own_encoder(one_pass: OnePassEnricher) -> None:
    """The same summary passes or not by the threshold on the cosine of the two embeddings."""
    (pair,) = Watch(one_pass, Guard(), None).embed(
        one_pass.core(one_pass.pre([HARBOUR])), [TRUE[HARBOUR.text]]
    )
    assert pair is not None
    cosine = float(pair[0].whole @ pair[1].whole)
    for least, flags in ((cosine - 1e-3, ()), (cosine + 1e-3, ("meaning",))):
        guard = Guard(Limits(least_support=0.01, least_cosine=least))
        (found,) = run(watched(one_pass, lambda text: TRUE[text.text], guard), HARBOUR)
        assert found.summary_flags == flags


def test_a_row_does_not_depend_on_its_batch(one_pass: OnePassEnricher) -> None:
    """Delivered again in another batch, the same summary is kept, and the same one stopped."""
    enricher = watched(one_pass, lambda text: text.text[:60], Guard())
    texts = [HARBOUR, MARKET, Text("x", "Short."), HARBOUR]
    together = run(enricher, *texts)
    alone = [run(enricher, text)[0] for text in texts]
    kept = [(one.summary, one.summary_flags, one.tokens_in) for one in together]
    assert kept == [(one.summary, one.summary_flags, one.tokens_in) for one in alone]
    assert run(enricher) == []


def enriched(enricher: PluggedEnricher, texts: list[str]) -> Enrichment:
    ingest = Ingest(codec_for().decode, 1 << 20, 86_400_000)
    stage = EnrichStage(ingest, enricher, FixedClock(1_700_000_001_000), lambda _: None)
    messages = [raw(json.dumps({"text": text}).encode(), at) for at, text in enumerate(texts)]
    return stage.post(stage.core(stage.pre(messages)))


def test_a_rule_that_fails_costs_no_document(
    one_pass: OnePassEnricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error on one document is that document's: a dead letter with its bytes, no other lost."""

    def check(document: Prose, summary: Prose) -> Verdict:
        if "poison" in document.text:
            raise RuntimeError("a rule is broken")
        return check_numbers(document, summary)

    monkeypatch.setattr("models.guard.guard.check_numbers", check)
    texts = [f"The ship number {at} came home from sea." for at in range(12)]
    texts[5] = "The poison came home from sea."
    result = enriched(watched(one_pass, lambda text: text.text), texts)
    assert [one.text for one in result.enriched] == texts[:5] + texts[6:]
    assert {one.summary_method for one in result.enriched} == {Told.method}
    (letter,) = result.dead_letters
    assert (letter.offset, letter.code) == (5, "model-error")
    assert b"poison" in (letter.value or b"")
    assert "RuntimeError: a rule is broken" in letter.reason


def test_a_passing_error_costs_nothing(
    one_pass: OnePassEnricher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that does not come back leaves no dead letter."""
    errors = iter([MemoryError("no room")])

    def check(document: Prose, summary: Prose) -> Verdict:
        for error in errors:
            raise error
        return check_dates(document, summary)

    monkeypatch.setattr("models.guard.guard.check_dates", check)
    result = enriched(watched(one_pass, lambda text: text.text), ["A ship.", "Another ship."])
    assert (len(result.enriched), result.dead_letters) == (2, ())


def test_what_was_stopped_lands_in_its_columns(one_pass: OnePassEnricher) -> None:
    """The record that is landed has the flags and the rejected text, through the codec too."""
    result = enriched(watched(one_pass, lambda _: "It cost 77 pounds."), ["It cost 5 pounds."])
    (record,) = result.enriched
    codec = codec_for()
    back = codec.decode(Enriched, codec.encode("tidemark.enriched", record))
    assert (back.summary_flags, back.summary_rejected) == (("numbers",), "It cost 77 pounds.")
    assert back.summary == "It cost 5 pounds."


@pytest.mark.parametrize(
    ("setting", "rules"),
    [
        ("all", set(RULES)),
        ("", set(RULES)),
        ("numbers, dates", {"numbers", "dates"}),
        ("-language", set(RULES) - {"language"}),
        ("all,-language,-names", set(RULES) - {"language", "names"}),
        ("length=100", set(RULES)),
        ("numbers,meaning=0.3", {"numbers"}),
    ],
)
def test_a_setting_chooses_the_rules(setting: str, rules: set[str]) -> None:
    guard = guard_of(setting)
    assert guard is not None
    assert guard.rules == rules


def test_a_setting_gives_thresholds() -> None:
    guard = guard_of("length=100, repetition=0.5,prompt=0.1,foreign=0.5,meaning=0.1")
    assert guard is not None
    assert guard.limits == Limits(
        most_words=100,
        most_repeated=0.5,
        most_prompt=0.1,
        least_support=0.5,
        least_cosine=0.1,
    )


@pytest.mark.parametrize("setting", ["off", " off ", ",".join(f"-{rule}" for rule in RULES)])
def test_guardrails_can_be_off(setting: str) -> None:
    assert guard_of(setting) is None


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("nmbers", "'nmbers' is none of all, off, empty"),
        ("-nmbers", "'nmbers' is none of"),
        ("off,numbers", "'off' stands alone"),
        ("numbers=3", "numbers has no threshold; length"),
        ("length=many", "length=many must be a whole number above 0"),
        ("meaning=1.5", "meaning=1.5 must be a number above 0, at most 1"),
        ("meaning=nan", "meaning=nan must be a number above 0"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(
    setting: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In one line that names the setting and what to write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_GUARD", setting)
    with pytest.raises(Misconfigured, match=f"setting guard: .*{says}"):
        load_settings()


def test_thresholds_of_the_documentation_are_the_defaults() -> None:
    """Repeating them changes nothing, and the description says what they are."""
    said = Settings.model_fields["guard"].description or ""
    given = [word.strip("`,") for word in said.split() if "=" in word]
    assert len(given) == 5
    assert guard_of(",".join(given)) == guard_of(Settings.model_fields["guard"].default)
