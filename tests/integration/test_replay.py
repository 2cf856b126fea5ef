"""Dead letters put back over a real broker and database: once, told, resumed, repaired."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backends.clickhouse import ClickHouseWarehouse, open_warehouse
from streams.backends.kafka.alerts import read_topic
from streams.cli import questions, replaying
from streams.config import load_settings
from streams.runtime import replay_journal
from tests.support.brokers import nothing_left, own_settings
from tests.support.fakes import FakeEnricher
from tests.support.runtime import (
    Sent,
    fresh_prefix,
    parts_of,
    platform_on,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.kafka.broker import Broker
    from streams.ports import RawMessage
    from streams.runtime.platform import Platform

__all__ = ["nothing_left", "own_settings"]

pytestmark = pytest.mark.kafka

HEADERS = {"trace": b"\xff\x00", "tidemark-receipt": b"r"}
DAY_MS = 86_400_000


class Stand:
    """A broker's topics, a database, and the commands against both."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        settings = settings_for(
            folder, topic_prefix=fresh_prefix("replay"), ledger_interval="500ms"
        )
        self.platform: Platform = platform_on(broker, settings)
        self.url = f"chdb://{folder / 'clickhouse'}"
        self.broker, self.topic = broker, self.platform.topics.documents

    async def run(self, *, breaks: bool = False) -> None:
        """Let all roles work until everything has landed."""
        again = platform_on(self.broker, self.platform.settings)
        model = FakeEnricher(breaks_on=lambda text: breaks and "breaks" in text.text)
        with closing(open_warehouse(self.url)) as warehouse:
            async with running(again, parts_of(warehouse, model)) as session:
                await session.finish()

    def ask(self, sql: str) -> list[list[Any]]:
        """Ask the database while nothing runs."""
        with closing(open_warehouse(self.url)) as warehouse:
            return warehouse.query(sql).rows

    async def command(self, *arguments: str) -> Result:
        """Run ``tidemark dead-letters``."""
        app = typer.Typer()
        questions.register(app)
        environment = {
            "TIDEMARK_KAFKA": self.broker.bootstrap,
            "TIDEMARK_TOPIC_PREFIX": self.platform.topics.prefix,
            "TIDEMARK_CLICKHOUSE": self.url,
            "TIDEMARK_DATA": str(self.platform.settings.data),
        }
        words = ["dead-letters", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)

    def messages(self) -> list[RawMessage]:
        """Everything in the documents topic."""
        broker = self.broker
        return list(
            read_topic(
                broker.bootstrap, broker.security, self.topic, from_beginning=True, follow=False
            )
        )

    def send(self, *values: bytes, partition: int | None = None) -> list[Sent]:
        """Send documents as somebody else would."""
        pairs: list[tuple[bytes | None, bytes | None]] = [(b"k", one) for one in values]
        return send_raw(self.broker, self.topic, pairs, headers=HEADERS, partition=partition)


def _last(result: Result) -> str:
    """The last line: logs of the session come before."""
    return result.stdout.splitlines()[-1]


