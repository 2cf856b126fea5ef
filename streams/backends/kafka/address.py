"""Addresses of brokers that others run: their form, and whether they answer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.backends.kafka.librdkafka import kafka_error, silent_logger, worst
from streams.backends.kafka.security import librdkafka_config
from streams.errors import Misconfigured, TidemarkError, Unavailable

if TYPE_CHECKING:
    from streams.backends.kafka.security import KafkaSecurity

_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):(?P<port>\d{1,5})")
_LARGEST_PORT = 65535
_TLS_SIGN = "SSL listener"


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
    config = {
        **librdkafka_config(security),
        "bootstrap.servers": bootstrap,
        "socket.connection.setup.timeout.ms": max(1000, int(timeout * 1000)),
        "error_cb": errors.append,
        "log_level": 0,
    }
    try:
        client = AdminClient(config, logger=silent_logger())
    except KafkaException as error:
        raise Misconfigured(
            f"the TIDEMARK_KAFKA_* security settings cannot be used: {kafka_error(error).str()}"
        ) from error
    deadline = time.monotonic() + timeout
    while True:
        try:
            client.list_topics(timeout=min(1.0, timeout))
        except KafkaException as error:
            client.poll(0)
            found = _explain(bootstrap, security, [*errors, kafka_error(error)])
            if isinstance(found, Misconfigured) or time.monotonic() > deadline:
                raise found from error
        else:
            return


def _explain(bootstrap: str, security: KafkaSecurity, errors: list[KafkaError]) -> TidemarkError:
    texts = " ".join(error.str() for error in errors)
    if _TLS_SIGN in texts and not security.tls:
        return Misconfigured(
            f"Kafka at {bootstrap} seems to speak TLS: set TIDEMARK_KAFKA_SECURITY_PROTOCOL to SSL "
            "or SASL_SSL"
        )
    error = worst(errors)
    code = error.code() if error else None
    told = error.str() if error else "no answer"
    if code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):  # noqa: SLF001
        return Misconfigured(
            f"Kafka at {bootstrap} refuses the user {security.username!r}: check "
            "TIDEMARK_KAFKA_USERNAME, TIDEMARK_KAFKA_PASSWORD and TIDEMARK_KAFKA_SASL_MECHANISM "
            f"({_short(told)})"
        )
    if code == KafkaError._SSL:  # noqa: SLF001
        return Misconfigured(
            f"TLS with Kafka at {bootstrap} fails: check TIDEMARK_KAFKA_CA, the certificate, and "
            f"that this port speaks TLS ({_short(told)})"
        )
    return Unavailable(
        f"Kafka at {bootstrap} does not answer ({_short(told)}): check TIDEMARK_KAFKA and that the "
        "brokers run"
    )


def _short(text: str) -> str:
    return text.splitlines()[0][:200] if text else text
