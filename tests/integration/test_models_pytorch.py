"""Converted models against PyTorch itself; needs ``pip install 'tidemark[convert]'``.

The models are small and random, made through transformers' own configurations with a fixed seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from streams.errors import Misconfigured
from tests.support.against_pytorch import converted, difference, load, texts, tokens
from tests.support.random_models import FAMILIES, Family, Size, make

if TYPE_CHECKING:
    from pathlib import Path

torch: Any = pytest.importorskip("torch", reason="needs pip install 'tidemark[convert]'")

pytestmark = pytest.mark.filterwarnings("default")  # other people's, while models are made

SIZE = Size()
ROUNDING = 1e-4
QUANTIZED = 0.8  # of the spread; random weights quantize worse than trained ones
WRITERS = [family for family in FAMILIES if family.kind == "writer"]


def _id(family: Family) -> str:
    return family.said


@pytest.mark.parametrize("family", FAMILIES, ids=_id)
def test_every_number_of_a_converted_model_is_pytorchs(tmp_path: Path, family: Family) -> None:
    """Float32: rounding only; int8: a fraction of what the numbers spread."""
    made = make(tmp_path, family, SIZE)
    for compute_type, most in (("float32", ROUNDING), ("int8", QUANTIZED)):
        target = converted(tmp_path, compute_type)
        model = load(target, family, compute_type)
        found = difference(made, model, target, family, texts(SIZE))
        assert found.spread > 0.1
        assert found.largest < most * found.spread, compute_type


@pytest.mark.parametrize("family", WRITERS, ids=_id)
def test_a_sequence_to_sequence_model_writes_what_pytorch_writes(
    tmp_path: Path, family: Family
) -> None:
    """Twenty greedy tokens, the same ones in float32."""
    made = make(tmp_path, family, SIZE)
    model = load(converted(tmp_path, "float32"), family, "float32")
    pad, start = family.pad(SIZE), made.config.decoder_start_token_id
    for ids in texts(SIZE):
        given = torch.tensor([[*ids, 2]])
        length = {"min_new_tokens": 20, "max_new_tokens": 20}
        with torch.no_grad():
            written = made.generate(
                given, attention_mask=torch.ones_like(given), num_beams=1, do_sample=False, **length
            )
        begins = {"target_prefix": [tokens([start], pad)]} if family.name == "MBart" else {}
        (result,) = model.translate_batch(
            [tokens([*ids, 2], pad)],
            beam_size=1,
            min_decoding_length=20,
            max_decoding_length=20,
            **begins,
        )
        expected = [word for word in tokens(written[0, 1:].tolist(), pad) if word[0] == "w"]
        assert [word for word in result.hypotheses[0] if word[0] == "w"] == expected


def test_a_conversion_says_nothing_of_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No bars and no warnings of transformers' between the lines of a command."""
    make(tmp_path, WRITERS[0], SIZE)
    capfd.readouterr()
    converted(tmp_path, "int8")
    assert capfd.readouterr() == ("", "")


def test_a_model_that_would_be_converted_wrongly_is_refused_in_a_line(tmp_path: Path) -> None:
    """A Phi-3 of which half of each head is rotated: the converter would rotate all of it."""
    phi = Family("Phi3", "decoder", "Phi3ForCausalLM", {"partial_rotary_factor": 0.5})
    make(tmp_path, phi, SIZE)
    with pytest.raises(Misconfigured, match="part of each head, cannot be converted"):
        converted(tmp_path, "int8")


def test_the_bench_of_a_card_shows_a_row_for_each_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a CPU, with small models: what `make bench ARGS="card"` runs on a GPU."""
    from tests.bench import bench_card  # noqa: PLC0415 - only here

    bert = next(family for family in FAMILIES if family.name == "Bert")
    make(tmp_path, bert, SIZE)
    file = tmp_path / "news.csv"
    rows = [f'"w{n} w7 w8 went out. And w{n + 50} came back in w9."' for n in range(20)]
    file.write_text("\n".join(["text", *rows]), encoding="utf-8")
    sizes = ("--rounds", "1", "--layers", "2", "--width", "128", "--new", "5", "--read", "8")
    bench_card.main([str(file), "--device", "cpu", "--encoder", str(tmp_path), *sizes])
    table = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[4:]]
    ways = ["transformers float32", "CTranslate2 int8", "CTranslate2 float32"]
    assert [row[1] for row in table] == 3 * ways
    assert all(float(row[2].replace(",", "")) > 0 for row in table)
    assert float(table[1][4].split()[1]) > 0.95