@pytest.fixture
def stand(kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Fresh topics and an empty database; the commands leave the session's logging alone."""
    monkeypatch.setattr(replaying, "_configured", load_settings)
    return Stand(kafka, tmp_path)


async def test_letters_go_back_once_and_land(stand: Stand) -> None:
    """Bytes, key, headers, partition; twice by accident sends nothing; the views know."""
    values = [b'{"text": "breaks %d", "doc_id": "b%d"}' % (n, n) for n in range(5)]
    sent = stand.send(*values, partition=2)
    stand.send(b"\xff garbage", b'{"text": "fine"}')
    await stand.run(breaks=True)
    dry = await stand.command("replay", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "would put back 5 dead letters" in dry.stdout
    assert "left 1: refused again" in dry.stderr
    assert len(stand.messages()) == 7
    done = await stand.command("replay", "--code", "model-error")
    assert (done.exit_code, _last(done)) == (0, "put back 5 dead letters"), done.output
    twice = await stand.command("replay", "--code", "model-error")
    assert (twice.exit_code, _last(twice)) == (0, "put back 0 dead letters")
    assert "left 5: put back before" in twice.stderr
    assert "is on its way" in twice.stderr
    back = [one for one in stand.messages() if "tidemark-replays" in one.headers]
    assert sorted(one.value or b"" for one in back) == values
    assert {(one.key, one.origin.partition) for one in back} == {(b"k", 2)}
    assert {one.headers["trace"] for one in back} == {b"\xff\x00"}
    assert {one.headers["tidemark-replays"] for one in back} == {b"1"}
    of = {one.headers["tidemark-replay-of"].decode().rsplit("/", 1)[0] for one in back}
    assert of == {f"{stand.topic}/2/{one.offset}" for one in sent}
    await stand.run()
    letters = stand.ask(
        "SELECT code, toInt32(replays), resolved, resolved_by IS NULL FROM dead_letters "
        "ORDER BY code, offset"
    )
    assert letters == [["model-error", 1, 1, False]] * 5 + [["not-avro-nor-json", 0, 0, True]]
    rows = stand.ask("SELECT toInt32(count()), toInt32(uniqExact(doc_id)) FROM documents")
    assert rows == [[6, 6]]
    told = await stand.command("replay", "--code", "model-error")
    assert f"landed as {stand.topic}/2/" in told.stderr
    forced = await stand.command("replay", "--code", "model-error", "--again", "--anyway")
    assert _last(forced) == "put back 5 dead letters"
    await stand.run()
    rows = stand.ask("SELECT toInt32(count()), toInt32(uniqExact(doc_id)) FROM documents")
    assert rows == [[6, 6]]  # natural keys: put back twice on purpose, one row each


async def test_a_replay_of_a_replay_is_bounded(stand: Stand) -> None:
    """Each letter of the line is told apart, and the line ends."""
    stand.send(b'{"text": "breaks", "doc_id": "b"}')
    await stand.run(breaks=True)
    assert _last(await stand.command("replay", "--most", "1")) == "put back 1 dead letters"
    await stand.run(breaks=True)
    last = await stand.command("replay", "--most", "1")
    assert (last.exit_code, _last(last)) == (1, "put back 0 dead letters")
    assert "it has been put back 1 times (--most)" in last.stderr
    assert "was dead-lettered again: put that letter back" in last.stderr
    assert _last(await stand.command("replay", "--most", "2")) == "put back 1 dead letters"
    await stand.run()
    replays = stand.ask("SELECT outcome, toInt32(number) FROM replays ORDER BY number, offset")
    # The second stands for both: for the letter that it was, and for the first of the line.
    assert replays == [["dead-lettered", 1], ["landed", 2], ["landed", 2]]
    assert stand.ask("SELECT toInt32(countIf(resolved)), toInt32(count()) FROM dead_letters") == [
        [2, 2]
    ]


async def test_an_interrupted_replay_goes_on(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the broker's acknowledgement and the journal: nothing is sent twice."""
    stand.send(*[b'{"text": "breaks %d"}' % n for n in range(30)])
    await stand.run(breaks=True)
    real = replay_journal.ReplayJournal._append

    def killed(self: Any, line: Any) -> None:
        if line.get("done"):
            raise KeyboardInterrupt
        real(self, line)

    with monkeypatch.context() as patch:
        patch.setattr(replay_journal.ReplayJournal, "_append", killed)
        broken = await stand.command("replay", "--limit", "20", "--yes")
        assert broken.exit_code != 0
        del broken  # it holds the producer of the run that was broken off
        gc.collect()
    assert len(stand.messages()) == 50
    rest = await stand.command("replay")
    assert _last(rest) == "put back 10 dead letters", rest.output
    assert "left 20: put back before" in rest.stderr
    assert len(stand.messages()) == 60
    await stand.run()
    rows = stand.ask("SELECT toInt32(count()), toInt32(uniqExact(doc_id)) FROM documents")
    assert rows == [[30, 30]]


async def test_letters_are_repaired_in_a_file(stand: Stand, tmp_path: Path) -> None:
    """Export, edit, put back: Avro as a document, JSON as text; a wrong line sends nothing."""
    from schemas.messages import Document  # noqa: PLC0415

    late = stand.platform.clock.now_ms() + 9 * DAY_MS
    avro = stand.platform.codec.encode(stand.topic, Document("a tide", "avro", published_at=late))
    stand.send(avro, b'{"txt": "a tide", "doc_id": "json"}', b"\xff\xfe")
    await stand.run()
    file = tmp_path / "letters.jsonl"
    written = await stand.command("export", "--output", str(file))
    assert "wrote 3 dead letters" in written.stderr, written.output
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    by_code = {line["code"]: line for line in lines}
    by_code["date-in-future"]["document"]["published_at"] = "2024-05-06T00:00:00Z"
    by_code["unknown-field"]["value"] = by_code["unknown-field"]["value"].replace("txt", "text")
    assert by_code["not-avro-nor-json"]["value"] == {"base64": "//4="}
    good = [by_code["date-in-future"], by_code["unknown-field"]]
    wrong = {**by_code["not-avro-nor-json"], "value": 17}
    file.write_text("\n".join(json.dumps(line) for line in [*good, wrong]))
    refused = await stand.command("replay", "--file", str(file))
    assert "line 3 is no line of" in str(refused.exception)
    assert len(stand.messages()) == 3
    file.write_text("\n".join(json.dumps(line) for line in good))
    done = await stand.command("replay", "--file", str(file))
    assert (done.exit_code, _last(done)) == (0, "put back 2 dead letters"), done.output
    await stand.run()
    rows = stand.ask("SELECT doc_id, text, toDate(published_at) FROM documents ORDER BY doc_id")
    assert [row[:2] for row in rows] == [["avro", "a tide"], ["json", "a tide"]]
    assert rows[0][2] == "2024-05-06"
    assert stand.ask("SELECT toInt32(countIf(resolved)) FROM dead_letters") == [[2]]


async def test_an_old_letter_does_not_overwrite_a_newer_version(stand: Stand) -> None:
    """The producer has published it again meanwhile: left, unless told otherwise."""
    stand.send(b'{"text": "breaks of old", "doc_id": "d"}')
    await stand.run(breaks=True)
    stand.send(b'{"text": "the newer text", "doc_id": "d"}')
    await stand.run()
    left = await stand.command("replay")
    assert (left.exit_code, _last(left)) == (1, "put back 0 dead letters")
    assert "left 1: superseded" in left.stderr
    assert stand.ask("SELECT text FROM documents") == [["the newer text"]]
    forced = await stand.command("replay", "--anyway")
    assert _last(forced) == "put back 1 dead letters"
    ledger = stand.ask("SELECT toInt32(sum(dead_lettered)), toInt32(sum(landed)) FROM ledger")
    assert ledger == [[1, 1]]


def test_all_warehouses_take_replays(stand: Stand) -> None:
    """The type that the land role is given."""
    with closing(open_warehouse(stand.url)) as opened:
        assert isinstance(opened, ClickHouseWarehouse)
        opened.write_replays([])
        assert opened.query("SELECT count() FROM replays").rows in ([[0]], [["0"]])
