"""Fixtures that tests of every kind share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from models.manifest import DEFAULT_MODEL
from models.registry import Registry

_REPOSITORY = Path(__file__).parents[1]

# No test judges by the clock: a busy machine draws examples slowly, too.
settings.register_profile(
    "tidemark", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tidemark")


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Return the folder of the pinned model, pulled once per machine and kept.

    ``TIDEMARK_TEST_MODELS`` names the data folder to keep it in; the repository's by default.
    """
    root = os.environ.get("TIDEMARK_TEST_MODELS", str(_REPOSITORY / ".tidemark"))
    return Registry(Path(root)).folder(DEFAULT_MODEL)
