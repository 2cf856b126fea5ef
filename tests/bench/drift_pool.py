"""Documents of files through the real enrichment, once; the results are kept beside the others."""

from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Document
from tests.bench.drift_news import CLASSES, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from schemas.messages import Enriched

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_GIBBERISH = 600
_BATCH = 128
_SHOWN = 1280


def news_pool(data: Path, cache: Path) -> Pool:
    """Return the pool of the comparison.

    Args:
        data: folder with ``news.jsonl`` (``text``, ``label``, perhaps ``title``; the labels are
            those of AG News) and ``foreign.jsonl`` (``text`` in other languages).
        cache: folder for what the model made of them.
    """
    news = enriched(data / "news.jsonl", cache / "news.pickle")
    foreign = enriched(data / "foreign.jsonl", cache / "foreign.pickle")
    gibberish = _cached(cache / "gibberish.pickle", lambda: _enrich(_gibberish(), "gibberish"))
    known = [document for document in news if document.metadata.get("label") in CLASSES]
    classes = [CLASSES.index(document.metadata["label"]) for document in known]
    intruders = len(foreign) + len(gibberish)
    kinds = ["news"] * len(known) + ["foreign"] * len(foreign) + ["gibberish"] * len(gibberish)
    labels = np.array(classes + [-1] * intruders, np.int64)
    return Pool((*known, *foreign, *gibberish), labels, kinds)


def enriched(file: Path, cache: Path) -> list[Enriched]:
    """Return the enriched documents of a file in its order."""
    return _cached(cache, lambda: _enrich(_read(file), file.name))


def _read(file: Path) -> Iterable[Document]:
    from streams.readers import Columns, Found, read_documents  # noqa: PLC0415 - heavy

    columns = Columns(None, None, None, None, None, file.stem)
    found = read_documents([str(file)], columns, stdin=sys.stdin.buffer, report=lambda _: None)
    return [one.document for one in found if isinstance(one, Found)]


def _gibberish() -> list[Document]:
    rng = np.random.default_rng(0)
    return [
        Document(" ".join(_word(rng) for _ in range(int(rng.integers(20, 40)))))
        for _ in range(_GIBBERISH)
    ]


def _word(rng: np.random.Generator) -> str:
    return "".join(_LETTERS[k] for k in rng.integers(0, 26, int(rng.integers(2, 10))).tolist())


def _enrich(documents: Iterable[Document], name: str) -> list[Enriched]:
    from schemas.codec import codec_for  # noqa: PLC0415 - loads the model
    from streams.cli.enriching import enrich_documents  # noqa: PLC0415
    from streams.cli.produce import enrich_stage, ingest_of  # noqa: PLC0415
    from streams.cli.publishing import Outcome  # noqa: PLC0415
    from streams.clock import SystemClock  # noqa: PLC0415
    from streams.config import load_settings  # noqa: PLC0415
    from streams.readers import Found  # noqa: PLC0415

    settings, codec = load_settings(), codec_for(None)
    stage = enrich_stage(settings, ingest_of(settings, codec))
    found = []
    for one in enrich_documents(
        (Found(name, document) for document in documents),
        stage,
        Outcome(),
        encode=lambda document: codec.encode("", document),
        clock=SystemClock(),
        batch_documents=_BATCH,
    ):
        found.append(one)
        if len(found) % _SHOWN == 0:
            sys.stderr.write(f"{name}: {len(found)} documents enriched\n")
    return found


def _cached(path: Path, make: Callable[[], list[Enriched]]) -> list[Enriched]:
    if path.exists():
        found: list[Enriched] = pickle.loads(path.read_bytes())  # noqa: S301 - written below
        return found
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(made))
    return made
