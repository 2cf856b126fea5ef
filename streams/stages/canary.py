"""Canary documents: forty short texts that never change, so that a change is the pipeline's own.

An enrich worker runs them through its own stage, model and all, when it starts and every few
minutes, and publishes the results to every partition of the enriched topic. They bear a source
that producers cannot use and come from no message of the documents topic: landing keeps them in a
table of their own, the ledger does not know them, and the drift workers compare them with what was
answered before (``streams/drift/canary.py``) instead of counting them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import orjson

from schemas.messages import Origin
from streams.ports import RawMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

CANARY_SOURCE = "tidemark-canary"
"""Source of canary documents; refused where a producer sends it."""

CANARY_TOPIC = "tidemark-canary"
"""Stands for the topic in their origin: there is none."""

CANARY_SET = "1"
"""Of the texts; another set is never compared with this one."""


@dataclass(frozen=True, slots=True)
class CanaryRun:
    """Who answers, and when.

    Attributes:
        worker: the process, unique while it lives.
        host: machine that it runs on.
        started_at: milliseconds since 1970; names the run, together with the worker.
        every_ms: when the next run is due.
    """

    worker: str
    host: str
    started_at: int
    every_ms: int

    def metadata(self, count: int) -> dict[str, str]:
        """Return what the documents of this run bear."""
        return {
            "canary_set": CANARY_SET,
            "canary_documents": str(count),
            "worker": self.worker,
            "host": self.host,
            "run": str(self.started_at),
            "every_ms": str(self.every_ms),
        }


@cache
def canary_texts() -> tuple[Mapping[str, str | None], ...]:
    """Return the texts in order: ``language``, ``title`` and ``text``."""
    data = files("streams.stages").joinpath("canary_documents.json").read_bytes()
    return tuple(orjson.loads(data))


def canary_id(index: int) -> str:
    """Return the identity of a canary document."""
    return f"canary-{CANARY_SET}-{index:02d}"


def canary_messages(run: CanaryRun) -> list[RawMessage]:
    """Return the documents of a run as messages, as a producer would have written them."""
    texts = canary_texts()
    metadata = run.metadata(len(texts))
    return [
        RawMessage(
            Origin(CANARY_TOPIC, 0, index, run.started_at),
            canary_id(index).encode(),
            orjson.dumps(
                {
                    "doc_id": canary_id(index),
                    "source": CANARY_SOURCE,
                    "published_at": run.started_at,
                    "metadata": metadata,
                    **text,
                }
            ),
        )
        for index, text in enumerate(texts)
    ]


def is_reserved(source: str) -> bool:
    """Return whether a source name belongs to Tidemark, however it is written."""
    return source.strip().casefold() == CANARY_SOURCE
