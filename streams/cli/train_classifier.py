"""``tidemark models train-classifier``: a head on the stream's own embedding model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import inputs as options
from streams.cli import labelled_options as given
from streams.cli._output import Format
from streams.cli.eval_classify import show_figures
from streams.cli.eval_report import REPORT, write_report
from streams.config import load_settings


def train_classifier(
    file: given.FILE,
    *,
    name: Annotated[
        str | None, typer.Option(help="What the head is called; the file's name if absent.")
    ] = None,
    text_column: given.TEXT = None,
    title_column: options.TITLE = None,
    label_column: given.LABEL = None,
    label_separator: given.SEPARATOR = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Report on this file instead of on cross-validation's held-out rows.",
        ),
    ] = None,
    right_share: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="A label is withheld (`unsure`) where fewer than this share of them are right.",
        ),
    ] = 1 / 3,
    seed: Annotated[int, typer.Option(min=0, help="Of cross-validation's folds.")] = 0,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Train a classifier on your labels; it reads the embedding that every document has anyway.

    Regularisation, temperature and the threshold of `unsure` are chosen by cross-validation. What
    is reported is of documents that the models had not seen. Use it with TIDEMARK_CLASSIFIER=NAME.

    Example: `tidemark models train-classifier labelled.csv --label topic --name news`
    """
    from streams.cli.head_training import Wanted, train_head  # noqa: PLC0415 - keeps --help fast

    options.check_usage([file, *([test] if test else [])])
    wanted = Wanted(
        name or Path(file).name.partition(".")[0],
        file,
        test,
        text_column,
        title_column,
        label_column,
        label_separator,
        right_share,
        seed,
    )
    result = train_head(load_settings(), wanted)
    write_report(report, result)
    _show(result, how, "the test file" if test else "held-out rows of cross-validation")


def _show(result: dict[str, Any], how: Format, where: str) -> None:
    import orjson  # noqa: PLC0415 - keeps --help fast

    from streams.cli.multi_label import show_multi  # noqa: PLC0415

    if how is Format.JSON:
        typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
        return
    if how is Format.TABLE:
        typer.echo(f"on {where}:")
    if result["multi_label"]:
        show_multi(result["held_out"], how)
    else:
        show_figures(result["held_out"], how)
    left_out = (
        f", {result['left_out']:,} rows without a label left out" if result["left_out"] else ""
    )
    typer.echo(
        f"{result['name']}: trained on {result['documents']:,} documents{left_out}; "
        f"l2 {result['l2']:.2g}, temperature {result['temperature']:.3f}, unsure below "
        f"{result['unsure_below']:.2f}. Use it: TIDEMARK_CLASSIFIER={result['name']}",
        err=True,
    )
