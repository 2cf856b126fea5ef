"""What the drift worker is told: windows, lateness, the reference, the budget of false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from streams.drift.budget import Budget
from streams.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """Options of window statistics and drift detection.

    Attributes:
        window_ms: length of a tumbling window of event time, aligned to the epoch.
        lateness_ms: how long after its end a window still takes late documents in.
        reference_documents: documents of a segment's reference, collected before it is watched.
        false_alarms_per_ms: budget of false alarms per millisecond of event time, over all
            segments of all workers together.
        block_documents: documents between two evaluations of the detector.
        scales: window lengths of the scan, documents; each a multiple of ``block_documents``.
        ridges: ridge strengths in units of the mean variance; ``inf`` is the plain Euclidean norm.
        cooldown_documents: documents passed over after an alarm, before a new reference starts.
        calibration_streams: quiet streams that the bootstrap draws.
        calibration_documents: documents of each of them.
        least_run_length: an alarm is never wanted more often than once in so many documents.
        largest_run_length: nor can the calibration speak of rarer false alarms than this.
        open_windows: windows kept open per segment; the oldest is closed early beyond that.
        partition_idle_ms: a partition that is silent for so long no longer holds the watermark.
        partitions: of the enriched topic; each holds an equal part of the budget.
        settles: whether a stream that stays as an alarm found it becomes the next reference; else
            the alert stays open until it comes back or somebody asks for a new reference.
        renew_documents: quiet documents after which the newest of them become the next reference;
            None: a reference does not age. At least twice the reference.
        by_label: whether each label of a source is a segment of its own, too.
    """

    window_ms: int
    lateness_ms: int
    reference_documents: int
    false_alarms_per_ms: float
    block_documents: int = 10
    scales: tuple[int, ...] = (20, 40, 80, 160, 320, 640, 1280)
    ridges: tuple[float, ...] = (0.1, 1.0, inf)
    cooldown_documents: int = 100
    calibration_streams: int = 64
    calibration_documents: int = 5600
    least_run_length: float = 1e4
    largest_run_length: float = 1e8
    open_windows: int = 512
    partition_idle_ms: int = 30_000
    partitions: int = 1
    settles: bool = True
    renew_documents: int | None = None
    by_label: bool = False

    def __post_init__(self) -> None:
        if self.window_ms < 1 or self.lateness_ms < 0:
            raise Misconfigured("the window must be positive and the lateness not negative")
        if self.reference_documents < 2 * self.block_documents:
            least = 2 * self.block_documents
            raise Misconfigured(f"the drift reference must have at least {least} documents")
        if self.renew_documents is not None and self.renew_documents < 2 * self.reference_documents:
            raise Misconfigured(
                f"a rolling drift reference of {self.reference_documents:,} documents must be "
                f"renewed after {2 * self.reference_documents:,} documents or more"
            )
        if self.false_alarms_per_ms <= 0 or self.partitions < 1:
            raise Misconfigured("the budget of false alarms must be positive, as the partitions")
        if any(scale % self.block_documents or scale <= 0 for scale in self.scales):
            raise Misconfigured(f"the scan's scales must be multiples of {self.block_documents}")

    @property
    def budget(self) -> Budget:
        """The budget of false alarms, over all workers."""
        return Budget(self.false_alarms_per_ms, self.partitions)

    @property
    def recent_documents(self) -> int:
        """Documents kept for explanations: as many as the longest scale looks back."""
        return max(self.scales)
