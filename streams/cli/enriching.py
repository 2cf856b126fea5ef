"""Tokenize and infer documents of files, without Kafka or ClickHouse."""

from __future__ import annotations

from dataclasses import fields
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from schemas.messages import Enriched, Origin
from streams.ports import RawMessage
from streams.readers import Found, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from schemas.messages import Document
    from streams.cli.publishing import Outcome
    from streams.clock import Clock
    from streams.stages.enrich import EnrichStage

ORIGIN = "files"
_NAMES = tuple(field.name for field in fields(Enriched))


def enrich_documents(
    found: Iterable[Found | Refused],
    stage: EnrichStage,
    outcome: Outcome,
    *,
    encode: Callable[[Document], bytes],
    clock: Clock,
    batch_documents: int,
) -> Iterator[Enriched]:
    """Yield enriched documents in order; what is refused is counted in ``outcome``.

    The documents go through the very stage of the enrich role, as messages of a topic ``files``
    whose offsets count the documents.
    """
    items = enumerate(found)
    while batch := list(islice(items, batch_documents)):
        refused = {number: item for number, item in batch if isinstance(item, Refused)}
        places = {number: item.location for number, item in batch}
        messages = [
            RawMessage(Origin(ORIGIN, 0, number, clock.now_ms()), None, encode(item.document))
            for number, item in batch
            if isinstance(item, Found)
        ]
        result = stage.post(stage.core(stage.pre(messages)))
        for letter in result.dead_letters:
            refused[letter.offset] = Refused(places[letter.offset], letter.reason)
        for number in sorted(refused):
            outcome.refuse(refused[number])
        yield from result.enriched


def write_lines(
    enriched: Iterable[Enriched], file: BinaryIO, outcome: Outcome, *, embeddings: bool
) -> None:
    """Write one JSON object a line; embeddings as lists of numbers, if they are wanted."""
    for document in enriched:
        file.write(orjson.dumps(_plain(document, embeddings=embeddings)) + b"\n")
        outcome.done += 1


def _plain(document: Enriched, *, embeddings: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {name: getattr(document, name) for name in _NAMES}
    del plain["embedding"]
    if embeddings:
        plain["embedding"] = np.frombuffer(document.embedding, "<f4").tolist()
    return plain
