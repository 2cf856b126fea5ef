"""Certificates of throw-away authorities: good ones, and one for everything that can be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY_PASSWORD = "opens-the-key-8421"  # the key is made for one test session
_HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its chain, and its key; ``both`` holds the two, as Kafka wants it."""

    certificate: Path
    key: Path
    encrypted_key: Path
    both: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the tests need; every path is a PEM file.

    Attributes:
        ca: the authority that brokers and clients trust.
        other_ca: an authority that nobody trusts.
        broker: for this machine.
        expired_broker: for this machine, until yesterday.
        elsewhere: for another host.
        client: a client's.
        expired_client: a client's, until yesterday.
        stranger: a client's, of the authority that nobody trusts.
    """

    ca: Path
    other_ca: Path
    broker: Identity
    expired_broker: Identity
    elsewhere: Identity
    client: Identity
    expired_client: Identity
    stranger: Identity


def make_certificates(folder: Path) -> Certificates:
    """Make authorities and certificates in a folder; takes a few hundredths of a second."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, other = trustme.CA(), trustme.CA()
    now = datetime.now(timezone.utc)

    def expired(name: str, *hosts: str) -> Identity:
        issued = ca.issue_cert(
            *hosts, not_before=now - timedelta(days=30), not_after=now - timedelta(days=1)
        )
        return _write(folder, name, issued)

    paths = {}
    for name, authority in (("ca", ca), ("other-ca", other)):
        paths[name] = folder / f"{name}.pem"
        authority.cert_pem.write_to_path(str(paths[name]))
    client = "client@example.org"
    return Certificates(
        paths["ca"],
        paths["other-ca"],
        broker=_write(folder, "broker", ca.issue_cert(*_HERE)),
        expired_broker=expired("expired-broker", *_HERE),
        elsewhere=_write(folder, "elsewhere", ca.issue_cert("elsewhere.example.org")),
        client=_write(folder, "client", ca.issue_cert(client, common_name="ada")),
        expired_client=expired("expired-client", client),
        stranger=_write(folder, "stranger", other.issue_cert(client)),
    )


def _write(folder: Path, name: str, issued: trustme.LeafCert) -> Identity:
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    sealed = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(KEY_PASSWORD.encode())
    )
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    contents = {"crt": chain, "key": plain, "sealed": sealed, "pem": plain + chain}
    paths = {suffix: folder / f"{name}.{suffix}" for suffix in contents}
    for suffix, path in paths.items():
        path.write_bytes(contents[suffix])
        path.chmod(0o600)
    return Identity(paths["crt"], paths["key"], paths["sealed"], paths["pem"])
