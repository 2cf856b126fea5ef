"""``tidemark produce`` and ``tidemark enrich`` as a person meets them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

import streams.backends.kafka.producer as kafka_producer
import streams.runtime.platform as platform_module
from schemas.codec import codec_for
from schemas.messages import Document
from streams.backends.memory_producer import MemoryProducer
from streams.cli import produce
from streams.clock import FixedClock
from streams.errors import Misconfigured
from streams.runtime import parts
from streams.topics import Topics
from tests.support.fakes import FakeEnricher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

NOW = 1_717_243_200_000
CODEC = codec_for(None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own, with a file of three rows of which one is bad."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("doc_id,text,year\n1,a,2014\n2,,2014\n3,c,2015\n")
    (tmp_path / "good.csv").write_text("doc_id,text\n1,a\n2,b\n")
    return tmp_path


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> MemoryProducer:
    """Replace Kafka by memory."""
    memory = MemoryProducer()
    broker = SimpleNamespace(kind="external", owned=False)
    platform = SimpleNamespace(topics=Topics(), codec=CODEC, clock=FixedClock(NOW), broker=broker)

    @contextmanager
    def open_platform(_settings: object) -> Iterator[Any]:
        yield platform

    monkeypatch.setattr(platform_module, "open_platform", open_platform)
    monkeypatch.setattr(kafka_producer, "open_producer", lambda *_: memory)
    return memory


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    app = typer.Typer()
    produce.register(app)
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_everything_readable_is_published_and_the_rest_shown(producer: MemoryProducer) -> None:
    """One refused row makes the exit code 1, and the others are acknowledged all the same."""
    result = run("produce", "rows.csv")
    assert result.exit_code == 1
    assert [message.key for message in producer.acknowledged] == [b"1", b"3"]
    assert "published 2 documents" in result.output
    assert "refused 1:\n  rows.csv:3: the text has no visible character" in result.output
    assert producer.closed


def test_refusals_can_be_allowed(producer: MemoryProducer) -> None:
    """Then they are still shown."""
    result = run("produce", "rows.csv", "--allow-refused")
    assert (result.exit_code, len(producer.acknowledged)) == (0, 2)
    assert "rows.csv:3" in result.output


def test_a_clean_file_ends_with_success(producer: MemoryProducer) -> None:
    """Both formats can be chosen and hold the same documents."""
    for output in ("avro", "json"):
        assert run("produce", "good.csv", "--format", output).exit_code == 0
    avro, js = producer.acknowledged[:2], producer.acknowledged[2:]
    assert [CODEC.decode(Document, message.value) for message in avro] == [
        CODEC.decode(Document, message.value) for message in js
    ]
    assert {message.value[:1] for message in js if message.value} == {b"{"}


def test_options_choose_columns_source_and_limit(producer: MemoryProducer, folder: Path) -> None:
    """The options of the documentation do what they say."""
    (folder / "x.jsonl").write_text('{"k": "9", "b": "t", "h": "u", "w": 0, "s": "wire"}\n' * 3)
    result = run(
        *("produce", "x.jsonl", "--text-column", "b", "--title-column", "h", "--time-column", "w"),
        *("--id-column", "k", "--source-column", "s", "--limit", "2", "--rate", "1000000"),
    )
    assert result.exit_code == 0
    documents = [CODEC.decode(Document, message.value) for message in producer.acknowledged]
    assert documents == [Document("t", "9", "wire", 0, "u")] * 2


def test_standard_input_is_published(producer: MemoryProducer) -> None:
    """A dash reads lines."""
    assert run("produce", "-", "--source", "pipe", stdin=b"one\ntwo\n").exit_code == 0
    documents = [CODEC.decode(Document, message.value) for message in producer.acknowledged]
    assert [(found.text, found.source) for found in documents] == [("one", "pipe"), ("two", "pipe")]


@pytest.mark.parametrize(
    "arguments",
    [["produce", "missing.csv"], ["produce"], ["produce", "good.csv", "--format", "xml"],
     ["enrich", "good.csv"], ["enrich", "missing.csv", "--output", "o"]],
)  # fmt: skip
@pytest.mark.usefixtures("producer")
def test_wrong_usage_has_exit_code_2(arguments: list[str]) -> None:
    """Nothing is opened before the arguments are right."""
    assert run(*arguments).exit_code == 2


def test_a_broker_that_would_forget_is_refused(
    producer: MemoryProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The in-process cluster ends with the command that owns it."""

    @contextmanager
    def open_platform(_settings: object) -> Iterator[Any]:
        yield SimpleNamespace(broker=SimpleNamespace(kind="in-process", owned=True))

    monkeypatch.setattr(platform_module, "open_platform", open_platform)
    result = run("produce", "good.csv")
    assert isinstance(result.exception, Misconfigured)
    assert producer.acknowledged == []


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the model by one whose answers are functions of its input."""
    monkeypatch.setattr(parts, "open_enricher", lambda _settings: FakeEnricher())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.usefixtures("model")
def test_enrich_writes_a_line_per_document(folder: Path) -> None:
    """In order, without embeddings, and what is refused is shown."""
    result = run("enrich", "rows.csv", "--output", "out.jsonl")
    assert result.exit_code == 1
    assert "enriched 2 documents" in result.output
    assert "rows.csv:3: the text has no visible character" in result.output
    first, second = lines(folder / "out.jsonl")
    assert (first["doc_id"], second["doc_id"]) == ("1", "3")
    assert (first["summary"], first["label"], first["terms"]) == ("a", "odd", ["a"])
    assert "embedding" not in first
    assert not (folder / "out.jsonl.part").exists()


@pytest.mark.usefixtures("model")
def test_enrich_writes_embeddings_when_asked(folder: Path) -> None:
    """As a list of numbers."""
    assert run("enrich", "good.csv", "-o", "out.jsonl", "--embeddings").exit_code == 0
    vectors = [line["embedding"] for line in lines(folder / "out.jsonl")]
    assert [len(vector) for vector in vectors] == [16, 16]


@pytest.mark.usefixtures("model")
def test_an_output_that_cannot_be_written_is_said() -> None:
    """With the setting's name, before the work."""
    result = run("enrich", "good.csv", "--output", "missing/out.jsonl")
    assert isinstance(result.exception, Misconfigured)
    assert "cannot write missing/out.jsonl" in str(result.exception)
