"""Messages among the documents that ask something of the drift workers."""

from __future__ import annotations

from functools import partial

import pytest

from schemas.codec import codec_for
from schemas.messages import Enriched
from streams.drift.control import LEARN, REBASELINE, Control, Learn, Rebaseline
from streams.drift.control import read_control as read
from streams.errors import InvalidDocument
from tests.support.streams_of_documents import enriched


def read_control(command: bytes, value: bytes | None) -> Control | None:
    return read(command, value, partial(codec_for().decode, Enriched))


def test_what_is_written_is_read() -> None:
    """Any source and reason; a reason of any length is cut."""
    asked = Rebaseline("ünïcode's", "because\n")
    assert read_control(REBASELINE, asked.value()) == asked
    announced = Rebaseline("s", "as in May", 1000)
    assert read_control(REBASELINE, announced.value()) == announced
    learned = read_control(LEARN, codec_for().encode("enriched", enriched(3)))
    assert learned == Learn(enriched(3))
    assert learned.source == "news"
    long = read_control(REBASELINE, Rebaseline("s", "x" * 5000).value())
    assert isinstance(long, Rebaseline)
    assert len(long.reason) == 1000


def test_a_command_of_a_later_version_is_passed_over() -> None:
    """Workers of two versions read the same topic during a roll-out."""
    assert read_control(b"dance", b"anything") is None


@pytest.mark.parametrize(
    "value",
    [None, b"", b"[]", b"{}", b'{"source": 5}', b"\xff", b"3", b'{"source": "s", "documents": -1}'],
)
def test_a_broken_order_is_refused(value: bytes | None) -> None:
    """As a document would be: the worker goes on with the next message."""
    with pytest.raises(InvalidDocument):
        read_control(REBASELINE, value)
