"""``tidemark drift backtest``: landed documents under other settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from streams.backends.clickhouse import open_reader, open_warehouse
from streams.cli import _landed_documents, questions
from streams.cli._asking import time_range
from streams.drift.backtest import Backtest
from streams.drift.options import DriftOptions
from streams.errors import TidemarkError
from tests.support.landed import document
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.messages import Enriched

app = typer.Typer()
questions.register(app)
OPTIONS = DriftOptions(
    window_ms=60_000,
    lateness_ms=600_000,
    reference_documents=100,
    false_alarms_per_ms=1 / 604_800_000,
    scales=(20, 40, 80),
)
TRIED = ("--setting", "drift_reference=100", "--setting", "scales=20,40,80")


@pytest.fixture(scope="module")
def documents() -> list[Enriched]:
    """A source whose law moves after 200 of 320 documents; embeddings as ClickHouse keeps them."""
    rng = np.random.default_rng(5)
    law = Law.of(8)
    moved = np.concatenate([law.draw(rng, 200), law.draw(rng, 120, shift=2.0)])
    kept = (moved.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return [one for _, one in stream(kept, rng, topic=("storm",), topic_from=200)]


@pytest.fixture
def landed(documents: list[Enriched], tmp_path: Path) -> str:
    """Return the address of a database with the documents and the alert that they raised."""
    live = Backtest(OPTIONS, sources=1)
    live.feed(documents)
    url = f"chdb://{tmp_path / 'clickhouse'}"
    warehouse = open_warehouse(url)
    warehouse.write_documents(documents[::-1])
    warehouse.write_alerts([firing.last for firing in live.firings])
    warehouse.close()
    return url


def run(url: str, *arguments: str) -> Result:
    env = {"TIDEMARK_CLICKHOUSE": url}
    return CliRunner().invoke(app, ["drift", "backtest", *arguments], env=env)


def test_documents_come_back_in_order_of_arrival(
    landed: str, documents: list[Enriched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Field by field, whatever the order in which they landed, over several pages."""
    small = _landed_documents._PAGE_OF_DOCUMENTS.replace("LIMIT 2000", "LIMIT 150")
    monkeypatch.setattr(_landed_documents, "_PAGE_OF_DOCUMENTS", small)
    reader = open_reader(landed)
    parameters = time_range(None, None) | {"source": ""}
    pages = list(_landed_documents.documents(reader, parameters))
    reader.close()
    assert [len(page) for page in pages] == [150, 150, 20]
    found = [one for page in pages for one in page]
    assert found == documents


def test_what_fired_fires_again_and_a_tighter_budget_is_told(landed: str) -> None:
    """Under the same settings the alert is the same; a budget that grants none leaves it alone."""
    same = run(landed, *TRIED, "--format", "json")
    assert same.exit_code == 0, same.output
    (row,) = _rows(same)
    assert (row["now"], row["then"], row["source"]) == (True, True, "news")
    assert 200 < row["document"] <= 320
    assert "replayed 320 documents of 1 sources" in same.output
    never = run(landed, *TRIED, "--setting", "drift_reference=319", "--format", "json")
    (row,) = _rows(never)
    assert (row["now"], row["then"]) == (False, True)


def test_nothing_to_replay_is_said(landed: str, tmp_path: Path) -> None:
    """An empty range, documents without embeddings, and a setting that there is not."""
    none = run(landed, "--until", "2001")
    assert isinstance(none.exception, TidemarkError)
    assert "there is nothing to replay" in str(none.exception)
    url = f"chdb://{tmp_path / 'bare'}"
    warehouse = open_warehouse(url)
    warehouse.write_documents([document(1, dimensions=0)])
    warehouse.close()
    assert "have no embeddings" in str(run(url).exception)
    assert run(landed, "--setting", "speed=3").exit_code == 2


def _rows(result: Result) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows
