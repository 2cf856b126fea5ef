"""Prometheus rules and Grafana dashboards: they parse, and what they ask for exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.metrics import Metrics
from tests.support.compose_file import COMPOSE, WORKERS, document, services

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = document("prometheus/rules.yml")["groups"][0]["rules"]
DASHBOARDS = sorted((COMPOSE / "grafana/dashboards").glob("*.json"))
OF_PROMETHEUS = {"up"}


def exported() -> set[str]:
    """Names of all series of a worker."""
    text = Metrics().exposition().decode()
    names = set()
    for family in text_string_to_metric_families(text):
        suffix = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        names |= {f"{family.name}{end}" for end in suffix.get(family.type, ("",))}
    return names


def selectors(expression: Any) -> Iterator[Any]:
    """Yield every vector selector of a parsed expression."""
    if type(expression).__name__ == "VectorSelector":
        yield expression
        return
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        inner = getattr(expression, name, None)
        if inner is not None:
            yield from selectors(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from selectors(inner)


def asked(text: str) -> set[str]:
    """Names of the series that an expression asks for."""
    found = {selector.name for selector in selectors(promql_parser.parse(text))}
    written = set(re.findall(r"\b(?:tidemark_\w+|up)\b(?!\s*=)", re.sub(r'"[^"]*"', "", text)))
    assert found == written, "the walk over the expression has missed a part"
    return found


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_asks_for_series_that_exist(rule: dict[str, Any]) -> None:
    assert asked(rule["expr"])
    assert asked(rule["expr"]) <= exported() | OF_PROMETHEUS


def test_a_misspelt_series_would_be_noticed() -> None:
    assert not asked("sum(rate(tidemark_dead_leters_total[5m])) > 0") <= exported()


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_says_what_to_do(rule: dict[str, Any]) -> None:
    """Severity, summary, first step; and commands in it name services that exist."""
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "runbook"}
    for name in re.findall(r"exec (\S+)", rule["annotations"]["runbook"]):
        assert name in services()


def test_rules_pass_promtool() -> None:
    """Syntax, and rules_test.yml, where promtool is (Debian: prometheus)."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed")
    folder = COMPOSE / "prometheus"
    for arguments in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        answer = subprocess.run(
            [tool, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_rule_has_a_test_for_promtool() -> None:
    cases = document("prometheus/rules_test.yml")["tests"]
    tested = {one["alertname"] for case in cases for one in case["alert_rule_test"]}
    assert tested == {rule["alert"] for rule in RULES}


def test_prometheus_finds_the_workers_and_shows_them_the_token() -> None:
    config = document("prometheus/prometheus.yml")
    (job,) = (one for one in config["scrape_configs"] if one["job_name"] == "tidemark")
    assert job["metrics_path"] == "/metrics"
    assert tuple(job["dns_sd_configs"][0]["names"]) == (*WORKERS[:1], WORKERS[3], *WORKERS[1:3])
    told = services()["enrich"]["environment"]["TIDEMARK_WEB_TOKEN_FILE"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": told}
    assert config["rule_files"] == ["/etc/prometheus/rules.yml"]
    mounts = services()["prometheus"]["volumes"]
    assert "./prometheus/rules.yml:/etc/prometheus/rules.yml:ro" in mounts


@pytest.mark.parametrize("file", DASHBOARDS, ids=[file.stem for file in DASHBOARDS])
def test_panels_ask_sources_that_are_provisioned(file: Path) -> None:
    """Of the right kind; and their PromQL asks for series that exist."""
    provisioned = document("grafana/provisioning/datasources/tidemark.yml")["datasources"]
    known = {(one["type"], one["uid"]) for one in provisioned}
    board = json.loads(file.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert (target["datasource"]["type"], target["datasource"]["uid"]) in known
            if "expr" in target:
                assert asked(target["expr"]) <= exported()
            else:
                assert target["rawSql"].startswith("SELECT")


def test_grafana_reaches_what_it_is_told() -> None:
    """Hosts are services on a shared network, the password is a mounted secret."""
    found = services()
    for source in document("grafana/provisioning/datasources/tidemark.yml")["datasources"]:
        (host,) = re.findall(r"^(?:http://)?(\w+)", source["jsonData"].get("host") or source["url"])
        assert set(found[host]["networks"]) & set(found["grafana"]["networks"])
        for value in source.get("secureJsonData", {}).values():
            secret = re.fullmatch(r"\$__file\{/run/secrets/(\w+)\}", value)
            assert secret is not None
            assert secret[1] in found["grafana"]["secrets"]
    provider = document("grafana/provisioning/dashboards/tidemark.yml")["providers"][0]
    mounted = provider["options"]["path"]
    assert f"./grafana/dashboards:{mounted}:ro" in found["grafana"]["volumes"]
    plugin = found["grafana"]["environment"]["GF_PLUGINS_PREINSTALL_SYNC"]
    assert re.fullmatch(r"grafana-clickhouse-datasource@\d+\.\d+\.\d+", plugin)
