"""Models change between two batches: whole batches, true rows, and no change that cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.codec import codec_for
from schemas.messages import Document
from streams.cli.main import main
from streams.clock import FixedClock
from streams.config import Settings
from streams.errors import Misconfigured
from streams.logs import logger
from streams.runtime.choice import choice_file, read_choice, with_choice, write_choice
from streams.runtime.switching import ModelSwitch
from streams.stages.enrich import EnrichStage
from streams.stages.ingest import Ingest
from tests.support.brokers import own_settings
from tests.support.fakes import FakeEnricher, raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.ports import Inference, ModelCard, RawMessage, Text

__all__ = ["own_settings"]

CODEC = codec_for(None)
INGEST = Ingest(CODEC.decode, 1 << 20, 86_400_000)


class Named(FakeEnricher):
    """A model that writes its name."""

    def __init__(self, name: str, breaks_on: Callable[[Text], bool] = lambda _: False) -> None:
        super().__init__(breaks_on)
        self.name = name

    @property
    def card(self) -> ModelCard:
        return replace(super().card, classifier=self.name)

    def post(self, encoded: object) -> list[Inference]:
        return [replace(one, summary=self.name) for one in super().post(encoded)]


def stage_with(model: FakeEnricher) -> EnrichStage:
    return EnrichStage(INGEST, model, FixedClock(1_700_000_001_000), lambda _: None)


def messages(*texts: str) -> list[RawMessage]:
    encoded = [CODEC.encode("t", Document(text, doc_id=text)) for text in texts]
    return [raw(value, number) for number, value in enumerate(encoded)]


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("after", ["pre", "core"])
def test_a_batch_ends_with_the_model_that_it_began_with(after: str, *, breaks: bool) -> None:
    """Also where a document breaks it and the rest is tried again; its rows say so."""
    old = Named("old", lambda text: breaks and text.text == "b")
    stage, new = stage_with(old), Named("new")
    batch = stage.pre(messages("a", "b", "c"))
    if after == "pre":
        stage.change(new)
    batch = stage.core(batch)
    stage.change(new)
    found = stage.post(batch)
    assert {(one.summary, one.classifier) for one in found.enriched} == {("old", "old")}
    assert [one.doc_id for one in found.enriched] == (["a", "c"] if breaks else ["a", "b", "c"])
    next_one = stage.post(stage.core(stage.pre(messages("b"))))
    assert [(one.summary, one.classifier) for one in next_one.enriched] == [("new", "new")]


def test_a_choice_stands_over_the_settings(tmp_path: Path) -> None:
    """Written whole, read back, taken back; what is no choice is refused with what to do."""
    settings = Settings(data=tmp_path / "data", classifier="zero-shot")
    assert with_choice(settings) == settings
    write_choice(settings.data, {"classifier": "news"})
    assert with_choice(settings).classifier == "news"
    assert [path.name for path in settings.data.iterdir()] == [choice_file(settings.data).name]
    write_choice(settings.data, {})
    assert (read_choice(settings.data), with_choice(settings)) == ({}, settings)
    for wrong in ("[]", "{", '{"kafka": "x"}', '{"model": 3}', '{"model": ""}'):
        choice_file(settings.data).write_text(wrong)
        with pytest.raises(Misconfigured, match="tidemark models use"):
            read_choice(settings.data)


def test_the_switch_follows_the_choice_and_loads_each_once(tmp_path: Path) -> None:
    """What cannot be loaded leaves the model in use; a choice taken back brings the first."""
    settings = Settings(data=tmp_path, classifier="first")
    stage, loaded = stage_with(Named("first")), []

    def load(wanted: Settings) -> Named:
        loaded.append(wanted.classifier)
        if wanted.classifier == "broken":
            raise Misconfigured("no such model")
        return Named(wanted.classifier)

    switch = ModelSwitch(settings, stage, load, logger())
    seen = []
    for choice in ({}, {"classifier": "second"}, {"classifier": "broken"}, {}):
        write_choice(tmp_path, choice)
        switch.look()
        switch.look()
        seen.append(stage.card.classifier)
    choice_file(tmp_path).write_text("nonsense")
    switch.look()
    assert seen == ["first", "second", "second", "first"]
    assert (loaded, stage.card.classifier) == (["second", "broken", "first"], "first")


def test_a_worker_that_began_with_the_choice_loads_nothing(tmp_path: Path) -> None:
    """Its models are those already."""
    settings = Settings(data=tmp_path)
    write_choice(tmp_path, {"classifier": "second"})

    def load(_wanted: Settings) -> Named:
        raise AssertionError("nothing has changed")

    stage = stage_with(Named("second"))
    ModelSwitch(settings, stage, load, logger(), loaded=with_choice(settings)).look()
    assert stage.card.classifier == "second"


@pytest.mark.usefixtures("own_settings")
def test_the_command_chooses_what_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown models, and those for another task, are refused before a worker hears of them."""
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path))

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["tidemark", "models", "use", *arguments])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    assert run("--classifier", "zero-shot", "--compute-type", "float32") == 0
    assert read_choice(tmp_path) == {"classifier": "zero-shot", "compute_type": "float32"}
    assert run("--classifier", "nobody") == 1
    assert "there is no model nobody" in capsys.readouterr().err
    assert run("--summarizer", "all-minilm-l6-v2") == 1
    assert "a model for embedding, it cannot be the summarizer" in capsys.readouterr().err
    assert run("--as-configured", "--model", "x") == 2
    assert read_choice(tmp_path) == {"classifier": "zero-shot", "compute_type": "float32"}
    assert run("--as-configured") == 0
    assert read_choice(tmp_path) == {}
    assert "in use: what the settings say" in capsys.readouterr().out
