"""Addresses of brokers that others run: their form, and whether they answer."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.librdkafka import kafka_error, worst
from streams.backends.kafka.security import librdkafka_config
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from streams.backends.kafka.security import KafkaSecurity

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>\d{1,5})")
_LARGEST_PORT = 65535
_REFUSALS = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)  # noqa: SLF001
_NO_TLS = "PLAINTEXT broker listener"
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
            found = _explain(bootstrap, security, [*errors, kafka_error(error)], log)
            if isinstance(found, Misconfigured) or time.monotonic() > deadline:
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


def _explain(
    bootstrap: str, security: KafkaSecurity, errors: list[KafkaError], log: _Lines
) -> TidemarkError:
    error = worst(errors)
    code = error.code() if error else None
    told = f"({error.str().splitlines()[0][:200] if error and error.str() else 'no answer'})"
    if code in _REFUSALS:
        return Misconfigured(
            f"Kafka at {bootstrap} refuses the user {security.username!r}: check "
            "TIDEMARK_KAFKA_USERNAME, TIDEMARK_KAFKA_PASSWORD, TIDEMARK_KAFKA_SASL_MECHANISM, and "
            f"whether this port wants a user at all {told}"
        )
    if log.say(_NO_TLS) and security.tls:
        return Misconfigured(
            f"Kafka at {bootstrap} does not speak TLS on this port: use its TLS port, or set "
            "TIDEMARK_KAFKA_SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT"
        )
    if code == KafkaError._SSL:  # noqa: SLF001 - its public name
        return Misconfigured(
            f"TLS with Kafka at {bootstrap} fails: check TIDEMARK_KAFKA_CA and the certificates "
            f"{told}"
        )
    if log.say(*_CUT_OFF) and not security.tls:
        return Unavailable(
            f"{bootstrap} takes connections but ends them at once: if this port wants TLS or a "
            "user, set TIDEMARK_KAFKA_SECURITY_PROTOCOL; else check that it is a Kafka broker's"
        )
    return Unavailable(
        f"Kafka at {bootstrap} does not answer {told}: check TIDEMARK_KAFKA and that the brokers "
        "run"
    )
