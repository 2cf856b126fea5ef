"""The demo's own folder and settings."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.backends.kafka.process import lock_file
from streams.backends.kafka.sharing import Ownership
from streams.config import Settings
from streams.runtime.demo import DEMO_LABELS, _demo_settings, _fresh_folder
from tests.support.brokers import own_settings

__all__ = ["own_settings"]


def test_the_folder_is_fresh_and_stays(tmp_path: Path) -> None:
    """It is empty but for its lock, below the data folder, and can be looked at afterwards."""
    with _fresh_folder(tmp_path) as folder:
        assert folder.parent == tmp_path / "demo"
        assert [path.name for path in folder.iterdir()] == ["demo.lock"]
    assert folder.is_dir()


def test_the_next_demo_removes_what_nobody_uses(tmp_path: Path) -> None:
    """Disks do not fill with demos."""
    with _fresh_folder(tmp_path) as first:
        (first / "clickhouse").mkdir()
    with _fresh_folder(tmp_path) as second:
        assert [second] == list((tmp_path / "demo").iterdir())


def test_demos_side_by_side_keep_their_folders(tmp_path: Path) -> None:
    """Also on a broker of somebody else, where none of them owns one."""
    with ExitStack() as stack:
        folders = [stack.enter_context(_fresh_folder(tmp_path)) for _ in range(3)]
        assert len(set(folders)) == 3
        assert [folder for folder in folders if not folder.is_dir()] == []


def test_a_folder_whose_broker_runs_is_kept(tmp_path: Path) -> None:
    """A demo has ended, but somebody has started a broker on what it left."""
    with _fresh_folder(tmp_path) as first:
        pass
    owner = Ownership.claim(first)
    assert owner is not None
    with _fresh_folder(tmp_path):
        assert first.is_dir()
    owner.release()


def test_the_lock_ends_with_the_demo(tmp_path: Path) -> None:
    """Even when it fails."""
    with pytest.raises(RuntimeError, match="broken"), _fresh_folder(tmp_path) as folder:
        _fail_in(folder)
    left = folder / "rows"
    assert left.is_file()
    with _fresh_folder(tmp_path):
        assert not left.exists()


def _fail_in(folder: Path) -> None:
    assert lock_file(folder / "demo.lock") is None
    (folder / "rows").write_text("some")
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("documents", "reference"), [(100, 100), (2_000, 500), (5_000, 1_000), (50_000, 1_000)]
)
def test_the_reference_fits_the_documents(documents: int, reference: int) -> None:
    """A short demo would otherwise end before anything is watched."""
    settings = _demo_settings(Settings(), Path("folder"), documents)
    assert reference == settings.drift_reference


def test_everything_embedded_is_in_the_folder(tmp_path: Path) -> None:
    """Nothing that the user has is touched."""
    settings = _demo_settings(Settings(), tmp_path, 100)
    assert settings.clickhouse_url == f"chdb://{(tmp_path / 'clickhouse').resolve()}"
    assert settings.labels == DEMO_LABELS
    assert settings.topic_prefix == "tidemark"


def test_somebodys_broker_keeps_its_topics(tmp_path: Path) -> None:
    """The demo's topics have a prefix of their own there."""
    given = Settings(kafka="broker:9092", topic_prefix="prod")
    settings = _demo_settings(given, tmp_path / "20260101T000000", 100)
    assert settings.topic_prefix == "prod-demo-20260101t000000"


def test_what_the_user_set_holds(tmp_path: Path) -> None:
    """Labels, reference and database."""
    given = Settings(
        labels={"a": "b"}, drift_reference=150, clickhouse=f"chdb://{tmp_path}", log_level="debug"
    )
    settings = _demo_settings(given, tmp_path / "demo", 100_000)
    assert (settings.labels, settings.drift_reference) == ({"a": "b"}, 150)
    assert (settings.clickhouse, settings.log_level) == (f"chdb://{tmp_path}", "debug")
