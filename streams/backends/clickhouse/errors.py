"""ClickHouse's errors, named by their consequence and cut to one line.

``codes.py`` decides by ClickHouse's code, ``transport.py`` where there is none.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from streams.backends.clickhouse import codes
from streams.backends.clickhouse.transport import translate_transport
from streams.errors import (
    Misconfigured,
    Overloaded,
    TidemarkError,
    Unavailable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def translate(error: Exception, where: str, *, opening: bool = False) -> TidemarkError | None:
    """Name an error by its consequence; None where it is a mistake of the program.

    Args:
        error: raised by clickhouse-connect or chdb.
        where: the database, as a person would call it, without secrets.
        opening: whether this is the first contact.
    """
    code = code_of(error)
    if code is None:
        return translate_transport(error, where, opening=opening)
    said = one_line(str(error))
    if code in codes.OVERLOADED:
        return Overloaded(f"{where} cannot now: {said}")
    if code in codes.PASSING:
        return Unavailable(f"{where} cannot now: {said}")
    return _wrong(code, said, where)


@contextmanager
def translated(where: str, *, opening: bool = False) -> Iterator[None]:
    """Raise ClickHouse's errors by their consequence; mistakes of the program as they are."""
    from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415 - heavy

    try:
        yield
    except ClickHouseError as error:
        known = translate(error, where, opening=opening)
        if known is None:
            raise
        raise known from error


def _wrong(code: int, said: str, where: str) -> Misconfigured | None:
    """Name what somebody has to put right."""
    if code in codes.AUTHENTICATION:
        return Misconfigured(
            f"{where} refuses the user or password: check the user in TIDEMARK_CLICKHOUSE and "
            "TIDEMARK_CLICKHOUSE_PASSWORD"
        )
    if code in codes.FORBIDDEN:
        return Misconfigured(f"{where} does not allow this: {said}")
    if code in codes.NO_SUCH_TABLE or code in codes.NO_SUCH_COLUMN:
        return Misconfigured(f"{where}: {said}; run `tidemark migrate`")
    if code in codes.ROWS_REFUSED:
        return Misconfigured(
            f"{where} refuses rows: {said}; the table is not as `tidemark migrate` makes it"
        )
    if code in codes.NO_CLUSTER:
        return Misconfigured(
            f"{where}: {said}; check ?cluster= in TIDEMARK_CLICKHOUSE and the server's "
            "remote_servers, keeper and macros"
        )
    return None
