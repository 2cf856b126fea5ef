"""Real documents for the harness: what is written inside the installed Python packages."""

from __future__ import annotations

import sysconfig
import time
import zlib
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.messages import Document
from streams.corpus import SOURCE, _passages_of, demo_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = 12
_QUICKLY_FOUND = 3_000


def real_documents(limit: int) -> Iterator[Document]:
    """Yield documents without end, each with an id of its own, of several sources.

    Sources are the keys of the enriched topic: with several, all partitions have work. After
    ``limit`` documents the texts begin again under other ids.
    """
    texts = _standard_library(limit) if limit <= _QUICKLY_FOUND else _whole_corpus(limit)
    for turn in count():
        for document in texts:
            doc_id = f"{document.doc_id}@{turn}" if turn else document.doc_id or ""
            number = zlib.crc32(doc_id.encode()) % SOURCES
            yield replace(document, doc_id=doc_id, source=f"{SOURCE}-{number}")


def dated(document: Document) -> Document:
    """Return the document published now, as a live stream has it."""
    return replace(document, published_at=time.time_ns() // 1_000_000)


def _whole_corpus(limit: int) -> list[Document]:
    return list(demo_documents(limit, now_ms=0))


def _standard_library(limit: int) -> list[Document]:
    """Return the first documents of the standard library: few are found without reading it all."""
    found: dict[str, Document] = {}
    for passage in _passages_of("python", Path(sysconfig.get_path("stdlib"))):
        found[passage.name] = Document(
            text=passage.text,
            doc_id=passage.name,
            title=passage.name,
            language="en",
            metadata={"package": passage.package, "kind": passage.kind},
        )
        if len(found) >= limit:
            break
    return list(found.values())
