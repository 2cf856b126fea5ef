"""The pinned models, read from ``manifest.toml``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MODEL = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file that a model consists of; ``size`` in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository of the Hugging Face Hub, read at the model's pinned revision."""

    repository: str


@dataclass(frozen=True, slots=True)
class PackageSource:
    """A Python package that carries the model's files in ``folder``."""

    project: str
    version: str
    folder: str


Source = HubSource | PackageSource


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """A model and everything that is fixed about it.

    Attributes:
        name: what Tidemark calls it; also the name of its folder.
        title: what its authors call it.
        weights: the file among ``files`` that holds the tensors.
        max_tokens: longest input, special tokens included.
        temperature: of the softmax over zero-shot cosines.
    """

    name: str
    title: str
    licence: str
    revision: str
    weights: str
    dimensions: int
    max_tokens: int
    temperature: float
    files: tuple[PinnedFile, ...]
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Bytes that are downloaded."""
        return sum(file.size for file in self.files)


def read_manifest() -> dict[str, PinnedModel]:
    """Return the pinned models by name."""
    text = resources.files("models").joinpath("manifest.toml").read_text(encoding="utf-8")
    return {name: _model(name, table) for name, table in tomllib.loads(text)["models"].items()}


def pinned(name: str, manifest: Mapping[str, PinnedModel] | None = None) -> PinnedModel:
    """Return one pinned model.

    Raises:
        Misconfigured: no such model; names those that there are.
    """
    known = read_manifest() if manifest is None else manifest
    if name not in known:
        raise Misconfigured(f"there is no model {name!r}; known models: {', '.join(sorted(known))}")
    return known[name]


def _model(name: str, table: Mapping[str, Any]) -> PinnedModel:
    rest = {key: value for key, value in table.items() if key not in ("files", "sources")}
    files = tuple(PinnedFile(name=file, **pins) for file, pins in table["files"].items())
    return PinnedModel(
        name=name, files=files, sources=tuple(map(_source, table["sources"])), **rest
    )


def _source(table: Mapping[str, str]) -> Source:
    values = {key: value for key, value in table.items() if key != "kind"}
    return HubSource(**values) if table["kind"] == "hub" else PackageSource(**values)
