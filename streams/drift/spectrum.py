"""What embeddings of the reference look like: mean, principal axes, honest variances.

Variances along axes that were fitted on the same documents are too small in the tail, grossly so
when there are fewer documents than dimensions. So scores are taken out of fold: each fifth of the
reference is rotated by the axes of the other four, and variances and the bootstrap use those. For
the bootstrap they are also scaled by the other fifths' deviations: a topic that comes once is far
out to a reference that has not met it, and the stream brings topics that this one has not. Scaled
by deviations in which it took part itself, it never is. Of independent documents all fifths have
the same deviations, and this changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

FOLDS = 5
_LEAST_DEVIATION = 1e-3  # of a vector's length, where nothing varies


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A rotation and scaling after which quiet embeddings have mean 0 and deviation 1.

    Attributes:
        mean: shape ``(d,)``, float32.
        standardizer: the matrix that rotates and scales, shape ``(d, d)``, float32.
        deviations: honest deviations along the axes, not increasing, shape ``(d,)``, float32.
    """

    mean: npt.NDArray[np.float32]
    standardizer: npt.NDArray[np.float32]
    deviations: npt.NDArray[np.float32]

    @classmethod
    def of(
        cls,
        mean: npt.NDArray[np.float32],
        axes: npt.NDArray[np.float16],
        deviations: npt.NDArray[np.float32],
    ) -> Spectrum:
        """Return the spectrum of principal axes, as columns in the precision that is stored."""
        standardizer = np.ascontiguousarray(axes.astype(np.float32) / deviations)
        return cls(mean.copy(), standardizer, deviations.copy())

    @property
    def axes(self) -> npt.NDArray[np.float16]:
        """Principal axes as columns, shape ``(d, d)``.

        Not kept beside the matrix: float32 errs by 2**-23 there and back, float16 rounds to 2**-11,
        so that they come back bit for bit.
        """
        return (self.standardizer * self.deviations).astype(np.float16)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what ``of`` takes, by name."""
        return {"mean": self.mean, "axes": self.axes, "deviations": self.deviations}


@dataclass(frozen=True, slots=True)
class Unmet:
    """The reference's documents as they look to a reference that has not met their fold.

    Attributes:
        scores: out-of-fold standard scores, shape ``(n, d)``.
        louder: deviations of all folds by those of the others, shape ``(folds, d)``: what standard
            scores by the axes of all folds are multiplied with.
    """

    scores: npt.NDArray[np.float32]
    louder: Floats


def folds_of(documents: int) -> npt.NDArray[np.int64]:
    """Return the fold of each document, shape ``(n,)``.

    Folds are stretches of the stream, so that dependence between neighbours stays outside.
    """
    return np.arange(documents) * FOLDS // documents


def fit_spectrum(vectors: Floats, least: float = 0.0) -> tuple[Spectrum, Unmet]:
    """Return the spectrum of ``vectors`` (n, d) and their scores.

    Args:
        vectors: one row per document, in the order of the stream.
        least: smallest deviation to believe in, in the vectors' units.
    """
    mean, axes = _principal(vectors)
    scores = _out_of_fold(vectors)
    documents, folds = len(vectors), folds_of(len(vectors))
    inflation = 1 + FOLDS / (documents * (FOLDS - 1))  # error of the mean of the other folds
    length = float((vectors**2).sum(axis=1).mean())
    floor = max(max(length, 1e-12) * _LEAST_DEVIATION**2, least**2)

    def deviations_of(rows: npt.NDArray[np.bool_]) -> Floats:
        honest = _non_increasing((scores[rows] ** 2).mean(axis=0) / inflation)
        return np.asarray(np.sqrt(np.maximum(honest, floor)))

    deviations = deviations_of(np.ones(documents, np.bool_))
    louder = np.stack([deviations / deviations_of(folds != fold) for fold in range(FOLDS)])
    spectrum = Spectrum.of(
        mean.astype(np.float32), axes.astype(np.float16), deviations.astype(np.float32)
    )
    standard = scores / deviations * louder[folds]
    return spectrum, Unmet((standard - standard.mean(axis=0)).astype(np.float32), louder)


def _principal(vectors: Floats) -> tuple[Floats, Floats]:
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    _, axes = np.linalg.eigh(centred.T @ centred)
    return mean, axes[:, ::-1]


def _out_of_fold(vectors: Floats) -> Floats:
    folds = folds_of(len(vectors))
    scores = np.empty_like(vectors)
    for fold in range(FOLDS):
        held_out = folds == fold
        mean, axes = _principal(vectors[~held_out])
        scores[held_out] = (vectors[held_out] - mean) @ axes
    return scores


def _non_increasing(values: Floats) -> Floats:
    """Return the non-increasing sequence nearest in squares (pool adjacent violators)."""
    means: list[float] = []
    counts: list[int] = []
    for value in values.tolist():
        means.append(value)
        counts.append(1)
        while len(means) > 1 and means[-2] < means[-1]:
            mean, count = means.pop(), counts.pop()
            total = counts[-1] + count
            means[-1] = (means[-1] * counts[-1] + mean * count) / total
            counts[-1] = total
    return np.repeat(means, counts)
