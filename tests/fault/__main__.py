"""Faults against the whole pipeline, and whether every document came through once.

Each scenario starts Apache Kafka, a ClickHouse server and workers of every role as processes,
publishes real documents with damaged messages among them, does its harm, waits until everything is
drained, and asks ClickHouse over HTTP. Exit code 1 when anything was lost or doubled.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from streams.errors import TidemarkError
from tests.fault.cluster import ClusterOptions, running_cluster
from tests.fault.plans import MEANINGS, PLANS
from tests.fault.plot import plot
from tests.fault.show import Show, summary
from tests.support.commands import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

_LARGEST_CORPUS = 20_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    names = list(PLANS) if options.scenario == "all" else [options.scenario]
    reports = [_run(name, options) for name in names]
    summary(reports)
    return 0 if all(report["well"] for report in reports) else 1


def _run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    plan = PLANS[name]
    size = {key: getattr(options, key, None) or value for key, value in plan.size.items()}
    scratch = Path(tempfile.mkdtemp(prefix=f"tidemark-{name}-"))
    cluster_options = ClusterOptions(
        folder=(options.keep / name if options.keep else scratch).resolve(),
        jars=options.jars.resolve(),
        models=options.models.resolve(),
        model=options.model or plan.model,
        workers=options.workers,
        nodes=plan.nodes,
        poll_s=plan.poll_s,
        corpus=min(int(size["documents"]), _LARGEST_CORPUS),
        seed=options.seed,
    )
    try:
        with (
            Show(name, int(size["documents"])) as show,
            running_cluster(cluster_options) as cluster,
        ):
            cluster.tell = show.tell
            report = plan.run(cluster, **size)
    except TidemarkError as error:
        report = {"scenario": name, "well": False, "failure": str(error)}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report |= {"size": size, "seed": options.seed}
    options.report.mkdir(parents=True, exist_ok=True)
    path = options.report / f"{name}.json"
    path.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    plot(report, path.with_suffix(".png"))
    shown = {key: value for key, value in report.items() if key != "series"}
    sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
    sys.stdout.flush()
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    commands = parser.add_subparsers(dest="scenario", metavar="SCENARIO")
    everything = commands.add_parser("all", help="all of them, one after the other; the default")
    _add_common(everything)
    for name, plan in PLANS.items():
        meaning = (plan.run.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=meaning, description=plan.run.__doc__)
        for key, value in plan.size.items():
            flag = f"--{key.replace('_', '-')}"
            words = f"{MEANINGS[key]} ({value:g})"
            command.add_argument(flag, dest=key, type=type(value), help=words)
        _add_common(command)
    parser.set_defaults(scenario="all")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    seed = time.time_ns() % 1_000_000
    parser.add_argument("--model", choices=["minilm", "tiny"], help="the model of the workers")
    parser.add_argument("--workers", type=int, default=3, help="processes of each role (3)")
    parser.add_argument("--seed", type=int, default=seed, help="of the random moments")
    parser.add_argument("--report", type=Path, default=ROOT / "bench-results" / "faults")
    parser.add_argument("--keep", type=Path, help="folder for data and logs; kept afterwards")
    parser.add_argument("--jars", type=Path, default=ROOT / ".tidemark" / "kafka")
    parser.add_argument("--models", type=Path, default=ROOT / ".tidemark")


if __name__ == "__main__":
    sys.exit(main())
