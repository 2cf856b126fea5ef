"""A Confluent-compatible schema registry: numbers for schemas and schemas for numbers, cached."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from schemas.avro import published_text
from streams.errors import InvalidDocument, Misconfigured, Unavailable

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from schemas.avro import Schema

_NOT_FOUND = 404
_CONFLICT = 409
_UNPROCESSABLE = 422
_TOO_MANY = 429
_REFUSED = {401, 403}
_USER_INFO = re.compile(r"//[^/@]*@")
_TIMEOUT_SECONDS = 10
_RETRIES = 2


class Registry(Protocol):
    """What the codec asks of a registry."""

    def schema(self, schema_id: int) -> Schema:
        """Return the writer's schema behind a number.

        Raises:
            InvalidDocument: the registry does not know the number, or it is no Avro schema.
            Unavailable: the registry does not answer.
        """
        ...

    def schema_id(self, topic: str, name: str) -> int:
        """Return the number of the current schema of a record for a topic's values.

        Raises:
            Misconfigured: the registry refuses the schema or the credentials.
            Unavailable: the registry does not answer.
        """
        ...


class ConfluentRegistry:
    """The registry over HTTP; subjects are named ``<topic>-value``, Confluent's default."""

    def __init__(
        self, url: str, *, timeout_seconds: float = _TIMEOUT_SECONDS, retries: int = _RETRIES
    ) -> None:
        self._url = _USER_INFO.sub("//", url)
        self._client = _connect(url, timeout_seconds, retries)
        self._schemas: dict[int, Schema] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def schema(self, schema_id: int) -> Schema:
        """Return the writer's schema behind a number; see ``Registry``."""
        if schema_id not in self._schemas:
            self._schemas[schema_id] = self._fetch(schema_id)
        return self._schemas[schema_id]

    def schema_id(self, topic: str, name: str) -> int:
        """Return the number of the current schema for a topic; see ``Registry``."""
        key = (f"{topic}-value", name)
        if key not in self._ids:
            self._ids[key] = self._look_up(*key)
        return self._ids[key]

    def _fetch(self, schema_id: int) -> Schema:
        try:
            found = self._client.get_schema(schema_id)
        except Exception as error:  # noqa: BLE001 - the client lets its HTTP library's errors out
            if _status(error) == _NOT_FOUND:
                raise InvalidDocument(
                    "unknown-schema",
                    f"{self._url} knows no schema {schema_id}; register the producer's schema "
                    "there or point TIDEMARK_SCHEMA_REGISTRY at the producer's registry",
                ) from None
            self._fail(error)
        if found.schema_type != "AVRO" or not found.schema_str or found.references:
            raise InvalidDocument(
                "unsupported-schema",
                f"schema {schema_id} is not one Avro schema without references; publish Avro",
            )
        return json.loads(found.schema_str)

    def _look_up(self, subject: str, name: str) -> int:
        """Look up first, so that a registry that may only be read is enough once it is set up."""
        from confluent_kafka.schema_registry import Schema as Registered  # noqa: PLC0415 - heavy

        schema = Registered(json.dumps(json.loads(published_text(name))), "AVRO")
        try:
            known = self._client.lookup_schema(subject, schema).schema_id
            if known is not None:
                return int(known)
        except Exception as error:  # noqa: BLE001 - as above
            if _status(error) != _NOT_FOUND:
                self._fail(error)
        try:
            return int(self._client.register_schema(subject, schema))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error, subject)

    def _fail(self, error: Exception, subject: str = "") -> NoReturn:
        status = _status(error)
        text = _USER_INFO.sub("//", str(error))
        if status in _REFUSED:
            raise Misconfigured(
                f"schema registry {self._url} refuses the credentials; correct the user and "
                "password in TIDEMARK_SCHEMA_REGISTRY"
            ) from None
        if status in {_CONFLICT, _UNPROCESSABLE}:
            raise Misconfigured(
                f"schema registry {self._url} refuses Tidemark's schema for subject {subject}: "
                f"{text}; choose another TIDEMARK_TOPIC_PREFIX or change the subject's rule"
            ) from None
        raise Unavailable(f"schema registry {self._url} does not answer: {text}") from None


def _status(error: Exception) -> int | None:
    status = getattr(error, "http_status_code", None)
    return status if isinstance(status, int) else None


def _connect(url: str, timeout_seconds: float, retries: int) -> SchemaRegistryClient:
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - heavy

    settings: dict[str, Any] = {"url": url, "timeout": timeout_seconds, "max.retries": retries}
    try:
        return SchemaRegistryClient(settings)
    except (TypeError, ValueError) as error:
        raise Misconfigured(
            f"TIDEMARK_SCHEMA_REGISTRY: {_USER_INFO.sub('//', str(error))}; write for instance "
            "http://localhost:8081"
        ) from None
