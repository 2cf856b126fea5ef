"""``tidemark search``, ``like`` and ``trends --by topic``, asked as people ask."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.messages import WindowTopic
from streams.backends.clickhouse import open_warehouse
from streams.cli import questions
from streams.cli.topic_trends import bars, period_seconds
from streams.clock import FixedClock
from streams.ports import ModelCard, Text
from tests.support.landed import HOUR, START, document, window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from schemas.messages import Enriched

app = typer.Typer()
questions.register(app)

THEMES = {"sea": 0, "land": 1, "sky": 2}
CARD = ModelCard("mini", "rev-1", "zero-shot", "cpu", "int8", 8)


class Themes:
    """An enricher whose vector of a text is the direction of the theme that it names."""

    card = CARD

    def pre(self, texts: Sequence[Text]) -> Sequence[Text]:
        return texts

    def core(self, prepared: Sequence[Text]) -> Sequence[Text]:
        return prepared

    def post(self, encoded: Sequence[Text]) -> list[object]:
        class Found:
            embedding = direction(encoded[0].text)

        return [Found()]


def direction(
    theme: str, noise: float = 0.0, seed: int = 0
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = np.eye(1, 8, THEMES[theme])[0] + np.random.default_rng(seed).normal(size=8) * noise
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def landed_document(number: int, theme: str, noise: float, **changes: object) -> Enriched:
    changes = {"label": theme, "embedding": direction(theme, noise, number).tobytes()} | changes
    own = {"embedding_model": "mini", "embedding_revision": "rev-1"}
    return replace(document(number), **(own | changes))  # type: ignore[arg-type]


def topic(identity: str, documents: int, **changes: object) -> WindowTopic:
    plain = WindowTopic(
        *(identity, f"{identity} words", documents, 0.5, "doc-1", f"About {identity}.", 0.9),
        *(START, "", "", "", "mini@rev-1"),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a database with themes, copies, two models and windows of topics."""
    url = f"chdb://{tmp_path_factory.mktemp('search') / 'clickhouse'}"
    warehouse = open_warehouse(url, clock=FixedClock(START + HOUR))
    themes = ("sea", "land", "sky")
    found = [landed_document(k, themes[k % 3], 0.2) for k in range(30)]
    copied = found[3].embedding
    found += [landed_document(40 + k, "sea", 0, embedding=copied) for k in range(2)]
    found.append(landed_document(50, "sea", 0.1, embedding_revision="rev-2"))
    found.append(landed_document(60, "sea", 0.2, source="blogs"))
    found.append(landed_document(6, "sky", 0.2, source="blogs"))
    found.append(landed_document(70, "land", 0, embedding=b""))
    warehouse.write_documents(found)
    hours = [window(number) for number in range(4)]
    warehouse.write_stats(
        [
            replace(each, topics=(topic("a", 10 - 3 * k), topic("b", 3 * k + 1)))
            for k, each in enumerate(hours)
        ]
    )
    warehouse.close()
    return url


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.parts.open_enricher", lambda _settings: Themes())


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"TIDEMARK_CLICKHOUSE": url})


