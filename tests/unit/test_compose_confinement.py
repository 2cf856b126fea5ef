"""compose/compose.yml: what every container is denied, and where the secrets are."""

from __future__ import annotations

import hashlib
import re
import stat
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.support.compose_file import COMPOSE, FILE, OTHERS, OURS, load, services

if TYPE_CHECKING:
    from pathlib import Path

ALL = (*OURS, *OTHERS)
ONE_SHOT = {"setup", "sample", "produce"}


@pytest.mark.parametrize("service", ALL)
def test_confined(service: str) -> None:
    """No root, no capability, no writing outside volumes, no gaining of privileges."""
    told = services()[service]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert int(told["user"].partition(":")[0]) > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(told)
    assert "docker.sock" not in str(told)


@pytest.mark.parametrize("service", ALL)
def test_bounded(service: str) -> None:
    """Memory, cores, processes and logs."""
    told = services()[service]
    assert {"cpus", "memory", "pids"} == set(told["deploy"]["resources"]["limits"])
    assert told["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


@pytest.mark.parametrize("service", ALL)
def test_watched_and_restarted(service: str) -> None:
    """Workers by the image's own health check; what ends by itself is neither."""
    told = services()[service]
    if service in ONE_SHOT:
        assert (told["restart"], told["healthcheck"]) == ("no", {"disable": True})
    else:
        assert told["restart"] == "unless-stopped"
        assert ("healthcheck" in told) == (service in OTHERS)


@pytest.mark.parametrize("service", ALL)
def test_versions_are_pinned(service: str) -> None:
    """A full version, never a tag that moves."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", services()[service]["image"])


def test_no_secret_in_the_environment() -> None:
    """Only names of files; and every declared secret is used, every used one declared."""
    content = load()
    used = set()
    for service in content["services"].values():
        for name in service.get("environment", {}):
            if re.search(r"PASSWORD|TOKEN|SECRET", name):
                assert name.endswith("_FILE"), name
        used |= {
            one["source"] if isinstance(one, dict) else one for one in service.get("secrets", [])
        }
    assert used == set(content["secrets"])


def test_every_secret_file_that_is_read_is_mounted() -> None:
    """At the path that the service is told."""
    for name, service in services().items():
        mounted = set()
        for one in service.get("secrets", []):
            target = one["target"] if isinstance(one, dict) else one
            mounted.add(target if target.startswith("/") else f"/run/secrets/{target}")
        told = set(re.findall(r"/run/secrets/[\w.]+", str(service.get("environment", {}))))
        assert told <= mounted, name


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The folder of a first run of make-secrets."""
    folder = tmp_path / "secrets"
    subprocess.run([COMPOSE / "make-secrets", folder], check=True, capture_output=True)
    return folder


def test_make_secrets_makes_them_all(made: Path) -> None:
    """Closed to other users as a folder, readable by the containers' users as files."""
    wanted = {one["file"].removeprefix("./secrets/") for one in load()["secrets"].values()}
    assert {file.name for file in made.iterdir()} == wanted
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in made.iterdir()} == {0o444}
    passwords = {(made / name).read_text() for name in wanted if "." not in name} - {""}
    assert len({word for word in passwords if re.fullmatch(r"[0-9a-f]{48}", word)}) == 5


def test_make_secrets_keeps_what_is_there(made: Path) -> None:
    """A second run changes nothing; a deleted one is made anew, and what hangs on it."""
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    again = subprocess.run([COMPOSE / "make-secrets", made], check=True, capture_output=True)
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before
    assert again.stderr == b""
    (made / "kafka_password").unlink()
    subprocess.run([COMPOSE / "make-secrets", made], check=True, capture_output=True)
    changed = {file.name for file in made.iterdir() if file.read_bytes() != before[file.name]}
    assert changed == {"kafka_password", "kafka_jaas.conf", "registry_kafka.properties"}


def test_clickhouse_users_have_their_passwords(made: Path) -> None:
    """As hashes only, for the same users as users.d/tidemark.xml, which drops the open one."""
    users = _tree(COMPOSE / "clickhouse/users.d/tidemark.xml").find("users")
    hashes = _tree(made / "clickhouse_passwords.xml").find("users")
    assert users is not None
    assert hashes is not None
    named = {user.tag: user for user in users}
    assert named.pop("default").attrib == {"remove": "remove"}
    expected = {
        "tidemark": (made / "clickhouse_password").read_bytes(),
        "grafana": (made / "clickhouse_grafana_password").read_bytes(),
    }
    assert {user.tag: user.findtext("password_sha256_hex") for user in hashes} == {
        name: hashlib.sha256(word).hexdigest() for name, word in expected.items()
    }
    assert set(named) == set(expected)


def _tree(file: Path) -> ET.Element:
    return ET.fromstring(file.read_text())  # noqa: S314 - our own file


def test_kafka_and_the_registry_share_the_password(made: Path) -> None:
    word = (made / "kafka_password").read_text()
    assert f'user_tidemark="{word}"' in (made / "kafka_jaas.conf").read_text()
    assert f'password="{word}";' in (made / "registry_kafka.properties").read_text()


def test_secrets_stay_out_of_the_repository_and_of_the_image() -> None:
    ignored = (COMPOSE.parent / ".gitignore").read_text().splitlines()
    assert {"/compose/secrets/", "/compose/.env"} <= set(ignored)
    sent = (COMPOSE.parent / ".dockerignore").read_text().splitlines()
    assert sent[1] == "*"
    assert sent.index("compose/*") > sent.index("!compose")
    assert not any("secrets" in line or ".env" in line for line in sent if line.startswith("!"))
    assert "secrets" in FILE.read_text()
