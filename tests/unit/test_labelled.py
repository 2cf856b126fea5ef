"""Labelled files: which column, which labels, and what cannot be learned from."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from schemas.messages import Enriched
from streams.cli.labelled import check_labels, labelled
from streams.cli.multi_label import multi_figures
from streams.errors import Misconfigured
from streams.readers.csv_rows import csv_rows
from tests.support.examples import record as example


def documents(*cells: str, column: str = "label") -> list[Enriched]:
    enriched = example("enriched")
    assert isinstance(enriched, Enriched)
    return [replace(enriched, metadata={column: cell, "page": "1"}) for cell in cells]


def test_one_label_a_row() -> None:
    """Labels are sorted, and rows without one left out and counted."""
    found = labelled("f.csv", documents("sea", "air", " ", "sea "), None, None)
    assert found.labels == ("air", "sea")
    assert found.truth.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert (found.left_out, len(found.embeddings), found.multi_label) == (1, 3, False)


def test_several_labels_a_row() -> None:
    """The stated sign separates the labels of a row."""
    found = labelled("f.csv", documents("sea; air", "air;", column="Topic"), "topic", ";")
    assert (found.labels, found.multi_label) == (("air", "sea"), True)
    assert found.truth.tolist() == [[1, 1], [1, 0]]


def test_a_list_of_labels_needs_no_sign() -> None:
    """A list in JSON or Parquet says by itself that a row may have several."""
    found = labelled("f.csv", documents('["sea", "air"]', '["air"]'), None, None)
    assert (found.labels, found.multi_label) == (("air", "sea"), True)
    assert found.truth.tolist() == [[1, 1], [1, 0]]
    assert not labelled("f.csv", documents('["sea"]', '["air"]'), None, None).multi_label


@pytest.mark.parametrize(
    ("cells", "column", "match"),
    [
        (["sea"], "topic", r"f.csv has no column 'topic' \(other columns: label, page\)"),
        (["", " "], None, "'label' of f.csv is empty in every row"),
    ],
)
def test_columns_that_give_no_label_are_named(
    cells: list[str], column: str | None, match: str
) -> None:
    """A misspelt or empty column is one line that names it."""
    with pytest.raises(Misconfigured, match=match):
        labelled("f.csv", documents(*cells), column, None)


@pytest.mark.parametrize(
    ("cells", "separator", "match"),
    [
        (["sea"] * 9, None, "every row has the label 'sea'"),
        (["sea"] * 9 + ["air"] * 4, None, "at least 5 rows: 'air' has 4"),
        (["sea"] * 9 + ["unsure"] * 9, None, "may be called 'unsure'"),
        (["sea"] * 9 + ["sea;air"] * 6, ";", "'sea' needs at least 5 rows that do not have it"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    cells: list[str], separator: str | None, match: str
) -> None:
    """One class, too few rows of one, or a label that means doubt: one line each."""
    with pytest.raises(Misconfigured, match=match):
        check_labels(labelled("f.csv", documents(*cells), None, separator))


def test_another_encoding_is_said() -> None:
    """A UTF-16 file is told as such, not as one without columns."""
    rows = list(
        csv_rows(io.BytesIO("text,label\nsea,a\n".encode("utf-16")), "f.csv", lambda _: "x")
    )
    assert [str(row) for row in rows] == [
        "f.csv: is not UTF-8; convert the file, for instance with iconv"
    ]


def test_figures_of_several_labels() -> None:
    """Worked by hand: three documents, two labels."""
    probabilities = np.array([[0.9, 0.6], [0.2, 0.7], [0.8, 0.1]])
    truth = np.array([[1, 1], [1, 1], [1, 0]])
    found = multi_figures(("a", "b"), probabilities, truth)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["labels"][0]["confusion"] == {
        "given": 2,
        "missed": 1,
        "false": 0,
        "rightly_not_given": 0,
    }
    assert found["micro_f1"] == pytest.approx(2 * 4 / 9)
    assert found["macro_f1"] == pytest.approx((0.8 + 1) / 2)
