"""No text that a process writes shows a secret that it knows."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING

import pytest

from streams.cli.main import main
from streams.config import load_settings
from streams.logs import configure_logs, logger
from streams.secret_texts import SecretTexts, mask_text
from tests.support.brokers import own_logs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["own_logs"]

SECRET = "tide-under-the-bridge-4711"


@pytest.fixture
def known() -> SecretTexts:
    """Knows a long, a short and a strange secret."""
    texts = SecretTexts()
    for secret in (SECRET, "tidemark", "a b/c+d=e&f\n\u00e9\u00e8"):
        texts.add(secret)
    return texts


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"glued{SECRET}glued", "glued***glued"),
        ("the password tidemark.", "the password ***."),
        ("user=ada password=tidemark, again", "user=ada password=***, again"),
        ("topic tidemark.documents of tidemark-land", "topic tidemark.documents of tidemark-land"),
        ("at a%20b%2Fc%2Bd%3De%26f%0A%C3%A9%C3%A8 now", "at *** now"),
        ("at a+b%2Fc%2Bd%3De%26f%0A%C3%A9%C3%A8 now", "at *** now"),
        (repr({"password": "a b/c+d=e&f\n\u00e9\u00e8"}), "{'password': '***'}"),
        ("GET /?token=abc&range=1h", "GET /?token=***&range=1h"),
        ("https://host/t?client_secret=abc", "https://host/t?client_secret=***"),
        ("clickhouse://ada:other@host", "clickhouse://ada:***@host"),
    ],
)
def test_known_secrets_are_hidden(known: SecretTexts, text: str, masked: str) -> None:
    """As they are, quoted for addresses, as Python shows them; a common word where it is alone."""
    assert masked == known.mask(text)


def test_a_secret_of_a_letter_or_two_would_hide_words() -> None:
    """It is left to the other lines of defence."""
    texts = SecretTexts()
    texts.add("abc")
    texts.add(None)
    assert texts.mask("abc") == "abc"


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.usefixtures("own_logs")
def test_logs_show_no_setting_that_is_a_secret(
    log_format: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Wherever it stands: in the event, a value, a list, an exception, a library's line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_KAFKA_PASSWORD", SECRET)
    load_settings()
    configure_logs(log_format, "debug")
    log = logger(user="ada")
    try:
        int(SECRET)
    except ValueError:
        log.exception(f"failed {SECRET}", given=[SECRET], config={"sasl.password": SECRET})  # noqa: G004 - an event
    logging.getLogger("some.library").warning("login %s", SECRET)
    written = capsys.readouterr().err
    assert written.count("***") >= 4
    assert SECRET not in written


@pytest.mark.parametrize("arguments", [("doctor",), ("--debug", "doctor")])
def test_settings_that_are_refused_are_not_shown(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Neither in the line nor in the trace of an error about them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_KAFKA_PASSWORD", SECRET)
    monkeypatch.setenv("TIDEMARK_KAFKA_PASSWORD_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("TIDEMARK_WEB_PORT", SECRET)
    monkeypatch.setattr(sys, "argv", ["tidemark", *arguments])
    with pytest.raises(SystemExit):
        main()
    written = capsys.readouterr()
    assert "error: setting web_port" in written.err
    assert ("Traceback" in written.err) == ("--debug" in arguments)
    assert SECRET not in written.out + written.err


def test_passwords_in_addresses_are_known_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Drivers show them without the address."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMARK_CLICKHOUSE", "clickhouse://ada:in%2Fthe-address-1729@host/db")
    load_settings()
    assert mask_text("login as ada with in/the-address-1729") == "login as ada with ***"


@pytest.mark.usefixtures("own_logs")
def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    """What holds no secret keeps its type."""
    configure_logs("json", "info")
    logger().info("ready", roles=["land"], count=3, share=0.5, nothing=None)
    record = json.loads(capsys.readouterr().err)
    assert [record[name] for name in ("roles", "count", "share", "nothing")] == [
        ["land"],
        3,
        0.5,
        None,
    ]
