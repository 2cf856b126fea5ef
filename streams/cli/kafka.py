"""Commands that speak to Kafka: ``alerts`` and ``broker``; ``topics`` is in a file of its own."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations when the program runs
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.topics import topics_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemas.messages import DriftAlert
    from streams.ports import RawMessage


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(alerts)
    app.command()(broker)
    app.add_typer(topics_app, name="topics")


def alerts(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for new alerts.")] = False,
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning", help="With --follow: show older alerts too, not only new ones."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line, with every field.")
    ] = False,
) -> None:
    """Show the drift alerts of the alert topic."""
    from schemas.messages import DriftAlert  # noqa: PLC0415 - keeps `tidemark --help` fast
    from streams.backends.kafka.alerts import read_topic  # noqa: PLC0415
    from streams.backends.kafka.opening import broker_from_settings  # noqa: PLC0415
    from streams.backends.schema_registry import codec_from_settings  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    settings = load_settings()
    codec = codec_from_settings(settings)
    with broker_from_settings(settings, tell=_note) as found, _until_asked_to_stop() as stopped:
        messages = read_topic(
            found.bootstrap,
            found.security,
            Topics(settings.topic_prefix).alerts,
            from_beginning=from_beginning or not follow,
            follow=follow,
            stopped=stopped,
        )
        shown = _show(messages, lambda value: codec.decode(DriftAlert, value), as_json=as_json)
    if not shown and not follow:
        typer.echo("no alerts yet", err=True)


def broker(
    *,
    nodes: Annotated[int, typer.Option(min=1, max=9, help="Nodes of the cluster.")] = 1,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port of the first node; else a free one.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder; else TIDEMARK_DATA.")] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="librdkafka's cluster: no Java, not durable.")
    ] = False,
) -> None:
    """Run the local Apache Kafka in the foreground until Ctrl-C; other commands share it."""
    from streams.backends.kafka.opening import BrokerOptions, open_broker  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.errors import Unavailable  # noqa: PLC0415

    settings = load_settings(data=data)
    options = BrokerOptions(
        mode="in-process" if in_process else "local",
        data=settings.data,
        max_message_bytes=settings.max_message_bytes,
        nodes=nodes,
        port=port,
    )
    ended = threading.Event()
    with _until_asked_to_stop(ended), open_broker(options, tell=_note) as running:
        typer.echo(running.describe())
        if not running.owned:
            raise Unavailable(
                f"process {running.owner_pid} already runs the broker of {settings.data} at "
                f"{running.bootstrap}: use that one"
            )
        typer.echo(f"TIDEMARK_KAFKA={running.bootstrap}")
        running.watch(lambda _reason: ended.set())
        ended.wait()
        if not running.alive():
            raise Unavailable(f"the broker ended by itself; see the logs in {settings.data}/kafka")


def _note(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _until_asked_to_stop(asked: threading.Event | None = None) -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM set an event instead of ending the process in mid-work."""
    event = asked or threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: event.set()) for number in numbers]
    try:
        yield event.is_set
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _show(
    messages: Iterator[RawMessage],
    decode: Callable[[bytes | None], DriftAlert],
    *,
    as_json: bool,
) -> int:
    shown = 0
    for message in messages:
        typer.echo(alert_line(decode(message.value), as_json=as_json))
        shown += 1
    return shown


def alert_line(alert: DriftAlert, *, as_json: bool) -> str:
    """Return an alert as one line of JSON, or as one line for a person."""
    if as_json:
        import orjson  # noqa: PLC0415 - keeps `tidemark --help` fast

        return orjson.dumps(alert).decode()
    from datetime import datetime, timedelta, timezone  # noqa: PLC0415

    # Not fromtimestamp, which fails before 1970 on some systems and beyond its range on others.
    when = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=alert.detected_at)
    time = when.strftime("%Y-%m-%d %H:%M:%S")
    return f"{time}  {alert.severity:<8}  {alert.state:<6}  {alert.source}: {alert.message}"
