"""BERT encoders in CTranslate2's layout.

The layout is that of Devlin et al., 2019 (post-norm, absolute positions, token types added); the
encoders that descend from it are brought to its names first (``families``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.convert.tensors import Tensors

# Names of activations in config.json, and what CTranslate2 calls them.
_ACTIVATIONS = {
    "gelu": "GELU",
    "gelu_python": "GELU",
    "gelu_fast": "GELUTanh",
    "gelu_new": "GELUTanh",
    "gelu_pytorch_tanh": "GELUTanh",
    "quick_gelu": "GELUSigmoid",
    "relu": "RELU",
    "silu": "SWISH",
    "swish": "SWISH",
}


def build(config: Mapping[str, Any], tensors: Tensors) -> Any:
    """Return the filled ``TransformerEncoderModelSpec`` of an encoder.

    Args:
        config: the model's config.json, under BERT's names.
        tensors: weights under BERT's names, without a prefix.

    Raises:
        Misconfigured: a feature that this layout lacks, or a tensor that is missing.
    """
    _refuse_unknown(config)
    try:
        return _fill(config, tensors)
    except KeyError as error:
        raise Misconfigured(f"the weights lack the tensor {error}") from error


def _refuse_unknown(config: Mapping[str, Any]) -> None:
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise Misconfigured("only encoders with absolute positions can be converted")
    if config["hidden_act"] not in _ACTIVATIONS:
        raise Misconfigured(f"activation {config['hidden_act']!r} is not supported")


def _fill(config: Mapping[str, Any], tensors: Tensors) -> Any:
    pooler = "pooler.dense.weight" in tensors
    types = tensors.get("embeddings.token_type_embeddings.weight")
    spec = _empty(config, pooler=pooler, embeddings=1 if types is None else 2)
    encoder = spec.encoder
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = tensors["embeddings.word_embeddings.weight"]
    if types is not None:
        encoder.embeddings[1].weight = types
    encoder.position_encodings.encodings = tensors["embeddings.position_embeddings.weight"]
    _norm(encoder.layernorm_embedding, tensors, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        _layer(layer, tensors, f"encoder.layer.{index}")
    if pooler:
        _linear(spec.pooler_dense, tensors, "pooler.dense")
    spec.config.layer_norm_epsilon = config["layer_norm_eps"]
    return spec


def _empty(config: Mapping[str, Any], *, pooler: bool, embeddings: int) -> Any:
    from ctranslate2.specs import common_spec, transformer_spec  # noqa: PLC0415 - heavy import

    encoder = transformer_spec.TransformerEncoderSpec(
        config["num_hidden_layers"],
        config["num_attention_heads"],
        pre_norm=False,
        activation=common_spec.Activation[_ACTIVATIONS[config["hidden_act"]]],
        layernorm_embedding=True,
        num_source_embeddings=embeddings,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    return transformer_spec.TransformerEncoderModelSpec(
        encoder, pooling_layer=pooler, pooling_activation=common_spec.Activation.Tanh
    )


def _layer(layer: Any, tensors: Tensors, prefix: str) -> None:
    attention = [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")]
    fused, output = layer.self_attention.linear
    # CTranslate2 computes query, key and value in one product.
    fused.weight = np.concatenate([tensors[f"{name}.weight"] for name in attention])
    fused.bias = np.concatenate([tensors[f"{name}.bias"] for name in attention])
    _linear(output, tensors, f"{prefix}.attention.output.dense")
    _norm(layer.self_attention.layer_norm, tensors, f"{prefix}.attention.output.LayerNorm")
    _linear(layer.ffn.linear_0, tensors, f"{prefix}.intermediate.dense")
    _linear(layer.ffn.linear_1, tensors, f"{prefix}.output.dense")
    _norm(layer.ffn.layer_norm, tensors, f"{prefix}.output.LayerNorm")


def _linear(spec: Any, tensors: Tensors, name: str) -> None:
    spec.weight = tensors[f"{name}.weight"]
    spec.bias = tensors[f"{name}.bias"]


def _norm(spec: Any, tensors: Tensors, name: str) -> None:
    spec.gamma = tensors[f"{name}.weight"]
    spec.beta = tensors[f"{name}.bias"]
