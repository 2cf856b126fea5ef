"""False alarms of the plain monitors on quiet streams, against what was promised.

    python -m tests.bench.bench_monitors [--streams N] [--law NAME] [--every FRAMES]

Each stream is judged for 100 frames after its history was collected. The budget is set so that the
monitors of one stream may raise one false alarm in ``--every`` frames.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from math import ceil

from streams.drift.monitors.monitors import LEAST_DOCUMENTS, Monitors
from streams.drift.monitors.quiet import LEAST_HISTORY, LENGTHS
from streams.drift.options import DriftOptions
from tests.support.quiet_windows import MINUTE, Law, Source

LAWS = {
    "plain": Law(),
    "busy": Law(documents=2000),
    "tiny": Law(documents=3),
    "bursty": Law(burst=0.8),
    "moody": Law(burst=0.98),
    "rhythm": Law(rhythm=0.7),
}
SHARE = 0.25  # of the budget that the monitors hold
_JUDGED = 100


def options(every_windows: float) -> DriftOptions:
    """One false alarm of the monitors of a single source in so many windows."""
    budget = 1 / (every_windows * MINUTE) / SHARE
    return DriftOptions(MINUTE, MINUTE, 1000, budget, least_run_length=1.0, cooldown_documents=0)


def false_alarms(law: Law, streams: int, every: float, seed: int = 0) -> tuple[Counter[str], int]:
    """Return the alarms by kind, and the frames that were judged."""
    frame = ceil(LEAST_DOCUMENTS / law.documents * 1.1)
    count = frame * (LEAST_HISTORY + max(LENGTHS) + _JUDGED)
    alarms: Counter[str] = Counter()
    judged = 0
    for stream in range(streams):
        monitors = Monitors("quiet", options(every * frame))
        for closed in Source(seed + stream, law).windows(count):
            (_, _, scores, _), alerts = monitors.judge(closed, 1)
            judged += bool(scores)
            alarms.update(alert.kind for alert in alerts if alert.state == "open")
    return alarms, judged


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--law", choices=sorted(LAWS), action="append")
    parser.add_argument("--every", type=float, default=300)
    given = parser.parse_args()
    for name in given.law or LAWS:
        started = time.process_time()
        alarms, judged = false_alarms(LAWS[name], given.streams, given.every)
        promised, raised = judged / given.every, alarms.total()
        spent = (time.process_time() - started) / judged
        sys.stdout.write(
            f"{name}: {raised} alarms in {judged} frames, promised {promised:.1f}, "
            f"ratio {raised / promised:.2f}, {spent * 1e6:.0f} us per frame with its making; "
            f"{dict(alarms)}\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
