"""Everything that a scenario needs: Kafka, ClickHouse, workers of every role, and a publisher."""

from __future__ import annotations

import itertools
import logging
import random
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from models.manifest import DEFAULT_MODEL
from models.registry import Registry
from schemas.codec import codec_for
from streams.backends.kafka.broker import Broker
from streams.backends.kafka.librdkafka import LOGGER
from streams.backends.kafka.local import start_test_kafka
from streams.topics import ROLES, Topics
from tests.fault.damage import Damage
from tests.fault.documents import dated, real_documents
from tests.fault.fleet import Fleet
from tests.fault.progress import Offsets
from tests.fault.published import Item, Published, Publisher
from tests.fault.samples import Sampler
from tests.fault.verdict import Verdict, judge
from tests.fault.worker import WorkerProcess
from tests.fault.worker_process import MODEL_FILES, POLL_S, SLOW
from tests.support.clickhouse_server import running_clickhouse
from tests.support.commands import data_folder, environment
from tests.support.runtime import platform_on, settings_for
from tests.support.tiny_model import NAME as TINY
from tests.support.tiny_model import pinned_tiny, write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from streams.backends.kafka.local import LocalKafka
    from streams.topics import Role
    from tests.fault.samples import Sample
    from tests.support.clickhouse_server import ClickHouseServer

