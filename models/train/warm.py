"""BART's weights (Lewis et al., 2020) from those of a BERT encoder; NumPy alone.

An encoder layer of BART is one of BERT: post-norm, GELU. The decoder's layers begin as layers of
the encoder too, attention to the document as attention to oneself (Rothe et al., 2020, "Leveraging
pre-trained checkpoints for sequence generation tasks").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.convert.tensors import Floats, Tensors
    from models.train.examples import Marks
    from models.train.states import States

POSITIONS_BEFORE = 2
"""BART's table of positions begins with two rows that are never read."""

# BERT's LayerNorm adds 1e-12 to the variance, BART's 1e-5, which the small word vectors would
# feel. LayerNorm does not see a common factor: larger word vectors make the addition vanish.
_SCALE = 64.0
_RIDGE = 1e-3
_NEVER = -1e4
_COPY_SAMPLE = 200_000
_PARTS = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
_KINDS = ("weight", "bias")


def bart_config(bert: Mapping[str, Any], marks: Marks, *, layers: int) -> dict[str, Any]:
    """Return the settings of a BART whose encoder is the given BERT.

    Args:
        bert: its config.json.
        marks: of its tokenizer.
        layers: of the decoder.
    """
    heads, inner = bert["num_attention_heads"], bert["intermediate_size"]
    return {
        "model_type": "bart",
        "architectures": ["BartForConditionalGeneration"],
        "vocab_size": bert["vocab_size"],
        "d_model": bert["hidden_size"],
        "encoder_layers": bert["num_hidden_layers"],
        "decoder_layers": layers,
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": inner,
        "decoder_ffn_dim": inner,
        "max_position_embeddings": bert["max_position_embeddings"],
        "activation_function": "gelu",
        "scale_embedding": False,
        "normalize_before": False,
        "normalize_embedding": True,
        "tie_word_embeddings": False,
        "bos_token_id": marks.begin,
        "eos_token_id": marks.end,
        "pad_token_id": marks.padding,
        "decoder_start_token_id": marks.begin,
        "forced_eos_token_id": None,
    }


def encoder_tensors(bert: Tensors, *, layers: int) -> Tensors:
    """Return BART's encoder, by the names within it, that gives the vectors of BERT's."""
    words = bert["embeddings.word_embeddings.weight"]
    found = {"embed_tokens.weight": words * _SCALE, **_around(bert, _SCALE)}
    for number in range(layers):
        found |= _layer(bert, number, f"layers.{number}.")
    return found


def decoder_tensors(bert: Tensors, *, layers: int, of: int) -> Tensors:
    """Return BART's decoder, by the names within it, begun from layers of the encoder.

    Args:
        bert: the encoder.
        layers: of the decoder; as many of the encoder's are taken, evenly, its last among them.
        of: layers of the encoder.
    """
    words = bert["embeddings.word_embeddings.weight"]
    found = {"embed_tokens.weight": words.copy(), **_around(bert, 1.0)}
    for number in range(layers):
        taken = round((number + 1) * of / layers) - 1
        found |= _layer(bert, taken, f"layers.{number}.")
        across = _layer(bert, taken, f"layers.{number}.")
        found |= {
            name.replace("self_attn", "encoder_attn"): values.copy()
            for name, values in across.items()
            if ".self_attn" in name
        }
    return found


def start_by_copying(
    decoder: Tensors, words: Floats, sources: Sequence[Sequence[int]], states: States
) -> float:
    """Let the decoder's last layer begin by writing the words that it looks at.

    The values of its attention to the document become the linear map from the encoder's vectors
    to the word vectors of the tokens that they stand for, by ridge regression on a sample.

    Returns:
        The share of the word vectors' variance that the map explains.
    """
    count = int(np.searchsorted(states.begins, _COPY_SAMPLE)) if len(sources) else 0
    count = max(1, min(count, len(sources)))
    ids = np.concatenate([np.asarray(row) for row in sources[:count]])
    given = np.asarray(states.vectors[: states.begins[count]], dtype=np.float64)
    wanted = words[ids].astype(np.float64)
    given_mean, wanted_mean = given.mean(0), wanted.mean(0)
    given, centred = given - given_mean, wanted - wanted_mean
    square = given.T @ given / len(given)
    ridge = _RIDGE * np.trace(square) / len(square)
    linear = np.linalg.solve(square + ridge * np.eye(len(square)), given.T @ centred / len(given))
    last = max(int(name.split(".")[1]) for name in decoder if name.startswith("layers."))
    prefix = f"layers.{last}.encoder_attn."
    decoder[prefix + "v_proj.weight"] = linear.T.astype(np.float32)
    decoder[prefix + "v_proj.bias"] = (wanted_mean - given_mean @ linear).astype(np.float32)
    decoder[prefix + "out_proj.weight"] = np.eye(len(linear), dtype=np.float32)
    decoder[prefix + "out_proj.bias"] = np.zeros(len(linear), np.float32)
    return float(1 - ((centred - given @ linear) ** 2).sum() / (centred**2).sum())


def whole(encoder: Tensors, decoder: Tensors, written: Sequence[int]) -> Tensors:
    """Return all weights of a BartForConditionalGeneration by transformers' names.

    Args:
        encoder: by the names within it.
        decoder: by the names within it; its word vectors are those of the output too.
        written: ids of the tokens that may be written; all others never are.
    """
    words = decoder["embed_tokens.weight"]
    never = np.full((1, len(words)), _NEVER, np.float32)
    never[0, list(written)] = 0
    return {
        "model.shared.weight": encoder["embed_tokens.weight"],
        "lm_head.weight": words,
        "final_logits_bias": never,
        **{f"model.encoder.{name}": values for name, values in encoder.items()},
        **{f"model.decoder.{name}": values for name, values in decoder.items()},
    }


def _around(bert: Tensors, scale: float) -> Tensors:
    """Return positions, with the one token type in them, and the normalization after them."""
    positions = bert["embeddings.position_embeddings.weight"]
    positions = positions + bert["embeddings.token_type_embeddings.weight"][0]
    before = np.zeros((POSITIONS_BEFORE, positions.shape[1]), np.float32)
    return {
        "embed_positions.weight": np.concatenate([before, positions]) * np.float32(scale),
        **{
            f"layernorm_embedding.{kind}": bert[f"embeddings.LayerNorm.{kind}"].copy()
            for kind in _KINDS
        },
    }


def _layer(bert: Tensors, number: int, prefix: str) -> Tensors:
    return {
        f"{prefix}{part}.{kind}": bert[f"encoder.layer.{number}.{its}.{kind}"].copy()
        for part, its in _PARTS.items()
        for kind in _KINDS
    }
