"""The codec that the settings ask for, with the schema registry where one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.codec import codec_for
from schemas.messages import (
    DeadLetter,
    Document,
    DriftAlert,
    Enriched,
    HumanLabel,
    Receipt,
    ShadowResult,
    WindowStats,
)
from schemas.registry_access import RegistryAccess
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from schemas.codec import Codec
    from schemas.messages import Message
    from streams.config import Settings
    from streams.topics import Topics

_SECRETS_AND_FILES = ("username", "password", "password_file", "ca", "certificate", "key")


def registry_access(settings: Settings) -> RegistryAccess | None:
    """Return how to reach the registry of the settings; None where none is named.

    Raises:
        Misconfigured: there are credentials but no address, or a secret's file cannot be read.
    """
    url = settings.schema_registry
    if url is None:
        for name in _SECRETS_AND_FILES:
            if getattr(settings, f"schema_registry_{name}") is not None:
                raise Misconfigured(
                    f"TIDEMARK_SCHEMA_REGISTRY_{name.upper()} is set, but no "
                    "TIDEMARK_SCHEMA_REGISTRY: set its address, or unset both"
                )
        return None
    return RegistryAccess(
        url,
        settings.schema_registry_username,
        settings.secret("schema_registry_password"),
        settings.schema_registry_ca,
        settings.schema_registry_certificate,
        settings.schema_registry_key,
    )


def codec_from_settings(settings: Settings) -> Codec:
    """Return the codec of the settings; asks nobody anything yet.

    Raises:
        Misconfigured: the registry's settings are wrong or only half there.
    """
    return codec_for(registry_access(settings))


def values_of(topics: Topics) -> dict[str, type[Message]]:
    """Return which record the values of each topic are; the state's have no schema."""
    return {
        topics.documents: Document,
        topics.enriched: Enriched,
        topics.stats: WindowStats,
        topics.alerts: DriftAlert,
        topics.dead_letters: DeadLetter,
        topics.receipts: Receipt,
        topics.labels: HumanLabel,
        topics.shadow: ShadowResult,
    }
