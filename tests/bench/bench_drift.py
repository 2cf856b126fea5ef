"""``python -m tests.bench drift PART``: what the drift monitors cost, and what they catch.

    drift cost       microseconds a document, bytes of state, many segments in one worker
    drift compare    delays against other detectors, at equal false alarms
    drift quiet      false alarms where nothing changes: independent, bursty, tiny
    drift papers     research papers of one venue in the order of their years: the alerts

Each has ``--help``.
"""

from __future__ import annotations

import subprocess
import sys

_PARTS = {
    "cost": "tests.bench.drift_cost",
    "compare": "tests.bench.drift_compare",
    "quiet": "tests.bench.drift_quiet",
    "papers": "tests.bench.drift_papers",
}


def main() -> int:
    """Run the part that is named; returns the exit code."""
    if len(sys.argv) < 2 or sys.argv[1] not in _PARTS:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    command = [sys.executable, "-m", _PARTS[sys.argv[1]], *sys.argv[2:]]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
