"""The broker of compose.yml: its own environment, rendered by Kafka's own image tool, started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.address import check_reachable, parse_addresses
from streams.backends.kafka.jars import pinned_version
from streams.backends.kafka.java import find_java
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.ports import answers, choose_ports
from streams.backends.kafka.security import security_from_settings
from streams.config import Settings
from streams.errors import Misconfigured
from tests.support.compose_file import COMPOSE, services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from streams.backends.kafka.security import KafkaSecurity

pytestmark = pytest.mark.kafka

_START_S = 90
_LOG4J = """\
Configuration:
  Appenders: {Console: {name: STDOUT, PatternLayout: {pattern: "%m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}, Logger: []}
"""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that make-secrets makes."""
    folder: Path = tmp_path_factory.mktemp("compose") / "secrets"
    subprocess.run([COMPOSE / "make-secrets", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def ports(
    kafka_jars: Path, secrets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, int]]:
    """A running broker; the ports of its listeners."""
    folder = tmp_path_factory.mktemp("broker")
    free = choose_ports(folder, 3)
    found = dict(zip(("PIPELINE", "CONTROLLER", "HOST"), free, strict=True))
    java = [str(find_java(os.environ).executable), "-Xmx384m", "-XX:TieredStopAtLevel=1"]
    java += ["-cp", f"{kafka_jars / f'jars-{pinned_version()}'}/*"]
    configuration = _rendered(folder, java, _environment(folder, found))
    with _running(folder, java, configuration, secrets, found["PIPELINE"]):
        yield found


def test_the_password_of_the_secrets_lets_in(ports: Mapping[str, int], secrets: Path) -> None:
    """On both listeners for clients, with the settings of the roles."""
    for listener in ("PIPELINE", "HOST"):
        security = _connect(ports[listener], kafka_password_file=secrets / "kafka_password")
        with OffsetReader(f"127.0.0.1:{ports[listener]}", security) as reader:
            assert reader.partitions("nothing-here") == []


@pytest.mark.parametrize("listener", ["PIPELINE", "HOST"])
def test_nobody_else_is_let_in(ports: Mapping[str, int], listener: str) -> None:
    """A wrong password, and none."""
    with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA_PASSWORD"):
        _connect(ports[listener], kafka_password="wrong")
    plain = Settings(kafka_security_protocol="PLAINTEXT")
    with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA_SECURITY_PROTOCOL"):
        check_reachable(
            parse_addresses(f"127.0.0.1:{ports[listener]}"), security_from_settings(plain), 2.0
        )


def _environment(folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the container's environment, moved to this machine's ports and folder."""
    told: dict[str, str] = dict(services()["kafka"]["environment"])
    told["KAFKA_LISTENERS"] = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items())
    advertised = (f"{name}://127.0.0.1:{ports[name]}" for name in ("PIPELINE", "HOST"))
    told["KAFKA_ADVERTISED_LISTENERS"] = ",".join(advertised)
    told["KAFKA_CONTROLLER_QUORUM_VOTERS"] = f"1@127.0.0.1:{ports['CONTROLLER']}"
    told["KAFKA_LOG_DIRS"] = str(folder / "data")
    return {"PATH": os.environ["PATH"], **told}


def _rendered(folder: Path, java: list[str], environment: Mapping[str, str]) -> Path:
    """Let the image's start-up tool write the configuration and format the storage."""
    for name in ("default", "mounted", "final"):
        (folder / name).mkdir()
    (folder / "default" / "server.properties").touch()
    for name in ("log4j2.yaml", "tools-log4j2.yaml"):
        (folder / "default" / name).write_text(_LOG4J)
    options = [f"--{kind}-configs-dir={folder / kind}" for kind in ("default", "mounted", "final")]
    command = [*java, "kafka.docker.KafkaDockerWrapper", "setup", *options]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder / "final" / "server.properties"


@contextmanager
def _running(
    folder: Path, java: list[str], configuration: Path, secrets: Path, port: int
) -> Iterator[None]:
    jaas = f"-Djava.security.auth.login.config={secrets / 'kafka_jaas.conf'}"
    log4j = f"-Dlog4j2.configurationFile={folder / 'final' / 'log4j2.yaml'}"
    with (folder / "out").open("wb") as output:
        process = subprocess.Popen(
            [*java[:1], jaas, log4j, *java[1:], "kafka.Kafka", str(configuration)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    pause = threading.Event()
    try:
        for _ in range(_START_S * 10):
            if answers(f"127.0.0.1:{port}"):
                break
            assert process.poll() is None, (folder / "out").read_text()
            pause.wait(0.1)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def _connect(port: int, **secret: object) -> KafkaSecurity:
    told = services()["enrich"]["environment"]
    settings = Settings(
        kafka=f"127.0.0.1:{port}",
        kafka_security_protocol=told["TIDEMARK_KAFKA_SECURITY_PROTOCOL"],
        kafka_sasl_mechanism=told["TIDEMARK_KAFKA_SASL_MECHANISM"],
        kafka_username=told["TIDEMARK_KAFKA_USERNAME"],
        **secret,  # type: ignore[arg-type]  # one of two secrets
    )
    security = security_from_settings(settings)
    check_reachable(parse_addresses(settings.kafka), security, 30.0)
    return security
