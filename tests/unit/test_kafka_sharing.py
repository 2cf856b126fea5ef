"""Which process owns the broker of a data folder."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from streams.backends.kafka.broker import Broker
from streams.backends.kafka.opening import BrokerOptions, broker_from_settings, open_broker
from streams.backends.kafka.security import KafkaSecurity
from streams.backends.kafka.sharing import LOCK, RECORD, BrokerRecord, Ownership, read_record
from streams.clock import FixedClock
from streams.config import Settings
from streams.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from pathlib import Path


def in_process(data: Path, mode: str = "in-process", **more: float) -> BrokerOptions:
    return BrokerOptions(mode, data, start_timeout=more.get("start_timeout", 20.0))


def test_the_second_shares_what_the_first_owns(tmp_path: Path) -> None:
    """Same address, and closing the second leaves the first alone."""
    with open_broker(in_process(tmp_path), clock=FixedClock(42)) as first:
        with open_broker(in_process(tmp_path, "auto")) as second:
            assert (first.owned, second.owned) == (True, False)
            assert first.bootstrap == second.bootstrap
            assert f"run by process {first.owner_pid}" in second.describe()
        assert first.alive()
        record = read_record(tmp_path)
        assert record is not None
        assert (first.bootstrap, "in-process", 42) == (
            record.bootstrap,
            record.kind,
            record.started_at,
        )
    assert not (tmp_path / RECORD).exists()
    assert not first.alive()


def test_another_kind_than_the_running_one_is_refused(tmp_path: Path) -> None:
    """Whoever asks for a durable broker is not given one that forgets."""
    with (
        open_broker(in_process(tmp_path)),
        pytest.raises(Misconfigured, match="runs in-process for the data folder"),
    ):
        open_broker(in_process(tmp_path, "local"))


def test_what_a_dead_owner_left_is_taken_over(tmp_path: Path) -> None:
    """The lock is the truth, not the record."""
    (tmp_path / RECORD).write_text(
        '{"bootstrap": "127.0.0.1:1", "kind": "in-process", "pid": 1, "started_at": 0}'
    )
    (tmp_path / LOCK).touch()
    with open_broker(in_process(tmp_path)) as broker:
        assert broker.owned
        assert broker.bootstrap != "127.0.0.1:1"


def test_an_owner_whose_broker_does_not_answer_is_named(tmp_path: Path) -> None:
    """Waiting is bounded, and the line says which process to stop."""
    ownership = Ownership.claim(tmp_path)
    assert ownership is not None
    ownership.publish(BrokerRecord("127.0.0.1:1", "in-process", 4711, 0))
    with pytest.raises(Unavailable, match="process 4711 holds the broker"):
        open_broker(in_process(tmp_path, start_timeout=0.2))
    ownership.release()


def test_a_failed_start_gives_the_ownership_back(tmp_path: Path) -> None:
    """The next attempt, with KAFKA_HOME corrected, is not locked out by the first."""
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"Java 17|KAFKA_HOME"):
            open_broker(in_process(tmp_path, "local"), {"KAFKA_HOME": str(tmp_path)})


def test_auto_falls_back_and_says_why(tmp_path: Path) -> None:
    """Without Java or jars there is still a broker, and the line names what is missing."""
    with open_broker(in_process(tmp_path, "auto"), {"KAFKA_HOME": str(tmp_path)}) as broker:
        assert broker.kind == "in-process"
        assert "because" in broker.describe()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the data folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"cannot use the data folder .*TIDEMARK_DATA"):
        open_broker(in_process(tmp_path / "file" / "data"))


def test_watching_notices_that_the_owner_is_gone(tmp_path: Path) -> None:
    """A worker that shares a broker has to end when there is none any more."""
    owner = open_broker(in_process(tmp_path))
    sharer = open_broker(in_process(tmp_path))
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    sharer.watch(told.put, interval=0.02)
    owner.close()
    assert f"its owner (process {owner.owner_pid}) ended" in told.get(timeout=10)
    sharer.close()
    assert told.empty()


def test_closing_ends_the_watch() -> None:
    """No thread stays behind, no callback comes late."""
    broker = Broker("127.0.0.1:1", "in-process", owner_pid=1)
    before = threading.active_count()
    broker.watch(lambda _reason: None, interval=60)
    broker.close()
    assert before == threading.active_count()


def test_security_without_an_address_is_refused(tmp_path: Path) -> None:
    """Half an external configuration must not end on an embedded broker."""
    options = BrokerOptions("auto", tmp_path, security=KafkaSecurity("SSL"))
    with pytest.raises(Misconfigured, match="TIDEMARK_KAFKA names no broker"):
        open_broker(options)


def test_settings_choose_the_broker(tmp_path: Path) -> None:
    """TIDEMARK_KAFKA and TIDEMARK_DATA are enough."""
    with broker_from_settings(Settings(kafka="in-process", data=tmp_path)) as broker:
        assert (broker.kind, broker.durable) == ("in-process", False)


def test_an_external_address_that_is_none_is_refused(tmp_path: Path) -> None:
    """A typing error in the mode is not taken for a host name."""
    with pytest.raises(Misconfigured, match=r"'lokal' is no host:port; write local, in-process"):
        broker_from_settings(Settings(kafka="lokal", data=tmp_path))
