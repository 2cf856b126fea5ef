"""How to reach a schema registry, and how to show that without its secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - part of the dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from streams.errors import Misconfigured

SETTING = "TIDEMARK_SCHEMA_REGISTRY"
_USER_INFO = re.compile(r"//[^\s,]*@")


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """Address and credentials of a Confluent-compatible registry.

    Attributes:
        url: ``http://`` or ``https://`` address; several, joined by commas, are tried in turn.
        username: user, unless the address holds one.
        password: the user's password.
        ca: PEM file of the CA that signs the registry's certificate; public ones if None.
        certificate: PEM file of the client's certificate.
        key: PEM file of its key, where it is not in ``certificate``.
        timeout_seconds: bound on each request.
        retries: how often a request is tried again before the registry counts as unavailable.
    """

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout_seconds: float = 5.0
    retries: int = 1

    @property
    def shown(self) -> str:
        """The address without user and password."""
        return without_user_info(self.url)

    def client_settings(self) -> dict[str, Any]:
        """Return the settings of Confluent's client.

        Raises:
            Misconfigured: the address cannot be used, or something is only half there.
        """
        self._check()
        settings: dict[str, Any] = {
            "url": self.shown,
            "timeout": self.timeout_seconds,
            "max.retries": self.retries,
            "retries.wait.ms": 200,
        }
        user, password = self._credentials()
        if user is not None:
            settings["basic.auth.user.info"] = f"{user}:{password}"
        files = {
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key,
        }
        return settings | {name: str(path) for name, path in files.items() if path is not None}

    def _check(self) -> None:
        for one in self.url.split(","):
            _check_address(one.strip())
        files = {"CA": self.ca, "CERTIFICATE": self.certificate, "KEY": self.key}
        given = {name: path for name, path in files.items() if path is not None}
        for name, path in given.items():
            if not path.is_file():
                raise Misconfigured(f"{SETTING}_{name}: there is no file {path}")
        if given and "http://" in self.url:
            raise Misconfigured(
                f"{SETTING}_{next(iter(given))} is for TLS, but {SETTING} begins with http://: "
                "write https://"
            )
        if self.key is not None and self.certificate is None:
            raise Misconfigured(f"{SETTING}_KEY has no certificate: set {SETTING}_CERTIFICATE")

    def _credentials(self) -> tuple[str | None, str]:
        user, password = _user_info(self.url)
        if self.username is None and self.password is None:
            return user, password
        if user is not None:
            raise Misconfigured(
                f"{SETTING} holds a user, and {SETTING}_USERNAME or _PASSWORD is set: keep one"
            )
        if self.username is None or self.password is None:
            missing = "USERNAME" if self.username is None else "PASSWORD or _PASSWORD_FILE"
            raise Misconfigured(f"a user of the schema registry is only half there: set {SETTING}_"
                                f"{missing}")  # fmt: skip
        return self.username, self.password


def without_user_info(text: str) -> str:
    """Return a text with user and password taken out of every address."""
    return _USER_INFO.sub("//", text)


def _user_info(url: str) -> tuple[str | None, str]:
    parts = urlsplit(url.split(",", 1)[0].strip())
    if parts.username is None:
        return None, ""
    return unquote(parts.username), unquote(parts.password or "")


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    # An unescaped slash in a password would cut the address in the middle of it.
    if not usable or "@" in parts.path or parts.query or parts.fragment:
        raise Misconfigured(
            f"{SETTING}: {without_user_info(url)!r} is no address of a registry; write for "
            "instance http://localhost:8081, with a user as https://user:password@host (special "
            "characters percent-encoded)"
        )
