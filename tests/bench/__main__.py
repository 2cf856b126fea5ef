"""``make bench``: the pipeline against the bare model on the same documents in the same run.

    python -m tests.bench [--documents N] [--report FILE]
    python -m tests.bench throughput [...]     around a no-op model, against other frameworks
    python -m tests.bench soak [...]           an hour at 70 % of the top rate
    python -m tests.bench encoder | drift | guard    parts, on real documents in TIDEMARK_BENCH_DATA
    python -m tests.bench families             each architecture against PyTorch, which it needs
    python -m tests.bench card FILE            documents per second on a GPU beside transformers
    python -m tests.bench trends --data FOLDER emerging terms: years, an injected word, chance;
                                               with --views 1000000 the time that views take

Figures are ratios inside one run where they can be, since absolute speeds say more of the machine
than of the code. Each has ``--help``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

_PARTS = {
    "throughput": "tests.bench.bench_throughput",
    "soak": "tests.bench.soak",
    "encoder": "tests.bench.bench_encoder",
    "drift": "tests.bench.bench_drift",
    "guard": "tests.bench.bench_guard",
    "families": "tests.bench.bench_families",
    "card": "tests.bench.bench_card",
    "trends": "tests.bench.trend_terms",
}
_WITH_PYTORCH = Path(".venv-convert/bin/python")  # of make test-convert


def main() -> int:
    """Run the part that is named, or the pipeline's benchmark; returns the exit code."""
    if len(sys.argv) > 1 and sys.argv[1] in _PARTS:
        part, *arguments = sys.argv[1:]
        beside_pytorch = part in ("families", "card") and _WITH_PYTORCH.exists()
        python = str(_WITH_PYTORCH) if beside_pytorch else sys.executable
        return _run(_PARTS[part], *arguments, python=python)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--report", type=Path, default=Path("bench-results/pipeline.json"))
    options = parser.parse_args()
    report = ["--documents", str(options.documents), "--report", str(options.report)]
    return _run("streams", "demo", "--no-serve", *report)


def _run(module: str, *arguments: str, python: str = sys.executable) -> int:
    return subprocess.run([python, "-m", module, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
