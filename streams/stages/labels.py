"""What people say that documents are about: which labels can be, by whom and of what; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.messages import HumanLabel

UNSURE = "unsure"
MOST_LABELS = 100
MOST_CHARACTERS = 256
_MOST_ID_BYTES = 1024


def reasons(label: HumanLabel) -> Iterator[str]:
    """Yield why this can be nobody's word on a document; nothing where it can.

    ``unsure`` is what a model says that does not know: as a truth it would never be met.
    """
    if not label.doc_id.strip():
        yield "it names no document: doc_id is blank"
    if len(label.doc_id.encode(errors="replace")) > _MOST_ID_BYTES:
        yield f"doc_id is longer than {_MOST_ID_BYTES:,} bytes: no document has such a one"
    if len(label.labels) > MOST_LABELS:
        yield f"it has {len(label.labels)} labels: at most {MOST_LABELS} are taken"
    if not all(one.strip() for one in label.labels):
        yield "a label is blank: give none to take back what was said before"
    if UNSURE in label.labels:
        yield f"`{UNSURE}` is no label of a document: give none"
    texts = (label.source, label.labelled_by, *label.labels)
    if any(len(text) > MOST_CHARACTERS for text in texts):
        yield f"source, person and labels have at most {MOST_CHARACTERS} characters each"
