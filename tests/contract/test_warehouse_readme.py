"""schemas/README.md says what the views are: its columns are theirs, its examples run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from schemas.migrate import FOLDER
from streams.backends.clickhouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.backends.clickhouse import ClickHouseWarehouse

TERMS = (
    "trending_terms(window_from = '2000-01-01', window_to = '2001-01-01', "
    "baseline_from = '1999-01-01', baseline_to = '2000-01-01', source = '')"
)
VOCABULARY = "vocabulary(window_from = '2000-01-01', window_to = '2001-01-01', source = '')"
BETWEEN = "drift_between({})".format(
    ", ".join(
        f"{side}_source = '', {side}_from = '2000-01-01', {side}_to = '2001-01-01', "
        f"{side}_version = ''"
        for side in "ab"
    )
)
_WINDOW = "window_from = '2000-01-01', window_to = '2001-01-01', source = ''"
CHANGED = (
    "what_changed(a_from = '2000-01-01', a_to = '2001-01-01', "
    "b_from = '2001-01-01', b_to = '2002-01-01', source = '')"
)
WITH_PARAMETERS = {
    "trending_terms": TERMS,
    "vocabulary": VOCABULARY,
    "drift_between": BETWEEN,
    "drift": f"drift({_WINDOW})",
    "landings": f"landings({_WINDOW})",
    "shadow_comparison": f"shadow_comparison({_WINDOW})",
    "accuracy": f"accuracy({_WINDOW})",
    "accuracy_by_label": f"accuracy_by_label({_WINDOW})",
    "what_changed": CHANGED,
    "topic_lines": (
        "topic_lines(window_from = '2000-01-01', window_to = '2001-01-01', source = '', "
        "period_seconds = 3600, most = 5)"
    ),
    "nearest": (
        "nearest(vector = [0.6, 0.8], model = 'm', revision = 'r', source = '', label = '', "
        "published_from = '2000-01-01', published_to = '2001-01-01', most = 5)"
    ),
    **{
        view: f"{view}({_WINDOW}, unit = 'hour')"
        for view in ("label_shares", "unique_tokens", "cost")
    },
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    opened = open_warehouse(f"chdb://{tmp_path_factory.mktemp('readme') / 'clickhouse'}")
    yield opened
    opened.close()


def section() -> str:
    """Return the part about tables and views."""
    text = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    start = text.index("## Tables and views")
    end = text.find("\n## ", start + 1)
    return text[start : end if end > 0 else None]


def documented() -> dict[str, list[str]]:
    """Return the columns of each view as the paragraphs list them."""
    plain = re.sub(r" ?\([^)]*\)", "", section())
    lists = re.findall(r"^`(\w+)`: (.*?)(?=\. |\n\n)", plain, re.MULTILINE | re.DOTALL)
    return {view: re.findall(r"`(\w+)`", text) for view, text in lists}


def test_every_view_is_documented(warehouse: ClickHouseWarehouse) -> None:
    """None is missing, none is invented."""
    views = warehouse.query(
        "SELECT name FROM system.tables WHERE database = 'tidemark' AND engine = 'View'"
    ).column("name")
    assert sorted(documented()) == sorted(views)


@pytest.mark.parametrize("view", sorted(documented()))
def test_columns_are_those_of_the_view(warehouse: ClickHouseWarehouse, view: str) -> None:
    """All of them, and no other."""
    columns = warehouse.query(f"SELECT * FROM {WITH_PARAMETERS.get(view, view)}").columns
    assert sorted(documented()[view]) == sorted(columns)


@pytest.mark.parametrize("example", re.findall(r"```sql\n(.*?)```", section(), re.DOTALL))
def test_examples_run(warehouse: ClickHouseWarehouse, example: str) -> None:
    """As they stand, on an empty database."""
    assert isinstance(warehouse.query(example).rows, list)
