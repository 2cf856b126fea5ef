"""Security on the command line: a refusal is one line and exit code 1; no secret is written."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from streams.backends.kafka.broker import Broker
from streams.backends.kafka.security import KafkaSecurity
from streams.cli.main import main
from streams.runtime.web_port import choose_port
from tests.support.brokers import nothing_left, own_logs, own_settings
from tests.support.certificates import KEY_PASSWORD
from tests.support.commands import data_folder, environment, running_command
from tests.support.fakes import FakeEnricher
from tests.support.runtime import documents, fresh_prefix, platform_on, publish, settings_for
from tests.support.secure_kafka import PASSWORD, as_settings
from tests.support.token_issuer import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.secure_kafka import SecureKafka

    Way = Callable[[SecureKafka], KafkaSecurity]

__all__ = ["nothing_left", "own_logs", "own_settings"]

pytestmark = [pytest.mark.kafka, pytest.mark.model]

TOKEN = "shown-to-the-pages-6066"
WRONG = "wrong-password-of-nobody"
IN_ADDRESS, OF_DATABASE, OF_REGISTRY = "in-the-address-1729", "database-5040", "registry-40320"
SECRETS = (PASSWORD, KEY_PASSWORD, SECRET, TOKEN, WRONG, IN_ADDRESS, OF_DATABASE, OF_REGISTRY)
COUNT = 40


def _only_tls(kafka: SecureKafka) -> KafkaSecurity:
    return KafkaSecurity("SSL", ca=kafka.certificates.ca)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command, a way to a broker that it cannot go, and what the line has to name."""

    command: str
    listener: str
    way: Way
    told: str


