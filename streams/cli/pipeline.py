"""``tidemark demo | run | worker | doctor``: the pipeline itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.config import Settings, load_settings
from streams.topics import ROLES, Role

_REPORT = Annotated[
    Path | None, typer.Option("--report", help="Write the figures of the run to this JSON file.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(demo)
    app.command()(run)
    app.command()(worker)
    app.command()(doctor)


def demo(
    *,
    documents: Annotated[
        int, typer.Option("--documents", min=1, help="How many documents to send through.")
    ] = 2000,
    report: _REPORT = None,
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help="Serve the status page until Ctrl-C; by default only in a terminal.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", min=0.1, help="Documents per second; as fast as it goes if absent."),
    ] = None,
) -> None:
    """Run the whole pipeline on real documents that every machine has.

    The documentation inside the installed Python packages is published to Kafka: the standard
    library first, then the numerical packages, so that the language really drifts. Broker and
    database are embedded, in a fresh folder.

    Example: `tidemark demo --documents 5000 --report report.json --no-serve`
    """
    from streams.runtime.demo import DemoOptions, run_demo  # noqa: PLC0415 - heavy imports

    settings = _configured(quiet=True)
    looking = sys.stdout.isatty() and sys.stdin.isatty()
    run_demo(
        settings,
        DemoOptions(documents, report, looking if serve is None else serve, rate),
    )


def run(
    *,
    report: _REPORT = None,
    until_idle: Annotated[
        bool,
        typer.Option(
            "--until-idle",
            help="End by itself once everything published so far has landed.",
        ),
    ] = False,
) -> None:
    """Run the whole pipeline for the configured broker and database, until Ctrl-C.

    Example: `tidemark run`, and in another terminal `tidemark produce news.csv`
    """
    from streams.runtime.service import ServiceOptions, run_service  # noqa: PLC0415

    run_service(_configured(), ServiceOptions(ROLES, until_idle=until_idle, report=report))


def worker(
    *,
    role: Annotated[
        str, typer.Option("--role", help="enrich, drift, land, or all.", metavar="ROLE")
    ] = "all",
) -> None:
    """Run one role, or all three in one process.

    Example: `tidemark worker --role enrich`
    """
    from streams.runtime.service import ServiceOptions, run_service  # noqa: PLC0415

    run_service(_configured(), ServiceOptions(_roles(role)))


def doctor(
    *,
    output: Annotated[
        str, typer.Option("--format", help="table or json.", metavar="FORMAT")
    ] = "table",
) -> None:
    """Say what is reachable, what is missing and what to do; exit 1 when something is missing."""
    from streams.runtime.doctor import examine  # noqa: PLC0415
    from streams.runtime.doctor_view import show  # noqa: PLC0415

    if output not in {"table", "json"}:
        raise typer.BadParameter("write --format table or --format json")
    checks = examine(load_settings())
    show(checks, output)
    if any(check.state == "failing" for check in checks):
        raise typer.Exit(1)


def _configured(*, quiet: bool = False) -> Settings:
    """Read the settings and start logging; ``quiet`` where a person reads tables instead."""
    from streams.logs import configure_logs  # noqa: PLC0415

    settings = load_settings()
    level = "warning" if quiet and settings.log_level == "info" else settings.log_level
    configure_logs(settings.log_format, level)
    return settings


def _roles(name: str) -> tuple[Role, ...]:
    if name == "all":
        return ROLES
    for role in ROLES:
        if role == name:
            return (role,)
    raise typer.BadParameter(f"{name!r} is no role; choose enrich, drift, land or all")