def rows(url: str, *arguments: str) -> list[dict[str, object]]:
    result = run(url, *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    answer: list[dict[str, object]] = json.loads(result.stdout)
    return answer


def test_search_answers_with_the_nearest_first(landed: str) -> None:
    """All of the theme that was asked for, in order of the cosine."""
    found = rows(landed, "search", "sky", "--limit", "8", "--source", "news")
    assert {row["label"] for row in found} == {"sky"}
    cosines = [float(str(row["similarity"])) for row in found]
    assert cosines == sorted(cosines, reverse=True)
    expected = direction("sky", 0.2, 2) @ direction("sky")
    own = next(row for row in found if row["doc_id"] == "doc-2")
    assert own["similarity"] == pytest.approx(float(expected), abs=0.01)


def test_near_copies_are_shown_once(landed: str) -> None:
    """Three of one content are one row that says so."""
    found = rows(landed, "search", "sea", "--limit", "20", "--source", "news")
    copies = {row["doc_id"]: row["copies"] for row in found}
    assert [copies.get(each, "none") for each in ("doc-3", "doc-40", "doc-41")].count("none") == 2
    assert sum(int(str(count)) for count in copies.values()) >= 2


def test_filters(landed: str) -> None:
    """Source, label and time (the end not included) restrict the answer."""
    found = rows(landed, "search", "sea", "--source", "blogs")
    assert {row["source"] for row in found} == {"blogs"}
    assert {row["label"] for row in rows(landed, "search", "sea", "--label", "land")} == {"land"}
    short = rows(landed, "search", "sea", "--from", "2024-05-06T07:10", "--to", "2024-05-06T07:12")
    assert {row["doc_id"] for row in short} == {"doc-2", "doc-3"}


def test_documents_of_another_model_are_said_not_compared(landed: str) -> None:
    """The answer has none of them, and the hint their number and model."""
    result = run(landed, "search", "sea", "--limit", "50")
    assert "doc-50" not in result.stdout
    assert (
        "not compared: 1 documents embedded by mini@rev-2; asked with mini@rev-1" in result.stderr
    )


def test_like_finds_its_own_theme_without_itself(landed: str) -> None:
    """More like a document."""
    found = rows(landed, "like", "doc-6", "--of", "news", "--limit", "5", "--source", "news")
    assert {row["label"] for row in found} == {"sea"}
    assert "doc-6" not in {row["doc_id"] for row in found}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("like", "nothing"), "there is no document 'nothing'"),
        (("like", "doc-1", "--of", "x"), "there is no document 'doc-1' of source 'x'"),
        (("like", "doc-70"), "the document 'doc-70' has no embedding to compare"),
        (("like", "doc-6"), "'doc-6' is in the sources blogs, news; choose one with --of"),
    ],
)
def test_a_document_that_cannot_be_compared_is_one_line(
    landed: str, arguments: tuple[str, ...], line: str
) -> None:
    """The error says what is wrong."""
    assert str(run(landed, *arguments).exception) == line


@pytest.mark.parametrize(
    "arguments", [("search", " "), ("search", "sea", "--from", "yesterdayish")]
)
def test_wrong_usage_is_told(landed: str, arguments: tuple[str, ...]) -> None:
    """An empty text or a wrong time is refused before a model is loaded, exit code 2."""
    result = run(landed, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_nothing_matches(landed: str) -> None:
    """A filter without documents says what to do; JSON stays JSON."""
    result = run(landed, "search", "sea", "--label", "none", "--format", "json")
    assert json.loads(result.stdout) == []
    assert "no documents match; widen --from, --to, --source or --label" in result.stderr


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    """Neither loads a model nor fails."""
    url = f"chdb://{tmp_path / 'clickhouse'}"
    open_warehouse(url).close()
    result = run(url, "search", "sea")
    assert result.exit_code == 0
    assert "nothing landed yet" in result.stderr


def test_topics_have_lines(landed: str) -> None:
    """Each topic with its documents and share in every period, and how it changed."""
    found = {row["name"]: row for row in rows(landed, "trends", "--by", "topic")}
    falling, rising = found["a words"], found["b words"]
    assert (falling["documents"], rising["documents"]) == (22, 22)
    assert [documents for _, documents, _ in falling["periods"]] == [10, 7, 4, 1]  # type: ignore[attr-defined]
    assert falling["change"] == -float(str(rising["change"]))
    table = run(landed, "trends", "--by", "topic", "--limit", "1").stdout
    assert "a words" in table
    assert "b words" not in table


def test_no_topics_is_said(landed: str) -> None:
    """A time without windows has no topics, and the hint says from when there are some."""
    result = run(landed, "trends", "--by", "topic", "--from", "2030")
    assert "no topics in this time" in result.stderr


@pytest.mark.parametrize(("days", "period"), [(1, 3_600), (39 * 365, 365 * 86_400)])
def test_lines_have_up_to_forty_periods(days: int, period: int) -> None:
    """Of a unit of time while one fits: an archive of 39 years has a year a bar."""
    bounds = {"first": 0, "last": days * 86_400_000, "window_seconds": 60}
    assert period_seconds(bounds) == period


def test_bars() -> None:
    """The highest bar for the largest, the lowest for anything, none for zero."""
    assert bars([0, 0.001, 0.5, 1]) == " ▁▄█"
    assert bars([0, 0]) == "  "
