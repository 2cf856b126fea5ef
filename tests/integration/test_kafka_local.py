"""A real Apache Kafka on this machine: its data last, its processes do not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from streams.backends.kafka.address import check_reachable
from streams.backends.kafka.alerts import read_topic
from streams.backends.kafka.broker import Broker
from streams.backends.kafka.local import start_test_kafka
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.backends.kafka.plan import make_plan
from streams.backends.kafka.ports import answers, choose_ports
from streams.backends.kafka.producer import KafkaProducer
from streams.backends.kafka.security import KafkaSecurity
from streams.backends.kafka.topics import TopicSpec, ensure_topics
from streams.errors import Misconfigured, Unavailable
from streams.ports import Outgoing
from tests.support.kafka import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["kafka_jars"]

pytestmark = pytest.mark.kafka

OWNER = """
import sys
from pathlib import Path
from streams.backends.kafka.opening import BrokerOptions, open_broker
with open_broker(BrokerOptions("local", Path(sys.argv[1]), jars=Path(sys.argv[2]))) as broker:
    print(broker.bootstrap, flush=True)
    sys.stdin.read()
"""


def eventually(claim: Callable[[], object], seconds: float = 30.0) -> bool:
    """Wait until the claim holds."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not claim():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.05)
    return True


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    with KafkaProducer(bootstrap) as producer:
        producer.send([Outgoing(topic, b"key", value) for value in values])


def read(bootstrap: str, topic: str) -> list[bytes | None]:
    messages = read_topic(bootstrap, KafkaSecurity(), topic, from_beginning=True, follow=False)
    return [message.value for message in messages]


def create(bootstrap: str, topic: str, replication: int = 1) -> None:
    ensure_topics(Broker(bootstrap, "apache-kafka-local"), [TopicSpec(topic, 1, replication)])


def test_messages_last_over_stop_and_kill(tmp_path: Path, kafka_jars: Path) -> None:
    """Acknowledged messages are there after an orderly stop and after kill -9 of the broker.

    In a folder with spaces and accents, as homes of people have.
    """
    folder = tmp_path / "Zoë's data (1)"
    with start_test_kafka(folder, jars=kafka_jars) as kafka:
        first = kafka.bootstrap
        create(first, "t")
        send(first, "t", b"1")
        pid = kafka.nodes[0].pid
        assert pid is not None
        assert psutil.Process(pid).memory_info().rss < 400 * 2**20
    assert not kafka.alive()
    assert not psutil.pid_exists(pid)
    with start_test_kafka(folder, jars=kafka_jars) as kafka:
        assert first == kafka.bootstrap
        send(first, "t", b"2")
        kafka.nodes[0].kill()
        assert not kafka.alive()
        kafka.nodes[0].start()
        kafka.wait_ready()
        assert read(first, "t") == [b"1", b"2"]


def test_the_next_owner_takes_over_after_kill_9(tmp_path: Path, kafka_jars: Path) -> None:
    """Another process shares the broker, notices the owner's death, and owns it then."""
    command = [sys.executable, "-c", OWNER, str(tmp_path), str(kafka_jars)]
    options = BrokerOptions("local", tmp_path, jars=kafka_jars)
    gone = threading.Event()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        bootstrap = owner.stdout.readline().strip()
        with open_broker(options) as sharer:
            assert (bootstrap, False) == (sharer.bootstrap, sharer.owned)
            create(bootstrap, "t")
            send(bootstrap, "t", b"before")
            sharer.watch(lambda _reason: gone.set(), interval=0.05)
            owner.kill()
            assert gone.wait(20)
    with open_broker(options) as heir:
        assert heir.owned
        assert read(heir.bootstrap, "t") == [b"before"]


def test_users_are_told_apart(tmp_path: Path, kafka_jars: Path) -> None:
    """A right password works, a wrong one and a missing one are one clear line each."""
    (port,) = choose_ports(tmp_path / "login", 1)
    login = f"SASL_PLAINTEXT://127.0.0.1:{port}"
    (node,) = make_plan(tmp_path, 1, None).nodes
    properties = {
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},{login},"
        f"CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port},{login}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL_PLAINTEXT:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": "org.apache.kafka.common.security"
        '.plain.PlainLoginModule required username="ada" password="right" user_ada="right";',
    }
    address = f"127.0.0.1:{port}"
    with start_test_kafka(tmp_path, jars=kafka_jars, properties=properties):
        right = KafkaSecurity("SASL_PLAINTEXT", "PLAIN", "ada", "right")
        options = BrokerOptions(address, tmp_path, security=right)
        with open_broker(options) as broker:
            assert (broker.kind, broker.owned, broker.alive()) == ("external", False, True)
        wrong = KafkaSecurity("SASL_PLAINTEXT", "PLAIN", "ada", "guess-work")
        with pytest.raises(Misconfigured, match="refuses the user 'ada'") as caught:
            check_reachable(address, wrong, 10)
        assert "guess-work" not in str(caught.value)
        with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA_SECURITY_PROTOCOL"):
            check_reachable(address, KafkaSecurity(), 1)


def test_a_broker_that_dies_at_the_start_is_explained(tmp_path: Path, kafka_jars: Path) -> None:
    """The line holds the broker's own complaint and where its log is."""
    data = tmp_path / "data" / "node-1"
    data.mkdir(parents=True)
    foreign = "version=1\nnode.id=9\ncluster.id=of-somebody-else\n"
    (data / "meta.properties").write_text(foreign)
    data.with_name("node-1.formatted").touch()
    told = r"ended while it started: .*tored node id 9.*node-1\.log"
    with pytest.raises(Unavailable, match=told), start_test_kafka(tmp_path, jars=kafka_jars):
        pass


def test_settings_that_kafka_refuses_are_explained(tmp_path: Path, kafka_jars: Path) -> None:
    """Formatting fails first; its complaint is shown, not its trace."""
    with pytest.raises(Unavailable, match=r"Invalid value none .* num\.io\.threads"):
        start_test_kafka(tmp_path, jars=kafka_jars, properties={"num.io.threads": "none"})


def test_a_fixed_port_that_is_taken_is_refused(tmp_path: Path, kafka_jars: Path) -> None:
    """Before any Java is started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"port {port} is taken"):
            start_test_kafka(tmp_path, port=port, jars=kafka_jars)


def test_a_folder_that_kafka_cannot_name_is_refused(tmp_path: Path, kafka_jars: Path) -> None:
    """A comma separates folders in Kafka's settings."""
    with pytest.raises(Misconfigured, match="a comma or a colon"):
        start_test_kafka(tmp_path / "a,b", jars=kafka_jars)


def test_the_command_runs_until_it_is_asked_to_stop(tmp_path: Path, kafka_jars: Path) -> None:
    """`tidemark broker` runs an unpacked Kafka, stops in order, and exits with 0."""
    version = next(path for path in kafka_jars.iterdir() if path.is_dir())
    (tmp_path / "unpacked").mkdir()
    (tmp_path / "unpacked" / "libs").symlink_to(version)
    environment = {**_environment(), "KAFKA_HOME": str(tmp_path / "unpacked")}
    command = [sys.executable, "-m", "streams", "broker", "--data", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        assert "Apache Kafka on this machine" in run.stdout.readline()
        bootstrap = run.stdout.readline().strip().removeprefix("TIDEMARK_KAFKA=")
        assert answers(bootstrap)
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
    assert not answers(bootstrap)
    assert not (tmp_path / "broker.json").exists()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMARK_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}
