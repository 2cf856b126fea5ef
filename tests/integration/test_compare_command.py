"""``tidemark models compare``: what was found of a challenger, and what to do where nothing was."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from schemas.messages import HumanLabel, Origin
from streams.backends.clickhouse import open_warehouse
from streams.cli.main import main
from streams.ports import Labelled
from streams.stages.shadow import result_of
from tests.support.brokers import own_settings
from tests.support.landed import START, document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["own_settings"]


@pytest.fixture
def run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_settings: None,
) -> Callable[..., tuple[int, str, str]]:
    """Runs the command on a database of its own; returns exit code, output and errors."""
    del own_settings
    monkeypatch.setenv("TIDEMARK_DATA", str(tmp_path))

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tidemark", "models", "compare", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return command


def _land(folder: Path) -> None:
    documents = [
        replace(document(n, label="sea"), price_per_hour=3.6, currency="EUR") for n in range(10)
    ]
    answers = [
        result_of(replace(one, label="sea" if n < 8 else "land"), "small", "classification")
        for n, one in enumerate(documents)
    ]
    said = HumanLabel("doc-9", "news", ("land",), "ada", START)
    with closing(open_warehouse(f"chdb://{folder / 'clickhouse'}")) as warehouse:
        warehouse.write_documents(documents)
        warehouse.write_shadows([replace(one, compute_type="float32") for one in answers])
        warehouse.write_labels([Labelled(Origin("tidemark.labels", 0, 0, START), said)])


def test_both_stand_side_by_side(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """Agreement, what they cost, who was right, and where they differ; as JSON with all columns."""
    _land(tmp_path)
    code, out, _ = run("zero-shot", "small")
    assert code == 0
    assert "news: 10 documents; they agree on 80.0%" in out
    assert "champion: zero-shot int8" in out
    assert "challenger: zero-shot float32" in out
    assert "right, of 1 labelled" in out
    assert "cost of 1,000, EUR" in out
    assert "Where they differ most" in out
    _, out, _ = run("small", "zero-shot", "--format", "json")
    (row,) = json.loads(out)
    assert (row["agreeing"], row["confusion"]) == (8, [["sea", "sea", 8], ["sea", "land", 2]])


def test_what_is_not_there_is_said(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    """Other names: which ones there are; another time: what to set."""
    _land(tmp_path)
    _, out, told = run("nobody")
    assert out == ""
    assert "there is zero-shot int8 and zero-shot float32" in told
    _, out, told = run("--to", "2000-01-01")
    assert out == ""
    assert "set TIDEMARK_SHADOW" in told
