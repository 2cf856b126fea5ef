"""Models that write, of random numbers, made through CTranslate2's own specifications."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from models.registry import WEIGHTS_FOLDER
from tests.support.tiny_model import VOCABULARY, tiny_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, INNER, HEADS, LAYERS = 32, 64, 4, 2
POSITIONS = 256
# With the roles of the tiny tokenizer's special tokens.
BEGIN, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
CHAT = (
    "{% for message in messages %}{{ message.role[0] }} {{ message.content }} {% endfor %}"
    "{% if add_generation_prompt %}a{% endif %}"
)


def write_tiny_sequence_to_sequence(folder: Path, *, seed: int = 0) -> None:
    """Write an encoder and decoder of a layout like BART's."""
    from ctranslate2.specs import transformer_spec  # noqa: PLC0415 - heavy

    spec = transformer_spec.TransformerSpec.from_config(
        LAYERS, HEADS, pre_norm=False, layernorm_embedding=True
    )
    rng = np.random.default_rng(seed)
    for side in (spec.encoder, spec.decoder):
        _common(side, rng)
        for layer in side.layer:
            _attention(layer.self_attention, rng, (3 * WIDTH, WIDTH))
            if side is spec.decoder:
                _attention(layer.attention, rng, (WIDTH, 2 * WIDTH, WIDTH))
            _feed_forward(layer.ffn, rng)
    spec.config.bos_token, spec.config.eos_token = BEGIN, END
    spec.config.unk_token, spec.config.decoder_start_token = UNKNOWN, BEGIN
    spec.register_source_vocabulary(list(VOCABULARY))
    spec.register_target_vocabulary(list(VOCABULARY))
    _save(spec, folder, {"model_type": "bart", "max_position_embeddings": POSITIONS})


def write_tiny_decoder(folder: Path, *, seed: int = 0, chat: str | None = CHAT) -> None:
    """Write a decoder-only model of a layout like GPT-2's."""
    from ctranslate2.specs import transformer_spec  # noqa: PLC0415 - heavy

    spec = transformer_spec.TransformerDecoderModelSpec.from_config(LAYERS, HEADS)
    rng = np.random.default_rng(seed)
    _common(spec.decoder, rng)
    _norm(spec.decoder.layer_norm, rng)
    for layer in spec.decoder.layer:
        _attention(layer.self_attention, rng, (3 * WIDTH, WIDTH))
        _feed_forward(layer.ffn, rng)
    spec.config.bos_token, spec.config.eos_token = BEGIN, END
    spec.config.unk_token = UNKNOWN
    spec.register_vocabulary(list(VOCABULARY))
    _save(spec, folder, {"model_type": "gpt2", "max_position_embeddings": POSITIONS})
    if chat is not None:
        tokenizer = {"chat_template": chat, "bos_token": {"content": BEGIN}}
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")


def lay_out_converted(folder: Path) -> None:
    """Lay a model out as repositories of converted weights are: all in one folder."""
    for path in (folder / WEIGHTS_FOLDER).iterdir():
        path.replace(folder / path.name)
    (folder / WEIGHTS_FOLDER).rmdir()


def write_converted_decoder(folder: Path) -> Path:
    """Write a decoder as repositories of converted weights have it; returns its folder."""
    write_tiny_decoder(folder)
    lay_out_converted(folder)
    return folder


def _save(spec: Any, folder: Path, config: dict[str, Any]) -> None:
    spec.validate()
    spec.optimize(quantization="int8")
    (folder / WEIGHTS_FOLDER).mkdir(parents=True)
    spec.save(str(folder / WEIGHTS_FOLDER))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text("{}", encoding="utf-8")
    (folder / "tokenizer.json").write_text(tiny_tokenizer(), encoding="utf-8")


def _common(side: Any, rng: np.random.Generator) -> None:
    words = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
    words.weight = _draw(rng, len(VOCABULARY), WIDTH)
    side.scale_embeddings = False
    side.position_encodings.encodings = _draw(rng, POSITIONS, WIDTH)
    if hasattr(side, "layernorm_embedding"):
        _norm(side.layernorm_embedding, rng)
    if hasattr(side, "projection"):
        _linear(side.projection, rng, len(VOCABULARY), WIDTH)


def _attention(spec: Any, rng: np.random.Generator, outputs: tuple[int, ...]) -> None:
    _norm(spec.layer_norm, rng)
    for linear, rows in zip(spec.linear, outputs, strict=True):
        _linear(linear, rng, rows, WIDTH)


def _feed_forward(spec: Any, rng: np.random.Generator) -> None:
    _norm(spec.layer_norm, rng)
    _linear(spec.linear_0, rng, INNER, WIDTH)
    _linear(spec.linear_1, rng, WIDTH, INNER)


def _linear(spec: Any, rng: np.random.Generator, rows: int, columns: int) -> None:
    spec.weight, spec.bias = _draw(rng, rows, columns), _draw(rng, rows)


def _norm(spec: Any, rng: np.random.Generator) -> None:
    spec.gamma, spec.beta = _draw(rng, WIDTH) + 1, _draw(rng, WIDTH)


def _draw(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(0, 0.4, shape).astype(np.float32)
