"""The read-only HTTP endpoint: ClickHouse's clients can ask, nobody can write or reach outside."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from aiohttp import ClientSession, web
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.backends.clickhouse import open_warehouse, publish_endpoint
from streams.backends.clickhouse.endpoint import make_endpoint
from streams.backends.clickhouse.native import empty_block, for_revision
from tests.support.landed import document, letter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
ATTACKS = [
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "WITH (x -> file(x)) AS f SELECT f('/etc/passwd')",
    "WITH file('/etc/passwd') AS f SELECT f",
    "SELECT $$'$$, file('/etc/passwd'), $$'$$",
    "FROM file('/etc/passwd') SELECT *",
    "DESCRIBE TABLE file('/etc/passwd')",
    "EXPLAIN SELECT * FROM file('/etc/passwd')",
    "SELECT 1 UNION ALL SELECT count() FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "FROM url('http://127.0.0.1:1/', 'LineAsString')",
    ", file('/etc/passwd')",
    "SELECT count() FROM documents WHERE label IN (SELECT * FROM file('/etc/passwd'))",
    "SELECT * FROM view(SELECT * FROM file('/etc/passwd'))",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM executable('id', 'TSV', 'x String')",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM `default`.`/etc/passwd`",
    'SELECT * FROM "default"."/etc/passwd"',
    "SELECT * FROM {d:Identifier}.`/etc/passwd`",
    "SELECT 1 IN default.`/etc/passwd`",
    "DESCRIBE TABLE default.`/etc/passwd`",
    "SHOW TABLES FROM default",
    "SELECT * FROM `/etc/passwd`",
    "SELECT hasColumnInTable('default', '/etc/passwd', 'c1')",
    "SELECT * FROM system.stack_trace",
    "SELECT count() FROM `system`.`symbols` AS s",
    "SELECT 1 IN system.stack_trace",
    "SELECT 1 INTO OUTFILE '/tmp/tidemark-stolen'",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE documents_raw",
    "SET readonly = 0",
    "USE default",
    "INSERT INTO documents_raw (doc_id) VALUES ('x')",
    "ALTER TABLE documents_raw DELETE WHERE 1",
    "DROP DATABASE tidemark",
    "TRUNCATE TABLE documents_raw",
    "OPTIMIZE TABLE documents_raw FINAL",
    "CREATE TABLE x (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE x (a Int8)",
    "SYSTEM SHUTDOWN",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE documents_raw TO File('/tmp/tidemark-stolen')",
    "ATTACH TABLE x FROM '/tmp' (a Int8) ENGINE = MergeTree ORDER BY a",
    "SELECT sleepEachRow(3) FROM numbers(100)",
    "SELECT dictGet('default.x', 'a', 1)",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("endpoint") / "clickhouse"
    warehouse = open_warehouse(f"chdb://{path}")
    warehouse.write_documents([document(number) for number in range(5)])
    warehouse.write_dead_letters([letter(1)])
    yield path
    warehouse.close()


@pytest.fixture
async def serve(folder: Path) -> AsyncIterator[Callable[..., Any]]:
    runners: list[web.AppRunner] = []

    async def start(prefix: str = "", token: str | None = None) -> int:
        application = make_endpoint(folder, "tidemark", token=token)
        if prefix:
            outer = web.Application()
            outer.add_subapp(prefix, application)
            application = outer
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


def _client(port: int, **options: Any) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, **options)


async def test_clickhouse_connect_reads(serve: Callable[..., Any]) -> None:
    """Typed values, parameters, settings, an empty answer with its columns."""
    port = await serve()

    def ask() -> None:
        client = _client(port)
        assert client.query("SELECT count() FROM documents").result_rows == [(5,)]
        bound = client.query(
            "SELECT {names:Array(String)} AS n, {none:Nullable(String)} AS x",
            parameters={"names": ["it's", "\\", "é\n"], "none": None},
            settings={"max_threads": 1},
        )
        assert bound.result_rows == [(["it's", "\\", "é\n"], None)]
        empty = client.query("SELECT doc_id, terms FROM documents WHERE doc_id = 'none'")
        assert (empty.column_names, empty.result_rows) == (("doc_id", "terms"), [])
        client.close()

    await asyncio.to_thread(ask)


async def test_plain_http_reads(serve: Callable[..., Any]) -> None:
    """GET and POST, formats in the statement or beside it, parameters, ping."""
    port = await serve()
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        got = await session.get("/", params={"query": "SELECT {x:Int8} + 1", "param_x": "41"})
        assert (await got.text(), got.headers["X-ClickHouse-Format"]) == ("42\n", "TabSeparated")
        posted = await session.post("/", data="SELECT 1 AS a FORMAT JSONEachRow")
        assert await posted.json(content_type=None) == {"a": 1}
        both = await session.post("/?query=SELECT+1+AS+a&default_format=CSVWithNames", data="")
        assert await both.text() == '"a"\n1\n'
        form = await session.post("/", data={"query": "x"}, headers={})
        assert form.status == 400
        assert await (await session.get("/ping")).text() == "Ok.\n"
        assert await (await session.get("/")).text() == "Ok.\n"


@pytest.mark.parametrize("attack", ATTACKS)
async def test_attacks_are_refused(serve: Callable[..., Any], attack: str) -> None:
    """Nothing is written, no file and no address is read; the answer is an error of one kind."""
    port = await serve()
    names = {"param_d": "default", "param_f": "file", "readonly": "0", "implicit_select": "1"}
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        answer = await session.post("/", params=names, data=attack)
        text = await answer.text()
    assert answer.status in {400, 403, 404}, text
    assert "root:" not in text
    assert answer.headers["X-ClickHouse-Exception-Code"] in {
        "47",
        "48",
        "60",
        "62",
        "81",
        "164",
        "497",
    }


async def test_the_file_systems_database_cannot_be_chosen(serve: Callable[..., Any]) -> None:
    """Not by parameter, not by header."""
    port = await serve()
    statement = "SELECT * FROM `/etc/passwd`"
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        chosen = await session.post("/?database=default", data=statement)
        header = {"X-ClickHouse-Database": "default"}
        headed = await session.post("/", data=statement, headers=header)
    assert (chosen.status, headed.status) == (404, 404)


async def test_limits_cannot_be_lifted(serve: Callable[..., Any]) -> None:
    """A caller may ask for less, not for more."""
    port = await serve()
    sql = "SELECT value FROM system.settings WHERE name = 'max_execution_time'"
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        values = [
            (await (await session.post(f"/?max_execution_time={asked}", data=sql)).text()).strip()
            for asked in ("0", "-5", "9e9", "nonsense", "3")
        ]
    assert values == ["30", "30", "30", "30", "3"]


async def test_a_token_is_asked_for(serve: Callable[..., Any]) -> None:
    """As the password of basic authentication, of ClickHouse's header, or of the address."""
    port = await serve(token="s3cret")
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        for given in ("Basic ZGVmYXVsdDp3cm9uZw==", "Basic ?", "Bearer s3cret"):
            refused = await session.post("/", data="SELECT 1", headers={"Authorization": given})
            assert (refused.status, refused.headers["X-ClickHouse-Exception-Code"]) == (401, "516")
        assert (await session.post("/", data="SELECT 1")).status == 401
        key = {"X-ClickHouse-Key": "s3cret"}
        assert (await session.post("/", data="SELECT 1", headers=key)).status == 200
        right = {"Authorization": f"Basic {base64.b64encode(b'default:s3cret').decode()}"}
        assert (await session.post("/", data="SELECT 1", headers=right)).status == 200


