"""Names of the topics, consumer groups and roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal["enrich", "drift", "land"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names under one prefix."""

    prefix: str = "tidemark"

    @property
    def documents(self) -> str:
        """Documents as producers publish them; key: doc_id."""
        return f"{self.prefix}.documents"

    @property
    def enriched(self) -> str:
        """Documents with their inference results; key: source."""
        return f"{self.prefix}.enriched"

    @property
    def stats(self) -> str:
        """Statistics per source and window; key: source."""
        return f"{self.prefix}.drift.stats"

    @property
    def alerts(self) -> str:
        """Drift alerts; key: source."""
        return f"{self.prefix}.drift.alerts"

    @property
    def state(self) -> str:
        """Snapshots of the drift workers' state, compacted; key: source and part."""
        return f"{self.prefix}.drift.state"

    @property
    def dead_letters(self) -> str:
        """Messages that could not be processed; key: as it arrived."""
        return f"{self.prefix}.dead-letters"

    @property
    def receipts(self) -> str:
        """What became of messages, for the producers that asked; key: correlation id or doc_id."""
        return f"{self.prefix}.receipts"

    @property
    def labels(self) -> str:
        """What people say that documents are about; key: source and doc_id."""
        return f"{self.prefix}.labels"

    @property
    def shadow(self) -> str:
        """What a challenger answered in the shadow of the champion; key: source."""
        return f"{self.prefix}.shadow"

    @property
    def shadow_group(self) -> str:
        """Consumer group of the challengers; no role has it."""
        return f"{self.prefix}-shadow"

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic that Tidemark uses."""
        return (
            self.documents,
            self.enriched,
            self.stats,
            self.alerts,
            self.state,
            self.dead_letters,
            self.receipts,
            self.labels,
            self.shadow,
        )

    def consumed_by(self, role: Role) -> tuple[str, ...]:
        """Topics that a role reads."""
        if role == "enrich":
            return (self.documents,)
        if role == "drift":
            return (self.enriched,)
        landed = (self.enriched, self.stats, self.alerts, self.dead_letters)
        return (*landed, self.labels, self.shadow)

    def group(self, role: Role) -> str:
        """Consumer group of a role."""
        return f"{self.prefix}-{role}"
