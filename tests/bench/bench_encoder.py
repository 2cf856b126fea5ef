"""Speed and quality of one-pass inference on real documents.

    python -m tests.bench.bench_encoder [--data FOLDER] [--models FOLDER] [--documents N]

``FOLDER`` (or ``TIDEMARK_BENCH_DATA``) holds ``papers.jsonl.xz`` (title, abstract, tldr),
``ag_news.csv.xz`` (label, title, text) and ``scitldr_*.jsonl.xz`` (sentences, summaries); what is
missing is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import lzma
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.classify.calibration import best_temperature, expected_calibration_error
from models.classify.zeroshot import softmax
from models.enricher import OnePassEnricher, build_enricher, enrich_all
from models.manifest import DEFAULT_MODEL, pinned
from models.registry import Registry
from models.sentences import sentence_spans
from streams.ports import Inference, Text
from tests.bench.rouge import rouge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH = 128
# Two wordings of the same classes: what holds for one only is luck.
AG_NEWS = (
    {
        "World": "world news, international politics, war, conflict, diplomacy and governments",
        "Sports": "sports: games, teams, players, matches, leagues and championships",
        "Business": "business, companies, markets, economy, finance and trade",
        "Sci/Tech": "science and technology: computers, software, internet, research and space",
    },
    {
        "World": "International politics, wars, governments and disasters",
        "Sports": "Games, teams, players and championships",
        "Business": "Companies, markets, trade and the economy",
        "Sci/Tech": "Software, the internet, science and space",
    },
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("TIDEMARK_BENCH_DATA"))
    parser.add_argument("--models", type=Path, default=Path(".tidemark"))
    parser.add_argument("--documents", type=int, default=2000)
    given = parser.parse_args()
    if given.data is None:
        parser.error("give --data FOLDER or set TIDEMARK_BENCH_DATA")
    folder = Registry(given.models).folder(DEFAULT_MODEL)
    papers = list(json_lines(given.data / "papers.jsonl.xz"))
    news = list(csv_rows(given.data / "ag_news.csv.xz"))
    spread = papers[:: max(1, len(papers) // given.documents)][: given.documents]
    speed("papers", folder, [Text(row["title"], row["abstract"]) for row in spread])
    speed("news", folder, [Text(row["title"], row["text"]) for row in news])
    for number, labels in enumerate(AG_NEWS, start=1):
        labelling(f"AG News, wording {number}", folder, labels, news)
    with_tldr = [row for row in papers if row.get("tldr")]
    summaries(
        "papers with a TLDR",
        folder,
        [Text(row["title"], row["abstract"]) for row in with_tldr],
        [[row["tldr"]] for row in with_tldr],
    )
    for name in ("train", "dev"):
        rows = list(json_lines(given.data / f"scitldr_{name}.jsonl.xz"))
        texts = [Text("", " ".join(row["sentences"])) for row in rows]
        summaries(f"SciTLDR {name}", folder, texts, [row["summaries"] for row in rows])


def load(folder: Path, labels: dict[str, str] | None = None, sentences: int = 2) -> OnePassEnricher:
    return build_enricher(
        folder,
        device="auto",
        compute_type="auto",
        threads=0,
        labels=labels,
        unsure_below=0.3,
        summary_sentences=sentences,
    )


def speed(name: str, folder: Path, texts: Sequence[Text]) -> None:
    """Show documents per second with the steps overlapped, and each step's share of CPU time."""
    if not texts:
        return
    enricher = load(folder)
    run(enricher, texts[:BATCH])
    wall, cpu = time.perf_counter(), time.process_time()
    results = run(enricher, texts)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pieces = sum(result.tokens_in for result in results)
    say(
        f"{name}: {len(texts) / wall:.0f} documents/s, {pieces / wall:.0f} tokens/s; "
        f"CPU {cpu / len(texts) * 1000:.2f} ms a document, {cpu / wall:.2f} cores busy"
    )
    times = step_times(enricher, texts)
    shares = [f"{step} {seconds / sum(times.values()):.1%}" for step, seconds in times.items()]
    say(f"  share of CPU time: {', '.join(shares)}")


def step_times(enricher: OnePassEnricher, texts: Sequence[Text]) -> dict[str, float]:
    """Return the CPU seconds of each step, run one after another."""
    times = {"pre": 0.0, "core": 0.0, "post": 0.0}
    for batch in batches(texts):
        at = [time.process_time()]
        prepared = enricher.pre(batch)
        at.append(time.process_time())
        encoded = enricher.core(prepared)
        at.append(time.process_time())
        enricher.post(encoded)
        at.append(time.process_time())
        for step, seconds in zip(times, np.diff(at).tolist(), strict=True):
            times[step] += seconds
    return times


def labelling(
    name: str, folder: Path, labels: dict[str, str], rows: Sequence[dict[str, str]]
) -> None:
    """Show accuracy, and how far the probabilities can be believed."""
    if not rows:
        return
    results = run(load(folder, labels), [Text(row["title"], row["text"]) for row in rows])
    names = list(labels)
    truth = np.array([names.index(row["label"]) for row in rows])
    shown = np.array([[result.scores[label] for label in names] for result in results])
    used = pinned(DEFAULT_MODEL).temperature
    cosines = np.log(shown) * used  # up to a constant for each document, which softmax ignores
    accuracy = (shown.argmax(axis=1) == truth).mean()
    before = expected_calibration_error(softmax(cosines), truth)
    after = expected_calibration_error(shown, truth)
    say(
        f"{name}: {accuracy:.3f} right; calibration error {before:.3f} at temperature 1, "
        f"{after:.3f} at {used}; best temperature {best_temperature(cosines, truth):.3f}"
    )


def summaries(
    name: str, folder: Path, texts: Sequence[Text], references: Sequence[Sequence[str]]
) -> None:
    """Show ROUGE-1/2/L of one-sentence summaries, of the first and of the best sentence."""
    if not texts:
        return
    results = run(load(folder, sentences=1), texts)
    cut = [[item.text[a:b] for a, b in sentence_spans(item.text)] for item in texts]
    pairs = list(zip(cut, references, strict=True))
    rows = {
        "first sentence": [rouge(parts[0], wanted) for parts, wanted in pairs],
        "summary": [rouge(r.summary, w) for r, w in zip(results, references, strict=True)],
        "best sentence": [max(rouge(part, w) for part in parts) for parts, w in pairs],
    }
    for row, scores in rows.items():
        figures = "/".join(f"{value * 100:.1f}" for value in np.mean(scores, axis=0))
        say(f"{name}: {row} ROUGE-1/2/L {figures}")


def run(enricher: OnePassEnricher, texts: Sequence[Text]) -> list[Inference]:
    return [result for batch in enrich_all(enricher, batches(texts)) for result in batch]


def batches(texts: Sequence[Text]) -> list[Sequence[Text]]:
    return [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with lzma.open(path, "rt", encoding="utf-8") as stream:
            yield from map(json.loads, stream)


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with lzma.open(path, "rt", encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