REFUSALS = {
    "wrong-password": Refusal(
        "worker --role drift", "LOGIN", lambda k: k.login("PLAIN", WRONG), "KAFKA_PASSWORD"
    ),
    "expired-certificate": Refusal(
        "worker --role drift", "EXPIRED", _only_tls, "certificate has expired"
    ),
    "plain-client-on-a-tls-port": Refusal(
        "worker --role drift", "MUTUAL", lambda _: KafkaSecurity(), "SECURITY_PROTOCOL"
    ),
    "certificate-of-another-host": Refusal(
        "topics create", "ELSEWHERE", _only_tls, "mismatch.*TIDEMARK_KAFKA names"
    ),
    "wrong-secret": Refusal(
        "--debug alerts", "LOGIN", lambda k: k.by_token(WRONG), "KAFKA_OAUTH_CLIENT_SECRET"
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_one_line(name: str, secure: SecureKafka, tmp_path: Path) -> None:
    """With the setting to look at; exit code 1, and a trace only where one is asked for."""
    refusal = REFUSALS[name]
    given = as_settings(secure.at(refusal.listener), refusal.way(secure))
    done = _run(refusal.command, environment(tmp_path, **given))
    assert done.returncode == 1
    assert re.match(f"error: .*{refusal.told}", done.stderr.splitlines()[-1]), done.stderr
    assert ("Traceback" in done.stderr) == ("--debug" in refusal.command)
    _hold_no_secret(done.stdout + done.stderr)


def test_doctor_names_the_setting(secure: SecureKafka, tmp_path: Path, model_folder: Path) -> None:
    """And goes on; what it says of database and registry shows no password, either."""
    security = replace(secure.login("PLAIN"), ca=secure.certificates.other_ca)
    env = environment(
        data_folder(tmp_path, model_folder),
        **as_settings(secure.at("LOGIN"), security),
        clickhouse=f"clickhouse://ada:{IN_ADDRESS}@127.0.0.1:1/tidemark",
        schema_registry=f"http://ada:{OF_REGISTRY}@127.0.0.1:1",
        web_host="0.0.0.0",  # noqa: S104 - refused
    )
    done = _run("doctor --format json", env)
    assert done.returncode == 1
    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert {found[name]["state"] for name in ("kafka", "clickhouse", "status page")} == {"failing"}
    assert "check TIDEMARK_KAFKA_CA" in found["kafka"]["detail"]
    assert "set TIDEMARK_WEB_TOKEN" in found["status page"]["detail"]
    _hold_no_secret(done.stdout + done.stderr)


@pytest.mark.parametrize(
    ("log_format", "listener", "way"),
    [
        ("json", "LOGIN", lambda k: replace(k.mutual(sealed=True), **_login(k))),
        ("console", "LOGIN", lambda k: k.by_token()),
    ],
)
def test_a_worker_shows_no_secret(
    log_format: str, listener: str, way: Way, secure: SecureKafka, tmp_path: Path
) -> None:
    """Neither in its logs at the lowest level, nor in the process list, nor on its pages."""
    host, port = choose_port("127.0.0.1", 0)
    env = environment(
        tmp_path,
        **as_settings(secure.at(listener), way(secure)),
        topic_prefix=fresh_prefix("secrets"),
        log_format=log_format,
        log_level="debug",
        web_port=port,
        web_token=TOKEN,
        clickhouse="clickhouse://ada@127.0.0.1:1/tidemark",
        clickhouse_password=OF_DATABASE,
    )
    shown = ""
    with running_command("worker", "--role", "drift", env=env, log=tmp_path / "log") as command:
        command.until(lambda: re.search(r"page\W+http", command.output))
        process = psutil.Process(command.process.pid)
        shown += " ".join(" ".join(one.cmdline()) for one in (process, *process.children()))
        for path in ("", "status.js", "api/status", "metrics", "health", "none", "router/"):
            shown += _page(f"http://{host}:{port}/{path}")
        command.signal(signal.SIGTERM)
        assert command.wait(60) == 0
        shown += command.output
    assert "role stopped" in shown
    _hold_no_secret(shown)


def test_the_pages_ask_for_the_token(secure: SecureKafka, tmp_path: Path) -> None:
    """Those of a real worker, Faust's own paths too; health answers everybody."""
    host, port = choose_port("127.0.0.1", 0)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    env = environment(
        tmp_path,
        kafka=secure.kafka.bootstrap,
        topic_prefix=fresh_prefix("pages"),
        web_port=port,
        web_token_file=tmp_path / "token",
    )
    with running_command("worker", "--role", "drift", env=env, log=tmp_path / "log") as command:
        command.until(lambda: re.search(r"page\W+http", command.output))
        with urlopen(f"http://{host}:{port}/health", timeout=10) as answer:
            assert answer.status == 200
        for path in ("", "metrics", "api/status", "clickhouse/", "router/", "table/", "none"):
            with pytest.raises(HTTPError, match="401"):
                urlopen(f"http://{host}:{port}/{path}", timeout=10)
        assert "tidemark_" in _page(f"http://{host}:{port}/metrics")


def test_nothing_starts_that_would_be_open_to_the_network(tmp_path: Path) -> None:
    """The line comes before any broker is looked for."""
    env = environment(tmp_path, kafka="nowhere.invalid:9092", web_host="0.0.0.0")  # noqa: S104
    done = _run("worker", env)
    assert done.returncode == 1
    assert "error: TIDEMARK_WEB_HOST=0.0.0.0" in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("own_logs")
def test_a_run_over_tls_reports_no_secret(
    secure: SecureKafka,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The whole command: documents in, rows landed, and a report that anybody may read."""
    settings = settings_for(tmp_path, topic_prefix=fresh_prefix("report"))
    platform = platform_on(Broker(secure.kafka.bootstrap, "external"), settings)
    publish(platform, documents(COUNT))
    given = {
        **as_settings(secure.at("LOGIN"), secure.login("SCRAM-SHA-512")),
        "data": tmp_path,
        "topic_prefix": settings.topic_prefix,
        "web_port": 0,
        "web_token": TOKEN,
        "land_wait": "100ms",
        "log_level": "debug",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"TIDEMARK_{name.upper()}", str(value))
    monkeypatch.setattr("streams.runtime.parts.open_enricher", lambda *_: FakeEnricher())
    report = tmp_path / "r.json"
    monkeypatch.setattr(sys, "argv", ["tidemark", "run", "--until-idle", "--report", str(report)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    figures = json.loads(report.read_text())
    assert [figures[name] for name in ("documents_in", "rows_landed", "lost", "duplicated")] == [
        COUNT,
        COUNT,
        0,
        0,
    ]
    written = capsys.readouterr()
    _hold_no_secret(report.read_text() + written.out + written.err)


def _login(kafka: SecureKafka) -> dict[str, str]:
    login = kafka.login("SCRAM-SHA-512")
    return {"protocol": "SASL_SSL", "username": str(login.username), "password": PASSWORD}


def _run(arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments.split()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env=env,
    )


def _page(url: str) -> str:
    request = Request(url, headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - loopback
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return f"{answer.headers}{answer.read().decode()}"
    except HTTPError as error:
        with error:
            return f"{error.headers}{error.read().decode()}"


def _hold_no_secret(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []
