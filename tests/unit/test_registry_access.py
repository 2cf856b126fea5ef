"""Address and credentials of a schema registry: whole, or refused; never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.registry_access import RegistryAccess, without_user_info
from streams.backends.schema_registry import registry_access, values_of
from streams.config import Settings
from streams.errors import Misconfigured
from streams.topics import Topics

URL = "https://registry:8081"


def test_settings_become_those_of_the_client(tmp_path: Path) -> None:
    """User, password file, CA and client certificate arrive under Confluent's names."""
    for name in ("password", "ca", "certificate", "key"):
        (tmp_path / name).write_text("hunter2\n")
    settings = Settings(
        data=tmp_path,
        schema_registry=URL,
        schema_registry_username="ada",
        schema_registry_password_file=tmp_path / "password",
        schema_registry_ca=tmp_path / "ca",
        schema_registry_certificate=tmp_path / "certificate",
        schema_registry_key=tmp_path / "key",
    )
    access = registry_access(settings)
    assert access is not None
    found = access.client_settings()
    assert found["url"] == URL
    assert found["basic.auth.user.info"] == "ada:hunter2"
    assert found["ssl.ca.location"] == str(tmp_path / "ca")
    assert found["ssl.certificate.location"] == str(tmp_path / "certificate")
    assert found["ssl.key.location"] == str(tmp_path / "key")
    assert "hunter2" not in repr(access) + repr(settings)


def test_a_user_may_stand_in_the_address() -> None:
    """Percent-encoded characters are decoded; the client's address holds none of it."""
    found = RegistryAccess("https://a%40b:p%3Aw%2F@registry:8081/x").client_settings()
    assert found["url"] == "https://registry:8081/x"
    assert found["basic.auth.user.info"] == "a@b:p:w/"


def test_no_registry_is_no_access(tmp_path: Path) -> None:
    """Then messages are in single-object encoding."""
    assert registry_access(Settings(data=tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "value"), [("username", "ada"), ("password", "hunter2"), ("ca", "ca.pem")]
)
def test_credentials_without_an_address_are_refused(tmp_path: Path, name: str, value: str) -> None:
    """Half a configuration names what is missing, not its secrets."""
    settings = Settings(data=tmp_path, **{f"schema_registry_{name}": value})  # type: ignore[arg-type]
    with pytest.raises(Misconfigured, match=f"TIDEMARK_SCHEMA_REGISTRY_{name.upper()}") as refused:
        registry_access(settings)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("access", "named"),
    [
        (RegistryAccess(URL, "ada"), "_PASSWORD or _PASSWORD_FILE"),
        (RegistryAccess(URL, None, "hunter2"), "_USERNAME"),
        (RegistryAccess("https://u:hunter2@registry", "ada", "hunter2"), "keep one"),
        (RegistryAccess("https://u:hun/ter2@registry"), "percent-encoded"),
        (RegistryAccess("https://u:hun@ter2@registry:x"), "no address of a registry"),
        (RegistryAccess("registry:8081"), "no address of a registry"),
        (RegistryAccess("http://"), "no address of a registry"),
        (RegistryAccess("http://a:8081,b:8081"), "no address of a registry"),
        (RegistryAccess(URL, ca=Path("/no/such/file.pem")), "_CA: there is no file"),
        (RegistryAccess(URL, key=Path(__file__)), "_CERTIFICATE"),
        (RegistryAccess("http://registry", ca=Path(__file__)), "write https://"),
    ],
)
def test_what_is_half_there_is_refused(access: RegistryAccess, named: str) -> None:
    """Before the first message, in one line that names the setting."""
    with pytest.raises(Misconfigured, match=named) as refused:
        access.client_settings()
    assert "\n" not in str(refused.value)
    assert "TIDEMARK_SCHEMA_REGISTRY" in str(refused.value)
    assert not {"hunter2", "ter2@", "hun@"} & set(str(refused.value).split())
    assert "hunter2" not in str(refused.value)


def test_every_address_in_a_text_loses_its_user() -> None:
    """Errors of libraries quote addresses."""
    text = "cannot reach http://u:p@a:1/x,https://b@c and https://plain/d?e=f@g"
    masked = without_user_info(text)
    assert "u:p" not in masked
    assert "b@" not in masked
    assert "http://a:1/x" in masked


def test_every_topic_with_a_schema_is_announced() -> None:
    """The state's values have a form of their own; all others are Avro."""
    topics = Topics()
    assert set(values_of(topics)) == set(topics.all) - {topics.state}
