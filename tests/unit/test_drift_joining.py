"""What several statistics see of one change is one alert."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from schemas.messages import Evidence
from streams.drift.joining import Joining
from streams.stages.drift import DriftOptions, DriftStage
from tests.support import landed
from tests.support.streams_of_documents import Law, stream

if TYPE_CHECKING:
    from schemas.messages import DriftAlert

GRACE = 60_000
OPTIONS = DriftOptions(GRACE, 30_000, 1_000, 1 / (7 * 86_400_000))
NEW = tuple(f"new{number}" for number in range(30))
DOCUMENT = Evidence("doc-1", 0, "The harbour reopened.", 1.5)


def alert(name: str, at: int, state: str = "open", **changes: object) -> DriftAlert:
    """A message of the alert of a statistic, ``at`` seconds after the beginning."""
    return replace(
        landed.alert(),
        alert_id=name,
        kind=name,
        state=state,
        version=at * 1000,
        as_of=at * 1000,
        detected_at=at * 1000,
        changed_from=at * 1000 - 30_000,
        changed_to=at * 1000 - 20_000,
        message=f"{name} moved.",
        severity="warning",
        new_documents=(),
        also=(),
        **changes,  # type: ignore[arg-type]
    )


def closed(name: str, at: int) -> DriftAlert:
    return replace(alert(name, at, "closed"), reason="returned", message=f"{name} is over.")


def test_what_began_before_the_event_was_told_joins_it() -> None:
    """One id, rising versions, one opening, one closing; the others are listed as they join."""
    told = Joining(GRACE).fold(
        [
            *(alert("length", 100), alert("labels", 110), alert("copies", 120)),
            *(closed("length", 130), closed("copies", 140), closed("labels", 150)),
        ]
    )
    assert [one.state for one in told] == ["open", "update", "update", "closed"]
    assert {one.alert_id for one in told} == {"length"}
    assert [one.version for one in told] == sorted({one.version for one in told})
    assert [[moved.kind for moved in one.also] for one in told] == [
        [],
        ["labels"],
        ["labels", "copies"],
        ["labels", "copies"],
    ]
    assert told[2].message == "length moved. Also moved: labels, copies."
    assert told[-1].message == "length is over."
    assert told[-1].as_of == 150_000


def test_what_began_later_is_an_event_of_its_own() -> None:
    """Later than the detection by more than the grace and twice the width of its interval."""
    first, second = alert("length", 100), alert("labels", 300)
    near = alert("labels", 209)
    assert len({one.alert_id for one in Joining(GRACE).fold([first, near])}) == 1
    assert Joining(GRACE).fold([first, second]) == [first, second]


def test_an_event_is_told_by_who_can_show_documents() -> None:
    """The identity and the time of detection stay; the explanation becomes the better one."""
    rich = replace(alert("embedding", 110), new_documents=(DOCUMENT,))
    later = replace(rich, state="update", version=200_000, as_of=200_000)
    joining = Joining(GRACE)
    told = joining.fold([alert("length", 100), rich, later, alert("labels", 120)])
    assert [one.kind for one in told] == ["length", "embedding", "embedding", "embedding"]
    assert {one.alert_id for one in told} == {"length"}
    assert {one.detected_at for one in told} == {100_000}
    assert told[-1].new_documents == (DOCUMENT,)
    assert [moved.kind for moved in told[-1].also] == ["length", "labels"]


def test_an_event_is_as_severe_as_its_worst_member() -> None:
    """At once, and to its end."""
    critical = replace(alert("labels", 130, "update"), severity="critical")
    told = Joining(GRACE).fold(
        [
            *(alert("length", 100), alert("labels", 110), critical, closed("labels", 140)),
            *(alert("length", 150, "update"), closed("length", 160)),
        ]
    )
    assert [one.severity for one in told] == ["warning", "warning", *["critical"] * 3]


def test_updates_of_those_that_joined_say_nothing() -> None:
    """Somebody who reads the topic hears once what joined."""
    joining = Joining(GRACE)
    joining.fold([alert("length", 100), alert("labels", 110)])
    assert joining.fold([alert("labels", 120, "update"), closed("labels", 130)]) == []


def test_alerts_of_an_older_version_go_on() -> None:
    """Open alerts that no event knows pass as they are."""
    known = [alert("length", 100, "update"), closed("length", 200)]
    assert Joining(GRACE).fold(known) == known


def test_events_survive_a_restart() -> None:
    """After any message the state can be written as JSON, read, and gone on with."""
    rich = replace(alert("embedding", 110), new_documents=(DOCUMENT,))
    alerts = [alert("length", 100), rich, alert("labels", 120), closed("embedding", 130)]
    alerts += [alert("copies", 400), closed("labels", 410), closed("length", 420)]
    whole = Joining(GRACE).fold(alerts)
    joining, parts = Joining(GRACE), []
    for one in alerts:
        parts += joining.fold([one])
        head = json.loads(json.dumps(joining.head()))
        joining = Joining(GRACE)
        joining.restore(head)
    assert parts == whole
    assert [one.state for one in whole] == ["open", "update", "update", "open", "closed"]


def test_alerts_of_a_batch_stay_with_their_documents() -> None:
    """In the order of the documents, whichever statistic hands them in first."""
    placed = Joining(GRACE).fold_placed([(7, alert("length", 110)), (3, alert("labels", 100))])
    assert [(index, one.state, one.alert_id) for index, one in placed] == [
        (3, "open", "labels"),
        (7, "update", "labels"),
    ]


def test_a_change_of_everything_is_one_alert() -> None:
    """Other embeddings, words, labels and lengths at once: the stage opens one alert, not five."""
    law, rng = Law.of(8), np.random.default_rng(11)
    quiet, changed = law.draw(rng, 6_000), law.draw(rng, 720, shift=2.0)
    documents = [
        (origin, replace(document, tokens=40 + int(rng.integers(20))))
        for origin, document in stream(np.concatenate([quiet, changed]), rng)
    ]
    after = [
        (origin, replace(document, tokens=400, label="sports", terms=NEW, term_counts=(1,) * 30))
        for origin, document in documents[6_000:]
    ]
    output = DriftStage(OPTIONS).process([*documents[:6_000], *after])
    opened = [one for one in output.alerts if one.state == "open"]
    assert len(opened) == 1, [one.message for one in opened]
    assert {one.alert_id for one in output.alerts} == {opened[0].alert_id}
    kinds = {moved.kind for one in output.alerts for moved in one.also}
    assert len(kinds) >= 2
