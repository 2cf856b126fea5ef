"""What went wrong with a schema registry: its answer or its silence as one of our errors."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from schemas.registry_access import SETTING, without_user_info
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.errors import TidemarkError

_NOT_FOUND = 404
_UNKNOWN_CODES = {40401, 40402, 40403}
_INCOMPATIBLE = {409, 422}
_COMES_BACK = {408, 425, 429}
_SERVER_ERRORS = 500
_REFUSED = {401, 403}
_LONGEST = 500


def is_unknown(error: Exception) -> bool:
    """Whether a registry says that it does not know the subject, version or number."""
    code = getattr(error, "error_code", None)
    return _status(error) == _NOT_FOUND and code in _UNKNOWN_CODES


def translate(error: Exception, where: str, subject: str = "") -> TidemarkError:
    """Return one of our errors for what Confluent's client raised.

    Args:
        error: what was raised.
        where: the registry's address without secrets.
        subject: what a schema was to be registered for.
    """
    status = _status(error)
    if status is not None:
        return _refusal(status, _line(error), where, subject)
    if isinstance(error, (ValueError, KeyError, TypeError)):
        return _no_registry(where, "it answers something else than a registry does")
    return _silence(error, where)


def _refusal(status: int, said: str, where: str, subject: str) -> TidemarkError:
    if status in _REFUSED:
        return Misconfigured(
            f"schema registry {where} refuses the credentials (HTTP {status}): correct "
            f"{SETTING}_USERNAME and {SETTING}_PASSWORD"
        )
    if status in _INCOMPATIBLE:
        return Misconfigured(
            f"schema registry {where} refuses Tidemark's schema for subject {subject}: {said}; "
            "choose another TIDEMARK_TOPIC_PREFIX or change the subject's rule"
        )
    if status >= _SERVER_ERRORS or status in _COMES_BACK:
        return Unavailable(f"schema registry {where} does not answer: {said}")
    return _no_registry(where, f"HTTP {status}")


def _no_registry(where: str, because: str) -> Misconfigured:
    return Misconfigured(
        f"there is no schema registry at {where} ({because}): correct {SETTING}, path included, "
        "for instance http://localhost:8081 or http://localhost:8080/apis/ccompat/v7"
    )


def _silence(error: Exception, where: str) -> TidemarkError:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured(
                f"the certificate of schema registry {where} is not to be trusted "
                f"({cause.verify_message}): renew it, or correct {SETTING}_CA"
            )
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            return Misconfigured(
                f"no TLS with schema registry {where} ({cause.reason or cause}): correct {SETTING} "
                f"(http or https), or {SETTING}_CERTIFICATE and {SETTING}_KEY"
            )
        if isinstance(cause, socket.gaierror):
            return Unavailable(
                f"schema registry {where} cannot be found: its host has no address; correct "
                f"{SETTING} or the name service"
            )
    return Unavailable(f"schema registry {where} does not answer: {_line(error)}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return without_user_info(text)[:_LONGEST]


def _status(error: Exception) -> int | None:
    status = getattr(error, "http_status_code", None)
    return status if isinstance(status, int) else None
