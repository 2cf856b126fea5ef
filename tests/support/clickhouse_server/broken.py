"""Connections that end before their answer does."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from aiohttp import web

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def reset(request: web.Request) -> None:
    """Reset the connection (TCP RST) without an answer."""
    transport = _transport(request)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def break_off(request: web.Request, response: web.Response) -> None:
    """Send the first half of an answer, of its head where it has no content, and hang up."""
    content = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} OK", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    transport = _transport(request)
    half = head + content[: len(content) // 2] if content else head[: len(head) // 2]
    transport.write(half)
    transport.close()


def _transport(request: web.Request) -> asyncio.Transport:
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client has gone")
    return transport
