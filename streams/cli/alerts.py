"""``tidemark alerts``: the alert topic, as it is or as it happens."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli._stopping import note, until_asked_to_stop
from streams.cli.alert_texts import alert_line, alert_text

if TYPE_CHECKING:
    from schemas.messages import DriftAlert


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
    """Show the alerts as they are opened, updated, acknowledged and closed.

    Example: `tidemark alerts --follow`
    """
    from schemas.messages import DriftAlert  # noqa: PLC0415 - keeps `tidemark --help` fast
    from streams.backends.kafka.alerts import read_topic  # noqa: PLC0415
    from streams.backends.kafka.opening import broker_from_settings  # noqa: PLC0415
    from streams.backends.schema_registry import codec_from_settings  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    settings = load_settings()
    codec = codec_from_settings(settings)
    shown = 0
    with broker_from_settings(settings, tell=note) as found, until_asked_to_stop() as stopped:
        messages = read_topic(
            found.bootstrap,
            found.security,
            Topics(settings.topic_prefix).alerts,
            from_beginning=from_beginning or not follow,
            follow=follow,
            stopped=stopped,
        )
        for message in messages:
            _show(codec.decode(DriftAlert, message.value), as_json=as_json)
            shown += 1
    if not shown and not follow:
        typer.echo("no alerts yet", err=True)


def _show(alert: DriftAlert, *, as_json: bool) -> None:
    if sys.stdout.isatty() and not as_json:
        typer.echo(alert_text(alert, shutil.get_terminal_size().columns))
    else:
        typer.echo(alert_line(alert, as_json=as_json))
