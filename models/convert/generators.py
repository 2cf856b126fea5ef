"""Models that write text, converted by CTranslate2's own converter, which needs PyTorch.

PyTorch, the extra ``convert``, is asked for here and nowhere else. Where a model has
been converted already, by anybody, it is not needed at all.
"""

from __future__ import annotations

import importlib.util
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from models.convert import phi
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SEQUENCE_TO_SEQUENCE = frozenset({"bart", "m2m_100", "marian", "mbart", "mt5", "pegasus", "t5"})
DECODERS = frozenset(
    {"gemma", "gemma2", "gpt2", "llama", "mistral", "phi", "phi3", "qwen2", "qwen3"}
)
ARCHITECTURES = SEQUENCE_TO_SEQUENCE | DECODERS
"""By the ``model_type`` of config.json."""


def convert(
    source: Path, weights: str, target: Path, *, kind: str, quantization: str | None
) -> None:
    """Convert a folder of transformers' with CTranslate2's converter; only safetensors are read.

    Raises:
        Misconfigured: there are no such weights, PyTorch is missing, or the model cannot be
            converted.
    """
    if not (source / weights).is_file():
        raise Misconfigured(f"{source} has no {weights}")
    if not has_pytorch():
        raise Misconfigured(
            f"converting a {kind} model needs PyTorch: pip install torch, where tidemark runs, "
            "or pull a repository that holds it converted (model.bin of CTranslate2)"
        )
    try:
        with _quiet():
            _converter(source).convert(str(target), quantization=quantization)
    except Misconfigured:
        raise
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise Misconfigured(f"CTranslate2 cannot convert {source}: {line}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' warnings and bars from between our lines; errors are still raised."""
    from transformers.utils import logging  # noqa: PLC0415 - heavy import

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def has_pytorch() -> bool:
    """Tell whether PyTorch is installed, without importing it."""
    return importlib.util.find_spec("torch") is not None


def _converter(source: Path) -> Any:
    from ctranslate2.converters import TransformersConverter  # noqa: PLC0415 - heavy import

    phi.register()

    class SafeConverter(TransformersConverter):  # type: ignore[misc] # an untyped library's
        """Reads safetensors only, runs no code of the model's, and asks no network."""

        def load_model(self, model_class: Any, path: str, **options: Any) -> Any:
            _fill_in(options["config"])
            model = model_class.from_pretrained(
                path, use_safetensors=True, local_files_only=True, **options
            )
            _say_what_is_scaled(model.config)
            if model.config.model_type == "phi3":
                phi.as_converter_reads_phi3(model)
            return model

        def load_tokenizer(self, tokenizer_class: Any, path: str, **options: Any) -> Any:
            return tokenizer_class.from_pretrained(path, local_files_only=True, **options)

        def _load(self) -> Any:
            spec = super()._load()
            _add_what_is_left_out(spec, source)
            return spec

    return SafeConverter(str(source))


def _say_what_is_scaled(config: Any) -> None:
    """Tell the converter whether the outputs of a T5 are scaled, which it reads off tied weights.

    Newer transformers call all T5s tied, also those of version 1.1, Flan-T5 and mT5, whose outputs
    are not scaled: they would be converted without an error, and write nonsense.
    """
    if config.model_type in ("t5", "mt5"):
        config.tie_word_embeddings = getattr(config, "scale_decoder_outputs", False)


def _add_what_is_left_out(spec: Any, source: Path) -> None:
    """Set what the converter does not set, without a word: the model would answer otherwise.

    Gemma 2's bound of its logits, Phi-3's epsilon, how Llama 3.1 stretches its rotation.
    """
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    bound = config.get("final_logit_softcapping")
    if config["model_type"] == "gemma2" and bound:
        spec.decoder.final_logit_softcapping = np.dtype("float32").type(bound)
    if config["model_type"] == "phi3":
        spec.config.layer_norm_epsilon = config.get("rms_norm_eps", 1e-5)
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if scaling.get("rope_type") == "llama3":
        _stretch(spec, scaling)


def _stretch(spec: Any, scaling: Mapping[str, float]) -> None:
    found = {
        "rotary_scaling_factor": np.float32(scaling["factor"]),
        "rotary_low_freq_factor": np.float32(scaling["low_freq_factor"]),
        "rotary_high_freq_factor": np.float32(scaling["high_freq_factor"]),
        "original_max_position_embeddings": np.int32(scaling["original_max_position_embeddings"]),
    }
    for layer in spec.decoder.layer:  # its specification lacks some, but all are read
        vars(layer.self_attention).update(found)


# What CTranslate2's converter asks of a configuration, and newer transformers no longer write:
# where the layers of BART's family are normalized.
_NORMALIZED = {
    "bart": {"normalize_before": False, "normalize_embedding": True},
    "mbart": {"normalize_before": True, "normalize_embedding": True},
    "pegasus": {"normalize_before": True, "normalize_embedding": False},
}


def _fill_in(config: Any) -> None:
    rotary = getattr(config, "rope_parameters", None) or {}
    if config.model_type in ("gemma", "gemma2") and "rope_theta" in rotary:
        config.rope_theta = rotary["rope_theta"]  # where the converter looks for it
    for name, value in _NORMALIZED.get(config.model_type, {}).items():
        if not hasattr(config, name):
            setattr(config, name, value)
