"""ClickHouse's errors become one line, named by their consequence."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from streams.backends.clickhouse.errors import one_line, translate, translated
from streams.errors import Misconfigured, TidemarkError, Unavailable

STACK = (
    "Received ClickHouse exception, code: {code}, server response: Code: {code}. DB::Exception: "
    "Something is wrong: While executing X. ({name}) (version 25.8.1.1 (official build)) "
    "(for url http://host:8123)"
)


def _error(code: int) -> DatabaseError:
    return DatabaseError(STACK.format(code=code, name="SOME_NAME"), code=code)


@pytest.mark.parametrize("code", [159, 202, 210, 241, 242, 243, 252, 285, 319, 999])
def test_what_may_pass_is_tried_again(code: int) -> None:
    """Too many parts, memory, time, quorum, Keeper: later."""
    assert isinstance(translate(_error(code), "ClickHouse at host:1"), Unavailable)


@pytest.mark.parametrize("code", [60, 81, 16, 192, 193, 194, 195, 291, 497, 516])
def test_what_cannot_pass_is_refused(code: int) -> None:
    """User, password, database, tables: somebody has to do something."""
    assert isinstance(translate(_error(code), "ClickHouse at host:1"), Misconfigured)


@pytest.mark.parametrize("code", [6, 27, 43, 53, 62])
def test_mistakes_of_the_program_are_not_disguised(code: int) -> None:
    """A wrong type or syntax in our own statement keeps its error and trace."""
    with pytest.raises(DatabaseError), translated("ClickHouse"):
        raise _error(code)


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (
            "Error HTTPConnectionPool: [Errno 111] Connection refused",
            Unavailable,
            "ClickHouse at h:1 does not answer: connection refused",
        ),
        ("read timed out. (read timeout=5)", Unavailable, "timed out"),
        ("Failed to resolve 'nowhere' (getaddrinfo)", Misconfigured, "host name is unknown"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed (_ssl.c:1)",
            Misconfigured,
            "TLS failed (self-signed)",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version", Misconfigured, "wrong version number"),
    ],
)
def test_the_connection(text: str, kind: type[TidemarkError], line: str) -> None:
    """Without a code it is the connection that failed; the line says how."""
    known = translate(OperationalError(text), "ClickHouse at h:1")
    assert type(known) is kind
    assert line in str(known)


def test_one_line() -> None:
    """Code, stack, version, scope and token lists are cut."""
    syntax = (
        "Code: 62. DB::Exception: Syntax error: failed at position 1 (x) (line 1, col 1): x\n "
        "FORMAT JSONCompact. Expected one of: SELECT, WITH. (SYNTAX_ERROR) (version 26.9)"
    )
    assert one_line(syntax) == "Syntax error: failed at position 1 (x) (line 1, col 1): x"
    assert one_line(STACK.format(code=1, name="N")) == "Something is wrong"
    assert len(one_line("x" * 10_000)) < 310
