"""``tidemark drift ack`` and ``drift rebaseline``: what people tell the drift workers."""

from __future__ import annotations

import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli._sides import FORM, parse_side
from streams.cli._stopping import note as tell
from streams.drift.control import HEADER, LEARN, REBASELINE, Rebaseline
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.codec import Codec
    from schemas.messages import DriftAlert
    from streams.backends.kafka.broker import Broker
    from streams.config import Settings
    from streams.ports import Outgoing
    from streams.topics import Topics

_FLUSH_SECONDS = 30.0
_LEAST_PREFIX = 4
_MOST_SHOWN = 10
_SOURCES = "SELECT DISTINCT source FROM drift_windows_raw ORDER BY source"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("ack")(acknowledge)
    app.command("rebaseline")(rebaseline)


def acknowledge(
    alert_id: Annotated[str, typer.Argument(help="As `tidemark alerts` shows it, or its start.")],
    *,
    note: Annotated[str, typer.Option("--note", help="What was found, or is being done.")] = "",
    by: Annotated[
        str | None, typer.Option("--by", help="Who has seen it; else the user of this computer.")
    ] = None,
) -> None:
    """Say that somebody has seen an alert: it stands in `drift_alerts` and in `tidemark alerts`.

    Example: `tidemark drift ack 476373bf79428e92 --note "the new feed, expected"`
    """
    from streams.backends.kafka.opening import broker_from_settings  # noqa: PLC0415 - heavy
    from streams.backends.schema_registry import codec_from_settings  # noqa: PLC0415
    from streams.cli._asking import now_ms  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.ports import Outgoing  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    settings = load_settings()
    topics, codec = Topics(settings.topic_prefix), codec_from_settings(settings)
    with broker_from_settings(settings, tell=tell) as broker:
        alert = _find(alert_id, _alerts(broker, topics, codec))
        now = now_ms()
        seen = replace(
            alert,
            version=max(now, alert.version + 1),
            state="acknowledged",
            acknowledged_at=now,
            acknowledged_by=_user() if by is None else by,
            note=note,
        )
        value = codec.encode(topics.alerts, seen)
        _publish(broker, settings, Outgoing(topics.alerts, alert.source.encode(), value))
    typer.echo(f"acknowledged {alert.alert_id}: {alert.message}")


def rebaseline(
    source: Annotated[str, typer.Argument(help="Source whose stream is compared.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Stands with the seam.")] = "",
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Ask also where no window of the source has landed.")
    ] = False,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="SIDE", help=f"These landed documents, at once: {FORM}."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="With --on: keep them under a name. Without: that reference."),
    ] = None,
) -> None:
    """Let a source's next documents be its new reference; its open alerts are closed.

    With --on or --name landed documents become the reference in place of those to come: of a
    time that was good, or of another source. Of a long time the newest are taken.

    The order is a message at the source's partition of the enriched topic, so that the worker that
    holds the source obeys it exactly once, at the same place of the stream in every replay. Whoever
    may write to that topic may give it; a source that no worker knows is left alone.
    Whether the name is right is looked up in the database, where that answers.

    Examples: `tidemark drift rebaseline news --reason "moved to the new feed"`,
    `tidemark drift rebaseline news --on "news,2024-05-01,2024-06-01" --name spring`,
    `tidemark drift rebaseline herald --name spring`
    """
    from streams.backends.kafka.opening import broker_from_settings  # noqa: PLC0415 - heavy
    from streams.config import load_settings  # noqa: PLC0415

    settings = load_settings()
    if not unseen:
        _require_known(source)
    chosen = on is not None or name is not None
    messages = (
        _chosen(settings, source, reason, on, name) if chosen else _next(settings, source, reason)
    )
    with broker_from_settings(settings, tell=tell) as broker:
        _require(broker, messages[0].topic)
        _publish(broker, settings, *messages)
    learned = sum(message.headers.get(HEADER) == LEARN for message in messages)
    what = f"{learned:,} landed" if learned else f"the next {settings.drift_reference:,}"
    typer.echo(
        f"asked: {what} documents become the reference of {source!r}; `tidemark drift` shows it "
        f"as {'watching, by hand chosen' if learned else 'collecting'}"
    )


