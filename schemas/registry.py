"""A Confluent-compatible schema registry: numbers for schemas and schemas for numbers, cached."""

from __future__ import annotations

import json
import weakref
from typing import TYPE_CHECKING, Protocol

from schemas.avro import published_text
from schemas.lookups import Lookups
from schemas.registry_access import SETTING, RegistryAccess, without_user_info
from schemas.registry_errors import is_unknown, translate
from streams.errors import InvalidDocument, Misconfigured

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

    from schemas.avro import Schema


class Registry(Protocol):
    """What the codec asks of a registry."""

    def schema(self, schema_id: int) -> Schema:
        """Return the writer's schema behind a number.

        Raises:
            InvalidDocument: the registry does not know the number, or it is no Avro schema.
            Misconfigured: the registry refuses the credentials, or is none.
            Unavailable: the registry does not answer.
        """
        ...

    def schema_id(self, topic: str, name: str) -> int:
        """Return the number of the current schema of a record for a topic's values.

        Raises:
            Misconfigured: the registry refuses the schema or the credentials, or is none.
            Unavailable: the registry does not answer.
        """
        ...


class ConfluentRegistry:
    """The registry over HTTP; subjects are named ``<topic>-value``, Confluent's default.

    What was learned once is kept, so that an outage only stops what is new.
    """

    def __init__(self, access: RegistryAccess) -> None:
        self._where = access.shown
        self._client = _connect(access)
        weakref.finalize(self, self._client.__exit__)
        self._schemas = Lookups(self._fetch)
        self._ids = Lookups(self._look_up)

    def schema(self, schema_id: int) -> Schema:
        """Return the writer's schema behind a number; see ``Registry``."""
        return self._schemas(schema_id)

    def schema_id(self, topic: str, name: str) -> int:
        """Return the number of the current schema for a topic; see ``Registry``."""
        return self._ids((f"{topic}-value", name))

    def _fetch(self, schema_id: int) -> Schema:
        try:
            found = self._client.get_schema(schema_id)
        except Exception as error:  # noqa: BLE001 - the client lets its HTTP library's errors out
            if is_unknown(error):
                raise InvalidDocument(
                    "unknown-schema",
                    f"{self._where} knows no schema {schema_id}; register the producer's schema "
                    f"there or point {SETTING} at the producer's registry",
                ) from None
            raise translate(error, self._where) from None
        if found.schema_type != "AVRO" or not found.schema_str or found.references:
            raise InvalidDocument(
                "unsupported-schema",
                f"schema {schema_id} is not one Avro schema without references; publish Avro",
            )
        try:
            return json.loads(found.schema_str)
        except ValueError:
            raise InvalidDocument(
                "unsupported-schema", f"schema {schema_id} of {self._where} is no JSON"
            ) from None

    def _look_up(self, key: tuple[str, str]) -> int:
        """Look up first, so that a registry that may only be read is enough once it is set up."""
        from confluent_kafka.schema_registry import Schema as Registered  # noqa: PLC0415 - heavy

        subject, name = key
        schema = Registered(json.dumps(json.loads(published_text(name))), "AVRO")
        try:
            known = self._client.lookup_schema(subject, schema, normalize_schemas=True).schema_id
            if known is not None:
                return int(known)
        except Exception as error:  # noqa: BLE001 - as above
            if not is_unknown(error):
                raise translate(error, self._where, subject) from None
        try:
            return int(self._client.register_schema(subject, schema))
        except Exception as error:  # noqa: BLE001 - as above
            raise translate(error, self._where, subject) from None


def _connect(access: RegistryAccess) -> SchemaRegistryClient:
    from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - heavy

    settings = access.client_settings()
    try:
        return SchemaRegistryClient(settings)
    except (OSError, TypeError, ValueError) as error:
        # A CA, certificate or key that cannot be read is an OSError of the ssl module.
        raise Misconfigured(f"{SETTING}: {without_user_info(str(error))}; correct it or the files "
                            f"of {SETTING}_CA, _CERTIFICATE and _KEY") from None  # fmt: skip
