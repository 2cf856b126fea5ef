"""``tidemark dead-letters export | replay``: repair what was refused, and put it back."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli._asking import FromOption, SourceOption, ToOption, asking
from streams.cli.letter_choice import (
    CODE,
    LIMIT,
    MESSAGE,
    OFFSET,
    PARTITION,
    TOPIC,
    choice_of,
)
from streams.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.backends.clickhouse.letters import Choice, Letters
    from streams.backends.kafka.follow import TopicLog
    from streams.config import Settings
    from streams.runtime.platform import Platform
    from streams.runtime.replay import Limits, Replay, ReplayOutcome
    from streams.runtime.replay_journal import ReplayJournal
    from streams.stages.replays import Candidate, LetterKey

_MANY = 100


def export(
    message: MESSAGE = None,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON lines, for an editor.")],
    code: CODE = None,
    source: SourceOption = None,
    topic: TOPIC = None,
    partition: PARTITION = None,
    offset: OFFSET = None,
    start: FromOption = None,
    end: ToOption = None,
    limit: LIMIT = None,
) -> None:
    """Write letters to a file, to be repaired there and put back with `replay --file`.

    Change `document`, or `value` where the bytes could not be read as a document; leave `letter`
    as it is; delete the lines that shall not be put back.

    Example: `tidemark dead-letters export --code date-in-future --output letters.jsonl`
    """
    from streams.backends.clickhouse.letters import Letters  # noqa: PLC0415 - keeps --help fast
    from streams.backends.schema_registry import codec_from_settings  # noqa: PLC0415
    from streams.cli.inputs import replacing  # noqa: PLC0415
    from streams.cli.letter_files import export as write  # noqa: PLC0415

    choice = choice_of(
        message, code=code, source=source, topic=topic, partition=partition, offset=offset,
        start=start, end=end, limit=limit,
    )  # fmt: skip
    codec = codec_from_settings(load_settings())
    with asking() as reader, replacing(output) as file:
        letters = Letters(reader)
        count = write(letters.whole(letters.chosen(choice)), file, codec)
    typer.echo(f"wrote {count:,} dead letters to {output}", err=True)


def replay(
    message: MESSAGE = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", help="What `export` wrote, repaired.")
    ] = None,
    code: CODE = None,
    source: SourceOption = None,
    topic: TOPIC = None,
    partition: PARTITION = None,
    offset: OFFSET = None,
    start: FromOption = None,
    end: ToOption = None,
    limit: LIMIT = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also what has been put back before.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Also what would be refused again or is older than what has landed."
        ),
    ] = False,
    most: Annotated[
        int, typer.Option("--most", min=1, help="How often a message may be put back at all.")
    ] = 3,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before many.")] = False,
) -> None:
    """Put dead letters back to their topic: bytes, key, headers, and headers that say where from.

    What has been put back before is left out and told; an interrupted run is gone on with. What
    would be refused again, by this machine's settings, is not sent. Exit code 1 when a letter
    stays for any other reason than that it has been put back before.

    Example: `tidemark dead-letters replay --code model-error --from 1d --dry-run`
    """
    if file is not None and any((message, code, source, topic, start, end)):
        raise typer.BadParameter("--file says which letters: leave the other choices away")
    from streams.runtime.replay import Limits  # noqa: PLC0415 - keeps --help fast

    choice = choice_of(
        message, code=code, source=source, topic=topic, partition=partition, offset=offset,
        start=start, end=end, limit=limit,
    )  # fmt: skip
    request = _Request(choice, file, Limits(most, again, anyway), dry_run=dry_run, yes=yes)
    outcome = _replay(request)
    _show(outcome, dry_run=dry_run)
    if not dry_run and set(outcome.skipped) - {"put-back-before"}:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Request:
    choice: Choice
    file: Path | None
    limits: Limits
    dry_run: bool
    yes: bool


def _replay(request: _Request) -> ReplayOutcome:
    from streams.backends.clickhouse.letters import Letters  # noqa: PLC0415 - heavy imports
    from streams.backends.kafka.follow import TopicLog  # noqa: PLC0415
    from streams.cli.produce import check_survives  # noqa: PLC0415
    from streams.runtime.platform import open_platform  # noqa: PLC0415
    from streams.runtime.replay_journal import ReplayJournal  # noqa: PLC0415

    settings = _configured()
    with asking() as reader, open_platform(settings) as platform:
        check_survives(platform)
        letters = Letters(reader)
        topics = [platform.topics.documents, platform.topics.enriched]
        with (
            closing(TopicLog(platform.broker, topics)) as log,
            ReplayJournal(settings.data, log) as journal,
        ):
            candidates, count = _candidates(request, letters, platform)
            work = _work(platform, letters, request, log)
            if not request.dry_run:
                _confirm(count, yes=request.yes)
            _run(work, candidates, journal, platform, dry_run=request.dry_run)
    return work.outcome


def _run(
    work: Replay,
    candidates: Iterable[Candidate],
    journal: ReplayJournal,
    platform: Platform,
    *,
    dry_run: bool,
) -> None:
    from streams.backends.kafka.producer import open_producer  # noqa: PLC0415 - heavy imports
    from streams.runtime.replay import batches  # noqa: PLC0415

    if dry_run:
        for batch in batches(candidates):
            work.outcome.sent += len(work.judged(batch, journal.sent))
        return
    size = platform.settings.max_message_bytes
    with open_producer(platform.broker, platform.topics, size, "tidemark-replay") as producer:
        for batch in batches(candidates):
            work.send(work.judged(batch, journal.sent), producer, journal)


def _candidates(
    request: _Request, letters: Letters, platform: Platform
) -> tuple[Iterable[Candidate], int]:
    """Return the letters, and how many there are."""
    from streams.cli.letter_files import repaired  # noqa: PLC0415 - keeps --help fast

    if request.file is None:
        chosen = letters.chosen(request.choice)
        return letters.whole(chosen), len(chosen)

    def find(key: LetterKey) -> Candidate | None:
        # A letter at a time: a file that somebody has repaired by hand is small.
        return next(iter(letters.whole([(*key, 0)])), None)

    # All of the file before anything is sent: a wrong line must not leave half of it done.
    found = list(repaired(request.file, find, platform.codec.encode))
    return found, len(found)


def _work(platform: Platform, letters: Letters, request: _Request, log: TopicLog) -> Replay:
    from streams.cli.produce import ingest_of  # noqa: PLC0415 - keeps --help fast
    from streams.runtime.replay import Replay  # noqa: PLC0415

    partitions: dict[str, int] = {}
    for topic, partition in log.ends():
        partitions[topic] = max(partitions.get(topic, 0), partition + 1)
    return Replay(
        topics=platform.topics,
        ingest=ingest_of(platform.settings, platform.codec),
        codec=platform.codec,
        known=letters,
        clock=platform.clock,
        limits=request.limits,
        partitions=partitions,
    )


def _confirm(count: int, *, yes: bool) -> None:
    """Ask a person before many letters are put back."""
    if count <= _MANY or yes or not sys.stdin.isatty():
        return
    typer.confirm(f"Put {count:,} dead letters back?", abort=True)


def _show(outcome: ReplayOutcome, *, dry_run: bool) -> None:
    verb = "would put back" if dry_run else "put back"
    typer.echo(f"{verb} {outcome.sent:,} dead letters")
    for why, count in sorted(outcome.skipped.items()):
        typer.echo(f"left {count:,}: {why.replace('-', ' ')}", err=True)
    for line in outcome.shown:
        typer.echo(f"  {line}", err=True)
    if sum(outcome.skipped.values()) > len(outcome.shown):
        typer.echo("  ...", err=True)


def _configured() -> Settings:
    from streams.logs import configure_logs  # noqa: PLC0415 - keeps --help fast

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings
