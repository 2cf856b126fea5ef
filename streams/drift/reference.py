"""A segment's reference: collected, then fitted and calibrated once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.budget import documents_per_ms
from streams.drift.calibration import Calibration, calibrate
from streams.drift.codec import pack, pack_strings, unpack, unpack_strings
from streams.drift.documents import Kept
from streams.drift.scan import Scan
from streams.drift.spectrum import Spectrum, fit_spectrum

if TYPE_CHECKING:
    import numpy.typing as npt

    from streams.drift.options import DriftOptions

_EXAMPLES = 128
_VOCABULARY = 20_000
_LEAST_DOCUMENTS = 2  # words of a single reference document count as absent


@dataclass(frozen=True, slots=True)
class Reference:
    """What a segment is compared with.

    Attributes:
        documents: how many documents it was fitted on.
        volume: documents per millisecond of event time; 0 when it cannot be told.
    """

    documents: int
    volume: float
    spectrum: Spectrum
    calibration: Calibration
    scan: Scan
    standardizer: npt.NDArray[np.float32]

    def standardize(self, total: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
        """Return the sum of standard scores of ``count`` documents whose vectors sum to total."""
        return np.asarray((total - np.float32(count) * self.spectrum.mean) @ self.standardizer)

    def encode(self) -> bytes:
        """Return the reference as bytes."""
        law = self.calibration
        meta = {
            "documents": self.documents,
            "volume": self.volume,
            "combined": law.combined,
            "quiet": law.documents,
        }
        spectrum = self.spectrum
        arrays: dict[str, npt.NDArray[Any]] = {
            "mean": spectrum.mean,
            "axes": spectrum.axes,
            "deviations": spectrum.deviations,
            "location": law.location,
            "scale": law.scale,
        }
        return pack(meta, arrays)

    @classmethod
    def decode(cls, payload: bytes, options: DriftOptions) -> Reference:
        """Return the reference of ``encode``."""
        meta, arrays = unpack(payload)
        spectrum = Spectrum(arrays["mean"], arrays["axes"], arrays["deviations"])
        where, spread = meta["combined"]
        law = Calibration(arrays["location"], arrays["scale"], (where, spread), meta["quiet"])
        return _assemble(meta["documents"], meta["volume"], spectrum, law, options)


def fit(kept: Kept, options: DriftOptions, seed: int) -> Reference:
    """Return the reference of the collected documents; the same for the same seed."""
    spectrum, scores = fit_spectrum(kept.vectors.astype(np.float64))
    scan = Scan.of(spectrum.deviations, len(kept), options.ridges)
    law = calibrate(
        scan,
        scores,
        scales=options.scales,
        block=options.block_documents,
        streams=options.calibration_streams,
        documents=options.calibration_documents,
        seed=seed,
    )
    volume = documents_per_ms(kept.published_at)
    return _assemble(len(kept), volume, spectrum, law, options)


def _assemble(
    documents: int,
    volume: float,
    spectrum: Spectrum,
    calibration: Calibration,
    options: DriftOptions,
) -> Reference:
    scan = Scan.of(spectrum.deviations, documents, options.ridges)
    return Reference(documents, volume, spectrum, calibration, scan, spectrum.standardizer())


@dataclass(frozen=True, slots=True)
class Profile:
    """What the reference says in words, for explanations.

    Attributes:
        terms: documents that contain a word, for words of at least two documents.
        labels: documents per label.
        examples: some of its documents, evenly spread.
    """

    documents: int
    terms: dict[str, int]
    labels: dict[str, int]
    examples: Kept


def encode_profile(kept: Kept) -> bytes:
    """Return the profile of the collected documents as bytes."""
    counts = Counter(term for terms in kept.terms for term in terms.split("\n") if term)
    common = [
        (term, count)
        for term, count in counts.most_common(_VOCABULARY)
        if count >= _LEAST_DOCUMENTS
    ]
    rows = np.unique(np.linspace(0, len(kept) - 1, min(_EXAMPLES, len(kept))).astype(np.int64))
    strings = [term for term, _ in common]
    for column in (kept.doc_ids, kept.labels, kept.summaries):
        strings += [column[row] for row in rows.tolist()]
    meta = {
        "documents": len(kept),
        "terms": len(common),
        "examples": len(rows),
        "labels": dict(Counter(kept.labels)),
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        **pack_strings(strings),
        "counts": np.array([count for _, count in common], np.int32),
        "published_at": kept.published_at[rows],
        "vectors": kept.vectors[rows].astype(np.float16),
    }
    return pack(meta, arrays)


def decode_profile(payload: bytes) -> Profile:
    """Return the profile of ``encode_profile``."""
    meta, arrays = unpack(payload)
    strings = unpack_strings(arrays)
    words, rest = strings[: meta["terms"]], strings[meta["terms"] :]
    count = meta["examples"]
    examples = Kept(
        rest[:count],
        rest[count : 2 * count],
        rest[2 * count :],
        [""] * count,
        arrays["published_at"],
        arrays["vectors"].astype(np.float32),
    )
    terms = dict(zip(words, arrays["counts"].tolist(), strict=True))
    return Profile(meta["documents"], terms, meta["labels"], examples)
