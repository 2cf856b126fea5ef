"""Which model and labels a segment is watched with, while models are rolled out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.drift.feed import Run

SWITCH = 10  # documents in a row until another model is taken for the new one


@dataclass(slots=True)
class Rollout:
    """The model in force, and the one that may follow it.

    Attributes:
        model: model and revision; empty before the first document.
        dimensions: numbers of a vector.
        labels: names of the labels that have a score.
        challenger: another model's name, vector length and labels.
        in_a_row: how many documents of the challenger came without one of the model between.
    """

    model: str = ""
    dimensions: int = 0
    labels: str = ""
    challenger: str = ""
    in_a_row: int = 0

    def admit(self, run: Run) -> tuple[int, bool]:
        """Return how many documents of the run to leave out, and whether the model changed."""
        name = f"{run.model}/{run.dimensions}/{run.labels}"
        if not self.model:
            self.adopt(run)
            return 0, True
        if self.is_in_force(run):
            self.challenger, self.in_a_row = "", 0
            return 0, False
        before = self.in_a_row if self.challenger == name else 0
        self.challenger, self.in_a_row = name, before + len(run.documents)
        if self.in_a_row < SWITCH:
            return len(run.documents), False
        self.adopt(run)
        return SWITCH - before, True

    def is_in_force(self, run: Run) -> bool:
        """Return whether the run is of the model and labels in force."""
        own = (self.model, self.dimensions, self.labels)
        return (run.model, run.dimensions, run.labels) == own

    def adopt(self, run: Run) -> None:
        """Put the run's model and labels in force."""
        self.model, self.dimensions, self.labels = run.model, run.dimensions, run.labels
        self.challenger, self.in_a_row = "", 0
