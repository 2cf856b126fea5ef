"""Types of settings: texts that are checked as they are read, and what is said of wrong ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from streams.durations import is_off, parse_duration, parse_rate
from streams.stages.redact import kinds_of

if TYPE_CHECKING:
    from pydantic import ValidationError


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _duration_or_off(text: str) -> str:
    return text if is_off(text) else _duration(text)


def _rate(text: str) -> str:
    parse_rate(text)
    return text


def _devices(text: str) -> str:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise ValueError("is a GPU's number, or several with commas between: 0 or 0,1")
    return text


def _redaction(text: str) -> str:
    kinds_of(text)
    return text


def _guarding(text: str) -> str:
    from models.guard.setting import guard_of  # noqa: PLC0415 - heavy, and seldom given

    guard_of(text)
    return text


def _renewal(text: str) -> str:
    if text not in {"settled", "never"} and not text.isdecimal():
        raise ValueError("is `settled`, `never`, or a whole number of documents")
    return text


SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
SecretName = Literal[
    "kafka_password",
    "kafka_key_password",
    "kafka_oauth_client_secret",
    "schema_registry_password",
    "clickhouse_password",
    "web_token",
]
"""Settings that are secrets; each may stand in a file that ``<name>_file`` names instead."""

Duration = Annotated[str, AfterValidator(_duration)]
OptionalDuration = Annotated[str, AfterValidator(_duration_or_off)]
Rate = Annotated[str, AfterValidator(_rate)]
Renewal = Annotated[str, AfterValidator(_renewal)]
Guarding = Annotated[str, AfterValidator(_guarding)]
Devices = Annotated[str, AfterValidator(_devices)]
Redaction = Annotated[str, AfterValidator(_redaction)]


def told(error: ValidationError) -> list[str]:
    """Return a line for each setting: of a choice of types the first one's reason tells most."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        place = [str(part) for part in item["loc"] if "[" not in str(part)]  # no names of types
        reason = item["msg"].removeprefix("Value error, ")
        found.setdefault(place[0] if place else "file", f"{'.'.join(place) or 'file'}: {reason}")
    return [f"setting {line}" for line in found.values()]