async def test_errors_are_clickhouses_own(serve: Callable[..., Any]) -> None:
    """clickhouse-connect sees the code; positions count from the caller's first character."""
    port = await serve()

    def ask() -> tuple[int | None, str]:
        client = _client(port)
        try:
            with pytest.raises(DatabaseError) as caught:
                client.command("SELEKT 1")
        finally:
            client.close()
        return caught.value.code, str(caught.value)

    code, text = await asyncio.to_thread(ask)
    assert code == 62
    assert "failed at position 8 (1)" in text


ASK = """
import sys
from streams.backends.clickhouse import open_reader
reader = open_reader("chdb://" + sys.argv[1])
print(type(reader).__name__, reader.query("SELECT count() FROM documents").rows)
"""


async def test_another_process_asks_the_owner(serve: Callable[..., Any], folder: Path) -> None:
    """The folder is locked; the reader finds the owner's endpoint in the lock file."""
    port = await serve(prefix="/clickhouse")
    publish_endpoint(folder, f"http://127.0.0.1:{port}/clickhouse")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", ASK, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    publish_endpoint(folder, None)
    assert (done.stdout, done.stderr) == ("HttpReader [[5]]\n", "")


async def test_an_owner_that_asks_for_a_token(serve: Callable[..., Any], folder: Path) -> None:
    """The line names the setting to look at, which is not that of a server's password."""
    port = await serve(prefix="/clickhouse", token="s3cret")
    publish_endpoint(folder, f"http://127.0.0.1:{port}/clickhouse")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", ASK, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    publish_endpoint(folder, None)
    last = done.stderr.strip().splitlines()[-1]
    assert f"127.0.0.1:{port}/clickhouse asks for its token: set TIDEMARK_WEB_TOKEN" in last
    assert "s3cret" not in done.stderr


