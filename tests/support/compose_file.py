"""``compose/compose.yml`` as tests see it: read, with the defaults of its variables filled in."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parents[2] / "compose"
FILE = COMPOSE / "compose.yml"

OURS = ("setup", "enrich", "drift", "land", "enrich-gpu", "sample", "produce")
WORKERS = ("enrich", "drift", "land", "enrich-gpu")
OTHERS = ("kafka", "registry", "clickhouse", "prometheus", "grafana")

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?-([^}]*))?\}")


def variables() -> dict[str, set[str]]:
    """Name -> the defaults that the file gives it."""
    found: dict[str, set[str]] = {}
    for name, default in _VARIABLE.findall(_uncommented()):
        found.setdefault(name, set()).add(default)
    return found


def services() -> dict[str, dict[str, Any]]:
    """Every service, merged, with all variables at their defaults."""
    found: dict[str, dict[str, Any]] = load()["services"]
    return found


def load() -> dict[str, Any]:
    """The whole file with all variables at their defaults; the caller's own copy."""
    return copy.deepcopy(_loaded())


@cache
def _loaded() -> dict[str, Any]:
    text = _VARIABLE.sub(lambda match: match.group(2), FILE.read_text(encoding="utf-8"))
    content: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    return content


def document(path: str) -> Any:
    """A YAML file beside compose.yml."""
    return yaml.safe_load((COMPOSE / path).read_text(encoding="utf-8"))


def _uncommented() -> str:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))
