"""Labels of people travel over their topic into ClickHouse; the command says them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from schemas.messages import HumanLabel
from streams.backends.clickhouse import open_warehouse
from streams.cli.main import main
from tests.support.brokers import nothing_left, own_logs, own_settings
from tests.support.runtime import (
    documents,
    fresh_prefix,
    parts_of,
    platform_on,
    publish,
    running,
    send_raw,
    settings_for,
)

if TYPE_CHECKING:
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse
    from streams.backends.kafka.broker import Broker

__all__ = ["nothing_left", "own_logs", "own_settings"]

_FIGURES = """\
SELECT documents, correct, unsure, disputed
FROM accuracy(window_from = '2000-01-01', window_to = '2100-01-01', source = '') ORDER BY source"""


async def test_labels_land_once_and_bad_ones_are_dead_letters(
    in_process: Broker, tmp_path: Path
) -> None:
    """Sent twice, they count once; garbage has its letter, and the ledger of documents adds up."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("labels"))
    platform = platform_on(in_process, settings)
    topic, found = platform.topics.labels, documents(30, ["news"])
    # The fake model's label is the parity of the text's length: half of the words are wrong.
    words = ["even" if number % 2 else "odd" for number in range(30)]
    right = sum(
        (len(one.text) % 2 == 0) == (word == "even") for one, word in zip(found, words, strict=True)
    )
    said = [
        HumanLabel(one.doc_id or "", one.source, (word,), "ada", 1_714_564_800_000)
        for one, word in zip(found, words, strict=True)
    ]
    blank = HumanLabel("doc-1", "news", ("unsure",), "ada", 1_714_564_800_000)
    good = [(b"k", platform.codec.encode(topic, one)) for one in said]
    with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
        publish(platform, found)
        send_raw(in_process, topic, [*good, *good])
        bad = send_raw(
            in_process,
            topic,
            [(b"k", b"\xfe"), (b"k", platform.codec.encode(topic, blank)), (b"k", None)],
        )
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
            await session.until(lambda: _count(warehouse, "dead_letters") == len(bad))
        assert [list(row) for row in warehouse.query(_FIGURES).rows] == [[30, right, 0, 0]]
        assert (_count(warehouse, "labels"), _count(warehouse, "documents")) == (30, 30)
        letters = warehouse.query("SELECT code, topic, role FROM dead_letters ORDER BY code").rows
        assert [row[0] for row in letters] == ["not-avro-nor-json"] * 2 + ["out-of-range"]
        assert {tuple(row[1:]) for row in letters} == {(topic, "land")}
        sums = warehouse.query("SELECT sum(received), sum(landed), sum(missing) FROM ledger").rows
        assert [int(value) for value in sums[0]] == [30, 30, 0]


@pytest.mark.kafka
@pytest.mark.usefixtures("own_logs")
async def test_the_command_says_it(
    kafka: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By document, by file, taken back; the source is looked up, and what is refused is shown."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("label"))
    for name, value in {
        "DATA": tmp_path, "KAFKA": kafka.bootstrap, "TOPIC_PREFIX": settings.topic_prefix,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"TIDEMARK_{name}", str(value))
    platform = platform_on(kafka, settings)
    with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
        publish(platform, documents(4, ["news"]))
        async with running(platform, parts_of(warehouse)) as session:
            await session.finish()
    path = tmp_path / "labelled.csv"
    path.write_text("doc_id,label\ndoc-1,odd|even\ndoc-9,odd\ndoc-2,odd\n", encoding="utf-8")
    assert _exit_code(monkeypatch, "doc-0", "even", "--by", "ada") == 0
    assert _exit_code(monkeypatch, "--file", str(path), "--by", "ada") == 1
    assert "labelled.csv:3: no document 'doc-9' has landed" in capsys.readouterr().err
    assert _exit_code(monkeypatch, "doc-2", "--withdraw", "--by", "ada") == 0
    assert _exit_code(monkeypatch, "doc-2") == 2
    with closing(open_warehouse(settings.clickhouse_url)) as warehouse:
        async with running(platform, parts_of(warehouse), ["land"]) as session:
            await session.until(lambda: _count(warehouse, "labels_raw") == 3)
            sql = "SELECT doc_id, source, labels FROM labels ORDER BY doc_id"
            expected = [["doc-0", "news", ["even"]], ["doc-1", "news", ["even", "odd"]]]
            await session.until(lambda: [list(x) for x in warehouse.query(sql).rows] == expected)


def _exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["tidemark", "label", *arguments])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _count(warehouse: ClickHouseWarehouse, view: str) -> int:
    return int(warehouse.query(f"SELECT count() FROM {view}").rows[0][0])
