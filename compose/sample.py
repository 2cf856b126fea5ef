"""Documents to try Tidemark with, as JSON lines: what is written inside the installed packages.

``python sample.py 2000 | tidemark produce -``
"""

from __future__ import annotations

import json
import sys
import time

from streams.corpus import demo_documents


def main() -> None:
    """Print as many documents as the first argument asks for."""
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for document in demo_documents(limit, now_ms=time.time_ns() // 1_000_000):
        row = {
            "doc_id": document.doc_id,
            "source": document.source,
            "published_at": document.published_at,
            "title": document.title,
            "text": document.text,
        }
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
