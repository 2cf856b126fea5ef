"""NVIDIA's cuBLAS from its Python package, which the loader of shared libraries does not look into.

CTranslate2 asks for ``libcublas.so.12`` by name when a model first runs; a library of that name
that the process has loaded already is the answer, so that nobody has to set ``LD_LIBRARY_PATH``.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = "nvidia/cublas/lib"  # of the package nvidia-cublas-cu12
_LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")  # the second needs the first


@cache
def find_libraries() -> None:
    """Load cuBLAS where its package is installed; once in a process."""
    load_from(sys.path)


def load_from(folders: Sequence[str]) -> tuple[str, ...]:
    """Load the libraries from the first of the folders that holds their package.

    Where none does, or they cannot be loaded, the system's are left to be looked for; what is
    missing is told when a model is opened.

    Args:
        folders: of Python packages.

    Returns:
        The libraries that were loaded.
    """
    for folder in folders:
        paths = [Path(folder, _FOLDER, name) for name in _LIBRARIES]
        if all(path.is_file() for path in paths):
            try:
                for path in paths:
                    ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError:
                return ()
            return tuple(map(str, paths))
    return ()