ModelChoice = Literal["minilm", "tiny"]
_BAD_EVERY = 50
_PATIENCE_S = 150.0


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What to start.

    Attributes:
        folder: empty; for data and logs.
        jars: folder that keeps Kafka's jars.
        models: data folder that holds the real model.
        workers: processes of each role.
        corpus: how many distinct texts to read from this machine's packages.
        poll_s: poll interval of the consumers in seconds; the production value if None.
        settings: of the workers, besides those that the harness needs.
    """

    folder: Path
    jars: Path
    models: Path
    model: ModelChoice = "minilm"
    workers: int = 3
    nodes: int = 1
    partitions: int = 6
    corpus: int = 2_000
    seed: int = 1
    poll_s: float | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


class Cluster:
    """A running cluster; made by ``running_cluster``."""

    def __init__(
        self, options: ClusterOptions, kafka: LocalKafka, database: ClickHouseServer, env: Env
    ) -> None:
        self.options = options
        self.kafka = kafka
        self.database = database
        self.slow = env.slow
        self.topics = Topics()
        self.published = Published()
        self.rng = random.Random(options.seed)
        self.offsets = Offsets(kafka.bootstrap, self.topics, options.partitions)
        self.fleet = Fleet(env.slot)
        self.tell: Callable[[Sample], object] = lambda _: None
        self.sampler = Sampler(self.fleet, self.offsets, self._told)
        self.codec = codec_for()
        self._documents = real_documents(options.corpus)
        self._damage = Damage(self.codec, self.topics.documents, large=False)

    def items(self, count: int, bad_every: int = _BAD_EVERY) -> Iterator[Item]:
        """Yield so many documents, and a damaged message before every so many of them."""
        for number, document in enumerate(itertools.islice(self._documents, count)):
            if bad_every and number % bad_every == 0:
                yield self.damaged(self._damage)
            now = dated(document)
            key = (now.doc_id or "").encode()
            value = self.codec.encode(self.topics.documents, now)
            yield Item(key, value, (now.source, now.doc_id or ""))

    def damaged(self, damage: Damage) -> Item:
        """Return the next damaged message."""
        document = dated(next(self._documents))
        bad = damage(document)
        key = (document.doc_id or "").encode() if bad.value else None
        return Item(key, bad.value, None, bad.way, bad.codes)

    def publisher(self) -> Publisher:
        """Return a publisher that fills the register."""
        return Publisher(self.kafka.bootstrap, self.topics.documents, self.published)

    def publish(self, count: int) -> None:
        """Publish as fast as it goes."""
        self.publisher().publish(self.items(count))

    @contextmanager
    def publishing(self, count: int, seconds: float) -> Iterator[threading.Event]:
        """Publish within the block, evenly over so many seconds; waits for the end of it.

        Yields an event that is set when all is published.
        """
        done, failures = threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                self.publisher().publish(self.items(count), rate=count / max(seconds, 0.1))
            except BaseException as error:  # noqa: BLE001 - raised below
                failures.append(error)
            done.set()

        thread = threading.Thread(target=work, name="publisher", daemon=True)
        thread.start()
        yield done
        thread.join()
        if failures:
            raise failures[0]

    @contextmanager
    def slowed(self, seconds: float) -> Iterator[None]:
        """Let every batch of inference take longer within the block."""
        if seconds > 0:
            self.slow.write_text(str(seconds), encoding="ascii")
        yield
        self.slow.unlink(missing_ok=True)

    def drain(self, patience: float = _PATIENCE_S) -> None:
        """Wait until every role has committed all that there is."""
        self.offsets.drain(patience, self.evidence)

    def verdict(self) -> Verdict:
        """Compare what the database says with everything that was ever published here."""
        return judge(self.database.url, self.kafka.bootstrap, self.topics, self.published)

    def evidence(self) -> str:
        """Return the ends of all logs; behind them, in the logs, all stacks are written."""
        self.fleet.dump_stacks()
        ends = [f"--- {worker.name}\n{worker.tail(1500)}" for worker in self.fleet.of()]
        unasked = "\n".join(map(str, self.fleet.unasked()[-10:]))
        return "\n".join(ends) + f"\nended by themselves:\n{unasked}"

    def _told(self, sample: Sample) -> None:
        self.tell(sample)


@dataclass(frozen=True, slots=True)
class Env:
    """How workers are made: their folders and environment."""

    options: ClusterOptions
    bootstrap: str
    url: str
    model_folder: Path
    variables: Mapping[str, str]

    @property
    def slow(self) -> Path:
        """The file that slows inference down."""
        return self.options.folder / "slow"

    def slot(self, role: Role, number: int) -> WorkerProcess:
        """Make the slot of a worker, with a data folder of its own as in a container."""
        folder = self.options.folder
        data = data_folder(folder / "workers" / f"{role}-{number}", self.model_folder)
        given: dict[str, object] = {
            "kafka": self.bootstrap,
            "clickhouse": self.url,
            "partitions": self.options.partitions,
            "replication": self.options.nodes,
            "threads": 1,
            "window": "10s",
            "lateness": "1h",
            "canary": "30s",
            "model": TINY if self.options.model == "tiny" else DEFAULT_MODEL,
            **self.options.settings,
        }
        env = environment(data, **given) | {SLOW: str(self.slow), **self.variables}
        if self.options.poll_s is not None:
            env |= {POLL_S: str(self.options.poll_s)}
        return WorkerProcess(role, number, folder, env)


@contextmanager
def running_cluster(options: ClusterOptions) -> Iterator[Cluster]:
    """Start everything; returns when every worker is ready."""
    options.folder.mkdir(parents=True, exist_ok=True)
    model_folder, variables = _model(options)
    with ExitStack() as stack:
        stack.enter_context(_quiet_clients())
        folder = options.folder
        kafka = stack.enter_context(
            start_test_kafka(folder / "kafka", nodes=options.nodes, jars=options.jars)
        )
        database = stack.enter_context(running_clickhouse(folder / "clickhouse"))
        _make_topics(options, kafka.bootstrap)
        env = Env(options, kafka.bootstrap, database.url, model_folder, variables)
        cluster = Cluster(options, kafka, database, env)
        stack.enter_context(cluster.fleet)
        for _ in range(options.workers):
            for role in ROLES:
                cluster.fleet.add(role)
        cluster.fleet.wait_ready()
        stack.enter_context(cluster.sampler)
        yield cluster


@contextmanager
def _quiet_clients() -> Iterator[None]:
    """Brokers that do not answer are what it is about; nobody needs a line for every try."""
    clients = logging.getLogger(LOGGER)
    before = clients.level
    clients.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        clients.setLevel(before)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _make_topics(options: ClusterOptions, bootstrap: str) -> None:
    settings = settings_for(
        options.folder,
        kafka=bootstrap,
        partitions=options.partitions,
        replication=options.nodes,
    )
    platform_on(Broker(bootstrap, "external"), settings)


def _model(options: ClusterOptions) -> tuple[Path, dict[str, Any]]:
    if options.model == "minilm":
        return Registry(options.models).folder(DEFAULT_MODEL), {}
    root = options.folder / "tiny"
    files = root / "models" / f"{TINY}.files"
    if not files.exists():
        write_tiny_model(files)
    tiny = pinned_tiny(files)
    registry = Registry(root, manifest={TINY: tiny})
    return registry.folder(TINY), {MODEL_FILES: str(files)}
