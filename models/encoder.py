"""Vectors of texts from CTranslate2: sub-batches of like length, and pooling."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from models.cpu import available_cores, tune_process
from models.cuda import find_libraries
from models.placement import USUAL, Placement, halving, opened
from models.registry import WEIGHTS_FOLDER
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Vectors: TypeAlias = npt.NDArray[np.float32]

# Tokens of one call. On a CPU the activations of a call should stay in the cache and in memory
# that the C library keeps, and half a thousand tokens hide what a call costs in Python; a GPU wants
# to be filled.
_CPU_TOKENS = 512
_CUDA_TOKENS = 16_384


class SentenceEncoder:
    """A transformer encoder; safe to call from several threads.

    A text's vector is the mean of its tokens' vectors, or with ``first`` that of its first token,
    on which classification heads stand.

    Args:
        folder: the model's folder.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: ``auto`` or a compute type of CTranslate2.
        threads: CPU threads; 0 for all cores that this process may use.
        first: take the first token's vector instead of the mean.
        placement: GPUs, replicas, size of calls.

    Raises:
        Misconfigured: the device or the compute type is not there; names what is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        compute_type: str,
        threads: int,
        first: bool = False,
        placement: Placement = USUAL,
    ) -> None:
        tune_process()
        cores = threads or available_cores()
        # One sequence of small calls per core is 2.4 times as fast as all cores on every call.
        self._encoder, self.device, self.compute_type = opened(
            lambda name, kind: _open(folder / WEIGHTS_FOLDER, name, kind, placement, cores),
            device,
            choose_device(device),
            lambda name: choose_compute_type(compute_type, name),
        )
        on_cpu = self.device == "cpu"
        self._workers = placement.workers(self.device, cores)
        # Without padding a sentence's vector is the same, bit for bit, whatever shares its batch:
        # a document that is delivered again gets the same result. On a CPU that costs nothing.
        self._padded = not on_cpu
        self._first = first
        self._tokens_per_call = placement.tokens_per_call or usual_tokens(self.device)

    def encode(self, ids: Sequence[list[int]], types: Sequence[list[int]] | None = None) -> Vectors:
        """Return the vector of each sentence, shape ``(sentences, dimensions)``.

        The special tokens count as the sentence's own, as the model was trained; padding does not.
        On a CPU a vector does not depend on the other sentences at all; on a GPU only by rounding.

        Args:
            ids: token ids of each sentence.
            types: token types of each, where the model tells two texts apart by them.
        """
        if not ids:
            return np.empty((0, 0), dtype=np.float32)
        parts = list(calls(ids, self._tokens_per_call, padded=self._padded))
        if len(parts) < 2 or self._workers == 1:  # noqa: PLR2004 - one part needs no threads
            pooled = [self._rows(ids, types, part) for part in parts]
        else:
            with ThreadPoolExecutor(2 * self._workers, thread_name_prefix="encoder") as pool:
                pooled = list(pool.map(lambda part: self._rows(ids, types, part), parts))
        vectors = np.concatenate(pooled)
        ordered = np.empty_like(vectors)
        ordered[np.concatenate(parts)] = vectors
        return ordered

    def _rows(
        self,
        ids: Sequence[list[int]],
        types: Sequence[list[int]] | None,
        part: npt.NDArray[np.intp],
    ) -> Vectors:
        rows = halving(lambda some: list(self._forward(ids, types, some)), part.tolist())
        return np.stack(rows)

    def _forward(
        self,
        ids: Sequence[list[int]],
        types: Sequence[list[int]] | None,
        part: Sequence[int],
    ) -> Vectors:
        batch = [ids[index] for index in part]
        kinds = None if types is None else [types[index] for index in part]
        output = self._encoder.forward_batch(batch, token_type_ids=kinds).last_hidden_state
        if self.device != "cpu":
            import ctranslate2  # noqa: PLC0415 - heavy import

            output = output.to_device(ctranslate2.Device.cpu).to(ctranslate2.DataType.float32)
        if self._first:
            return np.asarray(output)[:, 0].copy()
        lengths = np.fromiter(map(len, batch), dtype=np.int64, count=len(batch))
        return mean_pool(np.asarray(output), lengths)


def _open(weights: Path, device: str, compute_type: str, placement: Placement, cores: int) -> Any:
    """Load the model, and on a GPU run it once: its libraries are looked for only then."""
    import ctranslate2  # noqa: PLC0415 - heavy import

    options = placement.options(device, cores)
    encoder = ctranslate2.Encoder(str(weights), device=device, compute_type=compute_type, **options)
    if device != "cpu":
        encoder.forward_batch([[0, 0]])
    return encoder


def mean_pool(hidden: Vectors, lengths: npt.NDArray[np.int64]) -> Vectors:
    """Average the first ``lengths[i]`` rows of each ``hidden[i]``.

    Args:
        hidden: shape ``(sentences, tokens, dimensions)``, padded behind.
        lengths: tokens of each sentence, shape ``(sentences,)``.
    """
    own = np.arange(hidden.shape[1]) < lengths[:, None]
    weights = (own / lengths[:, None]).astype(np.float32)
    pooled: Vectors = np.matmul(weights[:, None, :], hidden)[:, 0, :]
    return pooled


def calls(
    ids: Sequence[list[int]], tokens_per_call: int, *, padded: bool
) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the indices of sentences that share a call, longest first.

    A call holds at most ``tokens_per_call`` tokens, padding included, or one sentence.

    Args:
        ids: token ids of each sentence.
        tokens_per_call: most tokens.
        padded: whether sentences of different lengths may share a call.
    """
    lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
    order = np.argsort(-lengths, kind="stable")
    descending = lengths[order]
    start = 0
    while start < len(order):
        longest = int(descending[start])
        end = start + max(1, tokens_per_call // longest)
        if not padded:
            end = min(end, int(np.searchsorted(-descending, -longest, side="right")))
        yield order[start:end]
        start = end


def usual_tokens(device: str) -> int:
    """Return how many tokens a call has where nothing else was found better."""
    return _CPU_TOKENS if device == "cpu" else _CUDA_TOKENS


def choose_device(device: str) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` takes CUDA where there is a device.

    Raises:
        Misconfigured: CUDA is asked for and there is none, or the device is not known.
    """
    import ctranslate2  # noqa: PLC0415 - heavy import

    if device not in ("auto", "cpu", "cuda"):
        raise Misconfigured(f"device {device!r} is not known; use auto, cpu or cuda")
    has_cuda = device != "cpu" and ctranslate2.get_cuda_device_count() > 0
    if device == "cuda" and not has_cuda:
        raise Misconfigured("TIDEMARK_DEVICE is cuda, but no CUDA device is found; use auto or cpu")
    if has_cuda:
        find_libraries()
    return "cuda" if has_cuda else "cpu"


def choose_compute_type(compute_type: str, device: str) -> str:
    """Return a compute type that the device supports; ``auto`` takes the fastest.

    Raises:
        Misconfigured: the device does not support it; names those that it does.
    """
    import ctranslate2  # noqa: PLC0415 - heavy import

    supported = ctranslate2.get_supported_compute_types(device)
    preferred = ("int8_float16", "float16") if device == "cuda" else ("int8",)
    if compute_type == "auto":
        return next((name for name in preferred if name in supported), "float32")
    if compute_type not in supported:
        raise Misconfigured(
            f"compute type {compute_type!r} is not supported on this {device}; "
            f"use auto, {', '.join(sorted(supported))}"
        )
    return compute_type
