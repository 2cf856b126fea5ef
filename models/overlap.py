"""The three steps of inference overlapped: each in a thread of its own, a bounded way apart."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.ports import Enricher, Inference, Text

_AHEAD = 3


def enrich_all(enricher: Enricher, batches: Iterable[Sequence[Text]]) -> Iterator[list[Inference]]:
    """Yield the results of each batch, in order.

    At most four batches are at work or waiting to be taken, so memory is bounded whoever is slow.
    An exception of a step, or of ``batches``, is raised here; the steps' threads have ended when
    this generator is exhausted or closed.
    """
    steps = [ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("pre", "core", "post")]
    pre, core, post = steps
    waiting: deque[Future[list[Inference]]] = deque()
    try:
        for batch in batches:
            prepared = pre.submit(enricher.pre, batch)
            encoded = core.submit(lambda given: enricher.core(given.result()), prepared)
            waiting.append(post.submit(lambda given: enricher.post(given.result()), encoded))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for step in steps:
            step.shutdown(cancel_futures=True)
