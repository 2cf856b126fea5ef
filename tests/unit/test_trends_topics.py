"""Topics of a source: grouped by embedding, with an identity, bounded, whatever the batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streams.drift.codec import pack, unpack
from streams.drift.sketches.rows import sketch_rows
from streams.trends.centres import Centres
from streams.trends.groups import Fade, Groups
from streams.trends.naming import Words, distinctive
from streams.trends.source import SourceTopics
from streams.trends.tally import TopicTally
from tests.support.streams_of_documents import WORDS, enriched

if TYPE_CHECKING:
    import numpy.typing as npt

    from schemas.messages import Enriched
    from streams.trends.cards import Place

THEMES = ("harbour", "glacier", "violin", "enzyme", "ballot", "turbine")
SIZE = 32


def directions(count: int, seed: int = 1) -> npt.NDArray[np.float64]:
    """Orthogonal directions: themes as far apart as sentences of different matters."""
    drawn = np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    return np.asarray(np.linalg.qr(drawn)[0][:count])


def documents(themes: list[int], seed: int = 5, first: int = 0) -> list[Enriched]:
    """A document of each theme: around its direction, with its word among common ones."""
    rng = np.random.default_rng(seed)
    centres, made = directions(len(THEMES)), []
    for offset, theme in enumerate(themes, first):
        vector = centres[theme] + rng.normal(size=SIZE) * 0.12
        common = tuple(WORDS[k] for k in rng.choice(60, 10, replace=False).tolist())
        terms = (THEMES[theme], *common) if theme >= 0 else common
        embedding = vector.astype("<f4").tobytes()
        made.append(enriched(offset, terms=terms, embedding=embedding))
    return made


def drawn(count: int, themes: int, seed: int = 3) -> list[int]:
    choices: list[int] = np.random.default_rng(seed).integers(0, themes, count).tolist()
    return choices


def advanced(topics: SourceTopics, found: list[Enriched], batch: int = 128) -> list[Place | None]:
    places: list[Place | None] = []
    for start in range(0, len(found), batch):
        part = found[start : start + batch]
        places += topics.advance(part, sketch_rows(part))
    return places


def identities(places: list[Place | None]) -> list[str]:
    return [p.card.topic_id if p is not None and p.card is not None else "" for p in places]


def purity(identity: list[str], themes: list[int]) -> float:
    pairs = Counter(zip(identity, themes, strict=True))
    best: Counter[str] = Counter()
    for (topic, _), count in pairs.items():
        best[topic] = max(best[topic], count)
    return sum(best.values()) / len(identity)


def test_documents_of_a_theme_share_a_topic_named_by_its_word() -> None:
    """Six planted themes: nearly all documents are with their own, each under its own word."""
    themes = drawn(900, 6)
    places = advanced(SourceTopics("news"), documents(themes))
    assert purity(identities(places[300:]), themes[300:]) > 0.98
    names = {place.card.name.split(", ")[0] for place in places[-60:] if place and place.card}
    assert names == set(THEMES)


def test_there_are_no_topics_before_the_first_64_documents() -> None:
    """Too few documents say nothing; from the 65th on each has a place."""
    places = advanced(SourceTopics("news"), documents(drawn(80, 3)))
    assert [bool(identity) for identity in identities(places)] == [False] * 64 + [True] * 16


def test_the_identity_stays() -> None:
    """A theme keeps its topic over thousands of documents, also through a silence."""
    themes = [*drawn(600, 3), *drawn(1500, 2), *drawn(300, 3)]
    ids = identities(advanced(SourceTopics("news"), documents(themes)))
    for theme in range(3):
        before = [ids[k] for k in range(400, 600) if themes[k] == theme]
        after = [ids[k] for k in range(2100, 2400) if themes[k] == theme]
        ((most, _),) = Counter(before).most_common(1)
        assert after.count(most) > 0.95 * len(after)


def test_a_new_theme_gets_a_topic_that_says_when_it_was_first_seen() -> None:
    """A theme that begins in the middle is born within two turns, and is not older than it is."""
    themes = [*drawn(768, 3), *drawn(1024, 4)]
    found = documents(themes)
    places = advanced(SourceTopics("news"), found)
    first = next(k for k in range(768, len(themes)) if themes[k] == 3)
    late = [places[k] for k in range(768 + 512, len(themes)) if themes[k] == 3]
    cards = {place.card for place in late if place is not None and place.card is not None}
    assert {card.first_seen for card in cards} == {found[first].published_at}
    assert {card.name.split(", ")[0] for card in cards} == {THEMES[3]}
    assert all(card.parent for card in cards)


def test_a_stream_of_one_law_has_one_topic_for_long() -> None:
    """Documents that differ by noise alone are not cut into topics: half of them judge."""
    places = advanced(SourceTopics("news"), documents(drawn(2000, 1)))
    assert len(set(identities(places)) - {""}) == 1


def test_a_group_that_is_gone_fades() -> None:
    """Of a group that never comes back nothing is left after some half-lives: it ends, once."""
    rng = np.random.default_rng(8)
    one, two = directions(2)
    first = np.where(np.arange(256)[:, None] % 16 > 0, one, two)
    recent = unit_rows(first + rng.normal(size=(256, SIZE)) * 0.1)
    groups = Groups(Centres.none(SIZE))
    groups.turn(recent, 256, 256)
    assert len(groups.centres) == 2
    ended = []
    for turn in range(2, 80):
        new = unit_rows(one + rng.normal(size=(256, SIZE)) * 0.1)
        recent = np.concatenate([recent, new])[-1024:]
        ended += groups.turn(recent, 256, 256 * turn)
    assert [type(change) for change in ended] == [Fade]
    assert len(groups.centres) == 1


def unit_rows(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.rint(units * 2048), np.float32)


def test_where_there_is_no_room_a_new_theme_takes_the_place_of_the_nearest_two() -> None:
    """32 topics, then new themes: topics are merged into ones that live, and windows hear of it."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(36, 64)) / 8
    themes = [*rng.integers(0, 32, 2048).tolist(), *rng.integers(28, 36, 2048).tolist()]
    found = []
    for k, theme in enumerate(themes):
        vector = centres[theme] + rng.normal(size=64) * 0.05
        embedding = vector.astype("<f4").tobytes()
        found.append(enriched(k, embedding=embedding, terms=(f"theme{theme}",)))
    places = advanced(SourceTopics("news"), found)
    farewells = [f for place in places if place is not None for f in place.farewells]
    assert {farewell.ended for farewell in farewells} == {"merged"}
    assert all(f.into in identities(places) for f in farewells)
    assert purity(identities(places[-500:]), themes[-500:]) > 0.95


