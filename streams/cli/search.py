"""``tidemark search`` and ``tidemark like``: documents by their meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import _nearest
from streams.cli._asking import (
    FormatOption,
    FromOption,
    LimitOption,
    SourceOption,
    ToOption,
    asking,
    hint_of,
    show,
    time_range,
)
from streams.cli._nearest import Answer, Wanted, nearest
from streams.cli._output import Format
from streams.config import load_settings
from streams.errors import TidemarkError

if TYPE_CHECKING:
    from streams.backends.clickhouse import Reader

LabelOption = Annotated[str | None, typer.Option("--label", help="Only this label.")]

_NONE = "no documents match; widen --from, --to, --source or --label"
_DOCUMENT = """\
SELECT source, title, summary, embedding, embedding_model AS model, embedding_revision AS revision
FROM documents
WHERE doc_id = {doc_id:String} AND ({of:String} = '' OR source = {of:String})
ORDER BY source"""


class NoSuchDocument(TidemarkError):  # noqa: N818 - named by its consequence
    """The document is not there, or has no embedding, or its id is not enough."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("search")(search)
    app.command("like")(like)


def search(
    text: Annotated[str, typer.Argument(help="What the documents are to be about.")],
    *,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    label: LabelOption = None,
    limit: LimitOption = 10,
    how: FormatOption = Format.TABLE,
) -> None:
    """Find the documents whose meaning is nearest to a text, by cosine.

    The text is embedded by the configured model; documents of other models are not compared.
    Near-copies are shown once, with their number.

    Example: `tidemark search "robots that learn to grasp" --from 2016 --source papers`
    """
    if not text.strip():
        raise typer.BadParameter("the text is empty; say what to search for")
    filters = _filters(start, end, source, label)
    with asking() as reader:
        # Before the model is loaded, which takes seconds: is there anything to search?
        if reader.query("SELECT count() FROM documents_raw").rows[0][0]:
            answer = nearest(reader, _embedded(text, filters, limit))
        else:
            answer = Answer([], None)
        _show(reader, answer, how, f"Nearest to {text.strip()!r}")


def like(
    doc_id: Annotated[str, typer.Argument(metavar="DOC_ID", help="A document that landed.")],
    *,
    of: Annotated[
        str | None, typer.Option("--of", help="Its source, where several have that id.")
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    source: SourceOption = None,
    label: LabelOption = None,
    limit: LimitOption = 10,
    how: FormatOption = Format.TABLE,
) -> None:
    """Find more documents like one, nearest first; near-copies are shown once.

    Example: `tidemark like nips2012-1234 --from 2015`
    """
    import numpy as np  # noqa: PLC0415 - keeps `tidemark --help` fast

    filters = _filters(start, end, source, label)
    with asking() as reader:
        row = _document(reader, doc_id, of or "")
        wanted = Wanted(
            np.array(row["embedding"], np.float32),
            row["model"],
            row["revision"],
            filters,
            limit,
            without=(row["source"], doc_id),
        )
        _show(
            reader,
            nearest(reader, wanted),
            how,
            f"Like {row['title'] or row['summary'] or doc_id!r}",
        )


def _filters(
    start: str | None, end: str | None, source: str | None, label: str | None
) -> dict[str, Any]:
    return time_range(start, end) | {"source": source or "", "label": label or ""}


def _embedded(text: str, filters: dict[str, Any], limit: int) -> Wanted:
    from streams.ports import Text  # noqa: PLC0415 - keeps --help fast
    from streams.runtime.choice import with_choice  # noqa: PLC0415
    from streams.runtime.parts import open_enricher  # noqa: PLC0415

    enricher = open_enricher(with_choice(load_settings()))
    (found,) = enricher.post(enricher.core(enricher.pre([Text("", text)])))
    card = enricher.card
    return Wanted(found.embedding, card.embedding_model, card.embedding_revision, filters, limit)


def _document(reader: Reader, doc_id: str, of: str) -> dict[str, Any]:
    rows = reader.query(_DOCUMENT, {"doc_id": doc_id, "of": of}).dictionaries()
    if not rows:
        place = f" of source {of!r}" if of else ""
        raise NoSuchDocument(f"there is no document {doc_id!r}{place}")
    if len(rows) > 1:
        sources = ", ".join(row["source"] for row in rows)
        raise NoSuchDocument(f"{doc_id!r} is in the sources {sources}; choose one with --of")
    if not any(rows[0]["embedding"]):
        raise NoSuchDocument(f"the document {doc_id!r} has no embedding to compare")
    return rows[0]


def _show(reader: Reader, answer: Answer, how: Format, title: str) -> None:
    from streams.backends.clickhouse import Table  # noqa: PLC0415 - heavy

    hints = [] if answer.rows else [hint_of(reader, _NONE)]
    hints += [answer.note] if answer.note else []
    table = Table(_nearest.COLUMNS, _nearest.TYPES, answer.rows)
    show(table, how, title=title, hint="\n".join(hints) or None)
