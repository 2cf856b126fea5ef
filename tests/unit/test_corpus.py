"""Documents that every machine has: distinct, dated, and in two parts."""

from __future__ import annotations

import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest

from schemas.codec import codec_for
from schemas.messages import Document, Origin
from streams.corpus import SOURCE, demo_documents
from streams.stages.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_717_243_200_000
GENERAL = '''"""Module text that is long enough to stand for a document by itself."""

class Thing:
    """A thing, described at sufficient length for anybody who reads this."""

    @property
    def size(self):
        """How large it is, said in more words than would really be needed."""

    @size.setter
    def size(self, value):
        """Make it another size, again said in more words than needed here."""

if True:
    async def run():
        """Runs something somewhere, with all the words that one might want."""

        def inner():
            """A function inside a function is an implementation's own matter."""

def short():
    """Too short."""

def copied():
    """Runs something somewhere, with all the words that one might want."""
'''


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a machine with a small standard library and two numerical packages."""
    library, site = tmp_path / "lib", tmp_path / "site"
    for path, text in {
        library / "things.py": GENERAL,
        library / "broken.py": "def (:",
        library / "nul.py": 'x = "\x00"',
        library / "test/check.py": '"""What tests say is no documentation, however long it is."""',
        library / "pydoc_data/topics.py": 'topics = {"if": "The if statement chooses, at length, '
        'between two ways.", "n": 5}',
        library / "escape.py": '"""An invalid escape \\d warns, which must not stop us."""',
        site / "numpy/__init__.py": '"""Arrays of numbers of any shape, and what can be done."""',
        site / "pandas/core/frame.py": '"""Tables whose columns have names, and more beside."""',
        site / "pandas/__init__.py": "",
        site / "other/__init__.py": '"""Another package that is not numerical, in words."""',
        site / "streams/__init__.py": '"""Our own text, which is not to be found in the corpus."""',
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = {"stdlib": library, "purelib": site, "platlib": site}
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(paths[name]))
    return tmp_path


def names(documents: Iterator[Document]) -> set[str | None]:
    return {document.doc_id for document in documents}


@pytest.mark.usefixtures("machine")
def test_modules_classes_functions_and_topics_are_documents() -> None:
    """Templates that do not parse, tests, copies and short texts are left out."""
    expected = {"things", "things.Thing", "things.Thing.size", "things.Thing.size#2", "things.run"}
    others = {"help.if", "escape", "numpy", "pandas.core.frame", "other"}
    assert names(demo_documents(100, now_ms=NOW)) == expected | others


@pytest.mark.usefixtures("machine")
def test_the_standard_library_comes_first_and_numbers_last() -> None:
    """60 to 40, so that the language changes on the way."""
    documents = list(demo_documents(5, now_ms=NOW, step_ms=10))
    assert [document.metadata["package"] for document in documents[:3]] == ["python"] * 3
    assert [document.metadata["package"] for document in documents[3:]] in (
        ["numpy", "pandas"],
        ["pandas", "numpy"],
    )
    assert [document.published_at for document in documents] == list(range(NOW - 40, NOW + 1, 10))


@pytest.mark.usefixtures("machine")
def test_a_document_says_where_it_is_from() -> None:
    """Dotted name, package, kind and file."""
    (found,) = (d for d in demo_documents(100, now_ms=NOW) if d.doc_id == "pandas.core.frame")
    assert (found.source, found.title, found.language) == (SOURCE, "pandas.core.frame", "en")
    assert found.metadata == {"package": "pandas", "kind": "module", "file": "core/frame.py"}
    assert found.text == "Tables whose columns have names, and more beside."


@pytest.mark.usefixtures("machine")
def test_the_order_is_the_same_every_time() -> None:
    """A demo can be repeated."""
    assert list(demo_documents(8, now_ms=NOW)) == list(demo_documents(8, now_ms=NOW))


def test_this_machine_has_enough_real_documents() -> None:
    """500 distinct documents that ingest accepts, without importing what they document."""
    before, own = set(sys.modules), ("encodings.", "_sysconfigdata")
    documents = list(demo_documents(500, now_ms=NOW))
    imported = {name for name in set(sys.modules) - before if not name.startswith(own)}
    assert imported == set()
    assert len(documents) == len(names(iter(documents))) == 500
    assert len({document.text for document in documents}) == 500
    assert min(len(document.text) for document in documents) >= 200
    ingest = Ingest(codec_for(None).decode, 4 << 20, 0)
    for document in documents:
        assert ingest.accept(document, Origin("t", 0, 0, NOW)).text
