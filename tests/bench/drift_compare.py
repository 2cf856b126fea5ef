r"""Delays of drift detectors on the same streams, all at one false alarm in 10,000 documents.

    python -m tests.bench drift compare --data FOLDER [--methods NAME ...] [--streams N] [--quiet N]

``FOLDER`` holds ``news.jsonl`` (AG News: text, label) and ``foreign.jsonl`` (text). What a method
found is kept in ``--out``, and a rerun continues; the table shows every method that has results.
The other detectors run in an environment of their own:

    python -m venv peers && peers/bin/pip install --no-deps --require-hashes \
        -r tests/bench/peers.txt
    peers/bin/python -m tests.bench.drift_compare --data FOLDER   # after the run above

Delays are in documents, median / 90th percentile; a share in brackets says how many changes were
found within the stream, where not all were. Streams that alarmed before their change are left out,
and counted where they are more than a tenth.
"""

from __future__ import annotations

import argparse
import json
import sys
from math import inf, isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.drift.evaluate.measure import FalseAlarms, quantile
from tests.bench.drift_news import REFERENCE, changes
from tests.bench.drift_peers import METHODS
from tests.bench.drift_pool import news_pool
from tests.bench.drift_scores import (
    QUIET,
    Plan,
    alarm_rate,
    by_stream,
    collect,
    delays,
    load,
    threshold_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.drift_news import Pool
    from tests.bench.drift_scores import Method, Scored

RUN_LENGTH = 1e4
# What the task of this detector was to reach at least: median and 90th percentile.
BARS = {
    "share 25 to 60 %": (45, 75),
    "share 25 to 35 %": (375, 750),
    "share 25 to 60 % over 500": (290, 360),
    "new class at 20 %": (105, 230),
    "subtopic four times": (420, 700),
    "another language 10 %": (60, 115),
    "gibberish 10 %": (36, 70),
}


def main() -> int:
    """Run what is missing, show the table; 1 when Tidemark misses a bar that it was measured at."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("bench-results/drift"))
    parser.add_argument("--methods", nargs="*", help="names, or nothing to show the table only")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--quiet", type=int, default=300)
    given = parser.parse_args()
    pool = news_pool(given.data, given.out)
    plan = Plan(given.quiet, given.streams, tuple(changes(pool)))
    for method in methods(pool, given.methods):
        collect(method, pool, plan, given.out / f"{method.name}.jsonl")
    found = {file.stem: load(file) for file in sorted(given.out.glob("*.jsonl"))}
    customary = {kind.name: kind.customary for kind in METHODS} | {"Tidemark": log(RUN_LENGTH)}
    results = {name: result(each, customary.get(name)) for name, each in found.items() if each}
    (given.out / "compare.json").write_text(json.dumps(results, indent=2, default=str))
    sys.stdout.write(table(results))
    return int(missed(results))


def methods(pool: Pool, names: Sequence[str] | None) -> list[Method]:
    """Return those of the names, or all, that this environment has."""
    made: list[Any] = []
    try:
        from tests.bench.drift_methods import Tidemark  # noqa: PLC0415 - not where peers are
    except ImportError:
        sys.stderr.write("passed over: Tidemark (not of this environment)\n")
    else:
        made.append(Tidemark(pool, REFERENCE))
    for kind in METHODS:
        if kind.available():
            made.append(kind(pool))
        else:
            sys.stderr.write(f"passed over: {kind.name} ({kind.needs} is not installed)\n")
    return [method for method in made if names is None or method.name in names]


def result(streams: Sequence[Scored], customary: float | None = None) -> dict[str, Any]:
    """Return a method's false alarms and delays."""
    grouped = by_stream(streams)
    quiet = grouped.get(QUIET, [])
    if not quiet:
        return {}
    threshold = threshold_of(quiet, RUN_LENGTH)
    alarms, documents, _ = alarm_rate(quiet, threshold)
    found: dict[str, Any] = {
        "quiet_streams": len(quiet),
        "threshold": threshold,
        "false_alarms_per_10000": FalseAlarms(alarms, documents, RUN_LENGTH).per_10_000,
        "changes": {name: _delays(grouped[name], threshold) for name in grouped if name != QUIET},
    }
    if customary is not None:
        found["at_customary_threshold"] = _customary(quiet, grouped, customary)
    return found


def _customary(
    quiet: Sequence[Scored], grouped: Mapping[str, list[Scored]], threshold: float
) -> dict[str, Any]:
    alarms, documents, _ = alarm_rate(quiet, threshold)
    rate = FalseAlarms(alarms, documents, RUN_LENGTH)
    return {
        "threshold": threshold,
        "false_alarms_per_10000": rate.per_10_000,
        "interval": rate.interval,
        "changes": {name: _delays(grouped[name], threshold) for name in grouped if name != QUIET},
    }


def _delays(streams: Sequence[Scored], threshold: float) -> dict[str, Any]:
    found, early = delays(streams, threshold)
    return {
        "streams": len(streams),
        "early": early,
        "median": quantile(found, 0.5),
        "p90": quantile(found, 0.9),
        "detected": sum(map(isfinite, found)) / max(len(found), 1),
    }


def missed(results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether Tidemark is slower than a bar."""
    own = results.get("Tidemark", {}).get("changes", {})
    return any(
        own[name]["median"] > median or own[name]["p90"] > late
        for name, (median, late) in BARS.items()
        if name in own
    )


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the comparison as Markdown."""
    head = ["method (streams of each change, quiet ones)", *BARS]
    lines = [_line(head), _line(["---"] * len(head))]
    lines.append(_line(["at least", *(f"{a}/{b}" for a, b in BARS.values())]))
    for name, found in results.items():
        if found:
            cells = [_cell(found["changes"].get(change)) for change in BARS]
            lines.append(_line([f"{name} ({_streams(found)})", *cells]))
            lines += _second_line(name, found)
    return "\n".join([*lines, ""])


def _second_line(name: str, found: Mapping[str, Any]) -> list[str]:
    custom = found.get("at_customary_threshold")
    if not custom:
        return []
    cells = [_cell(custom["changes"].get(change)) for change in BARS]
    rate = custom["false_alarms_per_10000"]
    return [_line([f"{name} at its own {custom['threshold']:.3g}: {rate:.1f} false", *cells])]


def _streams(found: Mapping[str, Any]) -> str:
    counts = {each["streams"] for each in found["changes"].values()} or {0}
    least, most = min(counts), max(counts)
    each = f"{least}" if least == most else f"{least} to {most}"
    return f"{each}, {found['quiet_streams']}"


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    if found["early"] == found["streams"]:
        return "all before the change"
    text = "/".join(f"{found[k]:.0f}" if found[k] < inf else "never" for k in ("median", "p90"))
    notes = [f"{found['detected']:.0%}"] * (found["detected"] < 1)
    notes += [f"{found['early']} early"] * (found["early"] > found["streams"] / 10)
    return f"{text} ({', '.join(notes)})" if notes else text


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
