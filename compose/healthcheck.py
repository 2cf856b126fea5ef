#!/usr/bin/env python3
"""Health check of a worker's container: exit 0 while every role of this process runs.

The standard library only, so that it takes a fraction of a second and needs no configuration
beyond the worker's own environment. ``/health`` asks for no token: it tells nothing but the roles.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

_SECONDS = 4


def main() -> str | None:
    """Return what is wrong; None when all is well."""
    host = os.environ.get("TIDEMARK_WEB_HOST") or "127.0.0.1"
    port = os.environ.get("TIDEMARK_WEB_PORT") or "6066"
    loopback = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104 - not bound here
    url = f"http://{loopback}:{port}/health"
    # No proxy, whatever the environment says: this never leaves the container.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return f"{url} does not answer: {error}"


if __name__ == "__main__":
    sys.exit(main())
