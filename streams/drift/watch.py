"""Watching a stream against its reference, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.blocks import UNITS, BlockSums, rounded
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
    Floats32 = npt.NDArray[np.float32]
    Coded = tuple[Floats32, npt.NDArray[Any], Floats32]

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


@dataclass(slots=True)
class Ahead:
    """What the scan will say of the blocks that come next, all computed at once.

    Attributes:
        rows: the blocks' sums as they are kept, shape ``(blocks, columns)``.
        sums: of all windows after each block, shape ``(blocks, windows, columns)``.
        scores: after each block, the log of a run length; None where no window is full.
        ridge_scores: z of the full windows, for each block ``(full, ridges)``.
        taken: blocks that have come.
    """

    rows: npt.NDArray[np.int16]
    sums: npt.NDArray[np.int32]
    scores: list[float | None]
    ridge_scores: list[Floats]
    taken: int = 0


class Watch:
    """Block sums and recent documents of a stream that has a reference.

    Every block is summed and rotated by itself, and its scores are computed as if it were alone:
    the same documents give the same bits, whatever the batches were.
    """

    def __init__(self, reference: Reference, profile: bytes, options: DriftOptions) -> None:
        self.reference = reference
        self.profile = profile
        self.recent = DocumentLog(_CHUNK, options.recent_documents, coarse=True, rough=True)
        self._columns = len(reference.scan.weights)
        self._block = options.block_documents
        self._lengths = np.array(options.scales, np.float64)
        windows = tuple(scale // self._block for scale in options.scales)
        self.sums = BlockSums(self._columns, windows)
        self._pending: Floats32 = np.empty((0, self._columns), np.float32)
        none = np.empty((0, self._columns), np.int16)
        self._nothing_ahead = Ahead(none, self.sums.ahead(none), [], [])

    @property
    def missing(self) -> int:
        """Documents until the block is full."""
        return self._block - len(self._pending)

    def ahead(self, numbers: Floats32) -> Ahead:
        """Return what the scan will say of these documents; they are not taken in yet.

        Args:
            numbers: of all channels, one row each.
        """
        blocks = (len(self._pending) + len(numbers)) // self._block
        if not blocks:
            return self._nothing_ahead
        rows = rounded(self._standardized(numbers, blocks))
        sums = self.sums.ahead(rows)
        scores: list[float | None] = []
        ridge_scores: list[Floats] = []
        full = [self.sums.full(self.sums.count + 1 + block) for block in range(blocks)]
        for windows, group in groupby(range(blocks), full.__getitem__):
            members = list(group)
            if not windows:
                scores += [None] * len(members)
                ridge_scores += [np.empty((0, 0))] * len(members)
                continue
            part = sums[members[0] : members[-1] + 1, :windows]
            z = self.reference.scan.of_sums(part, self._lengths[:windows], UNITS)
            largest = self.reference.scan.of_channels(z)
            scores += self.reference.calibration.combined_scores(largest)[0].tolist()
            ridge_scores += list(z)
        return Ahead(rows, sums, scores, ridge_scores)

    def take(
        self,
        documents: Sequence[Enriched],
        coded: Coded,
        ahead: Ahead,
    ) -> None:
        """Take in documents.

        Args:
            documents: of the source, in order.
            coded: their numbers of all channels, one row each; their embeddings as the log of
                recent documents keeps them; and the scales of these.
            ahead: of these documents and perhaps more.
        """
        numbers, codes, scales = coded
        self.recent.append(documents, codes, scales)
        blocks, left = divmod(len(self._pending) + len(documents), self._block)
        if blocks:
            self.sums.push(ahead.rows[ahead.taken : ahead.taken + blocks])
            ahead.taken += blocks
            self._pending = numbers[len(numbers) - left :].copy()
        else:
            self._pending = np.concatenate((self._pending, numbers))

    def verdict(self, ahead: Ahead) -> Verdict | None:
        """Return the verdict on the block that was taken last."""
        place = ahead.taken - 1
        score, z = ahead.scores[place], ahead.ridge_scores[place]
        if score is None:
            return None
        scan, law = self.reference.scan, self.reference.calibration
        largest = scan.of_channels(z)
        _, window, channel = law.combine(largest)
        length = int(self._lengths[window])
        return Verdict(
            score,
            self.reference.channels[channel],
            channel,
            scan,
            z[window],
            ahead.sums[place, window] / (UNITS * length),
            length,
            largest,
        )

    def _standardized(self, numbers: Floats32, blocks: int) -> Floats32:
        """Return the sums of standard scores of the blocks that these documents fill."""
        totals = np.empty((blocks, self._columns), np.float32)
        missing = self.missing if len(self._pending) else 0
        done = 0
        if missing:
            totals[0] = np.concatenate((self._pending, numbers[:missing])).sum(axis=0)
            done = 1
        whole = numbers[missing : missing + (blocks - done) * self._block]
        whole.reshape(blocks - done, self._block, self._columns).sum(axis=1, out=totals[done:])
        return self.reference.standardize(totals, self._block)

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
        return {"pending": self._pending, "blocks": self.sums.tail(), "recent": self.recent.tail()}

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
        self._pending = np.array(tail["pending"], np.float32)
