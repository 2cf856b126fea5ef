"""compose/compose.yml: valid, documented, and every name in it exists."""

from __future__ import annotations

import copy
import json
import re
import shlex
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator

from streams.backends.clickhouse import parse_address
from streams.backends.kafka.jars import pinned_version
from streams.config import Settings, load_settings
from streams.durations import parse_duration
from tests.support.command_lines import parsed
from tests.support.compose_file import (
    COMPOSE,
    OTHERS,
    OURS,
    WORKERS,
    document,
    load,
    services,
    variables,
)

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = (COMPOSE / ".env.example").read_text(encoding="utf-8")
GRACE_AFTER_SHUTDOWN_S = 15


@pytest.fixture(scope="module")
def schema() -> Any:
    """The JSON schema of compose files, as the package check-jsonschema carries it."""
    files = distribution("check-jsonschema").files or []
    found = next(file for file in files if file.name == "compose-spec.json")
    return json.loads(found.read_text(encoding="utf-8"))


def test_valid_by_the_compose_specification(schema: Any) -> None:
    assert [error.message for error in Draft7Validator(schema).iter_errors(load())] == []


def test_a_misspelt_key_would_be_noticed(schema: Any) -> None:
    """The schema is one that refuses."""
    broken = copy.deepcopy(load())
    broken["services"]["kafka"]["read_onyl"] = True
    (error,) = Draft7Validator(schema).iter_errors(broken)
    assert "read_onyl" in error.message


def test_every_variable_is_documented_with_its_default() -> None:
    """.env.example lists what the file uses, no more, no less, and says the same defaults."""
    documented = dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    assert {name: {value} for name, value in documented.items()} == variables()


@pytest.mark.parametrize("service", OURS)
def test_every_setting_exists_and_is_valid(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a container is told loads as settings, and no name is ignored."""
    given = services()[service]["environment"]
    named = {name for name in given if name.startswith("TIDEMARK_")}
    assert named <= {f"TIDEMARK_{name.upper()}" for name in Settings.model_fields}
    monkeypatch.chdir(tmp_path)
    for name in named:
        monkeypatch.setenv(name, str(given[name]))
    settings = load_settings()
    assert (settings.kafka, settings.web_host) == ("kafka:9092", "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize("service", OURS)
def test_every_command_parses(service: str) -> None:
    """The command lines are those of our program, with their options."""
    found = _command_lines(services()[service])
    assert found
    for words in found:
        assert parsed([re.sub(r"^\$\w+$", "7", word) for word in words])


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed(["worker", "--roll", "enrich"])


@pytest.mark.parametrize("service", WORKERS)
def test_ports_are_those_of_the_settings(service: str) -> None:
    """Page, image, health check's default and Prometheus mean the same port."""
    default = str(Settings.model_fields["web_port"].default)
    assert services()[service]["environment"]["TIDEMARK_WEB_PORT"] == default
    dockerfile = (COMPOSE / "Dockerfile").read_text(encoding="utf-8")
    assert f"EXPOSE {default}\n" in dockerfile
    assert f'or "{default}"' in (COMPOSE / "healthcheck.py").read_text(encoding="utf-8")
    (job,) = (j for j in _scrapes() if j["job_name"] == "tidemark")
    (found,) = job["dns_sd_configs"]
    assert str(found["port"]) == default
    assert service in found["names"]


def test_the_roles_ask_services_that_are_there_at_ports_that_they_listen_on() -> None:
    found = services()
    told = found["land"]["environment"]
    host, port = told["TIDEMARK_KAFKA"].split(":")
    assert f"PIPELINE://:{port}" in found[host]["environment"]["KAFKA_LISTENERS"]
    registry = re.fullmatch(r"http://(\w+):(\d+)/\S+", told["TIDEMARK_SCHEMA_REGISTRY"])
    assert registry is not None
    assert found[registry[1]]["environment"]["QUARKUS_HTTP_PORT"] == registry[2]
    address = parse_address(told["TIDEMARK_CLICKHOUSE"])
    ping = found["clickhouse"]["healthcheck"]["test"][-1]
    assert str(address) == "ClickHouse at clickhouse:8123"
    assert ping == "http://127.0.0.1:8123/ping"


@pytest.mark.parametrize("service", OTHERS)
def test_ports_are_published_on_loopback_only(service: str) -> None:
    """And the port inside is one that the service is asked at somewhere in the project."""
    for port in services()[service].get("ports", []):
        address, _outside, inside = port.split(":")
        assert address == "127.0.0.1"
        assert inside in json.dumps(services()[service]["healthcheck"]) or (
            f"HOST://:{inside}" in services()[service]["environment"]["KAFKA_LISTENERS"]
        )


def test_only_those_with_a_port_can_be_reached_from_outside() -> None:
    """And every other network leads nowhere."""
    content = load()
    assert {name for name, one in content["networks"].items() if not one.get("internal")} == {
        "edge"
    }
    for name, service in content["services"].items():
        assert ("edge" in service["networks"]) == ("ports" in service), name


@pytest.mark.parametrize("service", [*OURS, *OTHERS])
def test_every_mounted_file_is_there(service: str) -> None:
    """Files of the repository; named volumes are declared."""
    volumes = load()["volumes"]
    for mount in services()[service].get("volumes", []):
        source, target, *mode = mount.split(":")
        if source.startswith("."):
            assert (COMPOSE / source).exists(), source
            assert mode == ["ro"], mount
        else:
            assert source in volumes
            assert (mode == ["ro"]) == (source == "weights" and service != "setup"), mount
            assert target.startswith("/")


def test_the_broker_is_the_one_that_the_tests_run() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{pinned_version()}"


@pytest.mark.parametrize("service", OURS)
def test_a_stop_is_given_its_time(service: str) -> None:
    """Docker kills later than a worker would leave by itself."""
    told = services()[service]
    needed = parse_duration(told["environment"]["TIDEMARK_SHUTDOWN_TIMEOUT"]) / 1000
    grace = parse_duration(told["stop_grace_period"]) / 1000
    assert grace >= needed + GRACE_AFTER_SHUTDOWN_S


def test_roles_wait_for_the_set_up() -> None:
    """Topics and tables are there first."""
    for name in WORKERS:
        assert services()[name]["depends_on"]["setup"] == {
            "condition": "service_completed_successfully"
        }


def _scrapes() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document("prometheus/prometheus.yml")["scrape_configs"]
    return found


def _command_lines(service: dict[str, Any]) -> list[list[str]]:
    """Return the arguments that our program is started with."""
    if "entrypoint" not in service:
        return [service["command"]]
    assert service["entrypoint"] == ["sh", "-ec"]
    (script,) = service["command"]
    parts = [shlex.split(part) for part in re.split(r"&&|\|", script)]
    return [words[1:] for words in parts if words[0] == "tidemark"]
