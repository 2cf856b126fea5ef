"""Models of every architecture that is converted, with random weights of a fixed seed.

They are made through transformers' own configurations, so that they are laid out as real ones are;
PyTorch is needed. Weights shrink with the width, so that logits spread alike in every size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Kind = Literal["encoder", "decoder", "writer"]
BEGIN, PAD, END, UNKNOWN = "<s>", "<pad>", "</s>", "<unk>"
FIRST = 4  # the first id of an ordinary token
_SEED = 0


@dataclass(frozen=True, slots=True)
class Size:
    """How large a model is: layers (of encoder and of decoder), width, heads, vocabulary."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    vocabulary: int = 200
    positions: int = 160


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture of transformers'.

    Attributes:
        name: before ``Config``.
        kind: encoder with a head, decoder, or sequence-to-sequence.
        model: the class of the whole model.
        extra: settings besides those of its kind.
        style: by which names its sizes go.
        pad_last: whether the padding token is the vocabulary's last, as Marian's.
        label: what it is called; its name where that says enough.
    """

    name: str
    kind: Kind
    model: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    style: str = "plain"
    pad_last: bool = False
    label: str = ""

    @property
    def said(self) -> str:
        """Return what it is called."""
        return self.label or self.name

    def pad(self, size: Size) -> int:
        """Return the id of the padding token."""
        return size.vocabulary - 1 if self.pad_last else 1

    def settings(self, size: Size) -> dict[str, Any]:
        """Return the arguments of its configuration."""
        tokens = {"pad_token_id": self.pad(size), "bos_token_id": 0, "eos_token_id": 2}
        own = {name: size.width // size.heads for name in self.extra if name in _PER_HEAD}
        return _STYLES[self.style](size) | tokens | dict(self.extra) | own


_PER_HEAD = frozenset({"head_dim", "d_kv", "query_pre_attn_scalar"})


def _plain(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocabulary,
        "hidden_size": size.width,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "intermediate_size": 4 * size.width,
        "max_position_embeddings": size.positions,
    }


def _distilbert(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocabulary,
        "dim": size.width,
        "n_layers": size.layers,
        "n_heads": size.heads,
        "hidden_dim": 4 * size.width,
        "max_position_embeddings": size.positions,
    }


def _gpt2(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocabulary,
        "n_embd": size.width,
        "n_layer": size.layers,
        "n_head": size.heads,
        "n_positions": size.positions,
    }


def _bart(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocabulary,
        "d_model": size.width,
        "encoder_layers": size.layers,
        "decoder_layers": size.layers,
        "encoder_attention_heads": size.heads,
        "decoder_attention_heads": size.heads,
        "encoder_ffn_dim": 4 * size.width,
        "decoder_ffn_dim": 4 * size.width,
        "max_position_embeddings": size.positions,
        "forced_eos_token_id": None,
    }


def _t5(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocabulary,
        "d_model": size.width,
        "d_ff": 4 * size.width,
        "num_layers": size.layers,
        "num_heads": size.heads,
        "decoder_start_token_id": 1,
    }


_STYLES = {"plain": _plain, "distilbert": _distilbert, "gpt2": _gpt2, "bart": _bart, "t5": _t5}
_CLASSIFIER, _CAUSAL, _WRITER = (
    "ForSequenceClassification",
    "ForCausalLM",
    "ForConditionalGeneration",
)
_GROUPED = {"num_key_value_heads": 2}
_FLAN = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
_LLAMA_3 = _GROUPED | {
    "max_position_embeddings": 131_072,
    "rope_parameters": {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}
_HEADED = _GROUPED | {"head_dim": 0}  # from the size


def _encoder(name: str, style: str = "plain") -> Family:
    return Family(name, "encoder", name + _CLASSIFIER, {"num_labels": 5}, style)


def _decoder(name: str, extra: Mapping[str, Any], style: str = "plain", head: str = "") -> Family:
    return Family(name, "decoder", name + (head or _CAUSAL), extra, style)


def _writer(name: str, start: int, extra: Mapping[str, Any] | None = None) -> Family:
    return Family(
        name, "writer", name + _WRITER, {"decoder_start_token_id": start, **(extra or {})}, "bart"
    )


FAMILIES = (
    _encoder("Bert"),
    _encoder("DistilBert", "distilbert"),
    _encoder("Roberta"),
    _encoder("XLMRoberta"),
    _encoder("Camembert"),
    _decoder("Llama", _GROUPED | {"rope_theta": 500_000.0}),
    Family("Llama", "decoder", "LlamaForCausalLM", _LLAMA_3, label="Llama 3.1"),
    _decoder("Mistral", _GROUPED),
    _decoder("Qwen2", _GROUPED | {"rope_theta": 1_000_000.0}),
    _decoder("Qwen3", _HEADED),
    _decoder("Gemma", _HEADED | {"rope_theta": 20_000.0}),
    _decoder("Gemma2", _HEADED | {"query_pre_attn_scalar": 0}),
    _decoder("Phi", {"rope_theta": 20_000.0}),
    _decoder("Phi3", _GROUPED | {"rope_theta": 20_000.0}),
    _decoder("GPT2", {}, "gpt2", "LMHeadModel"),
    _writer("Bart", 2),
    _writer("Pegasus", 1),
    _writer("MBart", 2),
    _writer("M2M100", 2),
    Family("Marian", "writer", "MarianMTModel", {}, "bart", pad_last=True),
    Family("T5", "writer", "T5" + _WRITER, {"d_kv": 0}, "t5"),
    Family("T5", "writer", "T5" + _WRITER, {"d_kv": 0, **_FLAN}, "t5", label="T5 v1.1, Flan-T5"),
    Family("MT5", "writer", "MT5" + _WRITER, {"d_kv": 0}, "t5"),
)


def make(folder: Path, family: Family, size: Size) -> Any:
    """Return a model in float32, saved with a tokenizer in a folder that is there."""
    torch: Any = import_module("torch")  # in an environment of its own
    import transformers  # noqa: PLC0415 - heavy

    settings = family.settings(size)
    if family.pad_last:
        settings["decoder_start_token_id"] = family.pad(size)
    torch.manual_seed(_SEED)
    config = getattr(transformers, f"{family.name}Config")(**settings)
    made = getattr(transformers, family.model)(config).eval().float()
    spread = 1.2 / size.width**0.5
    fixed = _fixed(made)
    with torch.no_grad():
        for name, values in made.named_parameters():
            if values.ndim > 1 and name not in fixed:
                values.copy_(torch.randn_like(values) * spread)
            if name.endswith(".q.weight"):  # T5s, trained or new, carry attention's scale in here
                values.div_((size.width // size.heads) ** 0.5)
        if family.pad_last:  # a real Marian's first step begins with zeros
            made.get_input_embeddings().weight[family.pad(size)] = 0
    made.save_pretrained(folder)
    _tokenizer(folder, size.vocabulary, family.pad(size))
    return made


def _fixed(made: Any) -> set[str]:
    """Return the tables of positions that are computed, not learned."""
    return {name for name, values in made.named_parameters() if not values.requires_grad}


def _tokenizer(folder: Path, vocabulary: int, pad: int) -> None:
    import transformers  # noqa: PLC0415 - heavy
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    words = {f"w{number}": number for number in range(vocabulary)}
    special = {BEGIN: 0, END: 2, UNKNOWN: 3, PAD: pad}
    words = {word: number for word, number in words.items() if number not in special.values()}
    tokenizer = Tokenizer(models.WordLevel(words | special, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"bos_token": BEGIN, "eos_token": END, "pad_token": PAD, "unk_token": UNKNOWN}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.save_pretrained(folder)
