"""The whole of Tidemark in one process, three roles and the embedded database, no-op model.

At its end it asks the database whether every document is there.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from streams.config import load_settings
from streams.logs import configure_logs
from streams.runtime.parts import open_database
from streams.runtime.platform import open_platform
from streams.runtime.wiring import Parts, build_runners
from streams.runtime.worker import Worker
from streams.topics import ROLES
from tests.bench.contenders.job import NoopEnricher, Place

if TYPE_CHECKING:
    from streams.config import Settings


async def main() -> None:
    place, wanted = Place.from_arguments(), int(sys.argv[5])
    prefix = place.source.removesuffix(".documents")
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            kafka=place.bootstrap, topic_prefix=prefix, data=Path(folder), canary="off"
        )
        warehouse = open_database(settings)
        try:
            await run(settings, Parts(NoopEnricher(), warehouse))
            found = warehouse.query("SELECT count() FROM documents").rows
            assert found == [[wanted]], found
        finally:
            warehouse.close()


async def run(settings: Settings, parts: Parts) -> None:
    with open_platform(settings) as platform:
        runners, _ = build_runners(platform, ROLES, parts)
        worker = Worker(runners, shutdown_timeout=30, log=platform.log)
        await worker.start()
        worker.stop_on_signals()
        try:
            await worker.wait()
        finally:
            await worker.stop()


if __name__ == "__main__":
    configure_logs("console", "warning")
    asyncio.run(main())
