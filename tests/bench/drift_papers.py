"""Research papers of one venue: the alerts in the order of their years, and the same shuffled.

    python -m tests.bench drift papers --papers FILE [--venue nips] [--until 2018] [--shuffled N]

``FILE`` has one JSON object a line: title, abstract or text, venue, year. In their real order the
alerts are printed with their explanation: would somebody who knows the field nod? Shuffled in time,
every alert is a false one.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.evaluate.replay import EPOCH_MS, Replay
from streams.stages.drift import DriftStage
from tests.bench.drift_methods import RUN_LENGTH, Tidemark, options
from tests.bench.drift_news import Pool
from tests.bench.drift_pool import enriched
from tests.bench.drift_quiet import Kind, achieved, collect_quiet
from tests.bench.drift_scores import append, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import DriftAlert, Enriched
    from streams.drift.evaluate.planting import Rows

_REFERENCE = 1000


def main() -> None:
    """Print the alerts and the false alarms."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--papers", type=Path, required=True)
    parser.add_argument("--venue", default="nips")
    parser.add_argument("--until", type=int, default=2018)
    parser.add_argument("--shuffled", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("bench-results/drift"))
    given = parser.parse_args()
    chosen = given.out / f"{given.venue}-{given.until}.jsonl"
    if not chosen.exists():
        select(given.papers, chosen, given.venue, given.until)
    documents = enriched(chosen, chosen.with_suffix(".pickle"))
    if not documents:
        parser.error(f"{given.papers} has no papers of {given.venue}")
    years = [year(document) for document in documents]
    say(f"{len(documents):,} papers of {given.venue}, {min(years)} to {max(years)}")
    for alert in alerts(documents):
        say(describe(alert, documents))
    shuffled(documents, given.out / "shuffled" / f"{given.venue}.jsonl", given.shuffled)


def select(papers: Path, chosen: Path, venue: str, until: int) -> None:
    """Write the papers of a venue up to a year, in the file's order."""
    opened = lzma.open if papers.suffix == ".xz" else open
    chosen.parent.mkdir(parents=True, exist_ok=True)
    with (
        opened(papers, "rt", encoding="utf-8") as source,
        chosen.open("w", encoding="utf-8") as out,
    ):
        for line in source:
            paper = json.loads(line)
            if paper["venue"] == venue and int(paper["year"]) <= until:
                out.write(line)


def alerts(documents: Sequence[Enriched]) -> list[DriftAlert]:
    """Return the alerts of the stage over the documents in order."""
    replay = Replay(documents, options(_REFERENCE))
    stage = DriftStage(options(_REFERENCE))
    rows = np.arange(len(documents))
    return [
        alert
        for batch in replay.batches("papers", rows, 0)
        for alert in stage.process(batch).alerts
    ]


def year(document: Enriched) -> int:
    """Return the year in which a paper was published."""
    return datetime.fromtimestamp(document.published_at / 1000, timezone.utc).year


def describe(alert: DriftAlert, documents: Sequence[Enriched]) -> str:
    """Return what an alert says, with the years it speaks of.

    In the replay a document comes each second: its moments are places in the file.
    """

    def at(moment: int) -> str:
        place = min(max((moment - EPOCH_MS) // 1000, 0), len(documents) - 1)
        return f"{year(documents[place])} (paper {place:,})"

    up = ", ".join(f"{term.term} ({term.z:.1f})" for term in alert.terms_up[:12])
    down = ", ".join(f"{term.term} ({term.z:.1f})" for term in alert.terms_down[:8])
    new = "; ".join(document.summary[:100] for document in alert.new_documents[:3])
    who = f"{alert.alert_id[:8]} {alert.state} {alert.severity} {alert.kind}"
    since = " to ".join(at(moment) for moment in (alert.changed_from, alert.changed_to) if moment)
    return "\n".join(
        [
            f"\n[{at(alert.detected_at)}] {who} score {alert.score:.1f}, changed: {since}",
            f"  {alert.message}",
            f"  came: {up}",
            f"  went: {down}",
            f"  typical of the new: {new}",
        ]
    )


def shuffled(documents: Sequence[Enriched], file: Path, streams: int) -> None:
    """Watch the papers in random order."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pool = Pool(documents, np.zeros(len(documents), np.int64), ["news"] * len(documents))

    def draw(rng: np.random.Generator, count: int) -> Rows:
        return rng.permutation(len(documents))[:count]

    kind = Kind("shuffled", draw, _REFERENCE, len(documents) - _REFERENCE)
    done = {(one.stream, one.seed) for one in load(file)}
    method = Tidemark(pool, _REFERENCE)
    append(file, collect_quiet(method, kind, range(streams), done))
    say(f"shuffled in time, one in {RUN_LENGTH:,.0f} promised: {achieved(load(file))}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
