"""The encoder's token vectors of all documents, computed once and kept in a file.

The encoder is frozen while the decoder learns, so that its vectors are the same in every epoch.
They come from the int8 weights that will serve the finished model too: the decoder learns on what
it will be given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from models.convert.spec import WEIGHTS
from models.cpu import tune_process
from models.encoder import calls
from models.files import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

_TOKENS_PER_CALL = 2048
_VECTORS, _NOTE = "states.f16", "states.json"


@dataclass(frozen=True, slots=True)
class States:
    """Token vectors of many documents.

    Attributes:
        vectors: float16 [all tokens, dimensions], mapped from the file.
        begins: where each document begins, and where the last one ends.
    """

    vectors: npt.NDArray[np.float16]
    begins: npt.NDArray[np.int64]

    def padded(
        self, documents: npt.NDArray[np.intp]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return the vectors [documents, longest, dimensions], and 1 where there is a token."""
        lengths = self.begins[documents + 1] - self.begins[documents]
        found = np.zeros((len(documents), int(lengths.max()), self.vectors.shape[1]), np.float32)
        mask = np.zeros(found.shape[:2], np.int64)
        for row, (document, length) in enumerate(zip(documents, lengths, strict=True)):
            begin = self.begins[document]
            found[row, :length] = self.vectors[begin : begin + length]
            mask[row, :length] = 1
        return found, mask


def encoded(
    sources: Sequence[Sequence[int]],
    weights: Path,
    folder: Path,
    progress: Callable[[int, int], None],
    *,
    threads: int = 1,
) -> States:
    """Return the token vectors of documents; what a file in ``folder`` holds already is taken.

    Args:
        sources: token ids of each document.
        weights: folder of an encoder that CTranslate2 runs.
        folder: where the vectors are kept; two bytes for each token and dimension.
        progress: called with how many documents of how many are done.
        threads: CPU threads.
    """
    begins = np.concatenate([[0], np.cumsum([len(ids) for ids in sources])]).astype(np.int64)
    dimensions = int(json.loads((weights.parent / "config.json").read_text())["hidden_size"])
    note = {"of": _fingerprint(sources, weights), "shape": [int(begins[-1]), dimensions]}
    shape = (int(begins[-1]), dimensions)
    if not _is_whole(folder, note):
        folder.mkdir(parents=True, exist_ok=True)
        target = np.memmap(folder / _VECTORS, np.float16, "w+", shape=shape)
        whole = States(target, begins)
        _encode(sources, weights, whole, progress, threads)
        target.flush()
        (folder / _NOTE).write_text(json.dumps(note), encoding="utf-8")
    return States(np.memmap(folder / _VECTORS, np.float16, "r", shape=shape), begins)


def _is_whole(folder: Path, note: dict[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / _NOTE).read_text(encoding="utf-8")) == note)
    except (OSError, ValueError):
        return False


def _fingerprint(sources: Sequence[Sequence[int]], weights: Path) -> str:
    found = sha256(sha256_of(weights / WEIGHTS).encode())
    for ids in sources:
        found.update(np.asarray([len(ids), *ids], np.int32).tobytes())
    return found.hexdigest()


def _encode(
    sources: Sequence[Sequence[int]],
    weights: Path,
    target: States,
    progress: Callable[[int, int], None],
    threads: int,
) -> None:
    import ctranslate2  # noqa: PLC0415 - heavy import

    tune_process()
    encoder = ctranslate2.Encoder(
        str(weights), compute_type="int8", inter_threads=1, intra_threads=threads
    )
    rows = [list(ids) for ids in sources]
    done = 0
    for part in calls(rows, _TOKENS_PER_CALL, padded=False):
        batch = [rows[index] for index in part.tolist()]
        found = np.asarray(encoder.forward_batch(batch).last_hidden_state)
        for index, vectors in zip(part.tolist(), found, strict=True):
            target.vectors[target.begins[index] : target.begins[index + 1]] = vectors
        done += len(batch)
        progress(done, len(rows))
