"""Encoders that descend from BERT, brought to BERT's names.

RoBERTa (Liu et al., 2019), XLM-RoBERTa (Conneau et al., 2020) and CamemBERT (Martin et al., 2020)
differ from BERT in where their positions begin; DistilBERT (Sanh et al., 2019) has half the layers,
no token types, and names of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from models.convert import bert, heads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.convert.heads import Head
    from models.convert.tensors import Tensors

_POSITIONS = "embeddings.position_embeddings.weight"


@dataclass(frozen=True, slots=True)
class Family:
    """How one kind of encoder differs from BERT.

    Attributes:
        prefix: of the encoder's tensors in checkpoints that have a head.
        tensor_parts: part of a tensor's name -> BERT's, replaced in this order.
        settings: name in config.json -> BERT's.
        after_padding: whether the first position is the one after the padding token's.
    """

    prefix: str
    unknown_token: str
    tensor_parts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    after_padding: bool = False


_ROBERTA = Family("roberta.", "<unk>", after_padding=True)
FAMILIES: Mapping[str, Family] = {
    "bert": Family("bert.", "[UNK]"),
    "camembert": _ROBERTA,
    "distilbert": Family(
        "distilbert.",
        "[UNK]",
        tensor_parts={
            "transformer.layer.": "encoder.layer.",
            ".attention.q_lin.": ".attention.self.query.",
            ".attention.k_lin.": ".attention.self.key.",
            ".attention.v_lin.": ".attention.self.value.",
            ".attention.out_lin.": ".attention.output.dense.",
            ".sa_layer_norm.": ".attention.output.LayerNorm.",
            ".ffn.lin1.": ".intermediate.dense.",
            ".ffn.lin2.": ".output.dense.",
            ".output_layer_norm.": ".output.LayerNorm.",
        },
        settings={
            "n_layers": "num_hidden_layers",
            "n_heads": "num_attention_heads",
            "activation": "hidden_act",
        },
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
}
"""By the ``model_type`` of config.json."""

_EPSILON = 1e-12  # what DistilBERT does not write into its config.json


def build(family: Family, config: Mapping[str, Any], tensors: Tensors) -> tuple[Any, Head | None]:
    """Return the filled specification of an encoder, and its classification head, if it has one.

    Raises:
        Misconfigured: a feature that cannot be converted, or a tensor that is missing.
    """
    named = {_name(family, name): values for name, values in tensors.items()}
    if family.after_padding and _POSITIONS in named:
        named[_POSITIONS] = named[_POSITIONS][int(config.get("pad_token_id", 1)) + 1 :]
    settings = {"layer_norm_eps": _EPSILON, **config}
    settings |= {theirs: config[own] for own, theirs in family.settings.items()}
    spec = bert.build(settings, named)
    spec.config.unk_token = family.unknown_token
    return spec, heads.find(named)


def _name(family: Family, name: str) -> str:
    name = name.removeprefix(family.prefix)
    for own, theirs in family.tensor_parts.items():
        name = name.replace(own, theirs)
    # What checkpoints of TensorFlow's time call the two parameters of a layer norm.
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )
