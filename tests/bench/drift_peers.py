"""Other drift detectors on the same streams, in an environment of their own (``peers.txt``).

Each gives a score after every few documents; more means drift. The threshold is set afterwards on
the quiet streams, for all methods alike; ``customary`` is what the library itself alarms at.

* alibi-detect's online detectors are built by the library, all but its own thresholds: these take
  minutes a reference and are not used here. Its ``score`` takes one document at a time, so the
  streams are scored by the same formulas for all documents at once, and the first documents of
  every reference are checked against the library's own answer.
* Evidently and NannyML compare chunks; Evidently's are the last 500 documents every 250, NannyML's
  200 documents, a tenth of the reference, as its default cuts it.
* ADWIN watches one number: the cosine to the reference's mean. Its confidence is its threshold, so
  several run side by side, and the score is the strictest one that alarmed.
"""

from __future__ import annotations

import logging
import os
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.evaluate.planting import Rows
    from tests.bench.drift_news import Pool

    Floats = npt.NDArray[np.float64]
    Floats32 = npt.NDArray[np.float32]

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

WINDOW = 500
STEP = 250
_CHUNK = 200
_ONLINE = 100  # alibi-detect's window
_CHECKED = 25
_TOLERANCE = 1e-3
_METRICS = "evidently.legacy.metrics.data_drift"
_DELTAS = np.array([0.1, 0.03, 0.01, 0.002, 5e-4, 1e-4, 1e-6])
_REGULARISED = 40  # permutations that LSDD's regularisation is inferred from


class Vectors:
    """What all methods share: the embeddings of the pool.

    Attributes:
        needs: the library, if any.
        customary: the threshold that the library or custom has.
        every: documents between two scores.
    """

    name = ""
    needs = ""
    every = 10
    customary: float | None = None

    @classmethod
    def available(cls) -> bool:
        """Whether this environment has the library."""
        return not cls.needs or find_spec(cls.needs) is not None

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        flat = b"".join(document.embedding for document in pool.documents)
        self.vectors = np.frombuffer(flat, "<f4").reshape(len(pool.documents), -1)

    def _ends(self, count: int) -> range:
        return range(self.every, count + 1, self.every)


class Centroids(Vectors):
    """Cosine distance between the mean of the last 500 documents and the reference's."""

    name, customary = "cosine of centroids", 0.1

    def learn(self, seed: int, rows: Rows) -> Floats32:
        del seed
        return np.asarray(self.vectors[rows].mean(axis=0))

    def scores(self, state: Floats32, rows: Rows) -> Floats32:
        totals = np.concatenate([np.zeros((1, len(state))), self.vectors[rows].cumsum(axis=0)])
        ends = np.array(self._ends(len(rows)))
        means = totals[ends] - totals[np.maximum(ends - WINDOW, 0)]
        lengths = np.linalg.norm(means, axis=1) * np.linalg.norm(state)
        distances = 1 - means @ state / lengths
        distances[ends < WINDOW] = 0.0
        return np.asarray(distances, np.float32)


class Adwin(Vectors):
    """river's ADWIN on the cosine to the reference's mean."""

    name, needs, customary = "river ADWIN", "river", float(-np.log10(0.002))

    def learn(self, seed: int, rows: Rows) -> tuple[Floats32, Floats32]:
        del seed
        mean = self.vectors[rows].mean(axis=0)
        mean /= np.linalg.norm(mean)
        return mean, self.vectors[rows] @ mean

    def scores(self, state: tuple[Floats32, Floats32], rows: Rows) -> Floats32:
        adwin = import_module("river.drift").ADWIN
        mean, reference = state
        values = self.vectors[rows] @ mean
        strictest = np.zeros(len(values), np.float32)
        for delta in _DELTAS.tolist():
            detector = adwin(delta=delta)
            for value in reference.tolist():
                detector.update(value)
            for at, value in enumerate(values.tolist()):
                detector.update(value)
                if detector.drift_detected:
                    strictest[at:] = np.maximum(strictest[at:], -np.log10(delta))
                    break
        return np.asarray(strictest[self.every - 1 :: self.every])


class EvidentlyEmbeddings(Vectors):
    """Evidently's embedding drift at its default: a linear classifier's ROC AUC."""

    name, needs, customary, every = "Evidently embeddings", "evidently", 0.55, STEP

    def learn(self, seed: int, rows: Rows) -> Any:
        del seed
        return rows

    def scores(self, state: Any, rows: Rows) -> Floats32:
        return _windows(rows, self.every, lambda part: self._score(state, part))

    def _score(self, reference: Rows, rows: Rows) -> float:
        pd = import_module("pandas")
        method = import_module(f"{_METRICS}.embedding_drift_methods").model()
        frames = [pd.DataFrame(self.vectors[part]) for part in (rows, reference)]
        return float(method(*frames)[0])


