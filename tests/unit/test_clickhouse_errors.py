"""ClickHouse's errors become one line, named by their consequence."""

from __future__ import annotations

import socket

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from streams.backends.clickhouse import codes
from streams.backends.clickhouse.errors import one_line, translate, translated
from streams.errors import Misconfigured, Overloaded, Unavailable

KINDS = (
    codes.NO_SUCH_TABLE,
    codes.NO_SUCH_COLUMN,
    codes.AUTHENTICATION,
    codes.FORBIDDEN,
    codes.NO_CLUSTER,
    codes.OVERLOADED,
    codes.PASSING,
    codes.ROWS_REFUSED,
)
STACK = (
    "Received ClickHouse exception, code: {code}, server response: Code: {code}. DB::Exception: "
    "Something is wrong: While executing X. ({name}) (version 25.8.1.1 (official build)) "
    "(for url http://host:8123)"
)


def _error(code: int) -> DatabaseError:
    return DatabaseError(STACK.format(code=code, name="SOME_NAME"), code=code)


@pytest.mark.parametrize("code", [159, 202, 241, 252, 439, 745])
def test_an_overloaded_server_is_spared(code: int) -> None:
    """Too many parts, too many queries, no memory: slow down."""
    assert type(translate(_error(code), "ClickHouse at host:1")) is Overloaded


@pytest.mark.parametrize("code", [33, 209, 210, 218, 236, 242, 243, 285, 319, 999])
def test_what_may_pass_is_tried_again(code: int) -> None:
    """Network, quorum, Keeper, a request cut off on its way: later."""
    assert type(translate(_error(code), "ClickHouse at host:1")) is Unavailable


@pytest.mark.parametrize("code", [60, 81, 16, 164, 192, 193, 194, 195, 291, 469, 497, 516, 701])
def test_what_cannot_pass_is_refused(code: int) -> None:
    """User, password, database, tables, cluster: somebody has to do something."""
    assert type(translate(_error(code), "ClickHouse at host:1")) is Misconfigured


@pytest.mark.parametrize("code", [6, 27, 43, 53, 62])
def test_mistakes_of_the_program_are_not_disguised(code: int) -> None:
    """A wrong type or syntax in our own statement keeps its error and trace."""
    with pytest.raises(DatabaseError), translated("ClickHouse"):
        raise _error(code)


def test_a_code_has_one_consequence() -> None:
    """No code is in two sets, and each is one that the engine knows by name."""
    found = [code for kind in KINDS for code in kind]
    names = _names(found)
    assert len(found) == len(set(found))
    assert [code for code in found if not names[code]] == []


def test_a_name_that_is_unknown_for_a_moment() -> None:
    """At the first contact it is a mistake of the address, later on a moment's of the network."""
    error = OperationalError("Error executing HTTP request")
    error.__cause__ = socket.gaierror(-3, "Temporary failure in name resolution")
    assert type(translate(error, "ClickHouse", opening=True)) is Misconfigured
    assert type(translate(error, "ClickHouse")) is Unavailable


def _names(found: list[int]) -> dict[int, str]:
    import chdb  # noqa: PLC0415 - heavy

    sql = f"SELECT errorCodeToName(arrayJoin({found}))"
    return dict(
        zip(found, chdb.query(sql, "TabSeparatedRaw").bytes().decode().split(), strict=True)
    )


def test_one_line() -> None:
    """Code, stack, version, scope and token lists are cut."""
    syntax = (
        "Code: 62. DB::Exception: Syntax error: failed at position 1 (x) (line 1, col 1): x\n "
        "FORMAT JSONCompact. Expected one of: SELECT, WITH. (SYNTAX_ERROR) (version 26.9)"
    )
    assert one_line(syntax) == "Syntax error: failed at position 1 (x) (line 1, col 1): x"
    assert one_line(STACK.format(code=1, name="N")) == "Something is wrong"
    assert len(one_line("x" * 10_000)) < 310