def _next(settings: Settings, source: str, reason: str) -> list[Outgoing]:
    from streams.ports import Outgoing  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    value = Rebaseline(source, reason).value()
    topic = Topics(settings.topic_prefix).enriched
    return [Outgoing(topic, source.encode(), value, {HEADER: REBASELINE})]


def _chosen(
    settings: Settings, source: str, reason: str, on: str | None, name: str | None
) -> list[Outgoing]:
    """Return the messages of a reference that was chosen, and of the name it is kept under."""
    from streams.backends.schema_registry import codec_from_settings  # noqa: PLC0415 - heavy
    from streams.cli import drift_references as references  # noqa: PLC0415
    from streams.cli._asking import asking, now_ms  # noqa: PLC0415
    from streams.ports import Outgoing  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    now, topics, codec = now_ms(), Topics(settings.topic_prefix), codec_from_settings(settings)
    with asking() as reader:
        side = parse_side(on, None, now) if on else references.find(reader, name or "")
        if not side.source:
            raise typer.BadParameter("--on needs one source", param_hint="--on")
        documents = references.documents_of(reader, side, settings.drift_reference)
    messages = references.orders(source, reason, documents, topics.enriched, codec)
    if on and name:
        kept = codec.encode(topics.alerts, references.record(name, side, documents, now))
        messages.append(Outgoing(topics.alerts, side.source.encode(), kept))
    return messages


def _alerts(broker: Broker, topics: Topics, codec: Codec) -> Iterator[DriftAlert]:
    from schemas.messages import DriftAlert  # noqa: PLC0415
    from streams.backends.kafka.alerts import read_topic  # noqa: PLC0415

    messages = read_topic(
        broker.bootstrap, broker.security, topics.alerts, from_beginning=True, follow=False
    )
    return (codec.decode(DriftAlert, message.value) for message in messages)


def _find(wanted: str, alerts: Iterator[DriftAlert]) -> DriftAlert:
    """Return the newest version of the one alert whose id begins so.

    Raises:
        Misconfigured: there is none, or more than one.
    """
    found: dict[str, DriftAlert] = {}
    for alert in alerts:
        name = alert.alert_id
        alike = name.startswith(wanted) and len(wanted) >= _LEAST_PREFIX
        newest = name not in found or alert.version >= found[name].version
        if (name == wanted or alike) and newest and alert.state != "acknowledged":
            found[name] = alert
    if wanted in found:
        return found[wanted]
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise Misconfigured(f"{wanted!r} could be any of {', '.join(sorted(found))}")
    raise Misconfigured(
        f"the alert topic has no alert {wanted!r} (any more): `tidemark alerts` lists them"
    )


def _require_known(source: str) -> None:
    """Raise where windows of other sources have landed but none of this one.

    Raises:
        Misconfigured: the name is most likely a mistake.
    """
    from streams.backends.clickhouse.reader import NothingLanded  # noqa: PLC0415 - heavy
    from streams.cli._asking import asking  # noqa: PLC0415

    try:
        with asking() as reader:
            known = [row[0] for row in reader.query(_SOURCES).rows]
    except (NothingLanded, Unavailable) as error:
        tell(f"cannot look up whether {source!r} is a source: {error}")
        return
    if known and source not in known:
        shown = ", ".join(map(repr, known[:_MOST_SHOWN])) + (", ..." * (len(known) > _MOST_SHOWN))
        raise Misconfigured(
            f"no window of a source {source!r} has landed; there are {shown} (--unseen asks anyway)"
        )


def _require(broker: Broker, topic: str) -> None:
    from streams.backends.kafka.alerts import open_consumer, topic_partitions  # noqa: PLC0415

    consumer = open_consumer(broker.bootstrap, broker.security)
    try:
        topic_partitions(consumer, topic)
    finally:
        consumer.close()


def _publish(broker: Broker, settings: Settings, *messages: Outgoing) -> None:
    from streams.backends.kafka.producer import open_producer  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    topics = Topics(settings.topic_prefix)
    with open_producer(broker, topics, settings.max_message_bytes, "tidemark-cli") as producer:
        producer.send(messages)
        producer.flush(_FLUSH_SECONDS)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no user database, as in a bare container
        return ""