async def test_without_an_endpoint_the_owner_is_named(folder: Path) -> None:
    """Nobody answers: say who has it."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", ASK, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert f"the database in {folder} is in use by process" in last


def test_an_empty_block_has_its_columns() -> None:
    """Two columns, no rows, as ClickHouse writes them."""
    block = empty_block([("a", "Int8"), ("long" * 40, "String")])
    assert block == b"\x02\x00\x01a\x04Int8\xa0\x01" + b"long" * 40 + b"\x06String"


KINDS = """
SELECT toUInt8(number), toString(number), toFixedString('ab', 2), toDateTime(number), number / 3,
    toDateTime64(number, 3, 'UTC'), toLowCardinality(toString(number % 3)), toNullable(number),
    if(number % 2, NULL, toLowCardinality(toNullable('x'))), range(number % 4),
    toUUID('0' || repeat('1', 31)),
    arrayMap(x -> toString(x), range(number % 3)), map('a', number, 'b', number),
    map(toLowCardinality('k'), [toNullable(number)]), tuple(number, 'x', [toLowCardinality('y')]),
    NULL, [[number], []], toDecimal64(number, 2), true, CAST([], 'Array(LowCardinality(String))'),
    toIPv6('::1'), CAST('a', 'Enum8(''a'' = 1)'), [tuple(toString(number), number)]
FROM numbers({rows:UInt32})
"""


@pytest.mark.parametrize("rows", [0, 1, 7, 70_000])
async def test_blocks_for_clients_that_name_a_revision(
    serve: Callable[..., Any], rows: int
) -> None:
    """Go's driver, hence Grafana: what they are sent differs by exactly what they ask for.

    Without the info of each block and the mark of each column, it is the plain answer again.
    """
    port = await serve()
    asked = {"default_format": "Native", "param_rows": str(rows)}
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        plain = await (await session.post("/", params=asked, data=KINDS)).read()
        named = {**asked, "client_protocol_version": "54475"}
        marked = await (await session.post("/", params=named, data=KINDS)).read()
    blocks = marked.count(INFO)
    assert blocks >= 1
    assert len(marked) == len(plain) + blocks * (len(INFO) + 23)
    assert for_revision(plain, 54_475) == marked
    assert len(for_revision(plain, 54_000)) == len(plain) + blocks * len(INFO)


async def test_what_a_client_asks_for_in_vain(serve: Callable[..., Any]) -> None:
    """Frames of ClickHouse's own compression, and columns whose end nobody can tell: one line."""
    port = await serve()
    named = {"default_format": "Native", "client_protocol_version": "54475"}
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        compressed = await session.post("/", params={"compress": "1"}, data="SELECT 1")
        state = await session.post("/", params=named, data="SELECT sumState(1)")
        for answer, said in ((compressed, "choose gzip"), (state, "AggregateFunction")):
            assert (answer.status, answer.headers["X-ClickHouse-Exception-Code"]) == (501, "48")
            assert said in await answer.text()
