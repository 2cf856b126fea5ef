"""Addresses of brokers that others run: their form, and whether they answer."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.librdkafka import kafka_error, worst
from streams.backends.kafka.probe import find_fault
from streams.backends.kafka.security import librdkafka_config
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from streams.backends.kafka.security import KafkaSecurity

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>\d{1,5})")
_LARGEST_PORT = 65535
_REFUSALS = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)  # noqa: SLF001
_WHERE = re.compile(r"^\w+://\S+: ")
_STATE = re.compile(r" \(after \d+ms in state \w+\)?")
_CUT_OFF = ("APIVERSION_QUERY", "Disconnected")


def parse_addresses(text: str) -> str:
    """Return a ``host:port,...`` list in librdkafka's form.

    Raises:
        Misconfigured: an entry is no host and port; shows it.
    """
    entries = [entry.strip() for entry in text.split(",")]
    for entry in entries:
        match = _HOST_PORT.fullmatch(entry)
        if match is None or not 0 < int(match["port"]) <= _LARGEST_PORT:
            raise Misconfigured(
                f"TIDEMARK_KAFKA={text!r}: {entry!r} is no host:port; write local, in-process, "
                "auto, or for instance kafka-1:9092,kafka-2:9092"
            )
    return ",".join(entries)


def check_reachable(bootstrap: str, security: KafkaSecurity, timeout: float) -> None:
    """Ask the brokers for their metadata.

    Raises:
        Misconfigured: they answer, but want another protocol, certificate, user or password.
        Unavailable: none answers within ``timeout`` seconds.
    """
    errors: list[KafkaError] = []
    log = _Lines()
    client = _client(bootstrap, security, timeout, errors, log)
    deadline = time.monotonic() + timeout
    while True:
        try:
            client.list_topics(timeout=min(1.0, timeout))
        except KafkaException as error:
            client.poll(0)
            over = time.monotonic() > deadline
            raise_fault(bootstrap, security)
            found = _explain(bootstrap, security, [*errors, kafka_error(error)], log)
            if over or isinstance(found, Misconfigured):
                raise found from error
        else:
            return


class _Lines(logging.Handler):
    """Keeps what librdkafka logs: only there it says what it takes a lost connection for."""

    def __init__(self) -> None:
        super().__init__()
        # By their text: a client that is refused tries again many times a second.
        self._lines: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self._lines[record.getMessage()] = None

    def say(self, *signs: str) -> bool:
        return any(sign in line for line in self._lines for sign in signs)


def _client(
    bootstrap: str,
    security: KafkaSecurity,
    timeout: float,
    errors: list[KafkaError],
    log: logging.Handler,
) -> AdminClient:
    config = {
        **librdkafka_config(security),
        "bootstrap.servers": bootstrap,
        "socket.connection.setup.timeout.ms": max(1000, int(timeout * 1000)),
        "error_cb": errors.append,
    }
    # These lines are for the explanation alone, so no logger that others share.
    logger = logging.Logger("tidemark.librdkafka.reachable")  # noqa: LOG001 - private on purpose
    logger.addHandler(log)
    try:
        return AdminClient(config, logger=logger)
    except KafkaException as error:
        raise Misconfigured(
            f"the TIDEMARK_KAFKA_* security settings cannot be used: {kafka_error(error).str()}"
        ) from error


def raise_fault(bootstrap: str, security: KafkaSecurity) -> None:
    """Look at each broker's port, and raise the first fault of the settings that is seen.

    Raises:
        Misconfigured: the settings and the port do not go together.
    """
    for address in bootstrap.split(","):
        fault = find_fault(address.strip(), security)
        if fault is not None:
            raise fault


def refused(bootstrap: str, security: KafkaSecurity, told: str) -> Misconfigured:
    """Return the line for brokers that refuse the user or the token."""
    if security.oauth is not None:
        return Misconfigured(
            f"Kafka at {bootstrap} refuses the token of {security.oauth.client_id!r}: check "
            "TIDEMARK_KAFKA_OAUTH_TOKEN_URL, TIDEMARK_KAFKA_OAUTH_SCOPE, and the issuer and "
            f"audience that the brokers expect ({told})"
        )
    return Misconfigured(
        f"Kafka at {bootstrap} refuses the user {security.username!r}: check "
        "TIDEMARK_KAFKA_USERNAME, TIDEMARK_KAFKA_PASSWORD and TIDEMARK_KAFKA_SASL_MECHANISM "
        f"({told})"
    )


def _explain(
    bootstrap: str, security: KafkaSecurity, errors: list[KafkaError], log: _Lines
) -> TidemarkError:
    error = worst(errors)
    code = error.code() if error else None
    told = _plain(error.str()) if error and error.str() else "no answer"
    if code in _REFUSALS:
        return refused(bootstrap, security, told)
    if log.say(*_CUT_OFF) and not security.tls:
        return Unavailable(
            f"{bootstrap} takes connections but ends them at once: if this port wants TLS or a "
            "user, set TIDEMARK_KAFKA_SECURITY_PROTOCOL; else check that it is a Kafka broker's"
        )
    return Unavailable(
        f"Kafka at {bootstrap} does not answer ({told}): check TIDEMARK_KAFKA and that the "
        "brokers run"
    )


def _plain(text: str) -> str:
    """Leave out what only librdkafka's authors read: its own address and state."""
    return _STATE.sub("", _WHERE.sub("", text.splitlines()[0]))[:200]
