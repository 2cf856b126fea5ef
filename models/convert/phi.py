"""Phi and Phi-3 as transformers has them; CTranslate2's converter knows the layouts before.

Phi (Li et al., 2023): attention and feed-forward network read the same normalized input and are
added side by side; a part of each head is rotated; all layers have biases.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from streams.errors import Misconfigured

_GELU = frozenset({"gelu_new", "gelu_fast", "gelu_pytorch_tanh"})  # three names of one formula


def register() -> None:
    """Make CTranslate2's converter read Phi as transformers has it."""
    from ctranslate2.converters import transformers as known  # noqa: PLC0415 - heavy import
    from ctranslate2.converters import utils  # noqa: PLC0415 - as above
    from ctranslate2.specs import common_spec, transformer_spec  # noqa: PLC0415 - as above

    class PhiLoader(known.PhiLoader):  # type: ignore[misc] # an untyped library's
        @property
        def architecture_name(self) -> str:
            return "PhiForCausalLM"

        def get_model_spec(self, model: Any) -> Any:
            config = model.config
            rotary = config.rope_parameters
            _refuse_other_phi(config)
            head = config.hidden_size // config.num_attention_heads
            spec = transformer_spec.TransformerDecoderModelSpec.from_config(
                num_layers=config.num_hidden_layers,
                num_heads=config.num_attention_heads,
                pre_norm=True,
                activation=common_spec.Activation.GELUTanh,
                rotary_dim=int(head * rotary["partial_rotary_factor"]),
                rotary_interleave=False,
                rotary_base=rotary["rope_theta"],
                parallel_residual=True,
                shared_layer_norm=True,
            )
            self.set_decoder(spec.decoder, model.model)
            self.set_linear(spec.decoder.projection, model.lm_head)
            return spec

        def set_decoder(self, spec: Any, module: Any) -> None:
            spec.scale_embeddings = False
            self.set_embeddings(spec.embeddings, module.embed_tokens)
            self.set_layer_norm(spec.layer_norm, module.final_layernorm)
            for written, layer in zip(spec.layer, module.layers, strict=True):
                self.set_layer_norm(written.shared_layer_norm, layer.input_layernorm)
                attention = layer.self_attn
                parts = [common_spec.LinearSpec() for _ in range(3)]
                for part, read in zip(
                    parts, (attention.q_proj, attention.k_proj, attention.v_proj), strict=True
                ):
                    self.set_linear(part, read)
                utils.fuse_linear(written.self_attention.linear[0], parts)
                self.set_linear(written.self_attention.linear[1], attention.dense)
                self.set_linear(written.ffn.linear_0, layer.mlp.fc1)
                self.set_linear(written.ffn.linear_1, layer.mlp.fc2)

        def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:
            super().set_config(config, model, tokenizer)
            config.layer_norm_epsilon = model.config.layer_norm_eps

    known.register_loader("PhiConfig")(PhiLoader)


def _refuse_other_phi(config: Any) -> None:
    scaling = config.rope_parameters.get("rope_type", "default")
    wrong = {
        "normalized queries and keys": getattr(config, "qk_layernorm", False),
        "fewer heads for keys": config.num_key_value_heads != config.num_attention_heads,
        f"rotary scaling {scaling}": scaling != "default",
        f"activation {config.hidden_act}": config.hidden_act not in _GELU,
    }
    for what, is_so in wrong.items():
        if is_so:
            raise Misconfigured(f"a Phi with {what} cannot be converted: it would answer otherwise")


def as_converter_reads_phi3(model: Any) -> None:
    """Put the rotary settings of a Phi-3 where the converter looks for them.

    Raises:
        Misconfigured: its rotation is stretched to longer texts, or of a part of each head:
            the converter would leave that out.
    """
    config = model.config
    rotary = dict(config.rope_parameters)
    scaling = rotary.get("rope_type", "default")
    if scaling != "default" or rotary.get("partial_rotary_factor", 1) != 1:
        raise Misconfigured(
            f"a Phi-3 with rotary scaling {scaling!r}, or one that rotates a part of each head, "
            "cannot be converted: it would answer otherwise"
        )
    config.rope_scaling = None
    config.rope_theta = rotary["rope_theta"]
    for layer in model.model.layers:
        layer.self_attn.rotary_emb = SimpleNamespace(long_factor=None, short_factor=None)
