"""Prometheus metrics: every name, type and meaning stands here, so that a typo fails the types."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from streams.drift.shadow import LEVELS
from streams.ports import Price

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from schemas.messages import Enriched

CounterName = Literal[
    "tidemark_messages_received_total",
    "tidemark_messages_skipped_total",
    "tidemark_documents_landed_total",
    "tidemark_dead_letters_landed_total",
    "tidemark_dead_letters_total",
    "tidemark_drift_alerts_total",
    "tidemark_offsets_missing_total",
    "tidemark_ledger_alerts_total",
    "tidemark_canary_runs_total",
    "tidemark_summaries_stopped_total",
    "tidemark_redactions_total",
    "tidemark_tokens_total",
    "tidemark_model_seconds_total",
    "tidemark_cost_total",
    "tidemark_shadow_documents_total",
    "tidemark_shadow_errors_total",
]
_COUNTERS: dict[CounterName, tuple[str, tuple[str, ...]]] = {
    "tidemark_messages_received_total": ("Messages read, by role.", ("role",)),
    "tidemark_messages_skipped_total": ("Unreadable messages left to land.", ("role",)),
    "tidemark_documents_landed_total": ("Documents written, redelivered ones too.", ()),
    "tidemark_dead_letters_landed_total": ("Dead letters written to ClickHouse.", ()),
    "tidemark_dead_letters_total": ("Messages refused.", ("role", "code")),
    "tidemark_drift_alerts_total": ("Drift alerts raised.", ()),
    "tidemark_offsets_missing_total": (
        "Offsets that were never delivered: lost by the broker.",
        ("role", "topic"),
    ),
    "tidemark_ledger_alerts_total": (
        "Alerts that the ledger does not add up, by state: open, update, closed.",
        ("state",),
    ),
    "tidemark_summaries_stopped_total": (
        "Generated summaries that a guardrail stopped, by rule; one may break several.",
        ("rule",),
    ),
    "tidemark_redactions_total": ("Personal data that was replaced, by kind.", ("kind",)),
    "tidemark_tokens_total": (
        "Tokens that models read (`in`) and wrote (`out`).",
        ("direction",),
    ),
    "tidemark_model_seconds_total": (
        "Seconds of the machine that documents took, by step: tokenize, inference.",
        ("step",),
    ),
    "tidemark_cost_total": ("What these seconds cost (TIDEMARK_PRICE_PER_HOUR).", ("currency",)),
    "tidemark_shadow_documents_total": ("Documents that the challenger answered.", ("shadow",)),
    "tidemark_shadow_errors_total": (
        "Documents on which the challenger failed; the champion's results are untouched.",
        ("shadow",),
    ),
    "tidemark_canary_runs_total": ("Runs of the canary documents that were published.", ()),
}
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._counters = {
            name: Counter(name, meaning, labels, registry=registry)
            for name, (meaning, labels) in _COUNTERS.items()
        }
        self._missing = Gauge(
            "tidemark_ledger_missing",
            "Messages that neither landed nor were dead-lettered and are not in flight.",
            ["topic", "partition"],
            registry=registry,
        )
        self._unsettled = Gauge(
            "tidemark_ledger_unsettled",
            "Messages whose results may be on their way still.",
            ["topic", "partition"],
            registry=registry,
        )
        self._steps = Histogram(
            "tidemark_step_seconds",
            "Seconds that a step took for one batch.",
            ["role", "step"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._latency = Histogram(
            "tidemark_latency_seconds",
            "Seconds from a document's arrival at the broker to its durable landing.",
            buckets=(*_SECONDS, 120, 300, 900, 3600),
            registry=registry,
        )

        self._quiet = Gauge(
            "tidemark_drift_quiet_documents",
            "Documents that were watched and raised no alert, of the sources held now.",
            registry=registry,
        )
        self._passings = Gauge(
            "tidemark_drift_quiet_passings",
            "How often the score passed a level in them that chance passes once in so many.",
            ["documents"],
            registry=registry,
        )
        self._waiting = Gauge(
            "tidemark_waiting",
            "1 while a role waits for something that is away, else 0.",
            ["role"],
            registry=registry,
        )

    def waiting(self, role: str, waits: Callable[[], bool]) -> None:
        """Show whether a role waits, asked whenever somebody looks."""
        self._waiting.labels(role).set_function(lambda: float(waits()))

    def received(self, role: str, messages: int) -> None:
        """Count messages read."""
        self._counters["tidemark_messages_received_total"].labels(role).inc(messages)

    def received_by(self, role: str) -> int:
        """Return the number of messages that a role has read."""
        (metric,) = self._counters["tidemark_messages_received_total"].collect()
        return sum(
            int(sample.value)
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["role"] == role
        )

    @contextmanager
    def step(self, role: str, step: str) -> Iterator[None]:
        """Time a step of a batch."""
        started = time.perf_counter()
        yield
        self._steps.labels(role, step).observe(time.perf_counter() - started)

    def ledger(self, topic: str, partition: int, missing: int, unsettled: int) -> None:
        """Show what a partition's ledger lacks, and what it cannot judge yet."""
        self._missing.labels(topic, str(partition)).set(missing)
        self._unsettled.labels(topic, str(partition)).set(unsettled)

    def ledger_alert(self, state: str) -> None:
        """Count an alert of the ledger."""
        self._counters["tidemark_ledger_alerts_total"].labels(state).inc()

    def landed(self, documents: int, letters: int) -> None:
        """Count rows written."""
        self._counters["tidemark_documents_landed_total"].inc(documents)
        self._counters["tidemark_dead_letters_landed_total"].inc(letters)

    def latency(self, milliseconds: int) -> None:
        """Observe one document's way from the broker to the database."""
        self._latency.observe(max(0, milliseconds) / 1000)

    def dead_letter(self, role: str, code: str) -> None:
        """Count a refused message."""
        self._counters["tidemark_dead_letters_total"].labels(role, code).inc()

    def alert(self) -> None:
        """Count an alert."""
        self._counters["tidemark_drift_alerts_total"].inc()

    def quiet(self, totals: Sequence[int]) -> None:
        """Show what the achieved rate of false alarms is measured from."""
        documents, *passings = totals
        self._quiet.set(documents)
        for level, count in zip(LEVELS, passings, strict=True):
            self._passings.labels(str(level)).set(count)

    def canary_run(self) -> None:
        """Count a run of the canary documents."""
        self._counters["tidemark_canary_runs_total"].inc()

    def summary_stopped(self, rule: str) -> None:
        """Count a generated summary that gave way to the extractive one."""
        self._counters["tidemark_summaries_stopped_total"].labels(rule).inc()

    def redacted(self, kind: str, times: int) -> None:
        """Count what was replaced in a document."""
        self._counters["tidemark_redactions_total"].labels(kind).inc(times)

    def worked(self, records: Sequence[Enriched]) -> None:
        """Count what the documents of a batch took: tokens, seconds, money."""
        tokens = self._counters["tidemark_tokens_total"]
        tokens.labels("in").inc(sum(one.tokens_in for one in records))
        tokens.labels("out").inc(sum(one.tokens_out for one in records))
        seconds = self._counters["tidemark_model_seconds_total"]
        seconds.labels("tokenize").inc(sum(one.tokenize_ms for one in records) / 1000)
        seconds.labels("inference").inc(sum(one.inference_ms for one in records) / 1000)
        priced = [one for one in records if one.price_per_hour]
        if priced:
            price = Price(priced[0].price_per_hour, priced[0].currency)  # one machine, one price
            cost = price.of(sum(one.tokenize_ms + one.inference_ms for one in priced))
            self._counters["tidemark_cost_total"].labels(price.currency).inc(cost)

    def shadowed(self, shadow: str, documents: int, errors: int) -> None:
        """Count what a challenger answered, and where it failed."""
        self._counters["tidemark_shadow_documents_total"].labels(shadow).inc(documents)
        self._counters["tidemark_shadow_errors_total"].labels(shadow).inc(errors)

    def skipped(self, role: str) -> None:
        """Count an unreadable message that another role dead-letters."""
        self._counters["tidemark_messages_skipped_total"].labels(role).inc()

    def missing(self, role: str, topic: str, offsets: int) -> None:
        """Count offsets that the broker never delivered."""
        self._counters["tidemark_offsets_missing_total"].labels(role, topic).inc(offsets)

    def total(self, name: CounterName) -> float:
        """Return a counter's sum over all its labels; for reports and the status page."""
        (metric,) = self._counters[name].collect()
        return sum(sample.value for sample in metric.samples if sample.name == name)

    def exposition(self) -> bytes:
        """Return the Prometheus text exposition."""
        return generate_latest(self._registry)
