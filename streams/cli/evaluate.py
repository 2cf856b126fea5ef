"""``tidemark eval``: how well Tidemark does on the user's own documents."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import inputs as options
from streams.cli._output import Format, write
from streams.cli.eval_classify import classify
from streams.cli.eval_summarize import summarize
from streams.cli.eval_vibe import vibe
from streams.config import load_settings
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from streams.cli.evaluating import Evaluated

app = typer.Typer(no_args_is_help=True)

_LABEL_COLUMN = typer.Option(
    "--label-column", help="Column of the class; else topics found in the embeddings."
)
_FOREIGN = typer.Option(
    metavar="FILE",
    help="Documents of another kind to mix in, a tenth of the stream; else those whose language "
    "column names another language than most.",
)
_COLUMNS = (
    ("change", "String"),
    ("streams", "UInt64"),
    ("detected", "String"),
    ("detected_low", "Float64"),
    ("median_delay", "Float64"),
    ("p90_delay", "Float64"),
    ("alarmed_before", "UInt64"),
    ("seen_in", "Array(String)"),
)


@app.callback()
def _evaluate() -> None:
    """Measure on your own documents; nothing is published and no database is touched."""


@app.command("drift")
def drift(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="Documents, in any form that `tidemark enrich` reads."),
    ],
    *,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    label_column: Annotated[str | None, _LABEL_COLUMN] = None,
    foreign: Annotated[str | None, _FOREIGN] = None,
    reference: Annotated[
        int | None,
        typer.Option(min=100, help="Documents to learn from; else as configured, at most a third."),
    ] = None,
    streams: Annotated[int, typer.Option(min=1, help="Streams of each change.")] = 20,
    run_length: Annotated[
        int, typer.Option(min=100, help="Documents between two false alarms that are promised.")
    ] = 10_000,
    limit: options.LIMIT = None,
    report: Annotated[Path | None, typer.Option(help="Write all figures as JSON.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the share detected over documents, as SVG.")
    ] = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Show what the drift monitor would catch on your documents, and how often it cries wolf.

    The documents run through the model once. Then streams are drawn from them: quiet ones, and
    ones in which a class or topic grows (at once, a little, gradually), a new one appears, a
    subtopic quadruples, or gibberish or another language is mixed in. The production detector
    watches each. Delays are in documents.

    Example: `tidemark eval drift news.csv --label-column topic --plot drift.svg`
    """
    from streams.cli.evaluating import Wanted, evaluate  # noqa: PLC0415 - keeps --help fast
    from streams.readers import Columns  # noqa: PLC0415

    options.check_usage([file, *([foreign] if foreign else [])])
    _check_plot(plot)
    settings = load_settings()
    columns = Columns(text_column, title_column, None, None, None, "evaluation")
    wanted = Wanted(columns, label_column, foreign, reference, streams, run_length, limit)
    started = time.monotonic()
    found = evaluate(file, settings, wanted)
    _write_files(found, report, plot)
    names, types = zip(*_COLUMNS, strict=True)
    write(names, found.rows(), how, title=found.title, types=types)
    if how is Format.TABLE:
        typer.echo(found.verdict)
    typer.echo(f"evaluated in {time.monotonic() - started:.0f} s", err=True)


app.command("classify")(classify)
app.command("summarize")(summarize)
app.command("vibe")(vibe)


def _check_plot(plot: Path | None) -> None:
    if plot is not None and plot.suffix.lower() != ".svg":
        raise typer.BadParameter(f"{plot} does not end in .svg: the plot is an SVG picture")


def _write_files(found: Evaluated, report: Path | None, plot: Path | None) -> None:
    import orjson  # noqa: PLC0415 - keeps --help fast

    texts: list[tuple[Path | None, Any]] = [
        (report, lambda: orjson.dumps(found.report(), option=orjson.OPT_INDENT_2)),
        (plot, lambda: found.picture().encode()),
    ]
    for path, content in texts:
        if path is not None:
            try:
                path.write_bytes(content())
            except OSError as error:
                raise Misconfigured(f"cannot write {path}: {error.strerror}") from error