class EvidentlyText(EvidentlyEmbeddings):
    """Evidently's text drift at its default: a classifier of words, its ROC AUC."""

    name = "Evidently text"

    def learn(self, seed: int, rows: Rows) -> Any:
        del seed
        return self._texts(rows)

    def _score(self, reference: Any, rows: Rows) -> float:
        score = import_module("evidently.legacy.utils.data_drift_utils").calculate_text_drift_score
        return float(score(reference, self._texts(rows), bootstrap=False)[0])

    def _texts(self, rows: Rows) -> Any:
        pd = import_module("pandas")
        documents = [self.pool.documents[row] for row in rows.tolist()]
        return pd.Series([f"{document.title or ''} {document.text}" for document in documents])


class NannyMl(Vectors):
    """NannyML's multivariate drift: the error of reconstruction by principal components."""

    name, needs, customary, every = "NannyML", "nannyml", 3.0, _CHUNK

    def learn(self, seed: int, rows: Rows) -> Any:
        del seed
        nannyml = import_module("nannyml")
        frame = self._frame(rows)
        calculator = nannyml.DataReconstructionDriftCalculator(
            column_names=list(frame.columns), chunk_size=_CHUNK
        )
        calculator.fit(frame)
        errors = calculator.result.filter(period="reference").to_df()
        values = errors["reconstruction_error"]["value"].to_numpy(dtype=float)
        return calculator, float(values.mean()), float(values.std())

    def scores(self, state: Any, rows: Rows) -> Floats32:
        calculator, mean, deviation = state
        whole = rows[: len(rows) // _CHUNK * _CHUNK]
        found = calculator.calculate(self._frame(whole)).filter(period="analysis").to_df()
        errors = found["reconstruction_error"]["value"].to_numpy(dtype=float)
        return np.asarray(np.abs(errors - mean) / deviation, np.float32)

    def _frame(self, rows: Rows) -> Any:
        pd = import_module("pandas")
        names = [f"e{k}" for k in range(self.vectors.shape[1])]
        return pd.DataFrame(self.vectors[rows].astype(np.float64), columns=names)


class OnlineMmd(Vectors):
    """alibi-detect's online maximum mean discrepancy, window of 100 documents."""

    name, needs = "alibi-detect MMD", "alibi_detect"

    def learn(self, seed: int, rows: Rows) -> Any:
        detector = _online_detector("MMD", self.vectors[rows], seed, _unlimited)
        _check(detector, self._online(detector, self.vectors[rows[:_CHECKED]]), self.vectors[rows])
        return detector

    def scores(self, state: Any, rows: Rows) -> Floats32:
        return self._online(state, self.vectors[rows])[self.every - 1 :: self.every]

    def _online(self, detector: Any, stream: Floats32) -> Floats32:
        """Return the squared discrepancy after each document."""
        reference = np.asarray(detector.x_ref)
        sigma = float(np.asarray(detector.kernel.sigma).ravel()[0])
        first = reference[np.asarray(detector.init_test_inds)]
        both = np.concatenate([first, stream])
        cross = _rbf(both, reference[np.asarray(detector.ref_inds)], sigma).mean(axis=1)
        totals = np.concatenate([[0.0], np.cumsum(cross)])
        means = (totals[_ONLINE:] - totals[:-_ONLINE]) / _ONLINE
        own = _pairs(both, sigma) / (_ONLINE * (_ONLINE - 1))
        return np.asarray((float(detector.k_xx_sub_sum) + own - 2 * means)[1:], np.float32)


class OnlineLsdd(Vectors):
    """alibi-detect's online least-squares density difference, window of 100 documents."""

    name, needs = "alibi-detect LSDD", "alibi_detect"

    def learn(self, seed: int, rows: Rows) -> Any:
        detector = _online_detector("LSDD", self.vectors[rows], seed, _regularised)
        _check(detector, self._online(detector, self.vectors[rows[:_CHECKED]]), self.vectors[rows])
        return detector

    def scores(self, state: Any, rows: Rows) -> Floats32:
        return self._online(state, self.vectors[rows])[self.every - 1 :: self.every]

    def _online(self, detector: Any, stream: Floats32) -> Floats32:
        """Return the density difference after each document."""
        sigma = float(np.asarray(detector.kernel.sigma).ravel()[0])
        first = np.asarray(detector.x_ref_eff)[np.asarray(detector.init_test_inds)]
        both = np.concatenate([first, np.asarray(detector._normalize(stream))])
        kernels = _rbf(both, np.asarray(detector.kernel_centers), sigma)
        totals = np.concatenate([np.zeros((1, kernels.shape[1])), kernels.cumsum(axis=0)])
        means = (totals[_ONLINE + 1 :] - totals[1:-_ONLINE]) / _ONLINE
        h = np.asarray(detector.c2s)[None, :] - means
        return np.asarray(((h @ np.asarray(detector.H_lam_inv)) * h).sum(axis=1), np.float32)


METHODS: tuple[type[Vectors], ...] = (
    Centroids,
    Adwin,
    EvidentlyEmbeddings,
    EvidentlyText,
    NannyMl,
    OnlineMmd,
    OnlineLsdd,
)


def _online_detector(kind: str, vectors: Floats32, seed: int, thresholds: Any) -> Any:
    """Return alibi-detect's own detector with ``thresholds`` in place of its method for them."""
    import_module("tensorflow").random.set_seed(seed)
    module = import_module(f"alibi_detect.cd.tensorflow.{kind.lower()}_online")
    with patch.object(getattr(module, f"{kind}DriftOnlineTF"), "_configure_thresholds", thresholds):
        made = getattr(import_module("alibi_detect.cd"), f"{kind}DriftOnline")(
            vectors, ert=1e4, window_size=_ONLINE, verbose=False
        )
    return made._detector


def _unlimited(detector: Any) -> None:
    detector.thresholds = [np.inf] * _ONLINE


def _regularised(detector: Any) -> None:
    """Infer LSDD's regularisation as the library does, on its first test window."""
    tensorflow = import_module("alibi_detect.utils.tensorflow")
    _unlimited(detector)
    size = detector.n - detector.n_kernel_centers
    kept = size - (2 * _ONLINE - 1)
    rng = np.random.default_rng(size)
    orders = [rng.permutation(size).astype(np.int32) for _ in range(_REGULARISED)]
    first, second = [o[:kept] for o in orders], [o[kept : kept + _ONLINE] for o in orders]
    wide = tensorflow.GaussianRBF(np.sqrt(2.0) * detector.kernel.sigma)
    h = wide(detector.kernel_centers, detector.kernel_centers)
    limit = detector.lambda_rd_max
    _, detector.H_lam_inv = tensorflow.permed_lsdds(
        detector.k_xc, first, second, h, lam_rd_max=limit
    )


def _windows(rows: Rows, every: int, score: Any) -> Floats32:
    ends = range(every, len(rows) + 1, every)
    found = [score(rows[end - WINDOW : end]) if end >= WINDOW else 0.0 for end in ends]
    return np.array(found, np.float32)


def _rbf(left: Floats32, right: Floats32, sigma: float) -> Floats:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.asarray(np.exp(-np.maximum(squares, 0) / (2 * sigma * sigma)), np.float64)


def _pairs(both: Floats32, sigma: float) -> Floats:
    """Return the sum of kernels between different documents of each window."""
    count = len(both)
    behind = np.zeros(count)  # kernels of a document with those before it in a window that it ends
    ahead = np.zeros(count)
    for start in range(0, count, _ONLINE):
        end = min(start + _ONLINE, count)
        first = max(0, start - _ONLINE + 1)
        kernels = _rbf(both[start:end], both[first:end], sigma)
        here, there = np.arange(start, end)[:, None], np.arange(first, end)[None, :]
        near = kernels * ((there < here) & (there > here - _ONLINE))
        behind[start:end] += near.sum(axis=1)
        ahead[first:end] += near.sum(axis=0)
    sums = np.empty(count - _ONLINE + 1)
    sums[0] = behind[:_ONLINE].sum()
    for end in range(_ONLINE, count):
        gone = end - _ONLINE
        lost = ahead[gone]
        sums[end - _ONLINE + 1] = sums[end - _ONLINE] - lost + behind[end]
    return 2 * sums


def _check(detector: Any, own: Floats32, vectors: Floats32) -> None:
    """Compare with the library's scores of the first documents.

    Raises:
        AssertionError: they differ.
    """
    theirs = [float(detector.score(vector)) for vector in vectors[:_CHECKED]]
    detector._initialise_state()
    worst = np.abs(np.array(theirs) - own).max() / max(np.abs(theirs).max(), 1e-12)
    if worst > _TOLERANCE:
        raise AssertionError(f"scores differ from the library's by {worst:.2g}")
