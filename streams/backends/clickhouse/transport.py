"""Errors on the way to a server: connection, TLS, and answers that are not ClickHouse's."""

from __future__ import annotations

import re
import ssl
from http.client import BadStatusLine, RemoteDisconnected
from typing import TYPE_CHECKING

from streams.errors import Misconfigured, Overloaded, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
_UNKNOWN_ISSUERS = frozenset({2, 18, 19, 20, 21})
_STATUS = re.compile(r"HTTP status (\d{3})")
_BUSY = frozenset({429, 503})
_PASSING = frozenset({408, 500, 502, 504})
_WRONG_PORT = re.compile(r"Port \d+ is for clickhouse-client program")
_HUNG_UP = ("it closed the connection", "connection reset")
_PORTS = "8123, or 8443 with clickhouses://, unless it was changed"


def translate_transport(error: Exception, where: str, *, opening: bool) -> TidemarkError | None:
    """Name an error without ClickHouse's code by its consequence.

    What cannot be right at the first contact may be a moment's trouble of the network later on:
    an unknown host name, another server's answer.

    Args:
        error: raised by clickhouse-connect.
        where: the database, as a person would call it.
        opening: whether this is the first contact.

    Returns:
        None where the error is no one's but the program's.
    """
    causes = list(_causes(error))
    wrong = Misconfigured if opening else Unavailable
    if reason := _tls(causes):
        return Misconfigured(f"{where}: TLS failed: {reason}")
    if _is(causes, "NameResolutionError", "gaierror"):
        return wrong(f"{where}: the host name is unknown; check TIDEMARK_CLICKHOUSE")
    if _is(causes, "LocationParseError", "InvalidURL"):
        return Misconfigured(f"{where}: the host is no name; check TIDEMARK_CLICKHOUSE")
    if reason := _silence(causes):
        hint = "; check host and port in TIDEMARK_CLICKHOUSE" if opening else ""
        if opening and reason in _HUNG_UP:
            hint += ", and write clickhouses:// where it speaks TLS"
        return Unavailable(f"{where} does not answer: {reason}{hint}")
    if any(isinstance(cause, BadStatusLine) for cause in causes):
        return wrong(
            f"{where} does not answer in HTTP: check the port in TIDEMARK_CLICKHOUSE, and write "
            "clickhouses:// where it speaks TLS"
        )
    return _answer(causes, where, opening=opening)


def _answer(causes: list[BaseException], where: str, *, opening: bool) -> TidemarkError | None:
    """Name an answer that came, but not from ClickHouse."""
    text = " ".join(str(cause) for cause in causes)
    match = _STATUS.search(text)
    status = int(match.group(1)) if match else None
    if status in _BUSY:
        return Overloaded(f"{where} cannot now: HTTP status {status} of what stands before it")
    if status in _PASSING and not _WRONG_PORT.search(text):
        return Unavailable(
            f"{where} does not answer: HTTP status {status} of what stands before it"
        )
    if status is not None or "Unexpected response" in text:
        said = f"HTTP status {status}" if status else "something else"
        wrong = Misconfigured if opening else Unavailable
        return wrong(
            f"{where} is no ClickHouse ({said}): TIDEMARK_CLICKHOUSE must name its HTTP port "
            f"({_PORTS})"
        )
    kinds = ("OperationalError", "StreamFailureError", "InternalError")
    if type(causes[0]).__name__ in kinds:
        return Unavailable(f"{where} does not answer: its answer was cut off")
    return None


def _tls(causes: list[BaseException]) -> str | None:
    """Return what is wrong with TLS and which setting to look at."""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            reason = (cause.reason or "").lower().replace("_", " ") or str(cause)
            return (
                f"{reason}; check that the port speaks TLS (8443 unless it was changed), or write "
                "clickhouse:// in TIDEMARK_CLICKHOUSE"
            )
    return None


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    message = str(error.verify_message).rstrip(".")
    if error.verify_code in {_EXPIRED, _NOT_YET_VALID}:
        return f"the server's {message}: give the server a new one, or set this machine's clock"
    if error.verify_code in {_OTHER_HOST, _OTHER_ADDRESS}:
        return (
            "the server's certificate is for another host: name the host in TIDEMARK_CLICKHOUSE as "
            "the certificate does"
        )
    if error.verify_code in _UNKNOWN_ISSUERS:
        return (
            f"the server's certificate is not signed by a CA that is trusted here ({message}): "
            "TIDEMARK_CLICKHOUSE_CA must name the file of that CA"
        )
    return f"{message}; check TIDEMARK_CLICKHOUSE_CA"


def _silence(causes: list[BaseException]) -> str | None:
    """Return how the connection failed, where it did."""
    if _is(causes, "ConnectTimeoutError"):
        return "no connection in time"
    if _is(causes, "ReadTimeoutError"):
        return "no answer in time"
    for kind, reason in (
        (ConnectionRefusedError, "connection refused"),
        (RemoteDisconnected, _HUNG_UP[0]),
        (ConnectionResetError, _HUNG_UP[1]),
        (BrokenPipeError, "connection reset"),
        (OSError, ""),
    ):
        for cause in causes:
            if isinstance(cause, kind):
                return reason or (cause.strerror or str(cause)).lower()
    if _is(causes, "_IncompleteResponseError", "IncompleteRead"):
        return "its answer was cut off"
    return None


def _is(causes: list[BaseException], *names: str) -> bool:
    return any(type(cause).__name__ in names for cause in causes)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from: urllib3 keeps that in several places."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        found = (current.__cause__, getattr(current, "reason", None), *current.args)
        waiting += [one for one in found if isinstance(one, BaseException)]
        if current.__context__ is not None and not current.__suppress_context__:
            waiting.append(current.__context__)
