"""``tidemark produce --receipts``: ask for receipts, follow them, say what became of everything."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import typer

from schemas.messages import Receipt
from streams.errors import InvalidDocument, Misconfigured, Unavailable
from streams.stages.receipts import ACCEPTED, DONE, HEADER, REJECTED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from schemas.codec import Codec
    from streams.ports import RawMessage
    from streams.runtime.platform import Platform

_SHOWN = 10
_AT_ONCE = 500
_LOOK_S = 0.25
_PERCENTILES = (50, 95, 99)


class Source(Protocol):
    """Where receipts come from; ``backends/kafka/follow.py::Follower`` is one."""

    def take(self, most: int, seconds: float) -> list[RawMessage]:
        """Return the next messages; waits at most so long for the first."""
        ...


@dataclass(slots=True)
class Told:
    """What the receipts of one run say; a receipt that comes twice counts once.

    Attributes:
        accepted: correlation ids.
        done: correlation id -> milliseconds from the broker to a durable row.
        rejected: correlation id -> its receipt.
    """

    accepted: set[str] = field(default_factory=set)
    done: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, Receipt] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Documents of which the last word was said."""
        return len(self.done.keys() | self.rejected.keys())

    def percentile(self, percent: int) -> int | None:
        """Return a percentile of the milliseconds until documents were done; nearest rank."""
        times = sorted(self.done.values())
        return times[max(0, -(-len(times) * percent // 100) - 1)] if times else None


class ReceiptDesk:
    """Gives each document of a run a correlation id, and gathers what comes back for them.

    Args:
        source: the receipts topic, from before the first document on.
        codec: reads receipts.
        monotonic: seconds of a clock that never goes back.
        run: what all correlation ids of this run begin with.
    """

    def __init__(
        self,
        source: Source,
        codec: Codec,
        monotonic: Callable[[], float],
        run: str | None = None,
    ) -> None:
        self._source = source
        self._codec = codec
        self._monotonic = monotonic
        self._run = f"{run or uuid.uuid4().hex[:12]}-"
        self._asked = 0
        self.told = Told()

    def headers(self) -> dict[str, bytes]:
        """Return the headers of the next document."""
        self._asked += 1
        return {HEADER: f"{self._run}{self._asked}".encode()}

    def gather(self, seconds: float = 0.0) -> int:
        """Take in what has come; waits at most so long for it; returns how many were of this run.

        Raises:
            Unavailable: the broker does not answer.
        """
        return sum(self._take(one) for one in self._source.take(_AT_ONCE, seconds))

    def wait(self, expected: int, patience: float, report: Callable[[int], None]) -> None:
        """Gather until the last word on every document was said.

        Args:
            expected: documents that were published.
            patience: seconds without any receipt after which to give up.
            report: told how many documents have ended, again and again.

        Raises:
            Unavailable: nothing more comes.
        """
        last = self._monotonic()
        while self.told.ended < expected:
            if self.gather(_LOOK_S):
                last = self._monotonic()
                report(self.told.ended)
            elif self._monotonic() - last > patience:
                raise Unavailable(
                    f"{expected - self.told.ended:,} of {expected:,} documents have no receipt and "
                    f"for {patience:g} s none has come: are the roles enrich and land running? "
                    "(all are published; `tidemark ledger` shows what became of them)"
                )

    def _take(self, message: RawMessage) -> int:
        if not (message.key or b"").startswith(self._run.encode()):
            return 0
        try:
            receipt = self._codec.decode(Receipt, message.value)
        except InvalidDocument:
            return 0  # of a version that we cannot read; then the wait ends with its own words
        correlation = receipt.correlation_id or ""
        if receipt.status == ACCEPTED:
            self.told.accepted.add(correlation)
        elif receipt.status == DONE:
            self.told.done.setdefault(correlation, receipt.elapsed_ms)
        elif receipt.status == REJECTED:
            self.told.rejected.setdefault(correlation, receipt)
        return 1


def open_desk(platform: Platform, stack: ExitStack) -> ReceiptDesk:
    """Follow the receipts from now on, until the stack is closed.

    Raises:
        Misconfigured: nobody gets receipts.
        Unavailable: the broker does not answer.
    """
    from streams.backends.kafka.follow import Follower  # noqa: PLC0415 - heavy imports

    if platform.settings.receipts == "none":
        raise Misconfigured("TIDEMARK_RECEIPTS=none: nobody gets receipts, so none will come")
    follower = stack.enter_context(Follower(platform.broker, platform.topics.receipts))
    return ReceiptDesk(follower, platform.codec, time.monotonic)


def follow(desk: ReceiptDesk, published: int, patience: float) -> int:
    """Wait for the last word on every document and show it; returns how many were rejected.

    Raises:
        Unavailable: for so many seconds no receipt came; what came is shown.
    """
    from streams.cli.progress import counting  # noqa: PLC0415 - keeps --help fast

    try:
        with counting("receipts", published) as report:
            desk.wait(published, patience, report)
    finally:
        show(desk.told)
    return len(desk.told.rejected)


def show(told: Told) -> None:
    """Say how many documents were accepted, done and rejected, and how long it took."""
    typer.echo(
        f"receipts: {len(told.accepted):,} accepted, {len(told.done):,} done, "
        f"{len(told.rejected):,} rejected"
    )
    if told.done:
        times = (f"p{percent} {told.percentile(percent):,} ms" for percent in _PERCENTILES)
        typer.echo(f"from the broker to a durable row: {', '.join(times)}")
    _show_rejected(list(told.rejected.values()))


def _show_rejected(rejected: Sequence[Receipt]) -> None:
    for receipt in rejected[:_SHOWN]:
        where = f"{receipt.topic}/{receipt.partition}/{receipt.offset}"
        typer.echo(f"  {where} {receipt.code}: {receipt.reason}", err=True)
    if len(rejected) > _SHOWN:
        typer.echo(f"  ... and {len(rejected) - _SHOWN:,} more", err=True)
