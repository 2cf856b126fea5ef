"""compose/README.md and the top README's part for operators: what they say is there."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from streams.config import Settings
from streams.durations import parse_duration
from tests.support.command_lines import parsed
from tests.support.compose_file import COMPOSE, document, load, services, variables

if TYPE_CHECKING:
    from pathlib import Path

README = (COMPOSE / "README.md").read_text(encoding="utf-8")
TOP = (COMPOSE.parent / "README.md").read_text(encoding="utf-8")
UNIT = re.findall(r"```ini\n(.*?)```", TOP, re.DOTALL)[0]
OPTIONS = r"(?:--\S+ )*"


def told() -> list[tuple[str, list[str]]]:
    """Return service and arguments of every `docker compose exec | run` that people are told."""
    rules = document("prometheus/rules.yml")["groups"][0]["rules"]
    texts = [README, *(rule["annotations"]["runbook"] for rule in rules)]
    found = []
    for text in texts:
        for service, words in re.findall(rf"exec {OPTIONS}(\w+) tidemark ([a-z-]+)", text):
            found.append((service, [words]))
        for service, words in re.findall(
            rf"compose {OPTIONS}(?:--profile \w+ )?run {OPTIONS}(\w+)(?: ([a-z-]+))?", text
        ):
            found.append((service, [words] if words else []))
    return found


def test_commands_that_people_are_told_exist() -> None:
    """Services of the file, commands of the program."""
    assert len(told()) >= 6
    for service, words in told():
        assert service in services()
        if words:
            # It raises where there is no such command; a group has a command of its own inside.
            assert parsed(words) in {words[0], "show"}


def test_profiles_and_variables_exist() -> None:
    """What the README says to set or to choose."""
    profiles = {name for one in load()["services"].values() for name in one.get("profiles", [])}
    assert set(re.findall(r"--profile (\w+)", README)) == profiles
    settings = {f"TIDEMARK_{name.upper()}" for name in Settings.model_fields}
    for name in re.findall(r"`([A-Z]+_[A-Z_]+[A-Z])(?:=\d)?`", README):
        assert name in {*variables(), *settings, "LAND_REPLICAS"}, name


def test_every_listener_is_in_the_table_of_the_threat_model() -> None:
    """Each network that a service is in, and each port that is published."""
    table = README[README.index("| listener |") :]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE))
    heads = {
        "kafka": "Kafka 9092, 9094",
        "registry": "registry 8080",
        "clickhouse": "ClickHouse 8123, 9000",
        "prometheus": "Prometheus 9090",
        "grafana": "Grafana 3000",
        "enrich": "worker page, metrics, SQL, 6066",
    }
    for name, head in heads.items():
        service = services()[name]
        reached = set(re.findall(r"`(\w+)`", rows[head]))
        assert reached == set(service["networks"]), name
        assert ("this host" in rows[head]) == ("ports" in service), name


def test_pages_are_at_the_published_ports() -> None:
    published = {port.split(":")[1] for one in services().values() for port in one.get("ports", [])}
    assert set(re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", README)) == published


def test_volumes_and_secrets_that_are_named_exist() -> None:
    content = load()
    for name in re.findall(r"`tidemark_(\w+)`", README):
        assert name in content["volumes"]
    for name in re.findall(r"secrets/(\w+)", README):
        assert name in content["secrets"]


def test_the_unit_runs_a_worker_and_gives_it_time() -> None:
    """Its settings exist, its command parses, and systemd kills later than a worker leaves."""
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of systemd
    unit.read_string(UNIT)
    service = unit["Service"]
    program, *words = service["ExecStart"].replace("%i", "enrich").split()
    assert program.endswith("/bin/tidemark")
    assert parsed(words) == "worker"
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    bound = parse_duration(str(Settings.model_fields["shutdown_timeout"].default)) / 1000
    assert parse_duration(service["TimeoutStopSec"]) / 1000 >= bound + 15
    named = set(re.findall(r"(TIDEMARK_\w+)=", UNIT))
    assert named <= {f"TIDEMARK_{name.upper()}" for name in Settings.model_fields}


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Where systemd-analyze is."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    file = tmp_path / "tidemark@.service"
    program = shutil.which("true") or "/bin/true"
    file.write_text(UNIT.replace("/opt/tidemark/.venv/bin/tidemark", program))
    instance = tmp_path / "tidemark@enrich.service"
    instance.symlink_to(file)
    command = [tool, "verify", "--man=no", str(instance)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in answer.stderr.splitlines() if "tidemark@" in line]
    assert complaints == []
