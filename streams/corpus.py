"""Real documents that every machine has: what is written inside the installed Python packages.

First the standard library, then the numerical packages, so that the language really changes on the
way. The sources are parsed, never imported.
"""

from __future__ import annotations

import ast
import hashlib
import random
import sysconfig
import warnings
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.messages import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = "python-docs"
STANDARD_LIBRARY_SHARE = 0.6
# Cheapest to read first; a package is only parsed when those before it are not enough.
NUMERICAL_PACKAGES = (
    *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "matplotlib", "sympy"),
    *("ctranslate2", "tokenizers", "safetensors", "polars", "torch", "transformers"),
)
_MINIMUM_CHARACTERS = (200, 120, 80, 40)
_SKIPPED_FOLDERS = {"test", "tests", "testing", "idlelib", "lib2to3", "site-packages", "_vendor"}
_OURSELVES = {"streams", "models", "schemas", "compose"}
_TOPICS = "pydoc_data.topics"
_SEED = 20


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of documentation and where it stands."""

    name: str
    text: str
    package: str
    kind: str
    file: str


def demo_documents(limit: int, *, now_ms: int, step_ms: int = 1000) -> Iterator[Document]:
    """Yield up to ``limit`` documents, the last one dated ``now_ms`` and each a step apart.

    About 60 % are from the standard library (and other packages, when it is not enough), the rest
    from numerical packages. The order is the same at every call on a machine. Fewer come out when
    the machine has no more; then the dates end earlier.
    """
    names: set[str] = set()
    for number, passage in enumerate(passages(limit)):
        yield Document(
            text=passage.text,
            doc_id=_unique(passage.name, names),
            source=SOURCE,
            published_at=now_ms - (limit - 1 - number) * step_ms,
            title=passage.name,
            language="en",
            metadata={"package": passage.package, "kind": passage.kind, "file": passage.file},
        )


def passages(limit: int) -> Iterator[Passage]:
    """Yield up to ``limit`` distinct passages; the numerical part is read when its turn comes."""
    first = round(limit * STANDARD_LIBRARY_SHARE)
    seen: set[bytes] = set()
    yield from _part(_general_packages(), first, seen)
    yield from _part(_numerical_packages(), limit - first, seen)


def _part(folders: Iterator[tuple[str, Path]], wanted: int, seen: set[bytes]) -> list[Passage]:
    """Return passages in shuffled order, from as few packages and as long ones as will do."""
    found: list[Passage] = []
    for package, folder in folders:
        # A summary of two lines says nothing: rather another package than short documents.
        if sum(len(passage.text) >= _MINIMUM_CHARACTERS[0] for passage in found) >= wanted:
            break
        found += _new(_passages_of(package, folder), seen)
    for minimum in _MINIMUM_CHARACTERS:
        long = [passage for passage in found if len(passage.text) >= minimum]
        if len(long) >= wanted:
            break
    random.Random(_SEED).shuffle(long)  # noqa: S311 - an order, not a secret
    return long[:wanted]


def _new(passages: Iterator[Passage], seen: set[bytes]) -> Iterator[Passage]:
    for passage in passages:
        digest = hashlib.blake2b(passage.text.encode(), digest_size=16).digest()
        if digest not in seen and len(passage.text) >= _MINIMUM_CHARACTERS[-1]:
            seen.add(digest)
            yield passage


def _unique(name: str, names: set[str]) -> str:
    """Return the name, numbered when it is taken (a property's getter and setter share one)."""
    numbered = (f"{name}#{number}" for number in count(2))
    free = name if name not in names else next(n for n in numbered if n not in names)
    names.add(free)
    return free


def _general_packages() -> Iterator[tuple[str, Path]]:
    yield "python", Path(sysconfig.get_path("stdlib"))
    others = {*NUMERICAL_PACKAGES, *_OURSELVES}
    yield from (item for item in _installed() if item[0] not in others)


def _numerical_packages() -> Iterator[tuple[str, Path]]:
    installed = dict(_installed())
    return ((name, installed[name]) for name in NUMERICAL_PACKAGES if name in installed)


def _installed() -> list[tuple[str, Path]]:
    roots = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    inits = {init.parent for root in roots for init in Path(root).glob("*/__init__.py")}
    return sorted((folder.name, folder) for folder in inits)


def _passages_of(package: str, folder: Path) -> Iterator[Passage]:
    top = () if package == "python" else (package,)
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if _SKIPPED_FOLDERS.isdisjoint(inside.parts[:-1]):
            module = ".".join((*top, *inside.with_suffix("").parts)).removesuffix(".__init__")
            for name, kind, text in _documented(path, module):
                yield Passage(name, text, package, kind, inside.as_posix())


def _documented(path: Path, module: str) -> Iterator[tuple[str, str, str]]:
    tree = _parsed(path)
    if module == _TOPICS:
        yield from _topics(tree)
    else:
        yield from _walk(tree, module, "module")


def _parsed(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])  # templates, and code of other versions


def _walk(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str, kind: str
) -> Iterator[tuple[str, str, str]]:
    text = ast.get_docstring(node)
    if text:
        yield name, kind, text.encode("utf-8", "replace").decode().strip()
    if kind == "function":
        return
    for child in _statements(node.body):
        if isinstance(child, ast.ClassDef):
            yield from _walk(child, f"{name}.{child.name}", "class")
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _walk(child, f"{name}.{child.name}", "function")


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, also those that stand under a condition."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try)):
            yield from _statements([*statement.body, *statement.orelse])


def _topics(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Yield the chapters of the language reference behind ``help()``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name, text = _literal(key), _literal(value)
                if isinstance(name, str) and isinstance(text, str):
                    yield f"help.{name}", "topic", text.strip()


def _literal(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None
