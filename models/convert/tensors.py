"""Reading weights: safetensors only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

Tensors: TypeAlias = dict[str, npt.NDArray[np.float32]]

_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a safetensors file by name.

    Raises:
        Misconfigured: the file is a pickle, or no safetensors file.
    """
    if path.suffix in _PICKLES:
        raise Misconfigured(
            f"{path.name} is a pickle, and reading a pickle runs whatever code it holds; "
            "use the model's safetensors file"
        )
    from safetensors import SafetensorError  # noqa: PLC0415 - only where a model is converted
    from safetensors.numpy import load_file  # noqa: PLC0415

    try:
        return cast("Tensors", load_file(path))
    except (SafetensorError, OSError) as error:
        raise Misconfigured(f"{path} is no readable safetensors file: {error}") from error
