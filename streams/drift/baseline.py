"""What a detector knows of its segment, and how it is stored."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.codec import pack, under, unpack
from streams.drift.comeback import Departure
from streams.drift.documents import DocumentLog
from streams.drift.feed import runs
from streams.drift.hashing import hash_text
from streams.drift.progress import Progress
from streams.drift.reference import EXAMPLES, Reference, encode_profile, fit
from streams.drift.rollout import Rollout
from streams.drift.shadow import Shadow
from streams.drift.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from schemas.messages import Enriched
    from streams.drift.feed import Run
    from streams.drift.options import DriftOptions

_CHUNK = 50


class Baseline:
    """A segment's reference, what is being collected for the next, and the watch between.

    Attributes:
        progress: numbers and names.
        rollout: which model and labels are in force.
        collected: documents of the next reference.
        watch: of the stream against the reference; None while the first is collected.
        departure: how the stream left the reference, while an alarm lasts.
        shadow: how often the score passes levels far below the threshold.

    Args:
        name: of the segment; seeds the calibration.
        options: of the detection.
    """

    def __init__(self, name: str, options: DriftOptions) -> None:
        self._name = name
        self._options = options
        self.progress = Progress()
        self.rollout = Rollout()
        self.collected = collection(options, coarse=False)
        self.watch: Watch | None = None
        self.departure: Departure | None = None
        self.shadow = Shadow(max(options.scales))

    def parts(self) -> dict[str, Callable[[], bytes]]:
        """Return the immutable state, by name; a name tells the content."""
        collected, watched = self._places()
        named = {collected + name: encode for name, encode in self.collected.parts().items()}
        if self.watch is not None:
            watch, prefix = self.watch, f"{self.progress.reference_id}/"
            named |= {prefix + "fit": watch.reference.encode}
            named |= {prefix + "profile": lambda: watch.profile}
            named |= {watched + name: encode for name, encode in watch.parts().items()}
        return named

    def head(self) -> bytes:
        """Return the small moving state."""
        watch, departure = self.watch, self.departure
        meta: dict[str, object] = {
            "progress": asdict(self.progress),
            "rollout": asdict(self.rollout),
            "collected": len(self.collected),
            "watch": [watch.sums.count, watch.recent.count] if watch else None,
            "departure": departure.numbers() if departure else None,
            "shadow": self.shadow.head(),
        }
        arrays = {"collected": self.collected.tail(), **(watch.tail() if watch else {})}
        if departure:
            arrays["direction"] = departure.direction
        return pack(meta, arrays)

    def restore(self, head: bytes, parts: Mapping[str, bytes]) -> None:
        """Set the state from what ``head`` and ``parts`` returned.

        A head of a version that passed over the cool-down and then collected has no departure:
        its alarm ends with a new reference, as it would have then.
        """
        meta, tail = unpack(head)
        self.progress = Progress(**meta["progress"])
        self.rollout = Rollout(**meta["rollout"])
        self.shadow.restore(meta.get("shadow"))
        collected, watched = self._places()
        self.collected = collection(self._options, coarse=meta["watch"] is not None)
        self.collected.restore(meta["collected"], under(collected, parts), tail["collected"])
        if meta["watch"] is not None:
            prefix = f"{self.progress.reference_id}/"
            reference = Reference.decode(parts[prefix + "fit"])
            self.watch = Watch(reference, parts[prefix + "profile"], self._options)
            blocks, documents = meta["watch"]
            self.watch.restore((blocks, documents), under(watched, parts), tail)
        if meta.get("departure") is not None:
            self.departure = Departure.restored(meta["departure"], tail["direction"])

    def _places(self) -> tuple[str, str]:
        """Return under which names collected documents and the watch's state are stored.

        They tell the reference and how often the stream has come back to it: the same name never
        stands for two contents.
        """
        progress = self.progress
        prefix = f"{progress.reference_id}/"
        again = f"again{progress.returns}/" if progress.returns else ""
        collected = "reference/" if progress.state == "collecting" else f"next{progress.returns}/"
        if progress.dropped:
            collected = f"dropped{progress.dropped}/{collected}"
        return prefix + collected, prefix + again

    def learn(self, document: Enriched) -> None:
        """Take in a document of the reference that is awaited; any other is passed over.

        One of another model or set of labels than the first is not comparable, and left out.
        """
        progress = self.progress
        if not progress.awaited:
            return
        progress.awaited -= 1
        (run,) = runs([document])
        if run.usable:
            if not len(self.collected):
                self.rollout.adopt(run)
            if self.rollout.is_in_force(run):
                self.keep(run, 0, 1)
        if not progress.awaited and len(self.collected) >= 2 * self._options.block_documents:
            self.fit()

    def keep(self, run: Run, first: int, last: int) -> None:
        """Collect documents of a run."""
        codes, scales = self.collected.encode(run.vectors[first:last])
        facts = run.facts[first:last].astype(np.float16)
        self.collected.append(run.documents[first:last], codes, scales, facts)

    def fit(self) -> None:
        """Make a reference of what was collected, and watch on with it."""
        kept, facts = self.collected.kept().split(self.rollout.dimensions)
        names = (self._name, self.rollout.model, self.progress.reference_id)
        seed = hash_text("\x1f".join(map(str, names)))
        reference = fit(kept, facts, self._options, seed)
        if self.collected.coarse:
            reference = replace(reference, coarse=True)
        self.watch = Watch(reference, encode_profile(kept), self._options)
        self.collected, self.departure = collection(self._options, coarse=True), None
        self.progress.state, self.progress.age = "watching", 0

    def follow(self, reason: str) -> None:
        """Take what was collected as the next reference."""
        progress = self.progress
        progress.reference_id, progress.returns, progress.dropped = progress.reference_id + 1, 0, 0
        progress.reason = reason
        progress.score = progress.threshold = None
        self.fit()

    def come_back(self, watch: Watch) -> None:
        """Watch on with the same reference, without the documents of the event."""
        progress = self.progress
        self.watch = Watch(watch.reference, watch.profile, self._options)
        self.collected, self.departure = collection(self._options, coarse=True), None
        progress.state, progress.cooldown, progress.age = "watching", 0, 0
        progress.score = progress.threshold = None
        progress.returns += 1

    def rebaseline(self, reason: str) -> None:
        """Collect from nothing."""
        progress = self.progress
        progress.reference_id += 1
        progress.state, progress.cooldown, progress.returns = "collecting", 0, 0
        progress.awaited = progress.dropped = 0
        progress.score = progress.threshold = None
        progress.reason = reason
        self.shadow.drop()
        self.collected, self.departure = collection(self._options, coarse=False), None
        self.watch = None


def collection(options: DriftOptions, *, coarse: bool) -> DocumentLog:
    """Return an empty log for a reference; the next one is coarse, to fit beside the one at work.

    Ids and summaries are kept of as many documents as the reference shows as examples.
    """
    told = max(1, options.reference_documents // EXAMPLES)
    return DocumentLog(_CHUNK, None, coarse=coarse, told=told)
