"""Which conversions were wrong before they were mended, and of which models.

A family's revision is counted up with each mend that changes what its models answer, and a model's
card names the revision that it was converted by: a mend of one family says nothing of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Config: TypeAlias = "Mapping[str, Any]"

_GEMMA_BASE = 10_000.0  # the rotary base that CTranslate2's converter takes where it finds none


@dataclass(frozen=True, slots=True)
class Mend:
    """What was mended in the conversion of a family.

    Attributes:
        revision: of the family's conversion since then.
        concerns: tells by a model's config.json whether it was converted wrongly before.
        wrong: what was wrong.
    """

    revision: int
    concerns: Callable[[Config], bool]
    wrong: str


def _rotation(config: Config) -> Mapping[str, Any]:
    found: Mapping[str, Any] = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return found


def _unscaled(config: Config) -> bool:
    tied = config.get("tie_word_embeddings", True)  # how configurations of version 1.1 say it
    return not config.get("scale_decoder_outputs", tied)


def _stretched(config: Config) -> bool:
    return _rotation(config).get("rope_type") == "llama3"


def _other_base(config: Config) -> bool:
    base = config.get("rope_theta", _rotation(config).get("rope_theta", _GEMMA_BASE))
    return float(base) != _GEMMA_BASE


def _bounded(config: Config) -> bool:
    return bool(config.get("final_logit_softcapping"))


_BASE = Mend(1, _other_base, "its rotary base was not read")
_MENDS: Mapping[str, tuple[Mend, ...]] = {
    "gemma": (_BASE,),
    "gemma2": (_BASE, Mend(1, _bounded, "the bound of its logits was left out")),
    "llama": (Mend(1, _stretched, "the stretching of its rotation was left out"),),
    "mt5": (Mend(1, lambda _: True, "its outputs were scaled, which they must not be"),),
    "t5": (Mend(1, _unscaled, "its outputs were scaled, which they must not be"),),
}
"""By the ``model_type`` of config.json."""


def revision(config: Config) -> int:
    """Return the revision of the conversion of a model's family; 0 where it never was mended."""
    return max((mend.revision for mend in _of(config)), default=0)


def wrong(config: Config, converted_by: int) -> str | None:
    """Return what is wrong with a converted model, None where nothing is known to be.

    Args:
        config: the model's config.json, as transformers wrote it.
        converted_by: the revision of its family that it was converted by.
    """
    missed = (one for one in _of(config) if one.revision > converted_by and one.concerns(config))
    return next((mend.wrong for mend in missed), None)


def _of(config: Config) -> tuple[Mend, ...]:
    return _MENDS.get(str(config.get("model_type")), ())
