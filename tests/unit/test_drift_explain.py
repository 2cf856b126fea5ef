"""What an alert says about the kind of change: mix or content, and which documents show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from streams.drift.decompose import decompose, split

if TYPE_CHECKING:
    import numpy.typing as npt

MEANS = {"a": np.array([1.0, 0.0, 0.0]), "b": np.array([-1.0, 0.0, 0.0])}
BEFORE = {"a": 50, "b": 50}


def drawn(
    rng: np.random.Generator, share: float, within: float
) -> tuple[npt.NDArray[np.float64], list[str]]:
    """400 documents, ``share`` of them of label a; all of them moved along the third axis."""
    labels = ["a" if chance < share else "b" for chance in rng.random(400)]
    scores = np.array([MEANS[label] for label in labels]) + rng.normal(size=(400, 3)) * 0.5
    scores[:, 2] += within
    return scores, labels


@pytest.mark.parametrize(
    ("share", "within", "mix_part"), [(0.9, 0.0, 1.0), (0.5, 0.8, 0.0), (0.75, 0.5, 0.5)]
)
def test_mix_and_content_are_told_apart(share: float, within: float, mix_part: float) -> None:
    """A stream whose labels shift, one whose content shifts, and one where both do."""
    scores, labels = drawn(np.random.default_rng(3), share, within)
    move = decompose(scores, labels, BEFORE, MEANS, np.ones(3))
    assert move.mix + move.within == pytest.approx(move.total)
    assert move.mix / move.total == pytest.approx(mix_part, abs=0.12)


def test_the_parts_are_the_whole_change_of_the_mean() -> None:
    """Whatever the labels, those that one side lacks included: nothing is left over."""
    rng = np.random.default_rng(4)
    for _ in range(50):
        old_labels = rng.choice(["a", "b", "c"], 60)
        new_labels = rng.choice(["b", "c", "d"], 40)
        old, new = rng.normal(size=60), rng.normal(size=40) + 1
        before = {label: int((old_labels == label).sum()) for label in set(old_labels.tolist())}
        means = {label: float(old[old_labels == label].mean()) for label in before}
        mix, within = split(new, new_labels, before, means)
        assert mix + within == pytest.approx(new.mean() - old.mean())


def test_noise_is_no_change_of_content() -> None:
    """In 400 dimensions a few quiet documents have moved nowhere on average."""
    rng = np.random.default_rng(5)
    means = {"a": np.zeros(400)}
    moves = [
        decompose(rng.normal(size=(40, 400)), ["a"] * 40, {"a": 9}, means, np.ones(400)).total
        for _ in range(40)
    ]
    assert abs(float(np.mean(moves))) < 0.1
