"""What is computed for a whole batch is what each source would have computed for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.drift.prepared import Batch, Prepared
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from schemas.messages import Enriched


def documents(*, revisions: int, broken: bool) -> list[Enriched]:
    """Thirty documents of three sources in turn."""
    rng = np.random.default_rng(4)
    made = [document for _, document in stream(Law.of(8).draw(rng, 30), rng)]
    made = [
        replace(one, source=f"source {place % 3}", embedding_revision=str(place % revisions))
        for place, one in enumerate(made)
    ]
    if broken:
        made[7] = replace(made[7], embedding=b"\x00" * len(made[7].embedding))
    return made


def same(one: Prepared, other: Prepared) -> None:
    assert one.words.flat.tobytes() == other.words.flat.tobytes()
    for name in ("labels", "languages", "places"):
        assert getattr(one.facts, name) == getattr(other.facts, name)
    for name in ("ids", "times", "numbers", "buckets", "signatures", "contents", "words"):
        assert np.array_equal(getattr(one.facts, name), getattr(other.facts, name)), name
    said, expected = list(one.rows.parts(slice(None))), list(other.rows.parts(slice(None)))
    assert [model for model, _ in said] == [model for model, _ in expected]
    assert [rows.tobytes() for _, rows in said] == [rows.tobytes() for _, rows in expected]


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("revisions", [1, 2])
@pytest.mark.parametrize("places", [range(1, 30, 3), [1, 4, 7], [4, 10, 28]])
def test_a_source_finds_its_own_documents(
    places: range | list[int], *, revisions: int, broken: bool
) -> None:
    """All of them, the first of them, and some with others between that do not count."""
    made = documents(revisions=revisions, broken=broken)
    own = [made[place] for place in places]
    found, alone = Batch(made).of(list(places)), Prepared.of(own)
    same(found, alone)
    if revisions == 1:
        assert found.read is not None
        assert alone.read is not None
        (feed, first), (other, _) = found.read, alone.read
        rows = slice(first, first + len(own))
        assert feed.halves[rows].tobytes() == other.halves.tobytes()
        assert feed.coded[0][rows].tobytes() == other.coded[0].tobytes()
        assert feed.sound[rows].tolist() == other.sound.tolist()
