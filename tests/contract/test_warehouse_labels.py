"""Labels of people: the last word of each counts, and accuracy is what a plain count says."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import pytest

from schemas.messages import HumanLabel, Origin
from streams.backends.clickhouse import open_warehouse
from streams.backends.memory import MemoryWarehouse
from streams.ports import Labelled
from tests.support.landed import START, document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.backends.clickhouse import ClickHouseWarehouse

ALL = "window_from = '2000-01-01', window_to = '2100-01-01', source = ''"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        yield opened


def said(
    doc_id: str, *labels: str, by: str = "ada", offset: int = 0, source: str = "news"
) -> Labelled:
    """What a person says in the message at an offset."""
    origin = Origin("tidemark.labels", 0, offset, START + offset)
    return Labelled(origin, HumanLabel(doc_id, source, labels, by, START))


def test_the_last_word_of_each_person_counts(warehouse: ClickHouseWarehouse) -> None:
    """In any order of arrival, twice or once, in memory and in ClickHouse."""
    messages = [
        said("a", "sea", offset=1),
        said("a", "land", "air", offset=5),
        said("a", "sea", by="bob", offset=2),
        said("a", "sea", source="blogs", offset=3),
        said("b", "sea", offset=6),
        said("b", offset=7),  # taken back
    ]
    memory = MemoryWarehouse()
    for batch in (messages[::-1], messages, messages[:3], messages[4:5]):
        memory.write_labels(batch)
        warehouse.write_labels(batch)
    expected = [
        ["blogs", "a", "ada", ["sea"]],
        ["news", "a", "ada", ["air", "land"]],
        ["news", "a", "bob", ["sea"]],
    ]
    sql = "SELECT source, doc_id, labelled_by, labels FROM labels ORDER BY ALL"
    assert [list(row) for row in warehouse.query(sql).rows] == expected
    kept = [[x.source, x.doc_id, x.labelled_by, sorted(x.labels)] for x in memory.labels]
    assert sorted(kept) == expected


def test_a_label_is_true_when_most_say_so(warehouse: ClickHouseWarehouse) -> None:
    """Two who disagree make a document disputed, a third decides; a label given twice is one."""
    warehouse.write_documents([document(1, label="sea"), document(2, label="sea")])
    warehouse.write_labels(
        [said("doc-1", "sea", "sea"), said("doc-1", "land", by="bob"), said("doc-2", "sea")]
    )
    before = _rows(warehouse, "documents, correct, disputed", "accuracy")
    warehouse.write_labels([said("doc-1", "land", "air", by="eve", offset=9)])
    after = _rows(warehouse, "documents, correct, disputed", "accuracy")
    assert (before, after) == ([[1, 1, 1]], [[2, 1, 0]])


def test_nothing_is_said_of_models_that_nobody_judged(warehouse: ClickHouseWarehouse) -> None:
    """Labels of documents that never landed make no row, nor documents without labels."""
    warehouse.write_documents([document(1)])
    warehouse.write_labels([said("elsewhere", "sea")])
    assert _rows(warehouse, "*", "accuracy") == _rows(warehouse, "*", "accuracy_by_label") == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_figures_are_those_of_a_plain_count(warehouse: ClickHouseWarehouse, seed: int) -> None:
    """Accuracy, interval, precision, recall and F1 of two model versions, against Python's."""
    rng = random.Random(seed)
    classes = ["sea", "land", "air", "rail"]
    batch, messages = [], []
    pairs: dict[str, list[tuple[str, set[str]]]] = {"one": [], "two": []}
    for number in range(400):
        truth = set(rng.sample(classes[:3], rng.choice([1, 1, 1, 2])))
        label = rng.choice([*classes, "unsure", *truth, *truth, *truth])
        model = rng.choice(["one", "two"])
        batch.append(replace(document(number, label=label), classifier=model))
        messages.append(said(f"doc-{number}", *truth, offset=number))
        pairs[model].append((label, truth))
    for _ in range(2):  # a redelivery changes nothing
        warehouse.write_documents(batch)
        warehouse.write_labels(messages)
    names = "classifier, documents, correct, unsure, accuracy, low, high"
    rest = "accuracy_without_unsure, macro_precision, macro_recall, macro_f1"
    found = {row[0]: row[1:] for row in _rows(warehouse, f"{names}, {rest}", "accuracy")}
    per_label = _rows(warehouse, "classifier, label, precision, recall, f1", "accuracy_by_label")
    for model, judged in pairs.items():
        total, each = _counted(judged)
        assert found[model] == pytest.approx(total, abs=1e-4)
        assert {row[1]: row[2:] for row in per_label if row[0] == model} == {
            label: pytest.approx(figures) for label, figures in each.items()
        }


def _counted(
    judged: list[tuple[str, set[str]]],
) -> tuple[list[float], dict[str, list[float | None]]]:
    n, k = len(judged), sum(label in truth for label, truth in judged)
    unsure = sum(label == "unsure" for label, _ in judged)
    meant = Counter(one for _, truth in judged for one in truth)
    given = Counter(label for label, _ in judged if label != "unsure")
    met = Counter(label for label, truth in judged if label in truth)
    each: dict[str, list[float | None]] = {
        label: [
            met[label] / given[label] if given[label] else None,
            met[label] / meant[label] if meant[label] else None,
            2 * met[label] / (given[label] + meant[label]),
        ]
        for label in {*meant, *given}
    }
    macro = [sum(each[one][at] or 0.0 for one in meant) / len(meant) for at in range(3)]
    z = 1.959964
    centre, width = k + z * z / 2, z * sqrt(k * (n - k) / n + z * z / 4)
    wilson = [(centre - width) / (n + z * z), (centre + width) / (n + z * z)]
    return [n, k, unsure, k / n, *wilson, k / (n - unsure), *macro], each


def _rows(warehouse: ClickHouseWarehouse, columns: str, view: str) -> list[list[object]]:
    return [list(row) for row in warehouse.query(f"SELECT {columns} FROM {view}({ALL})").rows]
