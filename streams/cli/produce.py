"""``tidemark produce | enrich``: documents from files to Kafka, or through the model alone."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import inputs as options
from streams.config import Settings, load_settings
from streams.durations import parse_duration
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.codec import Codec
    from schemas.messages import Document
    from streams.cli.publishing import Outcome
    from streams.cli.receipts import ReceiptDesk
    from streams.readers import Columns
    from streams.runtime.platform import Platform
    from streams.stages.enrich import EnrichStage
    from streams.stages.ingest import Ingest


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(produce)
    app.command()(enrich)


def produce(
    inputs: options.INPUTS,
    *,
    source: options.SOURCE = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    time_column: options.TIME = None,
    id_column: options.ID = None,
    source_column: options.SOURCE_COLUMN = None,
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.001, help="Documents per second at most.")
    ] = None,
    limit: options.LIMIT = None,
    output: Annotated[
        str, typer.Option("--format", help="avro or json.", metavar="FORMAT")
    ] = "avro",
    receipts: Annotated[
        bool,
        typer.Option("--receipts", help="Wait until every document is durable in ClickHouse."),
    ] = False,
    patience: Annotated[
        str,
        typer.Option("--receipts-timeout", help="Give up when no receipt has come for so long."),
    ] = "5m",
    allow_refused: options.ALLOW = False,
) -> None:
    """Publish documents to Kafka.

    Other columns go along as metadata. What is no document is refused, shown with its place and
    reason, and makes the exit code 1 unless `--allow-refused`; everything else is published and
    acknowledged by the broker before the command ends. With `--receipts` the command asks what
    became of each document and waits for the answers; what is rejected then makes the exit code
    1, too.

    Example: `tidemark produce papers.jsonl.xz --text-column abstract --time-column year`
    """
    from streams.cli.publishing import Outcome  # noqa: PLC0415 - keeps --help fast
    from streams.readers import Columns  # noqa: PLC0415

    if output not in {"avro", "json"}:
        raise typer.BadParameter("write --format avro or --format json")
    options.check_usage(inputs)
    columns = Columns(text_column, title_column, time_column, id_column, source_column, source)
    outcome = Outcome()
    wait_s = _seconds(patience) if receipts else None
    rejected = _publish(
        inputs, columns, outcome, limit=limit, rate=rate, output=output, wait_s=wait_s
    )
    if (outcome.refused or rejected) and not allow_refused:
        raise typer.Exit(1)


def enrich(
    inputs: options.INPUTS,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="JSON lines; complete once it is there.")
    ],
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Write the embeddings too, as lists of numbers.")
    ] = False,
    source: options.SOURCE = None,
    text_column: options.TEXT = None,
    title_column: options.TITLE = None,
    time_column: options.TIME = None,
    id_column: options.ID = None,
    source_column: options.SOURCE_COLUMN = None,
    limit: options.LIMIT = None,
    allow_refused: options.ALLOW = False,
) -> None:
    """Summarize and label the documents of files, without Kafka or ClickHouse.

    What is no document is refused, shown with its place and reason, and makes the exit code 1
    unless `--allow-refused`.

    Example: `tidemark enrich papers.jsonl.xz --output enriched.jsonl --limit 1000`
    """
    from schemas.codec import codec_for  # noqa: PLC0415 - keeps --help fast
    from streams.cli.enriching import enrich_documents, write_lines  # noqa: PLC0415
    from streams.cli.publishing import Outcome  # noqa: PLC0415
    from streams.clock import SystemClock  # noqa: PLC0415
    from streams.readers import Columns  # noqa: PLC0415

    options.check_usage(inputs)
    columns = Columns(text_column, title_column, time_column, id_column, source_column, source)
    settings, codec, outcome = configured(), codec_for(None), Outcome()
    stage = enrich_stage(settings, ingest_of(settings, codec))  # loads the model
    started = time.monotonic()
    try:
        with (
            options.replacing(output) as file,
            options.documents(inputs, columns, limit, "enriching") as found,
        ):
            enriched = enrich_documents(
                found,
                stage,
                outcome,
                encode=lambda document: codec.encode("", document),
                clock=SystemClock(),
                batch_documents=settings.batch_documents,
            )
            write_lines(enriched, file, outcome, embeddings=embeddings)
    finally:
        options.show("enriched", outcome, time.monotonic() - started)
    if outcome.refused and not allow_refused:
        raise typer.Exit(1)


def _publish(
    inputs: list[str],
    columns: Columns,
    outcome: Outcome,
    *,
    limit: int | None,
    rate: float | None,
    output: str,
    wait_s: float | None,
) -> int:
    """Publish; returns how many documents were rejected, where receipts were asked for."""
    from streams.backends.kafka.producer import open_producer  # noqa: PLC0415 - heavy imports
    from streams.cli.publishing import Publisher  # noqa: PLC0415
    from streams.cli.receipts import follow, open_desk  # noqa: PLC0415
    from streams.runtime.platform import open_platform  # noqa: PLC0415

    settings = configured()
    with open_platform(settings) as platform, ExitStack() as stack:
        check_survives(platform)
        desk = None if wait_s is None else open_desk(platform, stack)
        producer = open_producer(platform.broker, platform.topics, settings.max_message_bytes)
        publisher = Publisher(
            producer,
            platform.topics.documents,
            encode=_encoder(platform, output),
            ingest=ingest_of(settings, platform.codec),
            clock=platform.clock,
            pace=_pace(rate, desk),
            headers=dict if desk is None else desk.headers,
        )
        started = time.monotonic()
        try:
            with options.documents(inputs, columns, limit, "publishing") as found:
                publisher.run(found, outcome)
        finally:
            options.show("published", outcome, time.monotonic() - started)
        producer.close()
        return 0 if desk is None or wait_s is None else follow(desk, outcome.done, wait_s)


def _pace(rate: float | None, desk: ReceiptDesk | None) -> Callable[[], None]:
    from streams.cli.publishing import Pacer  # noqa: PLC0415 - keeps --help fast

    pacer = Pacer(rate, time.monotonic, time.sleep) if rate else None

    def pace() -> None:
        if pacer is not None:
            pacer()
        if desk is not None:
            desk.gather()  # meanwhile: receipts must not pile up in the client

    return pace


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def configured() -> Settings:
    """Return the settings, with the logs set up as they say."""
    from streams.logs import configure_logs  # noqa: PLC0415 - keeps --help fast

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings


def check_survives(platform: Platform) -> None:
    """Refuse to publish to a broker that forgets everything when this command ends."""
    if platform.broker.kind == "in-process" and platform.broker.owned:
        raise Misconfigured(
            "the in-process cluster would end with this command and lose the documents: start "
            "`tidemark run` in another terminal first, or set TIDEMARK_KAFKA to a broker"
        )


def _encoder(platform: Platform, output: str) -> Callable[[Document], bytes]:
    from streams.cli.publishing import as_json  # noqa: PLC0415 - keeps --help fast

    if output == "json":
        return as_json
    return lambda document: platform.codec.encode(platform.topics.documents, document)


def ingest_of(settings: Settings, codec: Codec) -> Ingest:
    """Return what the enrich role checks documents with."""
    from streams.stages.ingest import Ingest  # noqa: PLC0415 - keeps --help fast

    return Ingest(codec.decode, settings.max_document_bytes, parse_duration(settings.max_future))


def enrich_stage(settings: Settings, ingest: Ingest) -> EnrichStage:
    """Return the very stage of the enrich role, its model loaded."""
    from streams.clock import SystemClock  # noqa: PLC0415 - heavy imports
    from streams.runtime.parts import open_enricher  # noqa: PLC0415
    from streams.stages.enrich import EnrichStage  # noqa: PLC0415
    from streams.stages.redact import redactor_of  # noqa: PLC0415

    redactor = redactor_of(settings.redact)
    return EnrichStage(ingest, open_enricher(settings), SystemClock(), time.sleep, redactor)
