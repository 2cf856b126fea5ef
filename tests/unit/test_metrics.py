"""Metrics of a process: names that dashboards rely on, and totals."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.messages import Enriched
from streams.metrics import CounterName, Metrics
from tests.support.examples import record as example

WORK = {
    "tokens_in": 100,
    "tokens_out": 20,
    "tokenize_ms": 300.0,
    "inference_ms": 1500.0,
    "price_per_hour": 3.6,
    "currency": "EUR",
}


def _used() -> Metrics:
    metrics = Metrics()
    metrics.received("enrich", 5)
    metrics.received("land", 2)
    metrics.skipped("drift")
    metrics.landed(3, 1)
    metrics.dead_letter("enrich", "empty-text")
    metrics.dead_letter("land", "truncated")
    metrics.alert()
    metrics.missing("enrich", "tidemark.documents", 4)
    metrics.ledger("tidemark.documents", 0, 3, 5)
    metrics.ledger_alert("open")
    metrics.canary_run()
    metrics.summary_stopped("numbers")
    metrics.redacted("email", 3)
    record = example("enriched")
    assert isinstance(record, Enriched)
    metrics.worked([replace(record, **WORK), replace(record, **WORK)])  # type: ignore[arg-type]
    metrics.worked([replace(record, **{**WORK, "price_per_hour": 0.0})])  # type: ignore[arg-type]
    metrics.shadowed("small", 6, 1)
    metrics.quiet([2000, 20, 7, 2, 1, 0])
    metrics.latency(1500)
    metrics.waiting("land", lambda: True)
    with metrics.step("enrich", "core"):
        pass
    return metrics


def test_totals_are_sums_over_labels() -> None:
    """Every counter can be asked for its total."""
    metrics = _used()
    totals = {name: metrics.total(name) for name in get_args(CounterName)}
    assert totals == {
        "tidemark_messages_received_total": 7,
        "tidemark_messages_skipped_total": 1,
        "tidemark_documents_landed_total": 3,
        "tidemark_dead_letters_landed_total": 1,
        "tidemark_dead_letters_total": 2,
        "tidemark_drift_alerts_total": 1,
        "tidemark_offsets_missing_total": 4,
        "tidemark_ledger_alerts_total": 1,
        "tidemark_canary_runs_total": 1,
        "tidemark_summaries_stopped_total": 1,
        "tidemark_redactions_total": 3,
        "tidemark_tokens_total": 3 * (100 + 20),
        "tidemark_model_seconds_total": pytest.approx(3 * 1.8),
        "tidemark_cost_total": pytest.approx(2 * 1.8 * 3.6 / 3600),
        "tidemark_shadow_documents_total": 6,
        "tidemark_shadow_errors_total": 1,
    }
    assert metrics.received_by("enrich") == 5


def test_exposition_is_prometheus_text() -> None:
    """A parser reads it, and every family has its meaning."""
    families = {f.name: f for f in text_string_to_metric_families(_used().exposition().decode())}
    expected = {name.removesuffix("_total") for name in get_args(CounterName)}
    found = {name for name in families if not name.endswith("_created")}
    expected |= {"tidemark_step_seconds", "tidemark_latency_seconds", "tidemark_waiting"}
    expected |= {"tidemark_drift_quiet_documents", "tidemark_drift_quiet_passings"}
    assert expected | {"tidemark_ledger_missing", "tidemark_ledger_unsettled"} == found
    assert [name for name, family in families.items() if not family.documentation] == []
    dead = families["tidemark_dead_letters"].samples
    assert {"role": "land", "code": "truncated"} in [sample.labels for sample in dead]


def test_latency_is_in_seconds_and_never_negative() -> None:
    """A broker whose clock is ahead does not spoil the sum."""
    metrics = Metrics()
    metrics.latency(1500)
    metrics.latency(-20)
    text = metrics.exposition().decode()
    assert "tidemark_latency_seconds_sum 1.5" in text
    assert "tidemark_latency_seconds_count 2.0" in text


def test_processes_count_for_themselves() -> None:
    """Two sets of metrics share nothing, so that tests and demos do not add up."""
    _used()
    assert Metrics().total("tidemark_documents_landed_total") == 0


def test_a_failed_step_is_not_timed() -> None:
    """The error passes; a broken-off time would say nothing."""
    metrics = Metrics()
    with pytest.raises(ValueError, match="broken"), metrics.step("enrich", "core"):
        raise ValueError("broken")
    assert 'step="core"' not in metrics.exposition().decode()
