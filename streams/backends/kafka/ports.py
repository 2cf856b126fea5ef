"""Free ports on loopback that stay the same from start to start."""

from __future__ import annotations

import socket
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the range from which Linux takes the ports of outgoing connections (32768 and up), so that
# a port that was chosen is still free at the next start.
_FIRST, _COUNT = 21_000, 11_000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_ports(folder: Path, count: int, taken: Collection[int] = ()) -> list[int]:
    """Return ``count`` free ports; where the search begins depends on the folder only."""
    start = zlib.crc32(str(folder.resolve()).encode())
    ports = ((_FIRST + (start + step) % _COUNT) for step in range(_COUNT))
    free: list[int] = []
    for port in ports:
        if len(free) == count:
            break
        if port not in taken and is_free(port):
            free.append(port)
    return free


def answers(address: str, seconds: float = 1.0) -> bool:
    """Whether something accepts a connection at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=seconds):
            return True
    except OSError:
        return False
