"""The documents nearest to a vector: the question, near-copies folded, other models said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from streams.backends.clickhouse import Reader

    Row = dict[str, Any]

_TIME = "DateTime64(3, 'UTC')"
_COPY = 0.97
"""Cosine of documents that say the same; of BFloat16 vectors, which are a hundredth off at most."""
_SPARE = 4
COLUMNS = (
    *("similarity", "published_at", "source", "label", "title", "summary", "copies", "doc_id"),
)
TYPES = (
    *(
        "Float64",
        "DateTime64(3, 'UTC')",
        "String",
        "String",
        "String",
        "String",
        "UInt64",
        "String",
    ),
)

_NEAREST = f"""\
SELECT similarity, published_at, source, label, title, summary, doc_id, embedding
FROM nearest(
    vector = [%s], model = {{model:String}}, revision = {{revision:String}},
    published_from = {{from:{_TIME}}}, published_to = {{to:{_TIME}}},
    source = {{source:String}}, label = {{label:String}}, most = {{most:UInt32}})"""

_MODELS = f"""\
SELECT embedding_model AS model, embedding_revision AS revision, count() AS documents
FROM documents
WHERE published_at >= {{from:{_TIME}}} AND published_at < {{to:{_TIME}}}
    AND ({{source:String}} = '' OR source = {{source:String}})
    AND ({{label:String}} = '' OR label = {{label:String}})
GROUP BY model, revision
ORDER BY documents DESC, model, revision"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A vector and which documents are asked for.

    Attributes:
        vector: shape ``(d,)``.
        model: that made it.
        revision: of the model.
        filters: ``from``, ``to``, ``source`` and ``label``.
        limit: most documents.
        without: a document that is not to be among them: its source and id.
    """

    vector: npt.NDArray[np.float32]
    model: str
    revision: str
    filters: dict[str, Any]
    limit: int
    without: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The documents, nearest first, and what is to be said about those that were left out."""

    rows: list[list[Any]]
    note: str | None


def nearest(reader: Reader, wanted: Wanted) -> Answer:
    """Ask for the nearest documents; near-copies of one before them are counted with it."""
    # In the statement itself, since parameters travel in the address, which has an end.
    numbers = ", ".join(f"{float(number):.6g}" for number in wanted.vector.tolist())
    parameters = wanted.filters | {
        "model": wanted.model,
        "revision": wanted.revision,
        "most": _SPARE * wanted.limit + 1,
    }
    found = reader.query(_NEAREST % numbers, parameters).dictionaries()
    kept = [row for row in found if (row["source"], row["doc_id"]) != wanted.without]
    rows = [[row[name] for name in COLUMNS] for row in folded(kept, wanted.limit)]
    return Answer(rows, _others(reader, wanted))


def folded(rows: Sequence[Row], limit: int) -> list[Row]:
    """Return the first rows that are no near-copies of ones before them, with their copies."""
    chosen: list[Row] = []
    import numpy as np  # noqa: PLC0415 - keeps `tidemark --help` fast

    directions: list[npt.NDArray[np.float64]] = []
    for row in rows:
        vector = np.array(row["embedding"], np.float64)
        vector /= np.linalg.norm(vector) or 1.0
        copied = next((k for k, other in enumerate(directions) if other @ vector >= _COPY), None)
        if copied is not None:
            chosen[copied]["copies"] += 1
        elif len(chosen) < limit:
            similarity = round(row["similarity"], 3)
            chosen.append(row | {"copies": 0, "similarity": similarity})
            directions.append(vector)
    return chosen


def _others(reader: Reader, wanted: Wanted) -> str | None:
    """Say how many documents are of other models, which cannot be compared."""
    rows = reader.query(_MODELS, wanted.filters).dictionaries()
    own = (wanted.model, wanted.revision)
    others = [row for row in rows if (row["model"], row["revision"]) != own]
    if not others:
        return None
    count = sum(row["documents"] for row in others)
    names = ", ".join(f"{row['model']}@{row['revision'][:12]}" for row in others[:3])
    model = f"{wanted.model}@{wanted.revision[:12]}"
    return f"not compared: {count:,} documents embedded by {names}; asked with {model}"
