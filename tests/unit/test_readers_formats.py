"""Every format gives the same documents, compressed or not, and says where something is wrong."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import zstandard
from pyarrow import parquet

from schemas.messages import Document
from streams.readers import Columns, Found, Refused, read_documents, total_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS: list[dict[str, Any]] = [
    {"doc_id": "1", "title": "Storm", "text": "Ferries stay in, the pier is closed.", "year": 2014},
    {"doc_id": "2", "title": "Calm", "text": 'They "sail"\nagain; all of them.', "year": 2015},
]
EXPECTED = [
    Document(ROWS[0]["text"], "1", "news", 1388534400000, "Storm"),
    Document(ROWS[1]["text"], "2", "news", 1420070400000, "Calm"),
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def jsonl() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def csv(separator: str = ",") -> bytes:
    lines = [separator.join(ROWS[0])]
    for row in ROWS:
        quoted = ['"' + str(value).replace('"', '""') + '"' for value in row.values()]
        lines.append(separator.join(quoted))
    return "\r\n".join(lines).encode()


FORMATS = {
    "news.jsonl": jsonl(),
    "news.ndjson": jsonl().replace(b"\n", b"\r\n\r\n"),
    "news.json": json.dumps(ROWS, indent=1).encode(),
    "news.csv": csv(),
    "news.tsv": csv("\t"),
}


def read(*paths: Path, columns: Columns | None = None) -> list[Found | Refused]:
    inputs = [str(path) for path in paths]
    return list(read_documents(inputs, columns or Columns(), stdin=io.BytesIO()))


def documents(*paths: Path, columns: Columns | None = None) -> list[Document]:
    found = read(*paths, columns=columns)
    assert not [item for item in found if isinstance(item, Refused)]
    return [item.document for item in found if isinstance(item, Found)]


def refused(path: Path) -> list[str]:
    return [str(item) for item in read(path) if isinstance(item, Refused)]


@pytest.mark.parametrize("suffix", COMPRESSIONS)
@pytest.mark.parametrize("name", FORMATS)
def test_formats_and_compressions_give_the_same_documents(
    tmp_path: Path, name: str, suffix: str
) -> None:
    """A reader's choice of format changes nothing."""
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](FORMATS[name]))
    assert documents(path) == EXPECTED


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_separators_are_recognised(tmp_path: Path, separator: str) -> None:
    """Spreadsheets in many countries write semicolons."""
    (tmp_path / "news.csv").write_bytes(b"\xef\xbb\xbf" + csv(separator))
    assert documents(tmp_path / "news.csv") == EXPECTED


def test_parquet_gives_the_same_documents(tmp_path: Path) -> None:
    """Types of columns are used as they are."""
    path = tmp_path / "news.parquet"
    parquet.write_table(pa.Table.from_pylist(ROWS), path)
    assert documents(path) == EXPECTED


def test_json_values_one_after_the_other_are_read(tmp_path: Path) -> None:
    """Pretty-printed objects without an array around them are common too."""
    path = tmp_path / "news.json"
    path.write_text("\n".join(json.dumps(row, indent=2) for row in ROWS))
    assert documents(path) == EXPECTED


def test_a_json_array_is_read_in_pieces(tmp_path: Path) -> None:
    """Items that are longer than a piece, and piece borders anywhere, are no matter."""
    path = tmp_path / "news.json"
    sizes = [0, 1, 65_500, 65_530, 300_000, 3]
    path.write_text(json.dumps([{"text": "é" + "x" * size, "n": 12345} for size in sizes]))
    assert [len(found.text) for found in documents(path)] == [size + 1 for size in sizes]


