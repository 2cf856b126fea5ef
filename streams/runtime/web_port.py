"""Chooses the address of the status page."""

from __future__ import annotations

import socket

from streams.errors import Misconfigured

# All addresses of the machine are no address to ask.
_SEEN_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound here


def choose_port(host: str, port: int, *, fall_back: bool = False) -> tuple[str, int]:
    """Return the address to serve at; any free port when ``port`` is 0.

    Args:
        host: address to bind.
        port: the wanted port.
        fall_back: take any free port when the wanted one is taken.

    Raises:
        Misconfigured: the port is taken, or the address is none of this machine.
    """
    try:
        return host, _bindable(host, port)
    except OSError as error:
        if fall_back:
            return host, _bindable(host, 0)
        raise Misconfigured(
            f"cannot serve the status page at {host}:{port} ({error.strerror}): stop what uses "
            "the port, or set TIDEMARK_WEB_PORT (0 for any free one)"
        ) from error


def page_url(host: str, port: int) -> str:
    """Return where the page can be seen from this machine; IPv6 addresses stand in brackets."""
    host = _SEEN_AT.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _bindable(host: str, port: int) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        free: int = probe.getsockname()[1]
        return free
