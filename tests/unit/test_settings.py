"""Settings: documented, typed, from file, environment and command line in that order."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.config import Settings, load_settings
from streams.durations import parse_duration, parse_rate
from streams.errors import Misconfigured

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    """Each setting has a description and stands in the README by its variable's name."""
    assert Settings.model_fields[name].description
    assert f"`TIDEMARK_{name.upper()}`" in README


def test_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line beats the environment, which beats tidemark.toml."""
    (tmp_path / "tidemark.toml").write_text('window = "5m"\nlateness = "5m"\npartitions = 7\n')
    monkeypatch.setenv("TIDEMARK_WINDOW", "2m")
    monkeypatch.setenv("TIDEMARK_LATENESS", "2m")
    settings = load_settings(window="1m", lateness=None)
    assert (settings.window, settings.lateness, settings.partitions) == ("1m", "2m", 7)


def test_unknown_setting_in_file_is_refused(tmp_path: Path) -> None:
    """A misspelt setting is named, not ignored."""
    (tmp_path / "tidemark.toml").write_text('windw = "5m"\n')
    with pytest.raises(Misconfigured, match="windw"):
        load_settings()


def test_wrong_value_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value gives one line with the setting's name and what to write."""
    monkeypatch.setenv("TIDEMARK_WINDOW", "soon")
    with pytest.raises(Misconfigured, match=r"setting window: .*for instance 60s"):
        load_settings()


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password appears in no representation of the settings."""
    monkeypatch.setenv("TIDEMARK_KAFKA_PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secret("kafka_password") == "hunter2"


def test_secret_from_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret can come from a file; a missing file is named."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    monkeypatch.setenv("TIDEMARK_CLICKHOUSE_PASSWORD_FILE", str(secret))
    assert load_settings().secret("clickhouse_password") == "s3cret"
    secret.unlink()
    with pytest.raises(Misconfigured, match="TIDEMARK_CLICKHOUSE_PASSWORD_FILE"):
        load_settings().secret("clickhouse_password")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 500),
        ("60s", 60_000),
        ("1.5m", 90_000),
        ("2 hours", 7_200_000),
        ("7d", 604_800_000),
    ],
)
def test_durations(text: str, expected: int) -> None:
    """Durations are read as people write them, in milliseconds."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "5", "-1s", "0s", "1 fortnight"])
def test_wrong_durations(text: str) -> None:
    """What is no duration is refused."""
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


def test_rates() -> None:
    """Rates are events per millisecond."""
    assert parse_rate("1 per week") == pytest.approx(1 / 604_800_000)
    assert parse_rate("3 per 12h") == pytest.approx(3 / 43_200_000)


def test_a_wrong_setting_is_one_short_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a setting that takes a table or a path, without the names of types."""
    monkeypatch.setenv("TIDEMARK_LABELS", '{"sea": 1}')
    monkeypatch.setenv("TIDEMARK_GUARD", "luck")
    with pytest.raises(Misconfigured) as raised:
        load_settings()
    said = str(raised.value)
    assert said.startswith("setting labels.sea: Input should be a valid string; setting guard: ")
    assert "Value error" not in said
