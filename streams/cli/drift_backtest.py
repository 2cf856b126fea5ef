"""``tidemark drift backtest``: replay the landed past under other settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import _landed_documents
from streams.cli._asking import FormatOption, SourceOption, asking, time_range
from streams.cli._output import Format, write
from streams.cli._times import FORMS, clickhouse_time
from streams.cli.progress import counting
from streams.config import load_settings
from streams.durations import parse_duration, parse_rate
from streams.errors import Misconfigured, TidemarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.backends.clickhouse import Reader
    from streams.drift.backtest import Backtest, Fired, Firing
    from streams.drift.options import DriftOptions

    Row = dict[str, Any]


class NothingToReplay(TidemarkError):  # noqa: N818 - named by its consequence
    """No document with an embedding is in the range."""


def _whole(text: str) -> int:
    return int(text.replace("_", ""))


_SETTINGS: dict[str, tuple[str, Callable[[str], object]]] = {
    "false_alarms": ("false_alarms_per_ms", parse_rate),
    "drift_reference": ("reference_documents", _whole),
    "window": ("window_ms", parse_duration),
    "lateness": ("lateness_ms", parse_duration),
    "scales": ("scales", lambda text: tuple(_whole(part) for part in text.split(","))),
    "cooldown": ("cooldown_documents", _whole),
    "least_run_length": ("least_run_length", float),
}
"""Names on the command line, the detector's options, and how their values are read."""

COLUMNS = (
    *("detected_at", "ended_at", "source", "kind", "now", "then"),
    *("score", "threshold", "document", "message"),
)


def backtest(
    *,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--setting",
            metavar="NAME=VALUE",
            help=f"Try this in place of the configured one: {', '.join(_SETTINGS)}. Repeatable.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", "--since", metavar="TIME", help=f"From this time on: {FORMS}."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", "--until", metavar="TIME", help="Before this time (not included)."),
    ] = None,
    source: SourceOption = None,
    how: FormatOption = Format.TABLE,
) -> None:
    """Replay landed documents under other settings: which alerts would fire, and which did.

    `now` says whether the settings tried raise the alert, `then` whether it did fire.

    Example: `tidemark drift backtest --setting false_alarms="1 per day" --source news`
    """
    from streams.runtime.wiring import drift_options  # noqa: PLC0415 - heavy

    options = with_settings(drift_options(load_settings()), setting or [])
    parameters = time_range(start, end) | {"source": source or ""}
    with asking() as reader:
        replayed = _replay(reader, options, parameters)
        fired = _landed_documents.alerts(reader, parameters)
    rows = compare(replayed.firings, fired)
    write(COLUMNS, [[row[name] for name in COLUMNS] for row in rows], how, title="Alerts")
    typer.echo(summary(replayed, rows), err=True)


def with_settings(options: DriftOptions, settings: Sequence[str]) -> DriftOptions:
    """Return the options with settings as they are written on the command line.

    Raises:
        typer.BadParameter: a name is not known or a value cannot be read.
    """
    changes: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        plain = name.strip().lower().removeprefix("tidemark_")
        if not equals or plain not in _SETTINGS:
            known = ", ".join(_SETTINGS)
            raise typer.BadParameter(f"{text!r}: write NAME=VALUE with a NAME of {known}")
        field, parse = _SETTINGS[plain]
        try:
            changes[field] = parse(value.strip())
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}: {error}") from error
    try:
        return replace(options, **changes)
    except Misconfigured as error:
        raise typer.BadParameter(str(error)) from error


def compare(firings: Sequence[Firing], fired: Sequence[Row]) -> list[Row]:
    """Return a row for each alert that would fire or did, by time."""
    from streams.drift.backtest import match  # noqa: PLC0415 - heavy

    then = [_fired(row) for row in fired]
    rows, found = [], set()
    for firing in firings:
        same = match(firing, then)
        if same is not None:
            found.add(same.alert_id)
        alert = firing.opened
        rows.append(
            {
                "detected_at": clickhouse_time(alert.detected_at),
                "ended_at": None if firing.ended_at is None else clickhouse_time(firing.ended_at),
                "source": alert.source,
                "kind": alert.kind,
                "now": True,
                "then": same is not None,
                "score": round(alert.score, 2),
                "threshold": round(alert.threshold, 2),
                "document": firing.document,
                "message": alert.message,
            }
        )
    rows += [_only_then(row) for row in fired if row["alert_id"] not in found]
    return sorted(rows, key=lambda row: str(row["detected_at"]))


def summary(replayed: Backtest, rows: Sequence[Row]) -> str:
    """Return one line: what was replayed, and how many alerts."""
    both = sum(row["now"] and row["then"] for row in rows)
    now, then = (sum(row[name] for row in rows) for name in ("now", "then"))
    counts = replayed.documents
    line = (
        f"replayed {sum(counts.values()):,} documents of {len(counts)} sources: "
        f"{now} alerts would fire, {then} did, {both} of them the same"
    )
    if replayed.without_embedding:
        line += f"; {replayed.without_embedding:,} documents have no embedding"
    return line


def _replay(reader: Reader, options: DriftOptions, parameters: dict[str, Any]) -> Backtest:
    from streams.drift.backtest import Backtest  # noqa: PLC0415 - heavy

    (count,) = reader.query(_landed_documents.COUNT, parameters).dictionaries()
    if count["documents"] == count["bare"]:
        what = "have no embeddings" if count["documents"] else "are none"
        raise NothingToReplay(
            f"there is nothing to replay: the documents in this range {what}; widen --from, --to "
            "or --source, or compare their windows by `tidemark drift between`"
        )
    replayed = Backtest(options, count["sources"])
    done = 0
    with counting("replaying documents", count["documents"]) as report:
        for page in _landed_documents.documents(reader, parameters):
            replayed.feed(page)
            done += len(page)
            report(done)
    return replayed


def _fired(row: Row) -> Fired:
    from streams.drift.backtest import Fired  # noqa: PLC0415 - heavy

    times = (row["start_ms"], row["detected_ms"], row["end_ms"])
    return Fired(row["alert_id"], row["source"], row["kind"], *times)


def _only_then(row: Row) -> Row:
    return {
        "detected_at": clickhouse_time(row["detected_ms"]),
        "ended_at": clickhouse_time(row["end_ms"]),
        "source": row["source"],
        "kind": row["kind"],
        "now": False,
        "then": True,
        "score": round(row["score"], 2),
        "threshold": round(row["threshold"], 2),
        "document": None,
        "message": row["message"],
    }
