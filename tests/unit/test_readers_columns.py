"""Which column is what, and every form of time."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.messages import Document
from streams.readers.columns import Columns, Found, Mapper, Refused, Row, values_of
from streams.readers.times import parse_time


def mapped(values: dict[str, Any], **columns: Any) -> Document:
    found = Mapper(Columns(**columns), "file").document(Row("f:1", values))
    assert isinstance(found, Found), found
    return found.document


def reason(values: dict[str, Any], **columns: Any) -> str:
    refused = Mapper(Columns(**columns), "file").document(Row("f:1", values))
    assert isinstance(refused, Refused)
    return str(refused)


def test_the_first_present_of_the_usual_names_is_taken() -> None:
    """An abstract with a year needs no option."""
    values = {"abstract": "t", "headline": "h", "year": 2014, "doc_id": 7, "description": "d"}
    expected = Document("t", "7", "file", 1388534400000, "h", None, {"description": "d"})
    assert mapped(values) == expected


def test_case_does_not_matter() -> None:
    """Spreadsheets capitalize; an exact match wins."""
    assert mapped({"Text": "t", "DOC_ID": "i"}) == Document("t", "i", "file")
    assert mapped({"TEXT": "no", "text": "yes"}).text == "yes"


def test_named_columns_win() -> None:
    """Options override the usual names."""
    values = {"text": "no", "note": "t", "head": "h", "when": "2024-05-01", "key": "k", "by": "s"}
    expected = Document("t", "k", "s", 1714521600000, "h", None, {"text": "no"})
    columns = {"text": "note", "title": "head", "time": "when", "doc_id": "key", "source": "by"}
    assert mapped(values, **columns) == expected


def test_the_segment_is_the_column_the_name_or_the_file() -> None:
    """In this order; an empty cell falls back."""
    values = {"text": "t", "feed": "wire"}
    assert mapped(values).source == "file"
    assert mapped(values, source_name="all").source == "all"
    assert mapped(values, source_name="all", source="feed").source == "wire"
    assert mapped({**values, "feed": ""}, source_name="all", source="feed").source == "all"


def test_a_list_is_kept_where_it_is_asked_for() -> None:
    """As JSON; what is no text, number or date in it is left out, and other lists are."""
    values = {"text": "t", "Tldr": ["one", 2, None], "pages": [1, 2]}
    metadata = mapped(values, lists=("tldr",)).metadata
    assert list(metadata) == ["Tldr"]
    assert values_of(metadata["Tldr"]) == ["one", "2"]


@pytest.mark.parametrize(
    ("cell", "values"),
    [(" one ", ["one"]), (" ", []), ("[]", []), ("[see below]", ["[see below]"]), ("[1]", ["[1]"])],
)
def test_any_other_cell_is_one_value(cell: str, values: list[str]) -> None:
    """Brackets alone make no list."""
    assert values_of(cell) == values


def test_other_scalars_become_metadata() -> None:
    """As strings; lists, objects and nulls are left out, our own metadata is taken over."""
    values = {"text": "t", "n": 1.5, "ok": True, "day": date(2024, 5, 1), "list": [1],
              "none": None, "language": "en", "metadata": {"a": "b", "c": 2}}  # fmt: skip
    document = mapped(values)
    assert document.metadata == {"n": "1.5", "ok": "true", "day": "2024-05-01", "a": "b", "c": "2"}
    assert document.language == "en"


def test_rows_may_have_different_columns() -> None:
    """JSON lines need not all look alike."""
    mapper = Mapper(Columns(), "file")
    rows = [
        Row("f:1", {"text": "a"}),
        Row("f:2", {"body": "b", "doc_id": "i"}),
        Row("f:3", {"x": "y"}),
    ]
    found = [mapper.document(row) for row in rows]
    assert found[:2] == [
        Found("f:1", Document("a", source="file")),
        Found("f:2", Document("b", "i", "file")),
    ]
    assert str(found[2]) == 'f:3: no column "text" (columns: x); name it with --text-column'


@pytest.mark.parametrize(
    ("values", "columns", "said"),
    [
        ({"text": None}, {}, 'column "text" is empty'),
        ({"text": 5}, {}, 'column "text" holds int, not text'),
        (
            {"text": "t"},
            {"time": "when"},
            'no column "when" (columns: text); correct --time',
        ),
        ({"text": "t"}, {"doc_id": "key"}, "correct --id-column"),
        ({"text": "t"}, {"text": "note"}, "correct --text-column"),
        ({"text": "t", "date": "soon"}, {}, "column \"date\": 'soon' is no time"),
        ({"text": "t", "date": None}, {}, 'column "date" is empty'),
        ({"text": "t", "date": float("nan")}, {}, 'column "date" is empty'),
        ({"text": "t", "date": float("inf")}, {}, 'column "date"'),
        ({"text": "t", "date": [1]}, {}, 'column "date"'),
    ],
)
def test_refusals_name_the_column(
    values: dict[str, Any], columns: dict[str, str], said: str
) -> None:
    """And say what to do; a time that cannot be read is never taken for now."""
    assert said in reason(values, **columns)


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        (2014, 1388534400000),
        ("2014", 1388534400000),
        (2014.0, 1388534400000),
        ("2014-03", 1393632000000),
        ("2014-03-01", 1393632000000),
        ("2014-03-01 01:00", 1393635600000),
        ("2014-03-01T01:00:00+01:00", 1393632000000),
        (1393632000, 1393632000000),
        ("1393632000", 1393632000000),
        (1393632000.25, 1393632000250),
        ("1393632000.25", 1393632000250),
        (1393632000000, 1393632000000),
        (1393632000000000, 1393632000000),
        (1393632000000000000, 1393632000000),
        (-86400, -86400000),
        (0, 0),
        (date(2014, 3, 1), 1393632000000),
        (datetime(2014, 3, 1), 1393632000000),  # noqa: DTZ001 - what naive columns hold
        (datetime(2014, 3, 1, 1, tzinfo=timezone(timedelta(hours=1))), 1393632000000),
    ],
)
def test_times_in_every_form(value: object, milliseconds: int) -> None:
    """Years, dates, ISO 8601 and numbers since 1970 in four units."""
    assert parse_time(value) == milliseconds


@pytest.mark.parametrize("value", [True, None, "", "5 May", 10**21, "2014-13", [2014]])
def test_what_is_no_time(value: object) -> None:
    """It is said, with an example of what is one or which numbers are."""
    with pytest.raises(ValueError, match="is no time"):
        parse_time(value)
