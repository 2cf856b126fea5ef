"""Commands that speak to Kafka: ``broker``; ``alerts`` and ``topics`` are in files of their own."""

from __future__ import annotations

import threading
from pathlib import Path  # noqa: TC003 - typer reads the annotations when the program runs
from typing import Annotated

import typer

from streams.cli._stopping import note, until_asked_to_stop
from streams.cli.alerts import alerts
from streams.cli.topics import topics_app


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(alerts)
    app.command()(broker)
    app.add_typer(topics_app, name="topics")


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
    with until_asked_to_stop(ended), open_broker(options, tell=note) as running:
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
