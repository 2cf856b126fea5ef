"""How many planted errors the guardrails catch, and how many true summaries they flag.

    python -m tests.bench guard [--data FOLDER] [--models FOLDER] [--part report|tune] [--show]

``FOLDER`` (or ``TIDEMARK_BENCH_DATA``) holds ``scitldr_train.jsonl.xz``, ``scitldr_dev.jsonl.xz``
and ``ag_news.csv.xz``. Thresholds and word lists were made on the part ``tune`` (SciTLDR's train
split, the first half of AG News); the part ``report`` (its dev split, the other half) is for the
figures. True summaries are those that people wrote of papers, a sentence of the paper, and the
leads of news items. People who summarize their own paper also say what its abstract does not: those
that do not, by the rule of ``stated.py``, are counted on their own too.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from models.guard import RULES, Guard, Watch
from models.guard.text import Prose
from models.manifest import DEFAULT_MODEL
from models.plugged import PluggedEnricher
from models.registry import Registry
from models.summarize.generative import Written
from streams.drift.evaluate.measure import wilson_interval
from streams.ports import Text
from tests.bench.bench_encoder import csv_rows, json_lines, load
from tests.bench.planted import Kind, Pair, plant
from tests.bench.stated import stated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.enricher import OnePassEnricher
    from streams.ports import Inference

_SEED = 20_240_501
_BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("TIDEMARK_BENCH_DATA"))
    parser.add_argument("--models", type=Path, default=Path(".tidemark"))
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--number", type=int, default=200, help="summaries of each kind")
    parser.add_argument("--show", action="store_true", help="print what was missed or flagged")
    given = parser.parse_args()
    if given.data is None:
        parser.error("give --data FOLDER or set TIDEMARK_BENCH_DATA")
    enricher = load(Registry(given.models).folder(DEFAULT_MODEL))
    generator = random.Random(_SEED)
    for name, pairs in collections(given.data, given.part).items():
        generator.shuffle(pairs)
        say(f"{name}, part {given.part}, {len(pairs):,} documents")
        for kind, chosen in samples(pairs, given.number, generator).items():
            results = judge(enricher, chosen)
            tell(kind, chosen, results, show=given.show)
            if kind == "true":
                tell_stated(chosen, results)


def collections(data: Path, part: str) -> dict[str, list[Pair]]:
    """Return documents with true summaries, by collection."""
    split = "train" if part == "tune" else "dev"
    papers = [
        Pair(f"{row['title']}.\n{' '.join(row['sentences'])}", row["summaries"][0])
        for row in json_lines(data / f"scitldr_{split}.jsonl.xz")
    ]
    rows = list(csv_rows(data / "ag_news.csv.xz"))
    half = rows[: len(rows) // 2] if part == "tune" else rows[len(rows) // 2 :]
    news = [
        Pair(f"{row['title']}.\n{row['text']}", Prose.of(row["text"]).sentences[0]) for row in half
    ]
    own = [Pair(pair.document, _middle(pair.document)) for pair in papers]
    return {"papers, by people": papers, "papers, a sentence": own, "news, their leads": news}


def _middle(document: str) -> str:
    sentences = Prose.of(document).sentences[1:]
    return sentences[len(sentences) // 2]


def samples(pairs: Sequence[Pair], number: int, generator: random.Random) -> dict[str, list[Pair]]:
    """Return true summaries, and as many wrong ones of each kind as there are, up to a number."""
    found: dict[str, list[Pair]] = {"true": list(pairs[:number])}
    for kind in get_args(Kind):
        wrong: list[Pair] = []
        for pair in pairs:
            planted = plant(pair, pairs, kind, generator)
            if planted is not None and len(wrong) < number:
                wrong.append(planted.pair)
        found[kind] = wrong
    return found


class _Says:
    """A summarizer that writes, document by document, what it was told to."""

    method, instructions = "bench", ""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._said = {text_of(pair): pair.summary for pair in pairs}

    def write(self, texts: Sequence[Text]) -> list[Written]:
        return [Written(self._said[text]) for text in texts]


def text_of(pair: Pair) -> Text:
    """Return the document as it comes on the topic: title and text apart."""
    title, _, text = pair.document.partition(".\n")
    return Text(title, text)


def judge(enricher: OnePassEnricher, pairs: Sequence[Pair]) -> list[Inference]:
    """Land every summary by the way of all generated ones: written, checked, kept or stopped."""
    watch = Watch(enricher, Guard(), None)
    found: list[Inference] = []
    for start in range(0, len(pairs), _BATCH):
        batch = pairs[start : start + _BATCH]
        plugged = PluggedEnricher(enricher, enricher.card, summarizer=_Says(batch), watch=watch)
        results = plugged.post(plugged.core(plugged.pre([text_of(pair) for pair in batch])))
        for pair, one in zip(batch, results, strict=True):
            kept = one.summary == pair.summary and not one.summary_flags
            if not kept and (not one.summary or one.summary_rejected != pair.summary):
                raise RuntimeError(f"a summary was dropped: {pair.summary!r} became {one}")
        found += results
    return found


def tell(kind: str, pairs: Sequence[Pair], results: Sequence[Inference], *, show: bool) -> None:
    """Print how many were flagged, with the 95 % interval, and by which rule."""
    flagged = sum(bool(one.summary_flags) for one in results)
    low, high = wilson_interval(flagged, len(results))
    rules = Counter(rule for one in results for rule in one.summary_flags)
    by = ", ".join(f"{rule} {rules[rule]}" for rule in RULES if rules[rule])
    share = flagged / max(1, len(results))
    say(
        f"  {kind:9}{flagged:4} of {len(results):3} flagged, {share:.1%}"
        f" ({low:.1%} to {high:.1%}): {by}"
    )
    for pair, one in zip(pairs, results, strict=True):
        if show and bool(one.summary_flags) == (kind == "true"):
            say(f"    {','.join(one.summary_flags)} {pair.summary}")


def tell_stated(pairs: Sequence[Pair], results: Sequence[Inference]) -> None:
    """Print how many were flagged of those that say only what the document says, and of others."""
    for only, words in ((True, "only what"), (False, "more than")):
        flags = [
            bool(one.summary_flags)
            for pair, one in zip(pairs, results, strict=True)
            if stated(pair.document, pair.summary) is only
        ]
        low, high = wilson_interval(sum(flags), len(flags)) if flags else (0.0, 1.0)
        say(
            f"    {sum(flags)} of the {len(flags)} that say {words} the document says"
            f" ({low:.1%} to {high:.1%})"
        )


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
