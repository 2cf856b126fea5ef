"""The test server speaks ClickHouse's HTTP interface: what the other tests rest on."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

    from tests.support.clickhouse_server import ClickHouseServer

ROWS = 150_000


def _client(server: ClickHouseServer, **options: Any) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=server.port,
        username=server.user,
        password=server.password,
        dedicated_pool=True,
        **options,
    )


@pytest.fixture
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    with closing(_client(clickhouse_server)) as opened:
        opened.command("CREATE DATABASE IF NOT EXISTS scratch ENGINE = Atomic")
        opened.database = "scratch"
        opened.command(
            "CREATE OR REPLACE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n"
        )
        yield opened


def _request(
    server: ClickHouseServer, method: str, url: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        known = {"X-ClickHouse-User": server.user, "X-ClickHouse-Key": server.password}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, url, body, {**known, **named})
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip", None])
def test_rows_in_many_blocks(
    clickhouse_server: ClickHouseServer, client: Client, compression: str | None
) -> None:
    """However it is compressed, every block of an insert arrives, and every block of an answer."""
    with closing(_client(clickhouse_server, compress=compression, database="scratch")) as other:
        other.insert("t", [list(range(ROWS)), ["tide"] * ROWS], column_oriented=True)
        found = other.query("SELECT n FROM t ORDER BY n").result_columns[0]
    assert list(found) == list(range(ROWS))
    assert client.command("SELECT uniqExact(n), any(s) FROM t") == [str(ROWS), "tide"]


def test_parameters_and_settings(client: Client) -> None:
    """Bound parameters with anything in them; settings of one call are that call's alone."""
    nasty = "quotes ' \" ` \\ \n\t {x:String} שלום"
    assert client.query("SELECT {x:String} AS x", {"x": nasty}).result_rows == [(nasty,)]
    asked = "SELECT getSetting('max_threads')"
    assert client.query(asked, settings={"max_threads": 3}).result_rows == [(3,)]
    assert client.query(asked).result_rows != [(3,)]
    assert client.query("SELECT n, s FROM t LIMIT 0").column_names == ("n", "s")
    assert client.query("SELECT n, s FROM t WHERE n > 9").column_names == ("n", "s")
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'


def test_an_insert_with_its_statement_in_the_url(clickhouse_server: ClickHouseServer) -> None:
    """As curl does it, compressed too; the summary says how many rows were written."""
    url = "/?database=scratch&query=INSERT%20INTO%20t%20FORMAT%20CSV"
    _request(clickhouse_server, "POST", "/", b"CREATE DATABASE IF NOT EXISTS scratch ENGINE=Atomic")
    made = b"CREATE OR REPLACE TABLE scratch.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n"
    assert _request(clickhouse_server, "POST", "/", made)[0] == 200
    body = gzip.compress(b'1,"one"\n2,"two"\n')
    status, _, headers = _request(clickhouse_server, "POST", url, body, Content_Encoding="gzip")
    assert (status, json.loads(headers["X-ClickHouse-Summary"])["written_rows"]) == (200, "2")
    select = "/?query=SELECT%20s%20FROM%20scratch.t%20ORDER%20BY%20n"
    assert _request(clickhouse_server, "GET", select)[1] == b"one\ntwo\n"


def test_errors_have_their_code_and_status(clickhouse_server: ClickHouseServer) -> None:
    """In the header, where the client looks for it, and in the text."""
    for sql, status, code in (
        (b"SELEC 1", 400, "62"),
        (b"SELECT 1 FROM nowhere.nothing", 404, "81"),
        (b"SELECT 1 SETTINGS no_such_setting = 1", 404, "115"),
        (b"SELECT throwIf(1)", 500, "395"),
    ):
        found, body, headers = _request(clickhouse_server, "POST", "/", sql)
        assert (found, headers["X-ClickHouse-Exception-Code"]) == (status, code)
        assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    url = "/?query=CREATE%20DATABASE%20by_get"
    assert _request(clickhouse_server, "GET", url)[2]["X-ClickHouse-Exception-Code"] == "164"


def test_users(clickhouse_server: ClickHouseServer) -> None:
    """By header, by basic authentication, by the URL; nobody else."""
    server = clickhouse_server
    pair = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
    nobody = {"X_ClickHouse_User": "nobody", "X_ClickHouse_Key": ""}
    assert _request(server, "POST", "/", b"SELECT 1")[:2] == (200, b"1\n")
    for given in ({"Authorization": f"Basic {pair}"}, {"Authorization": "Basic nonsense"}):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as plain:
            plain.request("POST", "/", b"SELECT 1", given)
            assert plain.getresponse().status == (200 if pair in given["Authorization"] else 403)
    status, body, headers = _request(server, "POST", "/", b"SELECT 1", **nobody)
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (403, "516")
    assert b"Authentication failed" in body
    assert _request(server, "GET", "/ping")[:2] == (200, b"Ok.\n")


def test_sessions(clickhouse_server: ClickHouseServer, client: Client) -> None:
    """A temporary table lives in its session, and one statement at a time."""
    with closing(_client(clickhouse_server, session_id="one")) as session:
        session.command("CREATE TEMPORARY TABLE kept (n UInt8)")
        session.command("INSERT INTO kept VALUES (7)")
        assert session.command("SELECT n FROM kept", settings={"max_threads": 1}) == 7
    with pytest.raises((DatabaseError, ProgrammingError)):
        client.command("SELECT n FROM kept")
