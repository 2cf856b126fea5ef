"""Entry point of the ``tidemark`` command."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line."""
    # Small products only: OpenBLAS's own threads would spin beside the model and slow it down.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from streams.cli.main import main as run  # noqa: PLC0415 - keeps `import streams` light

    run()


if __name__ == "__main__":
    main()
