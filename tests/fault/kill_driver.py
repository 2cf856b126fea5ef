"""Kill -9 of the whole pipeline at random moments, against a broker that lives on.

    python -m tests.fault.kill_driver --kills 10 --documents 5000 --report kills.json

Every round publishes a share of the documents (real ones, with garbage among them), starts
``tidemark run`` with the real model, and kills it at a random moment: in its start, while it waits
for its consumer groups, or within seconds of its first progress. The last round runs to its end.
Then the database must show every document, delivery, dead letter and window count once.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from models.manifest import DEFAULT_MODEL
from models.registry import Registry
from streams.backends.kafka.local import start_test_kafka
from streams.backends.kafka.offsets import OffsetReader
from streams.backends.kafka.opening import BrokerOptions, open_broker
from streams.corpus import demo_documents
from streams.topics import ROLES
from tests.fault.kill_verdict import Published, verdict
from tests.support.commands import ROOT, data_folder, environment, running_command
from tests.support.runtime import Sent, platform_on, send_raw, settings_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.messages import Document
    from streams.runtime.platform import Platform
    from tests.support.commands import Command

_GARBAGE_EVERY = 50
_IN_START_SHARE = 0.25
_LONGEST_START_S = 6.0
_LONGEST_WORK_S = 6.0
_PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do; ``work_s`` bounds the random time between first progress and kill."""

    kills: int
    documents: Sequence[Document]
    seed: int
    jars: Path
    model_folder: Path
    work_s: float = _LONGEST_WORK_S
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: seconds after the start, in which phase, and how far the roles had committed."""

    seconds: float
    phase: str
    committed: dict[str, int]


class KillDriver:
    """Publishes, starts and kills; see the module.

    Args:
        plan: what to do.
        folder: an empty folder for the broker, the data and the log.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._rng = random.Random(plan.seed)
        self._data = data_folder(folder / "data", plan.model_folder)
        self._url = f"chdb://{(self._data / 'clickhouse').resolve()}"
        self._sent: list[Sent] = []
        self._garbage: list[Sent] = []
        self.kills: list[Kill] = []

    def run(self) -> dict[str, Any]:
        """Do it all; returns the report."""
        started = time.monotonic()
        with ExitStack() as stack:
            kafka = stack.enter_context(
                start_test_kafka(self._folder / "kafka", jars=self._plan.jars)
            )
            options = BrokerOptions(kafka.bootstrap, self._folder)
            settings = settings_for(self._data, kafka=kafka.bootstrap)
            platform = platform_on(stack.enter_context(open_broker(options)), settings)
            offsets = stack.enter_context(OffsetReader(kafka.bootstrap))
            for share in self._shares():
                self._publish(platform, share)
                if len(self.kills) < self._plan.kills:
                    self.kills.append(self._run_and_kill(platform, offsets))
            final = self._run_to_the_end(platform)
            enriched = sum(one.end for one in offsets.extents([platform.topics.enriched]))
        found = verdict(self._url, self._published())
        return {
            "kills": [asdict(kill) for kill in self.kills],
            "documents": len(self._published().documents),
            "garbage": len(self._garbage),
            "enriched_again": enriched - (len(self._sent) - len(self._garbage)),
            "final_run": final,
            "seconds": round(time.monotonic() - started, 1),
            "well": not any(found.values()),
            **found,
        }

    def _shares(self) -> list[Sequence[Document]]:
        count, documents = self._plan.kills + 1, self._plan.documents
        cuts = [len(documents) * number // count for number in range(count + 1)]
        return [documents[low:high] for low, high in pairwise(cuts)]

    def _published(self) -> Published:
        wanted = frozenset((one.source, one.doc_id or "") for one in self._plan.documents)
        return Published(wanted, self._sent, self._garbage)

    def _publish(self, platform: Platform, share: Sequence[Document]) -> None:
        topic = platform.topics.documents
        pairs: list[tuple[bytes | None, bytes | None]] = []
        bad: list[int] = []
        for number, document in enumerate(share):
            if number % _GARBAGE_EVERY == 0:
                bad.append(len(pairs))
                pairs.append((None, b"\xfe garbage %d" % (len(self._sent) + number)))
            key = (document.doc_id or "").encode()
            pairs.append((key, platform.codec.encode(topic, document)))
        sent = send_raw(platform.broker, topic, pairs)
        self._sent += sent
        self._garbage += [sent[position] for position in bad]

    def _environment(self, platform: Platform) -> dict[str, str]:
        changes = {"kafka": platform.broker.bootstrap, **self._plan.settings}
        return environment(self._data, **changes)

    def _run_and_kill(self, platform: Platform, offsets: OffsetReader) -> Kill:
        before = _committed(platform, offsets)
        started = time.monotonic()
        log = self._folder / f"run-{len(self.kills)}.log"
        with running_command("run", env=self._environment(platform), log=log) as run:
            if self._rng.random() < _IN_START_SHARE:
                phase, longest = "start", _LONGEST_START_S
            else:
                run.until(lambda: _committed(platform, offsets) != before, _PATIENCE_S)
                phase, longest = "work", self._plan.work_s
            self._wait(run, self._rng.uniform(0.0, longest))
            run.signal(signal.SIGKILL)
            run.wait(30)
        seconds = round(time.monotonic() - started, 2)
        return Kill(seconds, phase, _committed(platform, offsets))

    def _wait(self, run: Command, seconds: float) -> None:
        threading.Event().wait(seconds)
        if run.process.poll() is not None:
            raise RuntimeError(f"ended before it was killed:\n{run.output[-3000:]}")

    def _run_to_the_end(self, platform: Platform) -> dict[str, Any]:
        report = self._folder / "final.json"
        arguments = ("run", "--until-idle", "--report", str(report))
        log = self._folder / "run-final.log"
        with running_command(*arguments, env=self._environment(platform), log=log) as run:
            code = run.wait(_PATIENCE_S + len(self._sent) / 10)
            if code != 0:
                raise RuntimeError(f"the last run ended with {code}:\n{run.output[-3000:]}")
        loaded: dict[str, Any] = orjson.loads(report.read_bytes())
        return loaded


def _committed(platform: Platform, offsets: OffsetReader) -> dict[str, int]:
    """Committed messages of each role."""
    topics = platform.topics
    return {
        role: sum(offsets.committed(topics.group(role), topics.consumed_by(role)).values())
        for role in ROLES
    }


def main() -> int:
    """Run from the command line; exit 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--report", type=Path, default=Path("kills.json"))
    parser.add_argument("--jars", type=Path, default=ROOT / ".tidemark" / "kafka")
    parser.add_argument("--models", type=Path, default=ROOT / ".tidemark")
    parser.add_argument("--keep", type=Path, help="Folder for broker, data and logs; kept.")
    options = parser.parse_args()
    documents = list(demo_documents(options.documents, now_ms=time.time_ns() // 1_000_000))
    model_folder = Registry(options.models.resolve()).folder(DEFAULT_MODEL)
    plan = Plan(options.kills, documents, options.seed, options.jars.resolve(), model_folder)
    with tempfile.TemporaryDirectory(prefix="tidemark-kills-") as scratch:
        folder = (options.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        report = {"seed": options.seed, **KillDriver(plan, folder).run()}
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if report["well"] else 1


if __name__ == "__main__":
    sys.exit(main())
