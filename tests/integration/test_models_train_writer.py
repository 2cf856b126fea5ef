"""Training a model that writes; needs ``pip install 'tidemark[convert]'``."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console

from models.convert.tensors import read_tensors
from models.installing import build, describe_folder
from models.summarize.writers import Generation, Writer
from models.tokenizer_file import read_tokenizer
from models.train.examples import Marks
from models.train.pairs import Table
from models.train.run import Options, train
from models.train.warm import bart_config, decoder_tensors, encoder_tensors, whole
from streams.errors import Misconfigured
from tests.support.tiny_model import LAYERS, LONGEST, WEIGHTS, write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

torch: Any = pytest.importorskip("torch", reason="needs pip install 'tidemark[convert]'")

pytestmark = pytest.mark.filterwarnings("default")  # other people's, while models are made

WINDOW = 32


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """Ten documents whose text is their first word."""
    write_tiny_model(tmp_path / "tiny")
    rows = [{"text": f"{word} is here. {word} stays.", "summary": word} for word in "abcdefghij"]
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return Options(
        table=Table(file, "text", "summary"),
        out=tmp_path / "trained",
        encoder=tmp_path / "tiny",
        epochs=30,
        layers=1,
        window=WINDOW,
        longest=8,
        batch=4,
        rate=1e-2,
        held_out=0.2,
    )


def test_the_warmed_encoder_gives_the_vectors_of_bert(tmp_path: Path) -> None:
    """Every token's vector within 1e-4, the small word vectors' normalization included."""
    import transformers  # noqa: PLC0415 - heavy

    bert = write_tiny_model(tmp_path / "tiny")
    for name in bert:
        if name.startswith("embeddings.") and "LayerNorm" not in name:
            bert[name] *= 0.05  # as small as trained ones, where BART's 1e-5 would show
    from safetensors.numpy import save_file  # noqa: PLC0415

    save_file(bert, tmp_path / "tiny" / WEIGHTS)
    marks = Marks.of(read_tokenizer(tmp_path / "tiny"))
    settings = json.loads((tmp_path / "tiny" / "config.json").read_text(encoding="utf-8"))
    config = bart_config(settings, marks, layers=1)
    tensors = whole(
        encoder_tensors(bert, layers=LAYERS),
        decoder_tensors(bert, layers=1, of=LAYERS),
        range(20),
    )
    bart = transformers.BartForConditionalGeneration(transformers.BartConfig(**config)).eval()
    bart.load_state_dict({name: torch.tensor(values) for name, values in tensors.items()})
    theirs = transformers.BertModel.from_pretrained(tmp_path / "tiny").eval()
    ids = torch.tensor([[2, *range(5, 28), 3]])
    with torch.no_grad():
        expected = theirs(ids).last_hidden_state
        found = bart.model.encoder(ids).last_hidden_state
    assert float((found - expected).abs().max()) < 1e-4
    assert float(expected.std()) > 0.1


def test_training_lowers_the_loss_and_the_result_is_written_by_our_writer(
    options: Options, tmp_path: Path
) -> None:
    """From pairs to a converted model; what CTranslate2 writes is what PyTorch writes."""
    import transformers  # noqa: PLC0415 - heavy

    trained = train(options, Console(file=StringIO()))
    losses = _card(trained)["losses"]
    assert losses[1] < 0.6 * losses[0]

    model = describe_folder(trained, "own", task=None, prompt=None, licence="unknown")
    assert model.task == "summarization"
    build(model, trained, tmp_path / "own", "a test", 0)
    generation = Generation(max_tokens=8, beam_size=1, no_repeat_ngram=0)
    writer = Writer(
        tmp_path / "own", device="cpu", compute_type="float32", threads=1, generation=generation
    )
    assert writer.window == LONGEST  # all positions of the encoder, whatever was trained on
    bart = transformers.BartForConditionalGeneration.from_pretrained(trained).eval()
    tokenizer = read_tokenizer(trained)
    for text in ("a is here. a stays.", "f is here. f stays."):
        (answer,) = writer.write([writer.tokens("", text)])
        given = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            written = bart.generate(given, num_beams=1, do_sample=False, max_new_tokens=8)
        expected = tokenizer.decode(written[0].tolist(), skip_special_tokens=True)
        assert answer.text == expected.strip()


def test_a_run_that_was_broken_off_ends_in_the_same_weights(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of its second epoch, then resumed."""
    plan = replace(options, epochs=3)
    through = train(plan, Console(file=StringIO()))
    steps = _card(through)["steps"]["planned"]
    stopped = replace(plan, out=tmp_path / "stopped")
    asked = iter(range(1_000))
    with monkeypatch.context() as patched:
        patched.setattr("models.train.run._Run.over", lambda _: next(asked) >= steps // 2)
        train(stopped, Console(file=StringIO()))
    assert 0 < _card(stopped.out)["steps"]["done"] < steps
    with pytest.raises(Misconfigured, match="other settings"):
        train(replace(stopped, resume=True, rate=0.5), Console(file=StringIO()))
    train(replace(stopped, resume=True), Console(file=StringIO()))
    assert _card(stopped.out)["steps"]["done"] == steps
    expected, found = (read_tensors(folder / WEIGHTS) for folder in (through, stopped.out))
    assert expected.keys() == found.keys()
    assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_a_trained_model_is_trained_on_with_other_texts(options: Options, tmp_path: Path) -> None:
    """What it may write grows by the new texts' tokens; its card names what it began from."""
    before = train(replace(options, epochs=1), Console(file=StringIO()))
    file = tmp_path / "more.jsonl"
    rows = [{"text": f"{word} is here.", "summary": f"{word} z!"} for word in "klmnopqrst"]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    table = Table(file, "text", "summary")
    after = train(
        replace(options, table=table, begin=before, out=tmp_path / "after", epochs=1),
        Console(file=StringIO()),
    )
    assert _card(after)["begun_from"] == _card(before)
    written = [
        set(np.flatnonzero(read_tensors(folder / WEIGHTS)["final_logits_bias"][0] == 0).tolist())
        for folder in (before, after)
    ]
    tokenizer = read_tokenizer(before)
    assert written[1] > written[0]
    assert tokenizer.token_to_id("!") in written[1] - written[0]


def _card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return found
