"""The scenarios by name, with their full size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fault.scenarios.broker import broker, broker3
from tests.fault.scenarios.database import database
from tests.fault.scenarios.kill import kill
from tests.fault.scenarios.poison import poison
from tests.fault.scenarios.scale import scale
from tests.fault.scenarios.term import term

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.fault.cluster import ModelChoice

Number = int | float


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario and its full size.

    Attributes:
        run: called with the cluster and the size.
        size: its keyword arguments.
        nodes: of Kafka.
        model: unless the command line names another.
        poll_s: poll interval of the consumers in seconds; the production value if None.
    """

    run: Callable[..., dict[str, Any]]
    size: Mapping[str, Number]
    nodes: int = 1
    model: ModelChoice = "minilm"
    poll_s: float | None = None


PLANS = {
    "kill": Plan(kill, {"documents": 20_000, "kills": 50, "every_s": 6.0, "slow_s": 0.0}),
    "term": Plan(term, {"documents": 20_000, "stops": 20, "every_s": 10.0, "slow_s": 0.0}),
    # Inference takes longer than the poll interval, and longer than a rebalance waits for it.
    "scale": Plan(
        scale,
        {"documents": 6_000, "slow_s": 40.0, "stall_s": 20.0, "seconds": 120.0},
        poll_s=20.0,
    ),
    "broker": Plan(broker, {"documents": 6_000, "down_s": 30.0, "seconds": 90.0}),
    "broker3": Plan(broker3, {"documents": 4_000, "down_s": 15.0, "seconds": 60.0}, nodes=3),
    # The small model: the faster documents come, the more a land worker would have to hold.
    "database": Plan(
        database,
        {"documents": 60_000, "down_s": 60.0, "half_s": 30.0, "seconds": 120.0},
        model="tiny",
    ),
    "poison": Plan(poison, {"documents": 20_000, "share": 0.01}),
}

MEANINGS = {
    "documents": "documents to publish",
    "kills": "how many kill -9",
    "stops": "how many SIGTERM",
    "every_s": "mean seconds from one to the next",
    "slow_s": "seconds that a batch of inference takes longer, for a while or throughout",
    "stall_s": "seconds that a worker of each role is stopped by SIGSTOP",
    "down_s": "seconds that the broker or the database is away",
    "half_s": "seconds that every second insert fails, and every second answer is lost",
    "seconds": "over which the documents are published",
    "share": "of messages that are damaged",
}
