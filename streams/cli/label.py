"""``tidemark label``: a person says what documents are about."""

from __future__ import annotations

import getpass
from dataclasses import replace
from itertools import islice
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import inputs as options  # noqa: TC001 - typer reads the annotations
from streams.errors import InvalidDocument, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from streams.cli.publishing import Outcome
    from streams.ports import Outgoing
    from streams.readers.columns import Refused
    from streams.readers.labels import Said
    from streams.runtime.platform import Platform

    Sources = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]

_FLUSH_SECONDS = 120.0
_AT_ONCE = 200
_SOURCES = (
    "SELECT doc_id, groupUniqArray(source) FROM documents WHERE doc_id IN ({}) GROUP BY doc_id"
)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(label)


def label(
    doc_id: Annotated[str | None, typer.Argument(help="As it is in `documents`.")] = None,
    labels: Annotated[
        list[str] | None, typer.Argument(help="What it is about; several where all are right.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="CSV with the columns doc_id and label (several with `|` between), and source, "
            "labelled_by, labelled_at, note where they differ.",
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Source of the documents; else looked up.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who says so; else the user of this computer.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why.")] = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back what was said of the document.")
    ] = False,
    allow_refused: options.ALLOW = False,
) -> None:
    """Say which label is right; `accuracy` in ClickHouse then tells how often the models were.

    Of what one person says of one document the last counts. What cannot be said is refused, shown
    with its place and reason, and makes the exit code 1 unless `--allow-refused`.

    Examples: `tidemark label gazette-17 shipping`, `tidemark label --file labelled.csv --by ada`
    """
    _check_usage(doc_id, labels, file, withdraw=withdraw)
    from schemas.messages import HumanLabel  # noqa: PLC0415 - keeps --help fast
    from streams.cli._asking import now_ms  # noqa: PLC0415
    from streams.cli.publishing import Outcome  # noqa: PLC0415
    from streams.readers.labels import Said, Speaker, read_labels  # noqa: PLC0415

    speaker = Speaker(source or "", _user() if by is None else by, now_ms())
    said: Iterable[Said | Refused]
    if file is not None:
        said = read_labels(file, speaker)
    else:
        one = HumanLabel(
            doc_id or "", speaker.source, tuple(labels or ()), speaker.by, speaker.at, note
        )
        said = [Said(one.doc_id, one)]
    outcome = Outcome()
    try:
        _publish(said, outcome)
    finally:
        _show(outcome)
    if outcome.refused and not allow_refused:
        raise typer.Exit(1)


def sourced(said: Iterable[Said | Refused], outcome: Outcome, sources: Sources) -> Iterator[Said]:
    """Yield what can be said, with its source; what cannot is refused.

    Args:
        said: in order.
        outcome: counts the refusals.
        sources: returns in which sources documents are.
    """
    from streams.readers.columns import Refused  # noqa: PLC0415 - keeps --help fast
    from streams.stages.labels import reasons  # noqa: PLC0415

    rest = iter(said)
    while batch := list(islice(rest, _AT_ONCE)):
        placed = [one for one in batch if not isinstance(one, Refused)]
        unplaced = {one.label.doc_id for one in placed if not one.label.source}
        known = sources(sorted(unplaced)) if unplaced else {}
        for one in batch:
            found = one if isinstance(one, Refused) else _placed(one, known)
            if isinstance(found, Refused):
                outcome.refuse(found)
            elif reason := next(reasons(found.label), None):
                outcome.refuse(Refused(found.location, reason))
            else:
                yield found


def _placed(one: Said, known: Mapping[str, Sequence[str]]) -> Said | Refused:
    """Give a label the only source that has its document."""
    from streams.readers.columns import Refused  # noqa: PLC0415 - keeps --help fast

    if one.label.source:
        return one
    where = known.get(one.label.doc_id, ())
    if len(where) != 1:
        return Refused(one.location, _unplaced(one.label.doc_id, where))
    return replace(one, label=replace(one.label, source=where[0]))


def _unplaced(doc_id: str, where: Sequence[str]) -> str:
    if where:
        return f"{doc_id!r} is in several sources: {', '.join(sorted(where))}; give --source"
    return f"no document {doc_id!r} has landed; give --source where it is still to come"


def _publish(said: Iterable[Said | Refused], outcome: Outcome) -> None:
    from streams.backends.kafka.producer import open_producer  # noqa: PLC0415 - heavy imports
    from streams.cli.produce import check_survives, configured  # noqa: PLC0415
    from streams.readers.columns import Refused  # noqa: PLC0415
    from streams.runtime.platform import open_platform  # noqa: PLC0415

    settings = configured()
    with open_platform(settings) as platform:
        check_survives(platform)
        size = settings.max_message_bytes
        with open_producer(platform.broker, platform.topics, size, "tidemark-cli") as producer:
            sent = 0
            for one in sourced(said, outcome, _landed_sources):
                try:
                    producer.send([_message(platform, one)])
                except InvalidDocument as error:
                    outcome.refuse(Refused(one.location, str(error)))
                else:
                    sent += 1
            producer.flush(_FLUSH_SECONDS)
            outcome.done = sent


def _message(platform: Platform, said: Said) -> Outgoing:
    from streams.ports import Outgoing  # noqa: PLC0415 - keeps --help fast

    topic, one = platform.topics.labels, said.label
    # One key for one document: what is said of it stays in the order of saying.
    key = f"{one.source}/{one.doc_id}".encode(errors="replace")
    return Outgoing(topic, key, platform.codec.encode(topic, one))


def _landed_sources(ids: Sequence[str]) -> dict[str, list[str]]:
    from streams.backends.clickhouse.literals import quote  # noqa: PLC0415 - heavy imports
    from streams.cli._asking import asking  # noqa: PLC0415

    with asking() as reader:
        found = reader.query(_SOURCES.format(",".join(map(quote, ids)))).rows
    return {str(doc_id): list(sources) for doc_id, sources in found}


def _check_usage(
    doc_id: str | None, labels: list[str] | None, file: Path | None, *, withdraw: bool
) -> None:
    if file is not None:
        if doc_id is not None or withdraw:
            raise typer.BadParameter("give a document, or --file, not both")
        if not file.is_file():
            raise typer.BadParameter(f"{file}: no such file", param_hint="--file")
    elif doc_id is None:
        raise typer.BadParameter("give DOC_ID and LABEL, or --file")
    elif withdraw == bool(labels):
        raise typer.BadParameter("give the labels that are right, or --withdraw")


def _show(outcome: Outcome) -> None:
    typer.echo(f"published {outcome.done:,} labels; they count as soon as they have landed")
    if outcome.refused:
        typer.echo(f"refused {outcome.refused:,}:", err=True)
        for refused in outcome.reasons:
            typer.echo(f"  {refused}", err=True)
        if outcome.refused > len(outcome.reasons):
            typer.echo(f"  ... and {outcome.refused - len(outcome.reasons):,} more", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:  # no user database, as in a bare container
        raise Misconfigured("nobody knows who you are here: give --by NAME") from error
