"""ClickHouse's errors, named by their consequence and cut to one line.

Codes: ``src/Common/ErrorCodes.cpp`` of ClickHouse.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_SUCH_TABLE = frozenset({60, 81})  # UNKNOWN_TABLE, UNKNOWN_DATABASE
_AUTHENTICATION = frozenset({192, 193, 194, 516})
_FORBIDDEN = frozenset({195, 291, 497})  # address, database or statement not allowed
_NO_SUCH_COLUMN = frozenset({10, 16})
_LATER = frozenset(
    {
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        159,  # TIMEOUT_EXCEEDED
        160,  # TOO_SLOW
        173,  # CANNOT_ALLOCATE_MEMORY
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        745,  # SERVER_OVERLOADED
        999,  # KEEPER_EXCEPTION
    }
)
_PREFIX = re.compile(r"^.*?Code: \d+\. (?:DB::Exception: )?", re.DOTALL)
_SUFFIX = re.compile(
    r"(?:In scope .*|Expected one of: .*|While executing .*|: while executing .*"
    r"|\((?:version [^()]*(?:\([^()]*\))?)\).*|\([A-Z][A-Z_0-9]+\).*)$",
    re.DOTALL,
)
_OUR_FORMAT = re.compile(r"\s*FORMAT (?:JSONCompact|Native)\b")
_LONGEST = 300


class InvalidQuery(TidemarkError):  # noqa: N818 - named by its consequence, like its siblings
    """The statement itself is wrong or not allowed; asking again cannot help.

    Attributes:
        code: ClickHouse's error code, where there is one.
    """

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


def one_line(message: str) -> str:
    """Cut ClickHouse's message to what a person needs: no code, stack, version, token list."""
    text = _OUR_FORMAT.sub("", _PREFIX.sub("", message, count=1))
    text = " ".join(_SUFFIX.sub("", text).split()).rstrip(" .:,")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def code_of(error: BaseException) -> int | None:
    """Return ClickHouse's error code, from the client's attribute or from the text."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return code
    match = re.search(r"Code: (\d+)", str(error))
    return int(match.group(1)) if match else None


def translate(error: Exception, where: str) -> TidemarkError | None:
    """Name an error by its consequence; None where it is a mistake of the program.

    Args:
        error: raised by clickhouse-connect or chdb.
        where: the database, as a person would call it, without secrets.
    """
    code = code_of(error)
    if code is None:
        return _connection(error, where)
    if code in _AUTHENTICATION:
        return Misconfigured(
            f"{where} refuses the user or password: check the user in TIDEMARK_CLICKHOUSE and "
            "TIDEMARK_CLICKHOUSE_PASSWORD"
        )
    if code in _FORBIDDEN:
        return Misconfigured(f"{where} does not allow this: {one_line(str(error))}")
    if code in NO_SUCH_TABLE or code in _NO_SUCH_COLUMN:
        return Misconfigured(f"{where}: {one_line(str(error))}; run `tidemark migrate`")
    if code in _LATER:
        return Unavailable(f"{where} cannot now: {one_line(str(error))}")
    return None


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise ClickHouse's errors by their consequence; mistakes of the program as they are."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - heavy

    try:
        yield
    except ClickHouseError as error:
        known = translate(error, where)
        if known is None:
            raise
        raise known from error


def _connection(error: Exception, where: str) -> TidemarkError | None:
    """An error without a code comes from the connection, or from the client's own checks."""
    text = f"{error} {error.__cause__ or ''}"
    if "SSL" in text or "CERTIFICATE" in text.upper():
        return Misconfigured(
            f"{where}: TLS failed ({_tls_reason(text)}): check TIDEMARK_CLICKHOUSE_CA, the host "
            "name, and that the port speaks TLS"
        )
    if re.search(r"getaddrinfo|Name or service|NameResolution|resolve", text):
        return Misconfigured(f"{where}: the host name is unknown; check TIDEMARK_CLICKHOUSE")
    if re.search(r"Unexpected response|HTTP.*(?:status|code)|response code", text):
        return Unavailable(f"{where} does not answer like ClickHouse: {_reason(text)}")
    if type(error).__name__ in {"OperationalError", "StreamFailureError", "InternalError"}:
        return Unavailable(f"{where} does not answer: {_reason(text)}")
    return None


def _tls_reason(text: str) -> str:
    match = re.search(r"certificate verify failed: ([^(\]]+)", text)
    if match:
        return match.group(1).strip()
    match = re.search(r"\[SSL: ([A-Z_0-9]+)\]", text)
    return match.group(1).lower().replace("_", " ") if match else _reason(text)


def _reason(text: str) -> str:
    for known in ("Connection refused", "timed out", "Connection reset", "Remote end closed"):
        if known in text:
            return known[0].lower() + known[1:]
    return one_line(text)[:120]
