"""``tidemark topics``: create, check, alter."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.backends.kafka.broker import Broker
    from streams.backends.kafka.topics import TopicDifference, TopicSpec, TopicsReport

topics_app = typer.Typer(no_args_is_help=True, help="Create, check and alter the topics.")

_Partitions = Annotated[
    int | None, typer.Option(min=1, help="Instead of TIDEMARK_PARTITIONS.", show_default=False)
]
_Replication = Annotated[
    int | None, typer.Option(min=1, help="Instead of TIDEMARK_REPLICATION.", show_default=False)
]
_Retention = Annotated[
    str | None,
    typer.Option(help="Of documents, instead of TIDEMARK_RETENTION.", show_default=False),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]


@topics_app.command()
def create(
    *,
    partitions: _Partitions = None,
    replication: _Replication = None,
    retention: _Retention = None,
    dry_run: _DryRun = False,
) -> None:
    """Create the topics that are missing; report where existing ones differ, change nothing."""
    from streams.backends.kafka.topics import check_topics, ensure_topics  # noqa: PLC0415

    with _broker_and_specs(partitions, replication, retention) as (broker, specs):
        if dry_run:
            report = check_topics(broker, specs)
            for spec in specs:
                if spec.name in report.missing:
                    typer.echo(_described(spec))
        else:
            report = ensure_topics(broker, specs)
            _warn_if_forgotten(broker)
    for name in report.created:
        typer.echo(f"created {name}")
    for name in report.existing:
        typer.echo(f"exists  {name}")
    _show_differences(report)


@topics_app.command()
def check(
    *,
    partitions: _Partitions = None,
    replication: _Replication = None,
    retention: _Retention = None,
) -> None:
    """Compare the topics with the settings; ends with 1 where something differs or is missing."""
    from streams.backends.kafka.topics import check_topics  # noqa: PLC0415

    with _broker_and_specs(partitions, replication, retention) as (broker, specs):
        report = check_topics(broker, specs)
    for name in report.missing:
        typer.secho(f"missing {name}; tidemark topics create", fg=typer.colors.YELLOW)
    _show_differences(report)
    if report.missing or report.differences:
        raise typer.Exit(1)
    typer.echo(f"all {len(report.existing)} topics are as the settings want them")


@topics_app.command()
def alter(
    *,
    partitions: _Partitions = None,
    replication: _Replication = None,
    retention: _Retention = None,
    dry_run: _DryRun = False,
) -> None:
    """Give existing topics the settings that differ; never their partitions or replicas."""
    from streams.backends.kafka.topics import alter_topics, check_topics  # noqa: PLC0415

    with _broker_and_specs(partitions, replication, retention) as (broker, specs):
        report = check_topics(broker, specs)
        if not dry_run:
            alter_topics(broker, report.differences)
    verb = "would set" if dry_run else "set"
    left: list[TopicDifference] = []
    for one in report.differences:
        if one.alterable:
            typer.echo(f"{verb} {one.topic}: {one.setting} from {one.actual} to {one.expected}")
        else:
            left.append(one)
    _show(left)
    for remark in report.remarks:
        typer.secho(remark, fg=typer.colors.YELLOW, err=True)
    if left:
        raise typer.Exit(1)


@contextmanager
def _broker_and_specs(
    partitions: int | None, replication: int | None, retention: str | None
) -> Iterator[tuple[Broker, list[TopicSpec]]]:
    from streams.backends.kafka.opening import broker_from_settings  # noqa: PLC0415
    from streams.backends.kafka.topics import specs_from_settings  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.topics import Topics  # noqa: PLC0415

    settings = load_settings(partitions=partitions, replication=replication, retention=retention)
    with broker_from_settings(settings, tell=lambda line: typer.echo(line, err=True)) as broker:
        yield broker, specs_from_settings(settings, Topics(settings.topic_prefix))


def _described(spec: TopicSpec) -> str:
    settings = " ".join(f"{name}={value}" for name, value in spec.config.items())
    return (
        f"would create {spec.name}: partitions={spec.partitions} replication={spec.replication} "
        f"{settings}"
    )


def _show_differences(report: TopicsReport) -> None:
    _show(report.differences)
    for remark in report.remarks:
        typer.secho(remark, fg=typer.colors.YELLOW, err=True)


def _show(differences: Sequence[TopicDifference]) -> None:
    for one in differences:
        typer.secho(f"differs {one}; {one.remedy}", fg=typer.colors.YELLOW)


def _warn_if_forgotten(found: Broker) -> None:
    if found.owned and not found.durable:
        typer.secho(
            "these topics live in this command's in-process broker and end with it: start "
            "`tidemark run` or `tidemark broker --in-process` first",
            fg=typer.colors.YELLOW,
            err=True,
        )
