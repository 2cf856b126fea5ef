"""``tidemark models calibrate``: how sure a plugged classifier may be."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli import inputs as options
from streams.cli import labelled_options as given
from streams.cli._output import Format, write
from streams.cli.eval_report import REPORT, write_report
from streams.config import load_settings

_COLUMNS = (
    ("temperature", "Float64"),
    ("documents", "UInt64"),
    ("accuracy", "Float64"),
    ("confidence", "Float64"),
    ("calibration_error", "Float64"),
    ("log_loss", "Float64"),
)


def calibrate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The classifier.")],
    file: given.FILE,
    *,
    text_column: given.TEXT = None,
    title_column: options.TITLE = None,
    label_column: given.LABEL = None,
    label_separator: given.SEPARATOR = None,
    limit: options.LIMIT = None,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Fit a classifier's temperature on labelled documents, and keep it with the model.

    What is shown after is of each half of the documents with the temperature of the other half. The
    confidence below which labels are wrong more than twice as often as right is told for
    TIDEMARK_UNSURE_BELOW.

    Example: `tidemark models calibrate moods labelled.csv --label mood`
    """
    from streams.cli.calibrating import Wanted, calibrated  # noqa: PLC0415 - keeps --help fast

    options.check_usage([file])
    wanted = Wanted(name, file, text_column, title_column, label_column, label_separator, limit)
    found = calibrated(load_settings(), wanted)
    write_report(report, found.report())
    names, types = zip(*_COLUMNS, strict=True)
    rows = [[round(row[name], 4) for name in names] for row in (found.before, found.after)]
    write(names, rows, how, title=f"{name}: before and after", types=types)
    typer.echo(
        f"{name}: temperature {found.temperature:.4g}, written to "
        f"{' and '.join(map(str, found.written))}; suggested: "
        f"TIDEMARK_UNSURE_BELOW={found.unsure_below:.2f}",
        err=True,
    )
