"""A segment's reference: collected, then fitted and calibrated once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.drift.budget import documents_per_ms
from streams.drift.bursts import find_bursts
from streams.drift.calibration import Calibration, calibrate
from streams.drift.codec import deflated, inflated, pack, pack_strings, unpack, unpack_strings
from streams.drift.documents import Kept, as_bytes
from streams.drift.rotation import rotated
from streams.drift.scan import Scan
from streams.drift.spectrum import Spectrum, Unmet, fit_spectrum, folds_of
from streams.drift.view import LAWS, View, fit_view, lone_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from streams.drift.options import DriftOptions

EXAMPLES = 128
"""Documents that a reference shows, at most."""

_VOCABULARY = 20_000
_LEAST_DOCUMENTS = 2  # words of a single reference document count as absent


@dataclass(frozen=True, slots=True)
class Reference:
    """What a segment is compared with.

    Attributes:
        documents: how many documents it was fitted on.
        volume: documents per millisecond of event time; 0 when it cannot be told.
        view: turns documents into the numbers of the channels.
        spectra: of each channel, in the order of the view.
        means: of the numbers of all channels, shape ``(columns,)``.
        standardizers: of the embedding, and of all other channels together.
        coarse: whether its embeddings were rounded to 8 bits: then those of the stream are, too, so
            that a constant stream differs from its reference by nothing at all.
    """

    documents: int
    volume: float
    view: View
    spectra: tuple[Spectrum, ...]
    calibration: Calibration
    scan: Scan
    means: npt.NDArray[np.float32]
    standardizers: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
    coarse: bool = False

    @property
    def mean(self) -> npt.NDArray[np.float32]:
        """Mean embedding, shape ``(d,)``."""
        return self.spectra[0].mean

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(name for name, _ in self.view.channels)

    def standardize(self, totals: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
        """Return sums of standard scores, shape ``(n, columns)``, each as if it were alone.

        Args:
            totals: sums of numbers, shape ``(n, columns)``.
            count: documents of each.
        """
        first, rest = self.standardizers
        centred = totals - np.float32(count) * self.means
        edge = len(first)
        parts = rotated(centred[:, :edge], first), rotated(centred[:, edge:], rest)
        return np.concatenate(parts, axis=1)

    def embedding_scores(self, vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return standard scores of embeddings alone, shape ``(n, d)``."""
        return np.asarray((vectors - self.mean) @ self.standardizers[0], np.float64)

    def encode(self) -> bytes:
        """Return the reference as bytes."""
        law = self.calibration
        sizes, arrays = self.view.encode()
        meta = {
            "documents": self.documents,
            "volume": self.volume,
            "combined": law.combined,
            "quiet": law.documents,
            "view": sizes,
            "coarse": self.coarse,
        }
        for name, spectrum in zip(self.channels, self.spectra, strict=True):
            arrays |= {f"{name}/{field}": array for field, array in spectrum.arrays().items()}
        laws = {"location": law.location, "scale": law.scale, "shares": law.shares}
        return pack(meta, {**arrays, **laws})

    @classmethod
    def decode(cls, payload: bytes) -> Reference:
        """Return the reference of ``encode``."""
        meta, arrays = unpack(payload)
        # Copies, but for the axes, which are not kept: a view would keep the payload alive.
        arrays = {n: a if n.endswith("/axes") else a.copy() for n, a in arrays.items()}
        view = View.decode(meta["view"], arrays)
        spectra = tuple(
            Spectrum.of(**{f: arrays[f"{name}/{f}"] for f in ("mean", "axes", "deviations")})
            for name, _ in view.channels
        )
        where, spread = meta["combined"]
        location, scale, shares = arrays["location"], arrays["scale"], arrays["shares"]
        law = Calibration(location, scale, shares, (where, spread), meta["quiet"])
        whole = _assemble(meta["documents"], meta["volume"], view, spectra, law)
        return replace(whole, coarse=meta.get("coarse", False))


def fit(kept: Kept, facts: npt.NDArray[np.float32], options: DriftOptions, seed: int) -> Reference:
    """Return the reference of the collected documents; the same for the same seed.

    Args:
        kept: the documents.
        facts: of the documents, as ``view.facts_of`` returns them.
        options: scales, block and the bootstrap's size.
        seed: of clusters and bootstrap.
    """
    view, numbers = fit_view(kept, facts, seed)
    fitted = [_fitted(name, numbers[:, columns]) for name, columns in view.channels]
    bursts = find_bursts(_same_axes(view, fitted, numbers), view.dimensions, seed)
    if bursts.apart:
        place = [name for name, _ in view.channels].index("words")
        columns = view.channels[place][1]
        numbers[:, columns.start] = lone_shares(kept.terms, bursts.apart)
        fitted[place] = _fitted("words", numbers[:, columns])
        bursts = find_bursts(_same_axes(view, fitted, numbers), view.dimensions, seed)
    spectra = tuple(spectrum for spectrum, _ in fitted)
    law = calibrate(
        _scan(view, spectra, len(kept)),
        np.concatenate([unmet.scores for _, unmet in fitted], axis=1),
        bursts,
        shares=_shares(view),
        scales=options.scales,
        block=options.block_documents,
        streams=options.calibration_streams,
        documents=options.calibration_documents,
        seed=seed,
    )
    return _assemble(len(kept), documents_per_ms(kept.published_at), view, spectra, law)


