"""Real documents of one to four kilobytes for benchmarks, as many as are asked for.

They are the documentation inside the installed Python packages; when there are no more, they come
again under other identities. Found once, they are kept in a file: parsing takes longer than most
benchmarks.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from schemas.messages import Document
from streams.corpus import demo_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_PARSED = 9000
_CHARACTERS = range(600, 4001)
STEP_MS = 10
SOURCES = 4


def distinct_documents(cache: Path) -> list[Document]:
    """Return distinct documents."""
    if not cache.exists():
        found = demo_documents(_PARSED, now_ms=time.time_ns() // 1_000_000)
        chosen = [one for one in found if len(one.text) in _CHARACTERS]
        cache.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(asdict(one)) for one in chosen]
        cache.write_text("\n".join(lines), encoding="utf-8")
    text = cache.read_text(encoding="utf-8")
    return [Document(**json.loads(line)) for line in text.split("\n")]


def endless(documents: Sequence[Document], step_ms: int = STEP_MS) -> Iterator[Document]:
    """Yield the documents again and again with new identities, dated from now on.

    Their sources take turns, so that segments are alike and nothing drifts.
    """
    start = time.time_ns() // 1_000_000
    number = 0
    while True:
        for document in documents:
            yield replace(
                document,
                doc_id=f"{number}-{document.doc_id}",
                source=f"source-{number % SOURCES}",
                published_at=start + number * step_ms,
            )
            number += 1
