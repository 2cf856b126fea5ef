"""Why a port does not speak as the settings say: a look at the connection itself.

Kafka's clients only log that a broker hung up, and neither says which of a certificate's promises
was broken. So, when a client fails, the steps of a connection are taken one by one: TLS, the
client's certificate, SASL (``SaslHandshake``, Kafka protocol guide, api key 17). No user, password
or token is sent.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from streams.backends.kafka.security import KafkaSecurity

_SECONDS = 2.0
_SASL_HANDSHAKE, _API_VERSIONS = 17, 18
_CORRELATION = 1843
_ILLEGAL_SASL_STATE, _UNSUPPORTED_MECHANISM = 34, 33
_NUMBER_BYTES, _LONGEST_ANSWER = 4, 1 << 16


def find_fault(address: str, security: KafkaSecurity) -> Misconfigured | None:
    """Return what is wrong with the settings for ``host:port``; None where nothing is seen."""
    try:
        return _find_fault(address, security)
    except (OSError, struct.error):
        # Nobody there, or no Kafka: nothing that the security settings could mend.
        return None


def _find_fault(address: str, security: KafkaSecurity) -> Misconfigured | None:
    if not security.tls:
        if _speaks_tls(address):
            wanted = "SASL_SSL" if security.sasl else "SSL or SASL_SSL"
            return Misconfigured(
                f"Kafka at {address} speaks TLS on this port: set "
                f"TIDEMARK_KAFKA_SECURITY_PROTOCOL to {wanted}"
            )
        with _connect(address) as connection:
            return _sasl_fault(address, security, connection)
    try:
        with _connect(address) as plain, _encrypted(plain, address, security) as connection:
            return _sasl_fault(address, security, connection)
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError):
        return _no_tls(address, security) if _speaks_plainly(address) else None
    except ssl.SSLError as error:
        return _tls_fault(address, security, error)


def _sasl_fault(
    address: str, security: KafkaSecurity, connection: socket.socket
) -> Misconfigured | None:
    code, mechanisms = _sasl_handshake(connection, security.mechanism)
    wants_user = code != _ILLEGAL_SASL_STATE
    if wants_user and not security.sasl:
        protocol = "SASL_SSL" if security.tls else "SASL_PLAINTEXT"
        return Misconfigured(
            f"Kafka at {address} wants a user on this port: set TIDEMARK_KAFKA_SECURITY_PROTOCOL "
            f"to {protocol} and TIDEMARK_KAFKA_SASL_MECHANISM to one of {', '.join(mechanisms)}"
        )
    if security.sasl and not wants_user:
        protocol = "SSL" if security.tls else "PLAINTEXT"
        return Misconfigured(
            f"Kafka at {address} knows no users on this port: set "
            f"TIDEMARK_KAFKA_SECURITY_PROTOCOL to {protocol}, or use its SASL port"
        )
    if security.sasl and code == _UNSUPPORTED_MECHANISM:
        return Misconfigured(
            f"Kafka at {address} does not offer {security.mechanism}: set "
            f"TIDEMARK_KAFKA_SASL_MECHANISM to one of {', '.join(mechanisms)}"
        )
    return None


def _tls_fault(address: str, security: KafkaSecurity, error: ssl.SSLError) -> Misconfigured | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Misconfigured(
            f"the certificate of Kafka at {address} is not good ({error.verify_message}): check "
            f"{_look_at(error)}"
        )
    reason = error.reason or ""
    if "ALERT" not in reason:
        return None
    told = reason.replace("_", " ").lower()
    if security.certificate is None:
        return Misconfigured(
            f"Kafka at {address} wants a client certificate ({told}): set "
            "TIDEMARK_KAFKA_CERTIFICATE and TIDEMARK_KAFKA_KEY"
        )
    return Misconfigured(
        f"Kafka at {address} refuses the client certificate ({told}): check that "
        "TIDEMARK_KAFKA_CERTIFICATE has not expired and is signed by an authority that the "
        "brokers trust"
    )


def _no_tls(address: str, security: KafkaSecurity) -> Misconfigured:
    wanted = "SASL_PLAINTEXT" if security.sasl else "PLAINTEXT or SASL_PLAINTEXT"
    return Misconfigured(
        f"Kafka at {address} does not speak TLS on this port: use its TLS port, or set "
        f"TIDEMARK_KAFKA_SECURITY_PROTOCOL to {wanted}"
    )


def _look_at(error: ssl.SSLCertVerificationError) -> str:
    told = error.verify_message.lower()
    if "mismatch" in told or "not valid for" in told:
        return (
            "that TIDEMARK_KAFKA names the host by a name of its certificate; somebody else may "
            "answer there"
        )
    if "expired" in told or "not yet valid" in told:
        return "the clock of this machine, and have the certificate behind TIDEMARK_KAFKA renewed"
    return "TIDEMARK_KAFKA_CA: it has to hold the authority that signed it"


def _speaks_tls(address: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Only whether TLS is spoken is asked here, and nothing is sent.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, _ = _split(address)
    try:
        with _connect(address) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError as error:
        # It spoke, if only to say that it wants another version or a certificate.
        return "ALERT" in (error.reason or "")
    except OSError:
        return False


def _speaks_plainly(address: str) -> bool:
    try:
        with _connect(address) as connection:
            _ask(connection, _API_VERSIONS, 0)
            return True
    except (OSError, struct.error):
        return False


def _encrypted(plain: socket.socket, address: str, security: KafkaSecurity) -> ssl.SSLSocket:
    context = security.ssl_context()
    assert context is not None  # noqa: S101 - asked for with TLS only
    host, _ = _split(address)
    return context.wrap_socket(plain, server_hostname=host)


def _sasl_handshake(connection: socket.socket, mechanism: str) -> tuple[int, list[str]]:
    """Ask for a mechanism; returns the error code and the mechanisms that are offered."""
    answer = _ask(connection, _SASL_HANDSHAKE, 1, _string(mechanism))
    code, count = struct.unpack_from(">hi", answer)
    found, at = [], 6
    for _ in range(count):
        (size,) = struct.unpack_from(">h", answer, at)
        found.append(answer[at + 2 : at + 2 + size].decode("ascii", "replace"))
        at += 2 + size
    return code, found


def _ask(connection: socket.socket, key: int, version: int, body: bytes = b"") -> bytes:
    """Send a request and return its answer; what is no answer of Kafka's is an ``OSError``."""
    request = struct.pack(">hhi", key, version, _CORRELATION) + _string("tidemark") + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    length, number = struct.unpack(">ii", _read(connection, 8))
    if number != _CORRELATION or not _NUMBER_BYTES < length < _LONGEST_ANSWER:
        raise OSError("not an answer of Kafka's")
    return _read(connection, length - _NUMBER_BYTES)


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise OSError("the broker hung up")
        data += part
    return data


def _connect(address: str) -> socket.socket:
    return socket.create_connection(_split(address), timeout=_SECONDS)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
