"""Entry point of ``python -m models.train``."""

from __future__ import annotations

import sys

from models.train.command import main

if __name__ == "__main__":
    sys.exit(main())
