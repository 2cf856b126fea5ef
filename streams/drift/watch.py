"""Watching a stream against its reference, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.blocks import BlockSums
from streams.drift.codec import under
from streams.drift.documents import DocumentLog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.drift.options import DriftOptions
    from streams.drift.reference import Reference
    from streams.drift.scan import Scan

    Floats = npt.NDArray[np.float64]

_CHUNK = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """The scan's answer after a block: the score, and where it comes from.

    Attributes:
        channel: that speaks loudest.
        place: of that channel among the channels.
        scan: the statistic.
        ridge_scores: z of all channels' ridges at that window, shape ``(ridges,)``.
        window_mean: mean standard scores of all channels, shape ``(columns,)``.
        documents: length of the window.
        largest: z of each window length and channel, shape ``(full, channels)``.
    """

    score: float
    channel: str
    place: int
    scan: Scan
    ridge_scores: Floats
    window_mean: Floats
    documents: int
    largest: Floats

    @property
    def ridge(self) -> int:
        """The channel's strongest ridge, among the ridges of all channels."""
        return self.scan.strongest(self.ridge_scores, self.place)

    @property
    def embedding_ridge(self) -> int:
        """The same of the embedding, at the same window."""
        return self.scan.strongest(self.ridge_scores, 0)


class Watch:
    """Block sums and recent documents of a stream that has a reference.

    A block is always summed and rotated in one piece, whatever the batches were: the same
    documents give the same bits.
    """

    def __init__(self, reference: Reference, profile: bytes, options: DriftOptions) -> None:
        self.reference = reference
        self.profile = profile
        self.recent = DocumentLog(_CHUNK, options.recent_documents, coarse=True)
        dimensions = len(reference.scan.weights)
        self._block = options.block_documents
        self._lengths = np.array(options.scales, np.float64)
        windows = tuple(scale // self._block for scale in options.scales)
        self.sums = BlockSums(dimensions, windows)
        self._pending: list[npt.NDArray[np.float32]] = []

    @property
    def missing(self) -> int:
        """Documents until the block is full."""
        return self._block - len(self._pending)

    def take(
        self,
        documents: Sequence[Enriched],
        numbers: npt.NDArray[np.float32],
        codes: npt.NDArray[Any],
        scales: npt.NDArray[np.float32],
    ) -> Verdict | None:
        """Take in at most ``missing`` documents; the verdict, once the block is full.

        Args:
            documents: of the source, in order.
            numbers: of all channels, one row each.
            codes: their embeddings as the log of recent documents keeps them.
            scales: of the codes.
        """
        self.recent.append(documents, codes, scales)
        if len(documents) == self._block:
            total = numbers.sum(axis=0)
        else:
            self._pending.extend(numbers)
            if len(self._pending) < self._block:
                return None
            total = np.stack(self._pending).sum(axis=0)
            self._pending.clear()
        self.sums.push(self.reference.standardize(total, self._block))
        return self._judge()

    def score_up_to(self, verdict: Verdict, documents: int) -> float:
        """Return the score of a verdict's windows of at most so many documents."""
        full = int(np.count_nonzero(self._lengths[: len(verdict.largest)] <= documents))
        return self.reference.calibration.combine(verdict.largest[:full])[0] if full else 0.0

    def channel_scores(self, verdict: Verdict) -> dict[str, float]:
        """Return the log of the documents between false alarms of each channel alone."""
        law = self.reference.calibration
        cells = law.per_cell(np.maximum(verdict.largest, 0.0)) - law.charge
        names = self.reference.channels
        scores = np.maximum(cells.max(axis=0) - np.log(len(law.location)), 0.0)
        return dict(zip(names, scores.tolist(), strict=True))

    def tail(self) -> dict[str, npt.NDArray[Any]]:
        """Return the small moving state."""
        dimensions = len(self.reference.scan.weights)
        pending = np.array(self._pending, np.float32).reshape(-1, dimensions)
        return {"pending": pending, "blocks": self.sums.tail(), "recent": self.recent.tail()}

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name."""
        named = {f"blocks/{name}": encode for name, encode in self.sums.parts().items()}
        return named | {f"recent/{name}": encode for name, encode in self.recent.parts().items()}

    def restore(
        self,
        counts: tuple[int, int],
        parts: Mapping[str, bytes],
        tail: Mapping[str, npt.NDArray[Any]],
    ) -> None:
        """Set the state from what ``parts`` and ``tail`` returned at these counts.

        Args:
            counts: blocks and documents.
            parts: payloads by name.
            tail: the small moving state.
        """
        blocks, documents = counts
        self.sums.restore(blocks, under("blocks/", parts), tail["blocks"])
        self.recent.restore(documents, under("recent/", parts), tail["recent"])
        self._pending = list(tail["pending"])

    def _judge(self) -> Verdict | None:
        full = self.sums.full()
        if not full:
            return None
        lengths = self._lengths[:full]
        means = self.sums.window_sums() / lengths[:, None]
        scan = self.reference.scan
        scores = scan.scores(means, lengths)
        largest = scan.of_channels(scores)
        score, window, channel = self.reference.calibration.combine(largest)
        return Verdict(
            score,
            self.reference.channels[channel],
            channel,
            scan,
            scores[window],
            means[window],
            int(lengths[window]),
            largest,
        )
