"""Which dead letters this data folder has put back, so that an interrupted run is never doubled.

One JSON object a line. Before a batch is sent its letters are written down, with the ends of the
topics; when the broker has acknowledged it, that it is done. A batch without the second line was
interrupted: what of it arrived is read from those ends on, by the header that every replay has.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from streams.errors import Misconfigured, UnreadableState
from streams.stages.replays import OF, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from typing_extensions import Self

    from streams.ports import RawMessage
    from streams.stages.ledger import Partition
    from streams.stages.replays import LetterKey

FILE = "replays.jsonl"


class Log(Protocol):
    """The topics that letters are put back to."""

    def ends(self) -> Mapping[Partition, int]:
        """Return the next offset of each partition."""
        ...

    def since(self, starts: Mapping[Partition, int]) -> Iterable[RawMessage]:
        """Yield the messages from these offsets to the ends of now."""
        ...


class ReplayJournal:
    """The journal of a data folder; one process at a time.

    Attributes:
        sent: letters that were put back, an interrupted batch's included.
    """

    def __init__(self, data: Path, log: Log) -> None:
        """Lock and read it, and find out what became of an interrupted batch.

        Raises:
            Misconfigured: another process puts letters back, or the folder cannot be written to.
            Unavailable: the broker does not answer.
            UnreadableState: the journal is damaged.
        """
        from streams.backends.kafka.process import lock_file  # noqa: PLC0415 - see open_broker

        self._log = log
        self._path = data / FILE
        try:
            data.mkdir(parents=True, exist_ok=True)
            lock = lock_file(data / f"{FILE}.lock")
        except OSError as error:
            raise Misconfigured(f"cannot write to {data}: {error.strerror}") from error
        if lock is None:
            raise Misconfigured(f"another process puts dead letters back (it locks {data}): wait")
        self._lock = lock
        try:
            self.sent: frozenset[LetterKey] = frozenset(self._recovered())
        except BaseException:
            os.close(lock)
            raise

    @contextmanager
    def batch(self, letters: Sequence[LetterKey]) -> Iterator[None]:
        """Write a batch down around its sending; an exception leaves it open."""
        ends = [[*at, end] for at, end in self._log.ends().items()]
        self._append({"letters": letters, "ends": ends})
        yield
        self._append({"done": True})
        self.sent |= frozenset(letters)

    def close(self) -> None:
        """Unlock it."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _recovered(self) -> Iterator[LetterKey]:
        begun: dict[str, Any] | None = None
        for line in self._lines():
            if "letters" in line:
                if begun is not None:
                    yield from self._arrived(begun)
                begun = line
            elif begun is not None:
                yield from _keys(begun["letters"])
                begun = None
        if begun is not None:
            arrived = list(self._arrived(begun))
            yield from arrived
            # What arrived is known now; the topics need not be read for it again.
            self._append({"letters": arrived, "ends": []})
            self._append({"done": True})

    def _arrived(self, begun: Mapping[str, Any]) -> Iterator[LetterKey]:
        asked = set(_keys(begun["letters"]))
        starts = {(topic, partition): end for topic, partition, end in begun["ends"]}
        for message in self._log.since(starts) if starts else ():
            key = read(message.headers.get(OF))
            if key in asked:
                yield key

    def _lines(self) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(self._whole().splitlines(), 1):
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                raise UnreadableState(
                    f"line {number} of {self._path} is damaged: move the file away; then only "
                    "what has landed is known to have been put back"
                ) from None

    def _whole(self) -> bytes:
        """Return the whole lines; a torn last one was not acted upon, and is cut off."""
        if not self._path.exists():
            return b""
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self._path, len(whole))
        return whole

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(orjson.dumps(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _keys(letters: Iterable[Sequence[Any]]) -> Iterator[LetterKey]:
    for topic, partition, offset, received_at in letters:
        yield str(topic), int(partition), int(offset), int(received_at)
