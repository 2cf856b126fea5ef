"""``tidemark eval vibe``: a person's topics and the model's, side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import inputs as options
from streams.cli._output import Format, write
from streams.cli.eval_report import REPORT, write_report
from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Document, Enriched
    from streams.cli.evaluation_pool import PoolEnricher

_USUAL = ("topics", "topic", "label", "category", "keywords", "tldr", "summary")
_SHOWN = 120
_MOST_LABELS = 3
_LEAST_SHARE = 0.15
_COLUMNS = (
    ("document", "String"),
    ("person", "String"),
    ("model", "String"),
    ("cosine", "Float64"),
    ("model_summary", "String"),
    ("summary_cosine", "Float64"),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One document as a person and as the model see it.

    Attributes:
        document: its title, or how it begins.
        person: topics that a person gave.
        model: the model's labels with their probabilities.
        cosine: of the embeddings of both.
        model_summary: what the model says it is about.
        summary_cosine: of the embeddings of the person's topics and that summary.
    """

    document: str
    person: str
    model: str
    cosine: float
    model_summary: str
    summary_cosine: float


@dataclass(frozen=True, slots=True)
class Vibe:
    """All pairs, and the mean cosine when each person's topics stand beside another document."""

    pairs: tuple[Pair, ...]
    crossed: float
    summary_crossed: float

    @property
    def title(self) -> str:
        """The means in a sentence."""
        count = len(self.pairs)
        mean = sum(pair.cosine for pair in self.pairs) / count
        summary = sum(pair.summary_cosine for pair in self.pairs) / count
        return (
            f"{count} documents: mean cosine of a person's topics to the model's {mean:.3f} "
            f"(to another document's {self.crossed:.3f}), to the summary {summary:.3f} "
            f"({self.summary_crossed:.3f})"
        )


def vibe(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Documents, in any form that `tidemark enrich` reads."),
    ],
    *,
    topics_column: Annotated[
        str | None,
        typer.Option(
            "--topics-column", help="Column of a person's topics; else topics, topic, label, ..."
        ),
    ] = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    documents: Annotated[int, typer.Option(min=2, max=500, help="How many to show.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of which are drawn.")] = 0,
    limit: options.LIMIT = None,
    html: Annotated[Path | None, typer.Option(help="Write a page as well.")] = None,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Show a few documents with a person's topics beside the model's, and how near they are.

    Both are embedded by the stream's own model; the cosine is of these embeddings. What it is worth
    is told by the mean cosine to another document's topics.

    Example: `tidemark eval vibe news.csv --topics-column topic --html vibe.html`
    """
    from streams.cli.evaluation_pool import PoolEnricher  # noqa: PLC0415 - keeps --help fast
    from streams.cli.vibe_page import page  # noqa: PLC0415
    from streams.readers import Columns  # noqa: PLC0415

    options.check_usage([file])
    lists = (topics_column,) if topics_column else _USUAL
    columns = Columns(text_column, title_column, None, None, None, "evaluation", lists)
    drawn = draw(_documents(file, columns, limit), file, topics_column, documents, seed)
    found = compare(drawn, PoolEnricher(load_settings(), columns))
    rows = [asdict(pair) for pair in found.pairs]
    write_report(
        report,
        {"pairs": rows, "crossed": found.crossed, "summary_crossed": found.summary_crossed},
    )
    if html is not None:
        _write(html, page(found, Path(file).name))
    names, types = zip(*_COLUMNS, strict=True)
    cells = [[_cell(row[name]) for name in names] for row in rows]
    write(names, cells, how, title=found.title, types=types)


def _documents(file: str, columns: Any, limit: int | None) -> list[Document]:
    from streams.readers import Found  # noqa: PLC0415 - keeps --help fast

    with options.documents([file], columns, limit, "reading") as rows:
        return [row.document for row in rows if isinstance(row, Found)]


def draw(
    documents: Sequence[Document], file: str, column: str | None, count: int, seed: int
) -> list[tuple[Document, str]]:
    """Return so many documents with a person's topics, drawn by the seed, in their order.

    Raises:
        Misconfigured: there is no such column, or fewer than two rows fill it.
    """
    import random  # noqa: PLC0415 - only here

    from streams.readers import values_of  # noqa: PLC0415 - keeps --help fast

    names = dict.fromkeys(name for document in documents for name in document.metadata)
    wanted = (column,) if column else _USUAL
    chosen = next((name for name in wanted if name in names), None)
    if chosen is None:
        shown = ", ".join(list(names)[:12]) or "none"
        raise Misconfigured(
            f"{file} has no column of topics (other columns: {shown}); name it with --topics-column"
        )
    filled = [
        (document, topics)
        for document in documents
        if (topics := ", ".join(values_of(document.metadata.get(chosen, ""))))
    ]
    if len(filled) < 2:  # noqa: PLR2004 - one has no other to be compared with
        raise Misconfigured(f"fewer than two rows of {file} fill the column {chosen!r}")
    picked = random.Random(seed).sample(range(len(filled)), min(count, len(filled)))  # noqa: S311
    return [filled[number] for number in sorted(picked)]


def compare(drawn: Sequence[tuple[Document, str]], pool: PoolEnricher) -> Vibe:
    """Enrich the documents, embed both sides' topics, and compare them."""
    import numpy as np  # noqa: PLC0415 - keeps --help fast

    from schemas.messages import Document  # noqa: PLC0415

    enriched = pool.enrich([document for document, _ in drawn])
    if len(enriched) < len(drawn):
        raise Misconfigured("a document was refused; look with: tidemark enrich")

    def embedded(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        found = pool.enrich([Document(text=text) for text in texts])
        return np.stack([np.frombuffer(each.embedding, "<f4") for each in found])

    person = embedded([topics for _, topics in drawn])
    labels = person @ embedded([", ".join(topics_of(each)) for each in enriched]).T
    summaries = person @ embedded([each.summary for each in enriched]).T
    pairs = tuple(
        Pair(
            (each.title or each.text)[:_SHOWN],
            topics,
            ", ".join(f"{name} {share:.0%}" for name, share in topics_of(each).items()),
            float(labels[row, row]),
            each.summary,
            float(summaries[row, row]),
        )
        for row, (each, (_, topics)) in enumerate(zip(enriched, drawn, strict=True))
    )
    others = ~np.eye(len(pairs), dtype=np.bool_)
    return Vibe(pairs, float(labels[others].mean()), float(summaries[others].mean()))


def topics_of(document: Enriched) -> dict[str, float]:
    """Return the model's likeliest labels, at most three, each with its probability."""
    ranked = sorted(document.scores.items(), key=lambda item: -item[1])[:_MOST_LABELS]
    return {
        name: share for at, (name, share) in enumerate(ranked) if not at or share >= _LEAST_SHARE
    }


def _cell(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from error
