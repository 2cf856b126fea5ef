"""Loggers and error translation for librdkafka's clients."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGGER = "tidemark.librdkafka"
_MISCONFIGURED = {
    KafkaError._AUTHENTICATION: "user, password or mechanism is wrong",  # noqa: SLF001 - their public names
    KafkaError.SASL_AUTHENTICATION_FAILED: "user, password or mechanism is wrong",
    KafkaError._SSL: "the TLS handshake failed",  # noqa: SLF001
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "the user may not use this topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "the user may not use this consumer group",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "the user may not use this transactional id",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "the user may not do this",
    KafkaError.MSG_SIZE_TOO_LARGE: "a message is larger than the topic's max.message.bytes",
    KafkaError.INVALID_CONFIG: "the broker refuses a setting",
    KafkaError.POLICY_VIOLATION: "the broker's policy refuses it",
    KafkaError.INVALID_REPLICATION_FACTOR: "there are fewer brokers than TIDEMARK_REPLICATION",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "a topic does not exist: run `tidemark topics create`",
    KafkaError._UNKNOWN_TOPIC: "a topic does not exist: run `tidemark topics create`",  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: "a partition does not exist: run `tidemark topics create`",  # noqa: SLF001
}


def client_logger() -> logging.Logger:
    """Return the logger of all clients; says nothing until the application configures logging."""
    logger = logging.getLogger(LOGGER)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def silent_logger() -> logging.Logger:
    """Return a logger for probes whose failures are expected."""
    logger = logging.getLogger(f"{LOGGER}.probe")
    logger.disabled = True
    return logger


def kafka_error(failure: KafkaException | KafkaError) -> KafkaError:
    """Return the error inside an exception of confluent-kafka."""
    inner = failure.args[0] if isinstance(failure, KafkaException) else failure
    if not isinstance(inner, KafkaError):
        return KafkaError(KafkaError._FAIL, str(inner))  # noqa: SLF001 - its public name
    return inner


def translate(failure: KafkaException | KafkaError, doing: str) -> TidemarkError:
    """Say what went wrong while ``doing`` something, as one of Tidemark's errors."""
    error = kafka_error(failure)
    hint = _MISCONFIGURED.get(error.code())
    if hint is not None:
        return Misconfigured(f"{doing}: {hint} ({error.str()})")
    if error.fatal():
        # An idempotent producer refuses everything from now on: trying again would last for ever.
        return TidemarkError(f"{doing}: this client can go on no more ({error.str()})")
    return Unavailable(f"{doing}: Kafka does not answer as it should ({error.str()}); try again")


def worst(errors: Iterable[KafkaError]) -> KafkaError | None:
    """Return the error that tells most: one that trying again cannot help, else the most exact."""
    seen = list(errors)
    vague = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)  # noqa: SLF001
    ranked = sorted(seen, key=lambda one: (one.code() not in _MISCONFIGURED, one.code() in vague))
    return ranked[0] if ranked else None
