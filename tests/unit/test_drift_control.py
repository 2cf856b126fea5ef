"""Messages among the documents that ask something of the drift workers."""

from __future__ import annotations

import pytest

from streams.drift.control import REBASELINE, Rebaseline, read_control
from streams.errors import InvalidDocument


def test_what_is_written_is_read() -> None:
    """Any source and reason; a reason of any length is cut."""
    asked = Rebaseline("ünïcode's", "because\n")
    assert read_control(REBASELINE, asked.value()) == asked
    long = read_control(REBASELINE, Rebaseline("s", "x" * 5000).value())
    assert long is not None
    assert len(long.reason) == 1000


def test_a_command_of_a_later_version_is_passed_over() -> None:
    """Workers of two versions read the same topic during a roll-out."""
    assert read_control(b"dance", b"anything") is None


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}", b'{"source": 5}', b"\xff", b"3"])
def test_a_broken_order_is_refused(value: bytes | None) -> None:
    """As a document would be: the worker goes on with the next message."""
    with pytest.raises(InvalidDocument):
        read_control(REBASELINE, value)
