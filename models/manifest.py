"""The pinned models, read from ``manifest.toml``."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from streams.errors import Misconfigured

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Mapping

_TASKS = ("embedding", "classification", "inference", "summarization")
DEFAULT_MODEL = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file that a model consists of; ``size`` in bytes, 0 where nobody said."""

    name: str
    sha256: str
    size: int = 0


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


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder of this machine, or one that is mounted on it."""

    path: str


Source = HubSource | PackageSource | FolderSource
Task = Literal["embedding", "classification", "inference", "summarization", "head"]
"""``head`` is trained here on an embedding model, never pinned."""

_NEEDED = ("title", "licence", "revision", "weights", "files", "sources")
CONVERTED = "model.bin"
"""The name of weights that are CTranslate2's already; they are copied, not converted."""


@dataclass(frozen=True, slots=True)
class PinnedModel:
    """A model and everything that is fixed about it.

    Attributes:
        name: what Tidemark calls it; also the name of its folder.
        title: what its authors call it.
        weights: the file among ``files`` that holds the tensors, or their index.
        task: what it is for; ``inference`` is natural-language inference.
        dimensions: of an embedding model's vectors.
        max_tokens: longest input, special tokens included.
        temperature: of the softmax over zero-shot cosines, or over a classifier's logits.
        prompt: name and version of what a summarizer is asked.
        generation: how a summarizer writes, by the names of ``Generation``.
    """

    name: str
    title: str
    licence: str
    revision: str
    weights: str
    files: tuple[PinnedFile, ...]
    sources: tuple[Source, ...]
    task: Task = "embedding"
    dimensions: int = 0
    max_tokens: int = 512
    temperature: float = 1.0
    prompt: str = ""
    generation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes that are downloaded."""
        return sum(file.size for file in self.files)


def read_manifest(own: Path | None = None) -> dict[str, PinnedModel]:
    """Return the pinned models by name.

    Args:
        own: a manifest of the user's, whose models are added where it is there.

    Raises:
        Misconfigured: the user's manifest cannot be read, or renames a model of Tidemark's.
    """
    text = resources.files("models").joinpath("manifest.toml").read_text(encoding="utf-8")
    models = _models(text)
    if own is None or not own.is_file():
        return models
    try:
        added = _models(own.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        line = " ".join(said.split())
        raise Misconfigured(f"cannot read the manifest {own}: {line}") from error
    for name in sorted(added.keys() & models.keys()):
        raise Misconfigured(
            f"{own} pins {name!r}, which Tidemark pins already; choose another name"
        )
    return models | added


def _models(text: str) -> dict[str, PinnedModel]:
    return {name: _model(name, table) for name, table in tomllib.loads(text)["models"].items()}


def pinned(name: str, manifest: Mapping[str, PinnedModel] | None = None) -> PinnedModel:
    """Return one pinned model.

    Raises:
        Misconfigured: no such model; names those that there are.
    """
    known = read_manifest() if manifest is None else manifest
    if name not in known:
        raise Misconfigured(
            f"there is no model {name!r}; known models: {', '.join(sorted(known))}; a folder of "
            "yours is named by: tidemark models convert FOLDER --name NAME"
        )
    return known[name]


def _model(name: str, table: Mapping[str, Any]) -> PinnedModel:
    rest = {key: value for key, value in table.items() if key not in ("files", "sources")}
    _check(name, table)
    if name != Path(name).name or name.startswith("."):
        raise ValueError(f"{name!r} cannot be the name of a folder")
    files = tuple(PinnedFile(name=file, **pins) for file, pins in table["files"].items())
    return PinnedModel(
        name=name, files=files, sources=tuple(map(_source, table["sources"])), **rest
    )


def _check(name: str, table: Mapping[str, Any]) -> None:
    """Refuse what would only fail when the model is pulled, or after."""
    if table.get("task", "embedding") not in _TASKS:
        raise ValueError(f"{name} has no known task; use one of {', '.join(_TASKS)}")
    missing = [key for key in _NEEDED if not table.get(key)]
    if missing:
        raise ValueError(f"{name} has no {', '.join(missing)}")
    known = {each.name for each in fields(PinnedModel)}
    if unknown := sorted(table.keys() - known):
        raise ValueError(f"{name} has {unknown[0]!r}, which is no key of a model")
    if table["weights"] not in table["files"]:
        raise ValueError(f"the weights of {name}, {table['weights']!r}, are none of its files")
    safe = table["weights"].endswith((".safetensors", ".safetensors.index.json"))
    if not safe and table["weights"] != CONVERTED:
        raise ValueError(
            f"the weights of {name} are {table['weights']!r}: safetensors or {CONVERTED} of "
            "CTranslate2 only, for reading a pickle runs whatever code it holds"
        )


def _source(table: Mapping[str, str]) -> Source:
    values = {key: value for key, value in table.items() if key != "kind"}
    kinds = {"hub": HubSource, "package": PackageSource, "folder": FolderSource}
    if table.get("kind") not in kinds:
        raise ValueError(f"a source's kind is one of {', '.join(kinds)}, not {table.get('kind')!r}")
    source: Source = kinds[table["kind"]](**values)
    return source
