"""Features, sums and the significance of a difference."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from streams.drift.sketches.difference import LEAST_DOCUMENTS, difference
from streams.drift.sketches.features import LEVELS, MOST_DIMENSIONS, features_of, split_rows
from streams.drift.sketches.rows import sketch_rows
from streams.drift.sketches.sums import Sums, merged
from tests.support.sketched import DIMENSIONS, MODEL, sums_of, vectors
from tests.support.streams_of_documents import enriched


def test_frequencies_are_the_same_for_ever() -> None:
    """Sums that landed years ago are compared with today's: these draws are the kernel."""
    frequencies = features_of(384).frequencies.astype("<i4").tobytes()
    assert hashlib.sha256(frequencies).hexdigest()[:16] == "e7d87a5e1c51ed26"


def test_features_estimate_the_kernel() -> None:
    """Inner products of features are the Gaussian kernel, within what 128 frequencies allow."""
    some = np.random.default_rng(4).standard_normal((200, 384)).astype(np.float32)
    some[100:] = some[:100] + some[100:]  # cosines about 0.7 beside those about 0
    features = split_rows(features_of(384).rows(some), 384)[1] / LEVELS
    unit = some / np.linalg.norm(some, axis=1, keepdims=True)
    errors = features @ features.T / 128 - np.exp(unit @ unit.T - 1)
    assert abs(float(errors.mean())) < 0.02
    assert float(np.sqrt((errors**2).mean())) < 1 / np.sqrt(128)


@pytest.mark.parametrize("dimensions", [1, 8, 384, 768, 1024, 4096])
def test_sums_of_products_stay_exact_in_float32(dimensions: int) -> None:
    """No partial sum of a phase leaves the whole numbers that float32 holds."""
    worst = np.abs(features_of(dimensions).frequencies.astype(float)) ** 2
    longest = float(np.sqrt(worst.sum(axis=0)).max())
    assert longest * (2048 + np.sqrt(dimensions) / 2) < 2**24


def test_embeddings_that_cannot_be_used_are_left_out() -> None:
    """Zero, not finite, cut short, empty or absurdly long: the others of the batch count."""
    good = vectors(1, seed=1)[0]
    broken = [np.zeros(DIMENSIONS), np.full(DIMENSIONS, np.nan), np.ones(MOST_DIMENSIONS + 1)]
    payloads = [good.tobytes(), *(b.astype("<f4").tobytes() for b in broken), b"abc", b""]
    found = sketch_rows([enriched(n, embedding=payload) for n, payload in enumerate(payloads)])
    assert [kind >= 0 for kind in found.kinds] == [True, False, False, False, False, False]
    ((model, rows),) = found.parts(slice(0, len(payloads)))
    assert model.dimensions == DIMENSIONS
    np.testing.assert_array_equal(rows, features_of(DIMENSIONS).rows(good[None]))


def test_documents_of_two_models_are_told_apart() -> None:
    """Whichever documents a window asks for, it gets their rows, model by model, in order."""
    some = vectors(6, seed=3)
    found = sketch_rows(
        [
            enriched(n, embedding=vector.tobytes(), embedding_model="ab"[n % 2])
            for n, vector in enumerate(some)
        ]
    )
    parts = dict(found.part(1, 6).parts([0, 1, 3]))
    rows = features_of(DIMENSIONS).rows(some)
    by_name = {model.name: part for model, part in parts.items()}
    np.testing.assert_array_equal(by_name["a"], rows[[2, 4]])
    np.testing.assert_array_equal(by_name["b"], rows[[1]])


def test_sums_of_other_features_are_refused() -> None:
    """A number that looks right and is not would be worse than none."""
    record = sums_of(vectors(3, seed=2)).record()
    with pytest.raises(ValueError, match="cannot be read"):
        Sums.of_record(replace(record, kernel="gaussian-2/64"))
    with pytest.raises(ValueError, match="sums for"):
        Sums.of_record(replace(record, feature_sums=record.square_sums))
    with pytest.raises(ValueError, match="whole numbers"):
        Sums.of_record(replace(record, feature_sums=b"\x03abc"))


def test_models_do_not_mix() -> None:
    """Embeddings of different models have nothing to do with each other."""
    ours = sums_of(vectors(40, seed=1))
    theirs = sums_of(vectors(40, seed=2), MODEL._replace(name="other"))
    with pytest.raises(ValueError, match="2 models"):
        merged([ours, theirs])
    with pytest.raises(ValueError, match="different models"):
        difference([ours], [theirs])


def test_few_documents_have_no_significance() -> None:
    """Below the least number there is a score and no p-value; with one document no score either."""
    few = sums_of(vectors(LEAST_DOCUMENTS - 1, seed=1))
    many = sums_of(vectors(200, seed=2))
    assert difference([few], [many]).p_value is None
    with pytest.raises(ValueError, match="fewer than two"):
        difference([sums_of(vectors(1, seed=1))], [many])


def test_significance_of_equal_laws_is_uniform() -> None:
    """Of 400 pairs without drift one in twenty is below 0.05, half are below one half."""
    found = []
    for seed in range(400):
        drawn = vectors(100, seed=seed)
        p_value = difference([sums_of(drawn[:50])], [sums_of(drawn[50:])]).p_value
        assert p_value is not None
        found.append(p_value)
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.085
    assert 0.4 < np.mean(np.array(found) < 0.5) < 0.6


def test_a_moved_mean_is_found() -> None:
    """The score is far above 0 and chance is out of the question."""
    moved = difference([sums_of(vectors(200, seed=1))], [sums_of(vectors(200, seed=2, shift=0.5))])
    assert moved.mmd2 > 0.01
    assert moved.p_value is not None
    assert moved.p_value < 1e-6
    assert moved.centroid_distance > 0.01


def test_bursts_are_not_taken_for_drift() -> None:
    """Windows of near-copies: independent documents would be significant, bursts are not."""
    rng = np.random.default_rng(8)
    topics = vectors(60, seed=5)
    windows = []
    for topic in topics:
        copies = topic + 0.05 * rng.standard_normal((20, DIMENSIONS)).astype(np.float32)
        windows.append(sums_of(copies))
    found = difference(windows[:30], windows[30:])
    assert found.p_value is not None
    assert found.p_value_bursts is not None
    assert found.p_value < 1e-3
    assert found.p_value_bursts > 0.01
    assert min(found.bursts) > 5
