"""Files, folders and standard input."""

from __future__ import annotations

import gzip
import io
import os
from typing import TYPE_CHECKING

import pytest

from schemas.messages import Document
from streams.errors import Misconfigured
from streams.readers import Columns, Found, Refused, check_inputs, read_documents, total_bytes
from streams.readers import json_rows as json_rows_module

if TYPE_CHECKING:
    from pathlib import Path


def read(*inputs: object, stdin: bytes = b"", columns: Columns | None = None) -> list[Document]:
    found = list(
        read_documents(list(map(str, inputs)), columns or Columns(), stdin=io.BytesIO(stdin))
    )
    assert not [item for item in found if isinstance(item, Refused)], found
    return [item.document for item in found if isinstance(item, Found)]


def test_a_folder_is_searched_in_order(tmp_path: Path) -> None:
    """Recursively, sorted by path; hidden files and folders are left out."""
    for name in ("b/2.txt", "a/1.md", "b/1.rst", ".git/x.txt", "a/.hidden.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}\n")
    documents = read(tmp_path)
    assert [found.text for found in documents] == [
        "text of a/1.md",
        "text of b/1.rst",
        "text of b/2.txt",
    ]
    expected = Document("text of a/1.md", str(tmp_path / "a/1.md"), "a", None, "1", metadata={})
    assert documents[0] == expected


def test_a_text_file_takes_its_segment_from_its_folder(tmp_path: Path) -> None:
    """A segment for each file would be no segment; --source wins, columns do not apply."""
    (tmp_path / "note.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfa note"))
    (document,) = read(tmp_path / "note.txt.gz", columns=Columns(text="abstract"))
    assert (document.source, document.title, document.text) == (tmp_path.name, "note", "a note")
    (document,) = read(tmp_path / "note.txt.gz", columns=Columns(source_name="notes"))
    assert document.source == "notes"


def test_a_file_of_unknown_format_is_refused(tmp_path: Path) -> None:
    """Not skipped in silence, and not read as something else."""
    (tmp_path / "a.docx").write_bytes(b"PK")
    (item,) = read_documents([str(tmp_path)], Columns(), stdin=io.BytesIO())
    assert "its format is not known; known are .csv" in str(item)


def test_a_text_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """With the place of the first bad byte."""
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (item,) = read_documents([str(tmp_path)], Columns(), stdin=io.BytesIO())
    assert "is not UTF-8 (byte 3)" in str(item)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """The other files are read."""
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "b.txt").write_text("b")
    first, second = read_documents([str(tmp_path)], Columns(), stdin=io.BytesIO())
    assert isinstance(first, Refused)
    assert isinstance(second, Found)


def test_a_file_that_vanishes_is_refused(tmp_path: Path) -> None:
    """Between the check and the reading, files may go."""
    (item,) = read_documents([str(tmp_path / "gone.csv")], Columns(), stdin=io.BytesIO())
    assert "No such file" in str(item)


@pytest.mark.parametrize("prefix", [b"", b"\n ", b"\xef\xbb\xbf"])
def test_standard_input_that_begins_with_a_brace_is_json_lines(prefix: bytes) -> None:
    """Anything that prints JSON can be piped in."""
    stdin = prefix + b'{"text": "a"}\n{"body": "b"}\n'
    expected = [Document("a", source="stdin"), Document("b", source="stdin")]
    assert read("-", stdin=stdin) == expected


def test_other_standard_input_is_a_document_a_line() -> None:
    """Also compressed; blank lines are none."""
    expected = [Document("one line", source="stdin"), Document("another", source="stdin")]
    assert read("-", stdin=b"one line\n\nanother") == expected
    assert read("-", stdin=gzip.compress(b"one line\r\n \nanother\n")) == expected


def test_standard_input_is_read_as_it_comes() -> None:
    """A pipe that pauses does not hold back the lines that it has sent."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, "rb") as stdin, os.fdopen(theirs, "wb", buffering=0) as pipe:
        pipe.write(b"first\n")
        found = read_documents(["-"], Columns(), stdin=stdin)
        assert next(found) == Found("stdin:1", Document("first", source="stdin"))
        pipe.write(b"second\n")
        assert next(found) == Found("stdin:2", Document("second", source="stdin"))


def test_standard_input_that_is_cut_off_is_refused() -> None:
    """A broken download is not taken for a short one."""
    stdin = io.BytesIO(gzip.compress(b"line\n" * 1000)[:-12])
    *_, last = read_documents(["-"], Columns(), stdin=stdin)
    assert isinstance(last, Refused)


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory stays bounded, the number of lines right, and the next line is read."""
    monkeypatch.setattr(json_rows_module, "MAX_RECORD_BYTES", 100)
    stdin = io.BytesIO(b"a" * 99 + b"\n" + b"b" * 350 + b"\nc\n")
    first, second, third = read_documents(["-"], Columns(), stdin=stdin)
    assert [item.location for item in (first, second, third)] == ["stdin:1", "stdin:2", "stdin:3"]
    assert isinstance(second, Refused)
    assert isinstance(third, Found)


def test_inputs_that_are_not_there_are_named(tmp_path: Path) -> None:
    """Before anything is published."""
    check_inputs([str(tmp_path), "-"])
    with pytest.raises(Misconfigured, match=r"missing\.csv: no such file"):
        check_inputs([str(tmp_path), str(tmp_path / "missing.csv")])


def test_the_total_is_unknown_with_standard_input(tmp_path: Path) -> None:
    """Otherwise it is the size of all files."""
    (tmp_path / "a.txt").write_text("12345")
    assert total_bytes([str(tmp_path), str(tmp_path / "a.txt")]) == 10
    assert total_bytes([str(tmp_path), "-"]) is None