def _fitted(name: str, numbers: npt.NDArray[np.float32]) -> tuple[Spectrum, Unmet]:
    return fit_spectrum(numbers.astype(np.float64), LAWS[name].least)


def _same_axes(
    view: View, fitted: Sequence[tuple[Spectrum, Unmet]], numbers: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Return standard scores by the same axes, as loud as to a reference without their fold."""
    folds = folds_of(len(numbers))
    parts = [
        (numbers[:, columns] - spectrum.mean).astype(np.float64)
        @ spectrum.standardizer
        * unmet.louder[folds]
        for (_, columns), (spectrum, unmet) in zip(view.channels, fitted, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def _assemble(
    documents: int,
    volume: float,
    view: View,
    spectra: tuple[Spectrum, ...],
    calibration: Calibration,
) -> Reference:
    first, *rest = (spectrum.standardizer for spectrum in spectra)
    standardizers = (first, _block_diagonal(rest))
    scan = _scan(view, spectra, documents)
    means = np.concatenate([spectrum.mean for spectrum in spectra])
    return Reference(documents, volume, view, spectra, calibration, scan, means, standardizers)


def _scan(view: View, spectra: Sequence[Spectrum], documents: int) -> Scan:
    return Scan.joined(
        [
            Scan.of(spectrum.deviations, documents, LAWS[name].ridges)
            for (name, _), spectrum in zip(view.channels, spectra, strict=True)
        ]
    )


def _shares(view: View) -> npt.NDArray[np.float64]:
    """Return the channels' shares of the budget; what a missing one would have had is shared."""
    shares = np.array([LAWS[name].share for name, _ in view.channels])
    return np.asarray(shares / shares.sum())


def _block_diagonal(blocks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    size = sum(len(block) for block in blocks)
    joined = np.zeros((size, size), np.float32)
    start = 0
    for block in blocks:
        end = start + len(block)
        joined[start:end, start:end] = block
        start = end
    return joined


@dataclass(frozen=True, slots=True)
class Profile:
    """What the reference says in words, for explanations.

    Attributes:
        terms: documents that contain a word, for words of at least two documents.
        labels: documents per label.
        examples: some of its documents, evenly spread.
        label_means: mean embedding of each label's documents, shape ``(d,)``; none in profiles of
            older versions.
    """

    documents: int
    terms: dict[str, int]
    labels: dict[str, int]
    examples: Kept
    label_means: dict[str, npt.NDArray[np.float32]]


def encode_profile(kept: Kept) -> bytes:
    """Return the profile of the collected documents as bytes."""
    counts = Counter(term for terms in kept.terms for term in terms.split("\n") if term)
    common = [
        (term, count)
        for term, count in counts.most_common(_VOCABULARY)
        if count >= _LEAST_DOCUMENTS
    ]
    told = np.flatnonzero([bool(name) for name in kept.doc_ids])
    rows = told[np.unique(np.linspace(0, len(told) - 1, min(EXAMPLES, len(told))).astype(np.int64))]
    strings = [term for term, _ in common]
    for column in (kept.doc_ids, kept.labels, kept.summaries):
        strings += [column[row] for row in rows.tolist()]
    labels = Counter(kept.labels)
    meta = {
        "documents": len(kept),
        "terms": len(common),
        "examples": len(rows),
        "labels": dict(labels),
    }
    arrays: dict[str, npt.NDArray[Any]] = {
        **pack_strings(strings),
        "counts": np.array([count for _, count in common], np.int32),
        "published_at": kept.published_at[rows],
        **dict(zip(("vectors", "scales"), as_bytes(kept.vectors[rows]), strict=True)),
        "label_means": _label_means(kept, list(labels)),
    }
    sizes, arrays = deflated(arrays, ["text", "lengths", "counts"], 6)
    return pack({**meta, **sizes}, arrays)


def _label_means(kept: Kept, labels: Sequence[str]) -> npt.NDArray[np.float16]:
    """Return the mean embedding of each label's documents, shape ``(labels, d)``."""
    place = {label: row for row, label in enumerate(labels)}
    rows = np.array([place[label] for label in kept.labels], np.int64)
    sums = np.zeros((len(labels), kept.vectors.shape[1]))
    np.add.at(sums, rows, kept.vectors)
    means = sums / np.bincount(rows, minlength=len(labels))[:, None]
    return np.asarray(means, np.float16)


def decode_profile(payload: bytes) -> Profile:
    """Return the profile of ``encode_profile``."""
    meta, arrays = unpack(payload)
    arrays = inflated(meta, arrays)
    strings = unpack_strings(arrays)
    words, rest = strings[: meta["terms"]], strings[meta["terms"] :]
    count = meta["examples"]
    examples = Kept(
        rest[:count],
        rest[count : 2 * count],
        rest[2 * count :],
        [""] * count,
        arrays["published_at"],
        arrays["vectors"].astype(np.float32)
        * arrays.get("scales", np.ones(count, np.float32))[:, None],
        np.empty((count, 0), np.float32),
    )
    terms = dict(zip(words, arrays["counts"].tolist(), strict=True))
    means = arrays["label_means"].astype(np.float32) if "label_means" in arrays else ()
    by_label = dict(zip(meta["labels"], means, strict=False))
    return Profile(meta["documents"], terms, meta["labels"], examples, by_label)
