"""A drift worker as a process of its own, to be killed: ``python -m ... BOOTSTRAP PREFIX FOLDER``.

Writes a line to standard output for every batch that it has processed, and ``assigned`` whenever
it has got partitions. SIGTERM stops it gracefully.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.memory import MemoryWarehouse
from streams.runtime import drift_role
from streams.runtime.faust_app import AppOptions
from streams.stages.drift import DriftStage
from tests.support.runtime import parts_of, platform_on, running, settings_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Enriched, Origin
    from streams.drift.control import Control
    from streams.stages.drift import DriftOutput


class TalkingStage(DriftStage):
    """Says how many messages it has processed."""

    def process(self, batch: Sequence[tuple[Origin, Enriched | Control]]) -> DriftOutput:
        output = super().process(batch)
        sys.stdout.write(f"{len(batch)}\n")
        sys.stdout.flush()
        return output


async def run(bootstrap: str, prefix: str, folder: Path) -> None:
    """Run until killed."""
    settings = settings_for(folder, topic_prefix=prefix, drift_reference=200)
    with open_broker(BrokerOptions(bootstrap, folder)) as broker:
        platform = platform_on(broker, settings)
        async with running(platform, parts_of(MemoryWarehouse()), ["drift"]) as session:
            session.worker.stop_on_signals()
            (runner,) = session.worker._runners
            runner._app.on_partitions_assigned.connect(_assigned, weak=False)
            await session.worker.wait()


async def _assigned(_app: object, _partitions: object, **_: object) -> None:
    sys.stdout.write("assigned\n")
    sys.stdout.flush()


if __name__ == "__main__":
    from streams.runtime import wiring

    def _options(**options: Any) -> AppOptions:
        return AppOptions(**options, session_timeout=6.0)  # the least that Kafka takes

    wiring.AppOptions = _options  # type: ignore[attr-defined, assignment]
    drift_role._INTERVAL_MS = 300
    wiring._DRIFT_MESSAGES = 100
    wiring.DriftStage = TalkingStage  # type: ignore[attr-defined]
    asyncio.run(run(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
