"""Which documents a challenger answers, and what is kept of its answer; pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from schemas.messages import ShadowResult

if TYPE_CHECKING:
    from schemas.messages import Enriched

Task = Literal["classification", "summarization", "embedding"]
"""What a challenger is for, and hence what it is compared by."""

_WHOLE = 1 << 64
_KEPT = tuple(name for name in ShadowResult.__slots__ if name not in ("shadow", "task"))


def sampled(doc_id: str, share: float) -> bool:
    """Whether a document is among the share; the same documents at every redelivery.

    A larger share contains every smaller one, whichever worker asks.
    """
    digest = blake2b(doc_id.encode(errors="surrogatepass"), digest_size=8, person=b"shadow")
    return int.from_bytes(digest.digest(), "big") < share * _WHOLE


def result_of(record: Enriched, shadow: str, task: Task) -> ShadowResult:
    """Keep what tells the challenger from the champion; the document itself is there already."""
    kept = {name: getattr(record, name) for name in _KEPT}
    return ShadowResult(shadow=shadow, task=task, **kept)
