"""What ``tidemark models tune`` found, and whether it was found on this very machine."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.cpu import available_cores
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

TUNED_FILE = "tuned.json"


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best setting that passed the quality gate.

    Attributes:
        machine: that it was measured on, as ``machine_now`` says it.
        revision: of the model.
        threads: CPU threads; 0 on a GPU.
        replicas: calls at a time on a GPU.
        measured: all settings that were tried, with their figures.
    """

    machine: Mapping[str, Any]
    revision: str
    device: str
    compute_type: str
    threads: int
    replicas: int
    tokens_per_call: int
    measured: tuple[Mapping[str, Any], ...] = ()


def machine_now(
    cpu_information: Path = Path("/proc/cpuinfo"), gpus: Path = Path("/proc/driver/nvidia/gpus")
) -> dict[str, Any]:
    """Return what settings of speed depend on: processor, cores, GPUs, CTranslate2.

    Args:
        cpu_information: where Linux describes the processor.
        gpus: where NVIDIA's driver describes its cards.
    """
    return {
        "processor": _value(cpu_information, "model name") or os.uname().machine,
        "cores": available_cores(),
        "gpus": [_value(path, "Model") for path in sorted(gpus.glob("*/information"))],
        "ctranslate2": version("ctranslate2"),
    }


def write_tuned(folder: Path, tuned: Tuned) -> Path:
    """Write the setting into the model's folder, whole or not at all.

    Raises:
        Misconfigured: it cannot be written.
    """
    path, part = folder / TUNED_FILE, folder / f".{TUNED_FILE}.part"
    try:
        part.write_text(json.dumps(asdict(tuned), indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error}") from error
    return path


def read_tuned(folder: Path, revision: str, machine: Mapping[str, Any]) -> Tuned | None:
    """Return the setting for this model on this machine; None where there is none.

    Args:
        folder: the model's.
        revision: of the model.
        machine: as ``machine_now`` says it.

    Raises:
        Misconfigured: the file cannot be read.
    """
    path = folder / TUNED_FILE
    try:
        found = Tuned(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Misconfigured(
            f"cannot read {path} ({error}); remove it, or run: tidemark models tune"
        ) from error
    return found if (found.revision, found.machine) == (revision, dict(machine)) else None


def _value(path: Path, name: str) -> str:
    """Return the value of the first line ``name : value``, or nothing."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = (line.partition(":")[2].strip() for line in lines if line.startswith(name))
    return next(found, "")
