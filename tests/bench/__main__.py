"""``make bench``: the pipeline against the bare model on the same documents in the same run.

    python -m tests.bench [--documents N] [--report FILE]

Every figure is a ratio inside one run, since absolute speeds say more of the machine than of the
code. The benchmarks of single parts need real documents in a folder (``TIDEMARK_BENCH_DATA``):
``python -m tests.bench.bench_encoder`` and ``python -m tests.bench.bench_drift``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run the pipeline's benchmark, then those of its parts where there are documents for them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--report", type=Path, default=Path("bench-results/pipeline.json"))
    options = parser.parse_args()
    commands = [
        [
            *("-m", "streams", "demo", "--no-serve"),
            *("--documents", str(options.documents), "--report", str(options.report)),
        ]
    ]
    if os.environ.get("TIDEMARK_BENCH_DATA"):
        commands.append(["-m", "tests.bench.bench_encoder"])
    for command in commands:
        finished = subprocess.run([sys.executable, *command], check=False)
        if finished.returncode:
            return finished.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
