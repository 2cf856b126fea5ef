"""``tidemark models tune``: which compute type, calls and threads are best on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import inputs as options
from streams.cli._output import Format, write
from streams.cli.eval_report import REPORT, write_report
from streams.config import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.tuning import Measured
    from streams.ports import Text

_COLUMNS = (
    ("device", "String"),
    ("compute_type", "String"),
    ("threads", "UInt64"),
    ("replicas", "UInt64"),
    ("tokens_per_call", "UInt64"),
    ("documents_per_second", "Float64"),
    ("ratio", "Float64"),
    ("cosine_mean", "Float64"),
    ("cosine_least", "Float64"),
    ("labels", "Float64"),
    ("summaries", "Float64"),
    ("drift", "Float64"),
    ("passes", "String"),
)

COSINE = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Least mean cosine to float32's embeddings; 0.99, and 0.85 of what is written.",
    ),
]
LABELS = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="Least share of float32's labels; 0.95, and 0.9 of what is written.",
    ),
]


def tune(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="Documents to measure on; if absent, those of the demo."
        ),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(help="What to tune; the encoder if absent, or a model that writes."),
    ] = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    documents: Annotated[int, typer.Option(min=20, help="Measured on so many.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Each setting's turns; the best counts.")] = 3,
    cosine: COSINE = None,
    labels: LABELS = None,
    report: REPORT = None,
    how: Annotated[Format, typer.Option("--format", "-f", help="How to write it.")] = Format.TABLE,
) -> None:
    """Measure compute types, sizes of calls and threads; keep the best that is as good as float32.

    `ratio` is speed to float32's on the same device, `drift` how far the stream's mean moves as a
    share of what chance moves it, `summaries` the share that are the very same. What a model
    writes is compared by the encoder's embeddings and labels of it. What TIDEMARK_DEVICE and
    TIDEMARK_COMPUTE_TYPE leave to `auto` is then as it was found here, on this machine only.

    Example: `tidemark models tune news.csv`
    """
    from streams.cli.tuning import texts_of, tuned_on  # noqa: PLC0415 - keeps --help fast
    from streams.cli.tuning_subjects import subject_of  # noqa: PLC0415

    if file is not None:
        options.check_usage([file])
    settings = load_settings()
    texts: Sequence[Text] = texts_of(file, text_column, title_column, documents)
    subject = subject_of(settings, model)
    found, chosen, path = tuned_on(
        settings, texts, subject, rounds=rounds, cosine=cosine, labels=labels
    )
    rows = [one.row() for one in found]
    write_report(report, {"documents": len(texts), "measured": rows, "chosen": chosen.row()})
    names, types = zip(*_COLUMNS, strict=True)
    cells = [[_cell(row[name]) for name in names] for row in rows]
    write(names, cells, how, title=f"{len(texts):,} documents", types=types)
    typer.echo(_verdict(chosen, settings, str(path)), err=True)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return round(value, 4) if isinstance(value, float) else value


def _verdict(chosen: Measured, settings: Settings, path: str) -> str:
    setting = chosen.setting
    how = (
        f"{setting.threads} threads" if setting.device == "cpu" else f"{setting.replicas} replicas"
    )
    fixed = [
        f"TIDEMARK_{name.upper()}={getattr(settings, name)}"
        for name in ("device", "compute_type")
        if getattr(settings, name) != "auto"
    ]
    note = f"; {' and '.join(fixed)} win over it" if fixed else ""
    return (
        f"best: {setting.compute_type} on {setting.device}, {how}, "
        f"{setting.tokens_per_call} tokens a call, {chosen.ratio:.2f} times float32; "
        f"written to {path}{note}"
    )