def test_bounded() -> None:
    """Whatever comes, a source has at most 32 topics and its state stays below 1 MB."""
    rng = np.random.default_rng(2)
    topics = SourceTopics("news")
    words = [tuple(f"w{n}" for n in rng.integers(0, 10**6, 300).tolist()) for _ in range(64)]
    for turn in range(8):
        centres = 6 * rng.normal(size=(60, 384))
        vectors = rng.normal(size=(256, 384)) + centres[rng.integers(0, 60, 256)]
        part = [
            enriched(turn * 256 + k, embedding=v.astype("<f4").tobytes(), terms=words[k % 64])
            for k, v in enumerate(vectors)
        ]
        places = topics.advance(part, sketch_rows(part))
    assert len(set(identities(places))) <= 32
    assert sum(len(encode()) for encode in topics.parts().values()) < 1_000_000


def test_models_are_never_mixed() -> None:
    """While a new model is rolled out, both have topics of their own, and both go on."""
    found = documents(drawn(800, 2))
    mixed = [replace(d, embedding_revision="def") if k % 2 else d for k, d in enumerate(found)]
    places = advanced(SourceTopics("news"), mixed)
    models = [place.card.model for place in places[-4:] if place is not None and place.card]
    assert models == ["mini@abc", "mini@def"] * 2
    assert not set(identities(places[200::2])) & set(identities(places[201::2]))


def test_a_document_without_a_usable_embedding_has_no_place() -> None:
    """It is in no topic, and moves none."""
    found = documents(drawn(200, 2))
    broken = replace(found[150], embedding=b"\x00" * 4 * SIZE)
    with_it = [*found[:150], broken, *found[150:]]
    places = advanced(SourceTopics("news"), with_it)
    assert places.pop(150) is None
    assert advanced(SourceTopics("news"), found) == places


def test_a_restored_source_goes_on_bit_for_bit() -> None:
    """Cut anywhere, stored as bytes and read again: the same places, names and farewells."""
    found = documents(drawn(1100, 5))
    whole = advanced(SourceTopics("news"), found)
    for cut in (1, 63, 64, 200, 256, 700, 1024):
        first = SourceTopics("news")
        before = advanced(first, found[:cut], batch=37)
        numbers, arrays = first.head()
        meta, tails = unpack(pack({"topics": numbers}, arrays))
        parts = {name: encode() for name, encode in first.parts().items()}
        second = SourceTopics("news")
        second.restore(meta["topics"], tails, parts)
        assert before + advanced(second, found[cut:], batch=101) == whole
        assert second.parts().keys() == advanced_parts(found)


def advanced_parts(found: list[Enriched]) -> set[str]:
    topics = SourceTopics("news")
    advanced(topics, found)
    return set(topics.parts())


def test_words_in_a_name_are_no_forms_of_one() -> None:
    """Singular and plural say the same; the second is left out."""
    own = Words({"robot": 9, "robots": 8, "arm": 7, "the": 10, "2024": 9}, 10, 10)
    other = Words({"the": 99, "court": 50}, 100, 100)
    assert distinctive(own, [other], 4) == ["robot", "arm"]


def test_function_words_name_no_topic() -> None:
    """Even where they tell it from all others."""
    own = Words({"between": 90, "such": 80, "robot": 40, "wenn": 30}, 100, 100)
    assert distinctive(own, [Words({"court": 50}, 100, 100)], 4) == ["robot"]
    assert distinctive(own, [], 4) == ["robot"]


def test_scripts_without_spaces_have_names_too() -> None:
    """Their words are pairs of characters; numbers name nothing."""
    own = Words({"港口": 9, "12": 9, "re": 9}, 10, 10)
    assert distinctive(own, [Words({"court": 50}, 100, 100)], 4) == ["港口"]


def test_the_most_central_document_speaks_for_a_topic() -> None:
    """Its id and summary are those of the highest cosine of the window; shares are by count."""
    places = [p for p in advanced(SourceTopics("news"), documents(drawn(300, 2))) if p][100:]
    tally = TopicTally()
    tally.add(places)
    records = TopicTally.of(tally.plain()).records()
    assert sum(record.documents for record in records) == 200
    for record in records:
        own = [p for p in places if p.card and p.card.topic_id == record.topic_id]
        best = max(own, key=lambda place: place.similarity)
        assert (record.central_doc_id, record.central_summary) == (best.doc_id, best.summary)
        assert record.similarity == sum(p.similarity for p in own) / len(own)
