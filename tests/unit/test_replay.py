"""Putting letters back, without a broker: what is left and why, the journal, files of letters."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from schemas.codec import codec_for
from schemas.messages import DeadLetter, Document, Origin
from streams.backends.memory_producer import MemoryProducer
from streams.cli.letter_files import export, repaired
from streams.clock import FixedClock
from streams.errors import Misconfigured, Unavailable, UnreadableState
from streams.ports import RawMessage
from streams.runtime.dead_letters import outgoing_letter, was_cut
from streams.runtime.replay import Limits, Replay, batches
from streams.runtime.replay_journal import FILE, ReplayJournal
from streams.stages.ingest import Ingest
from streams.stages.replays import Candidate, count_of, read, replay_headers, written
from streams.topics import Topics
from tests.support.landed import START, document, letter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from streams.stages.ledger import Partition
    from streams.stages.replays import LetterKey

CODEC = codec_for(None)
TOPICS = Topics()
GOOD = b'{"text": "tide", "doc_id": "d"}'


class Log:
    """One partition of the documents topic."""

    def __init__(self) -> None:
        self.messages: list[RawMessage] = []

    def ends(self) -> Mapping[Partition, int]:
        return {(TOPICS.documents, 0): len(self.messages)}

    def since(self, starts: Mapping[Partition, int]) -> Iterable[RawMessage]:
        return self.messages[starts[TOPICS.documents, 0] :]

    def arrive(self, key: LetterKey) -> None:
        """A replay is in the topic."""
        at = Origin(TOPICS.documents, 0, len(self.messages), START)
        self.messages.append(RawMessage(at, None, GOOD, replay_headers(key, {})))


class Known:
    """Documents that have landed."""

    def __init__(self, at: int = 0) -> None:
        self._at = at

    def newest(self, documents: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
        return dict.fromkeys(documents, self._at)


def candidate(offset: int = 1, **changes: object) -> Candidate:
    return Candidate(replace(letter(offset, value=GOOD), **changes))  # type: ignore[arg-type]


def work(limits: Limits | None = None, known: Known | None = None) -> Replay:
    return Replay(
        topics=TOPICS,
        ingest=Ingest(CODEC.decode, 1 << 20, 86_400_000),
        codec=CODEC,
        known=known or Known(),
        clock=FixedClock(START),
        limits=limits or Limits(),
        partitions={TOPICS.documents: 4, TOPICS.enriched: 1},
    )


def why(one: Candidate, replay: Replay, sent: frozenset[LetterKey] = frozenset()) -> list[str]:
    """Why a letter is left; empty when it is put back."""
    judged = replay.judged([one], sent)
    assert len(judged) + sum(replay.outcome.skipped.values()) == 1
    return list(replay.outcome.skipped)


def test_a_letter_goes_back_as_it_came() -> None:
    """Bytes, key, headers, partition; and where it comes from, the first time and the next."""
    ((key, message),) = work().judged([candidate()], frozenset())
    assert key == ("tidemark.documents", 1, 1, START + 1)
    assert (message.key, message.value, message.partition) == (b"\xfe", GOOD, 1)
    of = written(key).encode()
    assert message.headers == {
        "trace": b"\x00\xff",
        "tidemark-replay-of": of,
        "tidemark-replay-origin": of,
        "tidemark-replays": b"1",
    }
    again = replay_headers(("t", 0, 9, 5), message.headers)
    assert again["tidemark-replay-of"] == b"t/0/9/5"
    assert again["tidemark-replay-origin"] == of
    assert count_of(again) == 2


def test_a_partition_that_is_gone_is_chosen_by_the_key() -> None:
    """The topic may have fewer partitions now."""
    ((_, message),) = work().judged([candidate(partition=9)], frozenset())
    assert message.partition is None


def test_what_is_left_and_why() -> None:
    """Each reason alone, and which option overrules it."""
    key = candidate().key
    cut = outgoing_letter(letter(1, value=b"x" * 99_999), "dl", CODEC, MemoryProducer(40_000))
    often = {"tidemark-replays": b"3"}
    assert why(candidate(topic="other.documents"), work()) == ["other-topic"]
    assert why(Candidate(candidate().letter, 1), work()) == ["put-back-before"]
    assert why(candidate(), work(), frozenset({key})) == ["put-back-before"]
    assert why(candidate(), work(Limits(again=True)), frozenset({key})) == []
    assert why(Candidate(CODEC.decode(DeadLetter, cut.value)), work()) == ["cut"]
    assert why(candidate(headers=often), work()) == ["too-often"]
    assert why(candidate(headers=often), work(Limits(most=4))) == []
    assert why(candidate(value=b"{}"), work()) == ["refused-again"]
    assert why(candidate(value=None), work(Limits(anyway=True))) == []
    assert why(candidate(), work(known=Known(START + 2))) == ["superseded"]
    assert why(candidate(), work(Limits(anyway=True), Known(START + 2))) == []
    assert why(candidate(), work(known=Known(START + 1))) == []


def test_enriched_records_go_back_to_their_own_topic() -> None:
    """What the land role could not read yesterday and can today."""
    value = CODEC.encode(TOPICS.enriched, document(1))
    ((_, message),) = work().judged(
        [candidate(topic=TOPICS.enriched, value=value, partition=0)], frozenset()
    )
    assert (message.topic, message.value) == (TOPICS.enriched, value)
    assert why(candidate(topic=TOPICS.enriched), work()) == ["refused-again"]


def test_only_whole_letters_are_put_back() -> None:
    """The reason of a cut one says so, and nothing else does."""
    assert not was_cut(letter(1))


def test_headers_that_are_no_identity_are_not_read() -> None:
    """A producer may send anything under our names."""
    assert read(b"a/b/1/2/3") == ("a/b", 1, 2, 3)
    for wrong in (None, b"", b"a/1/2", b"/1/2/3", b"a/x/2/3", b"\xff/1/-2/3"):
        assert read(wrong) is None
    assert count_of({"tidemark-replays": b"-1"}) == count_of({"tidemark-replays": b"9" * 99}) == 0


def test_batches_are_bounded() -> None:
    """By letters and by bytes; a single large one comes alone."""
    many = [candidate(n, value=b"x" * 10) for n in range(5)]
    assert [len(one) for one in batches(many, most=2)] == [2, 2, 1]
    assert [len(one) for one in batches(many, most_bytes=25)] == [2, 2, 1]
    assert [len(one) for one in batches(many, most_bytes=5)] == [1] * 5
    assert list(batches([])) == []


KEYS: list[LetterKey] = [(TOPICS.documents, 0, n, START) for n in range(4)]


def test_the_journal_remembers(tmp_path: Path) -> None:
    """What was sent is known to the next run; two runs at a time are refused."""
    log = Log()
    with ReplayJournal(tmp_path, log) as journal:
        with journal.batch(KEYS[:2]):
            pass
        assert journal.sent == frozenset(KEYS[:2])
        with pytest.raises(Misconfigured, match="another process"):
            ReplayJournal(tmp_path, log)
    with ReplayJournal(tmp_path, log) as journal:
        assert journal.sent == frozenset(KEYS[:2])


def test_an_open_batch_is_looked_for_in_the_topic(tmp_path: Path) -> None:
    """Some of it arrived before the crash: just these are taken as sent; looked for once."""
    log = Log()
    log.arrive(KEYS[3])  # of a run before: not in this batch
    with (
        ReplayJournal(tmp_path, log) as journal,
        contextlib.suppress(Unavailable),
        journal.batch(KEYS[:3]),
    ):
        log.arrive(KEYS[0])
        log.arrive(KEYS[2])
        raise Unavailable("the broker is gone")
    assert (tmp_path / FILE).read_bytes().count(b"done") == 0
    with ReplayJournal(tmp_path, log) as journal:
        assert journal.sent == frozenset({KEYS[0], KEYS[2]})
    log.messages.clear()
    with ReplayJournal(tmp_path, log) as journal:
        assert journal.sent == frozenset({KEYS[0], KEYS[2]})


def test_a_torn_line_is_cut_off_and_a_damaged_one_refused(tmp_path: Path) -> None:
    """A crash tears the last line only; nothing was done after it."""
    log = Log()
    with ReplayJournal(tmp_path, log) as journal, journal.batch(KEYS[:1]):
        pass
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + b'{"letters": [["t')
    with ReplayJournal(tmp_path, log) as journal:
        assert journal.sent == frozenset(KEYS[:1])
    assert (tmp_path / FILE).read_bytes() == whole
    (tmp_path / FILE).write_bytes(b"{nonsense\n" + whole)
    with pytest.raises(UnreadableState, match=r"line 1 of .* is damaged"):
        ReplayJournal(tmp_path, log)


def test_a_batch_is_sent_whole_or_stays_open(tmp_path: Path) -> None:
    """The journal says done only after the broker has acknowledged."""
    producer, replay = MemoryProducer(), work()
    judged = replay.judged([candidate(1), candidate(2)], frozenset())
    producer.down = True
    with ReplayJournal(tmp_path, Log()) as journal:
        with pytest.raises(Unavailable):
            replay.send(judged, producer, journal)
        assert (journal.sent, replay.outcome.sent) == (frozenset(), 0)
        producer.down, producer.waiting = False, []
        replay.send(judged, producer, journal)
        assert (len(producer.acknowledged), replay.outcome.sent) == (2, 2)
        assert journal.sent == {candidate(1).key, candidate(2).key}


def lines_of(*candidates: Candidate) -> list[dict[str, Any]]:
    """What is exported."""
    file = io.BytesIO()
    assert export(candidates, file, CODEC) == len(candidates)
    return [orjson.loads(line) for line in file.getvalue().splitlines()]


def back(path: Path, lines: Iterable[object], *candidates: Candidate) -> Iterator[Candidate]:
    """What is read back."""
    path.write_bytes(b"\n\n".join(orjson.dumps(line) for line in lines))
    known = {one.key: one for one in candidates}
    return repaired(path, known.get, CODEC.encode)


@pytest.mark.parametrize("value", [GOOD, None, b"", b"\xff\x00", "tide \u00e9".encode()])
def test_a_file_that_nobody_changed_gives_the_same_bytes(
    tmp_path: Path, value: bytes | None
) -> None:
    """Key, value, headers; text stays text, other bytes are base64."""
    one = candidate(value=value)
    assert list(back(tmp_path / "f", lines_of(one), one)) == [one]


def test_avro_is_exported_as_a_document(tmp_path: Path) -> None:
    """It can be repaired, and is written again."""
    one = candidate(value=CODEC.encode("t", Document("tide", "d", metadata={"a": "b"})))
    (line,) = lines_of(one)
    assert line["document"] == {
        "text": "tide", "doc_id": "d", "source": "default", "published_at": None, "title": None,
        "language": None, "metadata": {"a": "b"}}  # fmt: skip
    assert list(back(tmp_path / "f", [line], one)) == [one]
    line["document"]["text"] = "ebb"
    (changed,) = back(tmp_path / "f", [line], one)
    assert CODEC.decode(Document, changed.letter.value).text == "ebb"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": 5}, "line 1 is no line of"),
        ({"value": {"base64": "!"}}, "line 1 is no line of"),
        ({"document": {"text": "x"}}, "one of them"),
        ({"letter": "t/0/9/9"}, "line 1: there is no dead letter 't/0/9/9'"),
        ({"headers": 7}, "line 1 is no line of"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    """One clear line, whatever is wrong."""
    one = candidate()
    (line,) = lines_of(one)
    with pytest.raises(Misconfigured, match=said):
        list(back(tmp_path / "f", [line | change], one))


def test_a_document_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """The reason is that of a JSON document."""
    one = candidate(value=CODEC.encode("t", Document("tide")))
    (line,) = lines_of(one)
    with pytest.raises(Misconfigured, match="line 1: field 'txt' is not in the schema"):
        list(back(tmp_path / "f", [line | {"document": {"txt": "x"}}], one))


def test_no_file() -> None:
    """Named."""
    from pathlib import Path  # noqa: PLC0415

    with pytest.raises(Misconfigured, match="cannot read nowhere"):
        list(repaired(Path("nowhere"), lambda _: None, CODEC.encode))
