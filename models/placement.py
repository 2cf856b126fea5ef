"""Where and how a model runs beside its device and compute type, and what it survives there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")

_log = logging.getLogger(__name__)

# What CUDA, cuBLAS and CTranslate2's allocator say when the card is full.
_NO_MEMORY = ("out of memory", "cuda_error_out_of_memory", "cublas_status_alloc_failed")
# What is said where a driver is there and the libraries are not, or they do not fit the card.
_NO_CUDA = (
    *("cannot be loaded", "is not found", "driver version is insufficient", "no kernel image"),
    *("no cuda-capable device", "cublas_status_not_initialized", "cublas_status_arch_mismatch"),
)


@dataclass(frozen=True, slots=True)
class Placement:
    """How a model is spread.

    Attributes:
        device_index: numbers of the GPUs; the model is loaded on each.
        replicas: calls at a time on each GPU; the weights are shared.
        tokens_per_call: most tokens of a call; None for the usual number of the device.
    """

    device_index: tuple[int, ...] = (0,)
    replicas: int = 1
    tokens_per_call: int | None = None

    def options(self, device: str, cores: int) -> dict[str, object]:
        """Return what CTranslate2 is told.

        Args:
            device: ``cpu`` or ``cuda``.
            cores: sequences of calls at a time on a CPU.
        """
        if device == "cpu":
            return {"inter_threads": cores, "intra_threads": 1}
        return {"device_index": list(self.device_index), "inter_threads": self.replicas}

    def workers(self, device: str, cores: int) -> int:
        """Return how many calls run at a time."""
        return cores if device == "cpu" else len(self.device_index) * self.replicas


USUAL = Placement()


def halving(call: Callable[[Sequence[T]], list[R]], batch: Sequence[T]) -> list[R]:
    """Return ``call(batch)``; where memory runs out, that of its halves, down to a single item.

    Args:
        call: returns one result for each item.
        batch: what it takes.

    Raises:
        RuntimeError: of ``call``, where it is not about memory, or where one item is too many.
    """
    try:
        return call(batch)
    except RuntimeError as error:
        if len(batch) < 2 or not is_out_of_memory(error):  # noqa: PLR2004 - one has no half
            raise
        _log.warning("out of memory with %d texts in a call: trying half of them", len(batch))
    middle = len(batch) // 2
    return [*halving(call, batch[:middle]), *halving(call, batch[middle:])]


def opened(
    opening: Callable[[str, str], R], asked: str, device: str, compute_type: Callable[[str], str]
) -> tuple[R, str, str]:
    """Open a model on a device; where CUDA cannot be used and was not asked for, on the CPU.

    Args:
        opening: opens a model on a device with a compute type, and runs it once.
        asked: ``auto``, ``cpu`` or ``cuda``, as a person set it.
        device: what that came to.
        compute_type: chooses one for a device.

    Returns:
        The model, its device and its compute type.

    Raises:
        Misconfigured: ``cuda`` was asked for, and its libraries are absent.
    """
    chosen = compute_type(device)
    try:
        return opening(device, chosen), device, chosen
    except RuntimeError as error:
        if device == "cpu" or not _says(error, _NO_CUDA):
            raise
        reason = " ".join(str(error).split())
        if asked == "cuda":
            raise Misconfigured(
                f"TIDEMARK_DEVICE is cuda, but CUDA cannot be used: {reason}; install its "
                "libraries (pip install nvidia-cublas-cu12), or use auto or cpu"
            ) from error
        _log.warning("CUDA cannot be used (%s): the CPU is", reason)
    chosen = compute_type("cpu")
    return opening("cpu", chosen), "cpu", chosen


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a GPU's memory did not suffice."""
    return _says(error, _NO_MEMORY)


def _says(error: Exception, phrases: Sequence[str]) -> bool:
    text = str(error).lower()
    return any(phrase in text for phrase in phrases)
