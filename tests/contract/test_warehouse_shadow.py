"""Champion and challenger in ClickHouse, and what documents cost: against a plain count."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.messages import HumanLabel, Origin
from streams.backends.clickhouse import open_warehouse
from streams.backends.clickhouse.trends import TrendKeeper
from streams.backends.memory import MemoryWarehouse
from streams.clock import SystemClock
from streams.ports import Labelled
from streams.stages.shadow import result_of
from tests.support.landed import HOUR, START, document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from schemas.messages import Enriched, ShadowResult
    from streams.backends.clickhouse import ClickHouseWarehouse

WINDOW = "window_from = '2000-01-01', window_to = '2100-01-01', source = ''"
LABELS = ("sea", "land", "air", "unsure")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[ClickHouseWarehouse]:
    with closing(open_warehouse(f"chdb://{tmp_path / 'clickhouse'}")) as opened:
        yield opened


def challenged(record: Enriched, label: str, **changes: object) -> ShadowResult:
    """What the challenger says of a document, at three times the work."""
    slower = replace(record, label=label, classifier="big@1", inference_ms=8.5)
    changed = replace(slower, **changes)  # type: ignore[arg-type]
    return result_of(changed, "big", "classification")


def test_a_result_lands_once_for_each_model_version(warehouse: ClickHouseWarehouse) -> None:
    """In memory and in ClickHouse: the newest message of a document; twice is once."""
    first, again = document(1), document(1, offset=9)
    results = [
        challenged(again, "land"),
        challenged(first, "sea"),
        challenged(first, "air", compute_type="float32"),
    ]
    memory = MemoryWarehouse()
    for batch in (results, results[::-1], results[1:]):
        memory.write_shadows(batch)
        warehouse.write_shadows(batch)
    sql = "SELECT doc_id, compute_type, label, version FROM shadow_results ORDER BY compute_type"
    expected = [
        ["doc-1", "float32", "air", first.version],
        ["doc-1", "int8", "land", again.version],
    ]
    assert [list(row) for row in warehouse.query(sql).rows] == expected
    kept = [[x.doc_id, x.compute_type, x.label, x.version] for x in memory.shadows]
    assert sorted(kept, key=lambda row: str(row[1])) == expected


def test_only_answers_to_the_same_message_are_compared(warehouse: ClickHouseWarehouse) -> None:
    """A document that was published again is compared when both have seen the new text."""
    old, new = document(1, text="old"), document(1, offset=9, text="new")
    warehouse.write_documents([new])
    warehouse.write_shadows([challenged(old, "sea")])
    before = _rows(warehouse, "documents", "shadow_comparison")
    warehouse.write_shadows([challenged(new, "sea")])
    assert (before, _rows(warehouse, "documents", "shadow_comparison")) == ([], [[1]])


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_are_those_of_a_plain_count(warehouse: ClickHouseWarehouse, seed: int) -> None:
    """Agreement, Cohen's kappa, confusion, time, cost, and who is right."""
    rng = random.Random(seed)
    labels = [(rng.choice(LABELS), rng.choice(LABELS[:3])) for _ in range(300)]
    labels = [(ours, ours if rng.random() < 0.5 else theirs) for ours, theirs in labels]
    batch = [
        replace(document(number, label=ours), price_per_hour=3.6, currency="EUR")
        for number, (ours, _) in enumerate(labels)
    ]
    truth = {number: rng.choice(LABELS[:3]) for number in range(0, 300, 3)}
    for _ in range(2):
        warehouse.write_documents(batch)
        warehouse.write_shadows(
            [challenged(one, theirs) for one, (_, theirs) in zip(batch, labels, strict=True)]
        )
        warehouse.write_labels([_said(number, label) for number, label in truth.items()])
    names = "documents, agreeing, kappa, champion_ms, challenger_ms, champion_cost, challenger_cost"
    rest = "labelled, champion_correct, challenger_correct, only_champion_correct"
    (found,) = _rows(warehouse, f"{names}, {rest}", "shadow_comparison")
    agreeing = sum(ours == theirs for ours, theirs in labels)
    right = [
        (labels[number][0] == label, labels[number][1] == label) for number, label in truth.items()
    ]
    ours, theirs = sum(a for a, _ in right), sum(b for _, b in right)
    alone = sum(a and not b for a, b in right)
    figures = [300, agreeing, _kappa(labels), 2.5, 9.0, 0.0025, 0.009]
    assert found == pytest.approx([*figures, 100, ours, theirs, alone])
    ((confusion, currency),) = _rows(warehouse, "confusion, currency", "shadow_comparison")
    assert {(pair[0], pair[1]): pair[2] for pair in confusion} == Counter(labels)  # type: ignore[attr-defined]
    assert currency == "EUR"


@pytest.mark.parametrize("unit", ["minute", "hour", "day", "all"])
def test_documents_cost_what_their_time_costs(warehouse: ClickHouseWarehouse, unit: str) -> None:
    """The same from documents and from cells; those without a price are left out of the mean."""
    priced = [
        replace(document(n), price_per_hour=3.6, currency="EUR", published_at=START + n * HOUR)
        for n in range(30)
    ]
    free = [replace(document(n), published_at=START + n * HOUR) for n in range(30, 40)]
    warehouse.write_documents([*priced, *free])
    sql = (
        "SELECT sum(documents), sum(cost), max(cost_per_thousand), max(currency) "
        f"FROM cost({WINDOW}, unit = '{unit}') WHERE cost IS NOT NULL"
    )
    before = list(warehouse.query(sql).rows[0])
    TrendKeeper(warehouse, SystemClock()).refresh_all()
    after = list(warehouse.query(sql).rows[0])
    assert before[1] == pytest.approx(30 * 2.5e-6)
    assert before[3] == "EUR"
    assert after == pytest.approx(before)
    nothing = f"SELECT count() FROM cost({WINDOW}, unit = 'hour') WHERE cost IS NULL"
    assert int(warehouse.query(nothing).rows[0][0]) == 10


def _kappa(labels: Sequence[tuple[str, str]]) -> float:
    n = len(labels)
    observed = sum(ours == theirs for ours, theirs in labels) / n
    one, other = Counter(ours for ours, _ in labels), Counter(theirs for _, theirs in labels)
    chance = sum(one[label] * other[label] for label in one) / n**2
    return (observed - chance) / (1 - chance)


def _said(number: int, label: str) -> Labelled:
    said = HumanLabel(f"doc-{number}", "news", (label,), "ada", START)
    return Labelled(Origin("tidemark.labels", 0, number, START), said)


def _rows(warehouse: ClickHouseWarehouse, columns: str, view: str) -> list[list[object]]:
    return [list(row) for row in warehouse.query(f"SELECT {columns} FROM {view}({WINDOW})").rows]