def test_several_compressed_parts_are_one_file(tmp_path: Path) -> None:
    """Log shippers append."""
    one, two = jsonl().splitlines(keepends=True)
    for suffix in (".gz", ".xz", ".bz2", ".zst"):
        path = tmp_path / f"news.jsonl{suffix}"
        path.write_bytes(COMPRESSIONS[suffix](one) + COMPRESSIONS[suffix](two))
        assert documents(path) == EXPECTED


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_a_compressed_file_that_is_cut_off_is_reported(tmp_path: Path, suffix: str) -> None:
    """What can be read is read, and the loss is said."""
    path = tmp_path / f"news.jsonl{suffix}"
    noise = [{"text": f"{number * 7919 % 10007:x}" * 9} for number in range(5000)]
    data = COMPRESSIONS[suffix]("\n".join(map(json.dumps, noise)).encode())
    path.write_bytes(data[: len(data) // 2])
    found = read(path)
    assert isinstance(found[-1], Refused)
    assert "cannot be read from here on" in found[-1].reason


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
def test_a_damaged_compressed_file_is_reported(tmp_path: Path, suffix: str) -> None:
    """Noise behind a right beginning is one refusal, not a crash."""
    path = tmp_path / f"news.jsonl{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](jsonl() * 50)[:12] + bytes(range(256)))
    assert len(refused(path)) == 1


def test_bytes_read_are_reported(tmp_path: Path) -> None:
    """The progress bar ends at its total, for every format."""
    for name, data in FORMATS.items():
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    parquet.write_table(pa.Table.from_pylist(ROWS * 300), tmp_path / "news.parquet")
    read_bytes: list[int] = []
    inputs = [str(tmp_path)]
    list(read_documents(inputs, Columns(), stdin=io.BytesIO(), report=read_bytes.append))
    total = total_bytes(inputs)
    assert total is not None
    assert abs(total - sum(read_bytes)) <= 3  # a Parquet file's share is rounded by batch


def test_a_line_that_is_no_json_is_refused_with_its_number(tmp_path: Path) -> None:
    """The lines around it are read."""
    path = tmp_path / "news.jsonl"
    path.write_bytes(b'{"text": "a"}\n\nnot json\n{"text": "\xff"}\n[1]\n{"text": "b"}')
    found = read(path)
    assert [type(item) for item in found] == [Found, Refused, Refused, Refused, Found]
    assert [item.location for item in found] == [f"{path}:{line}" for line in (1, 3, 4, 5, 6)]


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    """In lines and in arrays."""
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "a\\ud800"}')
    (tmp_path / "b.json").write_bytes(b'[{"text": "a\\ud800"}]')
    texts = [found.text for found in documents(tmp_path / "a.jsonl", tmp_path / "b.json")]
    assert texts == ["a\ufffd", "a\ufffd"]


@pytest.mark.parametrize(
    ("data", "read_before", "reason"),
    [
        (b'[{"text": "a"}, {"text": ', 1, "no JSON from here on"),
        (b'[{"text": "a"} {"text": "b"}]', 1, "expected ','"),
        (b'[{"text": "a"}', 1, "cut off"),
        (b'[{"text": "a"}, 5]', 1, "no object"),
        (b"[" * 100_000, 0, "no JSON from here on"),
        (b'[{"text": "a\xff"}]', 0, "no JSON from here on"),
        (b'[{"text": "a"}] x', 1, "no JSON from here on"),
    ],
)
def test_broken_json_files_are_reported(
    tmp_path: Path, data: bytes, read_before: int, reason: str
) -> None:
    """What stands before the break is read."""
    path = tmp_path / "news.json"
    path.write_bytes(data)
    found = read(path)
    assert [type(item) for item in found] == [Found] * read_before + [Refused]
    assert reason in str(found[-1])


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    """No document and no complaint, except where a header is missing."""
    for name in ("a.jsonl", "b.json", "c.ndjson"):
        (tmp_path / name).write_bytes(b"")
    assert read(tmp_path) == []
    (tmp_path / "d.csv").write_bytes(b"")
    assert len(refused(tmp_path / "d.csv")) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b'a,b,"text', "no CSV"),
        (b'1,"a"x,2014', "no CSV"),
        (b"1,a", "has 2 fields, the header has 3"),
        (b"1,a,2014,more", "has 4 fields, the header has 3"),
        (b"1,caf\xe9,2014", "is not UTF-8"),
        (b"1,a,soon", 'column "year"'),
        (b"1,a,", 'column "year" is empty'),
    ],
)
def test_rows_that_are_no_rows_are_refused(tmp_path: Path, row: bytes, reason: str) -> None:
    """With the line in the file, and the row after it is read."""
    path = tmp_path / "news.csv"
    path.write_bytes(b"id,text,year\n0,ok,2014\n" + row + b"\n")
    found = read(path)
    assert [type(item) for item in found] == [Found, Refused]
    assert found[1].location == f"{path}:3"
    assert reason in str(found[1])


def test_a_header_without_a_text_column_is_refused_once(tmp_path: Path) -> None:
    """Not once per row; it says which columns there are and what to do."""
    (tmp_path / "n.csv").write_text("a,b\n" + "1,2\n" * 100)
    parquet.write_table(pa.table({"a": [1, 2]}), tmp_path / "n.parquet")
    for name, columns in (("n.csv", "a, b"), ("n.parquet", "a")):
        (reason,) = refused(tmp_path / name)
        assert reason == (
            f'{tmp_path / name}: no column "text" (columns: {columns}); name it with --text-column'
        )


def test_a_parquet_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """Also one that is cut off, which has lost its directory."""
    path = tmp_path / "news.parquet"
    parquet.write_table(pa.Table.from_pylist(ROWS), path)
    path.write_bytes(path.read_bytes()[:-10])
    assert len(refused(path)) == 1
