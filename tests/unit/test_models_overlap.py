"""The overlapped steps keep order, stay bounded, pass errors on and leave no thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.overlap import enrich_all
from streams.ports import Inference, ModelCard, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class _Steps:
    """An enricher whose result is the length of the text; one step can be made to fail."""

    card = ModelCard("none", "0", "none", "cpu", "int8", 1)

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.threads: dict[str, set[int]] = {"pre": set(), "core": set(), "post": set()}

    def _step(self, name: str, value: object) -> object:
        self.threads[name].add(threading.get_ident())
        if name == self.failing:
            raise ValueError(name)
        return value

    def pre(self, texts: Sequence[Text]) -> object:
        return self._step("pre", [len(text.text) for text in texts])

    def core(self, prepared: object) -> object:
        return self._step("core", prepared)

    def post(self, encoded: object) -> list[Inference]:
        lengths = self._step("post", encoded)
        assert isinstance(lengths, list)
        return [_inference(length) for length in lengths]


def _inference(length: int) -> Inference:
    return Inference(
        embedding=np.ones(1, dtype=np.float32),
        label="a",
        confidence=1.0,
        scores={"a": 1.0},
        summary="",
        summary_method="none",
        sentences=1,
        word_pieces=length,
        unknown_tokens=0,
        cut_off=False,
        tokens_in=length,
        tokens_out=0,
        tokenize_ms=0.0,
        inference_ms=0.0,
    )


def _batches(count: int) -> list[list[Text]]:
    return [[Text("", "x" * n), Text("", "y" * (n + 1))] for n in range(count)]


def _step_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith(("pre_", "core_", "post_"))]


def test_results_come_in_order() -> None:
    """Each batch's results are its own, in the order in which the batches came."""
    results = list(enrich_all(_Steps(), _batches(50)))
    assert [[r.word_pieces for r in batch] for batch in results] == [[n, n + 1] for n in range(50)]


def test_each_step_has_one_thread_of_its_own() -> None:
    """No step is called from two threads, and no two steps from one."""
    steps = _Steps()
    list(enrich_all(steps, _batches(10)))
    assert [len(ids) for ids in steps.threads.values()] == [1, 1, 1]
    assert len(set.union(*steps.threads.values())) == 3


@pytest.mark.parametrize("failing", ["pre", "core", "post"])
def test_an_error_of_a_step_is_raised(failing: str) -> None:
    """The caller sees the step's own exception, and no thread is left."""
    with pytest.raises(ValueError, match=failing):
        list(enrich_all(_Steps(failing), _batches(10)))
    assert _step_threads() == []


def test_an_error_of_the_batches_is_raised() -> None:
    """What the source of the batches raises is raised too."""

    def broken() -> Iterator[list[Text]]:
        yield from _batches(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(enrich_all(_Steps(), broken()))
    assert _step_threads() == []


def test_a_slow_taker_holds_the_steps_back() -> None:
    """At most four batches are drawn ahead of what was taken."""
    drawn = 0

    def counted() -> Iterator[list[Text]]:
        nonlocal drawn
        for batch in _batches(100):
            drawn += 1
            yield batch

    results = enrich_all(_Steps(), counted())
    for taken in range(1, 20):
        next(results)
        assert drawn <= taken + 3
    results.close()  # type: ignore[attr-defined]
    assert _step_threads() == []


def test_no_batches_give_no_results() -> None:
    """An empty stream ends at once."""
    assert list(enrich_all(_Steps(), [])) == []
