"""Converted models against PyTorch itself; needs ``pip install 'tidemark[convert]'``.

The models are small and random, made through transformers' own configurations with a fixed seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.convert import convert, heads

if TYPE_CHECKING:
    from pathlib import Path

torch: Any = pytest.importorskip("torch", reason="needs pip install 'tidemark[convert]'")

pytestmark = pytest.mark.filterwarnings("default")  # other people's, while models are made

VOCABULARY = 200
WEIGHTS = "model.safetensors"
TOKENS = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
DECODER: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "max_position_embeddings": 128,
    **TOKENS,
}
BART: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 128,
    "decoder_ffn_dim": 128,
    "max_position_embeddings": 128,
    "forced_eos_token_id": None,
    **TOKENS,
}
T5: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 128,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 1,
    **TOKENS,
}
GPT2: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 128,
}
DECODERS = {
    "Llama": DECODER,
    "Mistral": DECODER,
    "Qwen2": DECODER,
    "Qwen3": DECODER | {"head_dim": 16},
    "Gemma": DECODER | {"head_dim": 16},
    "GPT2": GPT2 | TOKENS,
}
WRITERS = {
    "Bart": BART | {"decoder_start_token_id": 2},
    "Pegasus": BART | {"decoder_start_token_id": 1},
    "T5": T5,
}
ENCODERS = ("Bert", "DistilBert", "Roberta", "XLMRoberta", "Camembert")
PROMPTS = [[5, 6, 7, 8], list(range(10, 27)), list(range(40, 80))]


def _made(folder: Path, config: Any, model: Any) -> Any:
    """Return a model with random weights, saved with a tokenizer."""
    import transformers  # noqa: PLC0415 - heavy
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415

    torch.manual_seed(0)
    made = model(config).eval().float()
    with torch.no_grad():
        for values in made.parameters():
            if values.ndim > 1:
                values.copy_(torch.randn_like(values) * 0.15)
    made.save_pretrained(folder)
    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    words |= {f"w{number}": number for number in range(4, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(
        folder
    )
    return made


def _part(family: str, name: str) -> Any:
    import transformers  # noqa: PLC0415 - heavy

    return getattr(transformers, f"{family}{name}")


@pytest.mark.parametrize("family", ENCODERS)
def test_a_classifiers_logits_are_pytorchs(tmp_path: Path, family: str) -> None:
    """Float32: rounding only; int8: a fraction of the logits' spread."""
    import ctranslate2  # noqa: PLC0415 - heavy

    config = _part(family, "Config")(vocab_size=VOCABULARY, num_labels=5, **_encoder(family))
    made = _made(tmp_path, config, _part(family, "ForSequenceClassification"))
    with torch.no_grad():
        expected = np.stack([made(torch.tensor([ids])).logits[0].numpy() for ids in PROMPTS])
    for quantization, most in ((None, 1e-4), ("int8", 0.2 * expected.std())):
        target = tmp_path / str(quantization)
        convert(tmp_path, WEIGHTS, target, quantization=quantization)
        encoder = ctranslate2.Encoder(str(target), compute_type=quantization or "float32")
        first = [np.asarray(encoder.forward_batch([x]).last_hidden_state)[0, 0] for x in PROMPTS]
        assert np.abs(heads.load(target).logits(np.stack(first)) - expected).max() < most


def _encoder(family: str) -> dict[str, int]:
    if family == "DistilBert":
        return {"dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128}
    return {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "pad_token_id": 1,
    }


@pytest.mark.parametrize("family", sorted(DECODERS))
def test_a_decoders_logits_are_pytorchs(tmp_path: Path, family: str) -> None:
    """Every next-token logit, in float32 and in int8."""
    import ctranslate2  # noqa: PLC0415 - heavy

    config = _part(family, "Config")(**DECODERS[family])
    head = "LMHeadModel" if family == "GPT2" else "ForCausalLM"
    made = _made(tmp_path, config, _part(family, head))
    for quantization, most in ((None, 1e-4), ("int8", 0.6)):
        target = tmp_path / str(quantization)
        convert(tmp_path, WEIGHTS, target, quantization=quantization)
        model = ctranslate2.Generator(str(target), compute_type=quantization or "float32")
        for ids in PROMPTS:
            with torch.no_grad():
                expected = made(torch.tensor([ids])).logits[0].numpy()
            found = np.asarray(model.forward_batch([[f"w{number}" for number in ids]]))[0]
            assert np.abs(found - expected).max() < most
            assert expected.std() > 0.5


@pytest.mark.parametrize("family", sorted(WRITERS))
def test_a_sequence_to_sequence_model_writes_what_pytorch_writes(
    tmp_path: Path, family: str
) -> None:
    """Twenty greedy tokens, the same ones in float32."""
    import ctranslate2  # noqa: PLC0415 - heavy

    config = _part(family, "Config")(**WRITERS[family])
    made = _made(tmp_path, config, _part(family, "ForConditionalGeneration"))
    convert(tmp_path, WEIGHTS, tmp_path / "out", quantization=None)
    model = ctranslate2.Translator(str(tmp_path / "out"), compute_type="float32")
    length = {"min_new_tokens": 20, "max_new_tokens": 20}
    for ids in PROMPTS:
        given = torch.tensor([[*ids, 2]])
        with torch.no_grad():
            written = made.generate(
                given, attention_mask=torch.ones_like(given), num_beams=1, do_sample=False, **length
            )
        source = [*(f"w{number}" for number in ids), "</s>"]
        (result,) = model.translate_batch(
            [source], beam_size=1, min_decoding_length=20, max_decoding_length=20
        )
        expected = [f"w{number}" for number in written[0, 1:].tolist() if number > 3]
        assert [token for token in result.hypotheses[0] if token[0] == "w"] == expected
