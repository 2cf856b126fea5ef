"""Contender: Tidemark's enrich role as it is, with a model that costs nothing."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from streams.config import load_settings
from streams.logs import configure_logs
from streams.runtime.platform import open_platform
from streams.runtime.wiring import Parts, build_runners
from streams.runtime.worker import Worker
from tests.bench.contenders.job import NoopEnricher, Place


async def main() -> None:
    place = Place.from_arguments()
    prefix = place.source.removesuffix(".documents")
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(
            kafka=place.bootstrap, topic_prefix=prefix, data=Path(folder), canary="off"
        )
        with open_platform(settings) as platform:
            runners, _ = build_runners(platform, ["enrich"], Parts(NoopEnricher()))
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
