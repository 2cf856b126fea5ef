"""Training a model that writes, as far as it needs no PyTorch."""

from __future__ import annotations

import gzip
import json
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.convert import convert
from models.tokenizer_file import read_tokenizer
from models.train.command import main
from models.train.decoder import pytorch
from models.train.examples import Marks, batches, padded, tokenize, written_tokens
from models.train.loop import Plan
from models.train.pairs import Pair, Table, read_pairs, split, without
from models.train.scores import rouge
from models.train.states import States, encoded
from models.train.warm import decoder_tensors, encoder_tensors, start_by_copying, whole
from streams.errors import Misconfigured
from tests.support.tiny_model import LAYERS, VOCABULARY, WEIGHTS, WIDTH, write_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = [
    Pair(f"Document number {number}, long enough.", f"Title {number}") for number in range(400)
]


def test_pairs_are_read_from_lists_and_compressed_files(tmp_path: Path) -> None:
    """Sentences are joined, each text of a list is a pair, rows that lack one are left out."""
    path = tmp_path / "pairs.jsonl.gz"
    rows = [
        {"sentences": ["One.", "Two."], "summaries": ["a", "b"]},
        {"sentences": [], "summaries": ["c"]},
        {"sentences": ["Three."], "summaries": [" "]},
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    expected = [Pair("One. Two.", "a"), Pair("One. Two.", "b")]
    assert read_pairs(Table(path, "sentences", "summaries")) == expected


def test_pairs_are_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('text,summary\n"A, b",c\n,d\n', encoding="utf-8")
    assert read_pairs(Table(path, "text", "summary")) == [Pair("A, b", "c")]


@pytest.mark.parametrize("content", ["not json\n", '{"text": "no summary"}\n', ""])
def test_a_file_without_pairs_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"pairs\.jsonl"):
        read_pairs(Table(path, "text", "summary"))


def test_test_documents_are_found_whatever_their_case_and_spacing() -> None:
    """By the document or by the text."""
    train = [Pair("We study  X.", "one"), Pair("Else.", "On Y"), Pair("Third.", "three")]
    test = [Pair("we study x", "other"), Pair("unlike", "ON-Y!")]
    assert without(train, test) == [train[2]]


def test_what_is_held_out_depends_on_the_document_alone() -> None:
    found = split(PAIRS, 0.25)
    assert 60 < len(found.held_out) < 140
    assert not {pair.source for pair in found.train} & {pair.source for pair in found.held_out}
    again = split(PAIRS[::-1], 0.25)
    assert again.held_out == found.held_out[::-1]


def test_every_epoch_sees_every_document_once_in_an_order_that_a_seed_fixes() -> None:
    lengths = [number % 37 + 1 for number in range(1000)]
    first = batches(lengths, 16, seed=3, epoch=0)
    assert sorted(np.concatenate(first).tolist()) == list(range(1000))
    again = batches(lengths, 16, seed=3, epoch=0)
    assert [part.tolist() for part in first] == [part.tolist() for part in again]
    other = batches(lengths, 16, seed=3, epoch=1)
    assert [part.tolist() for part in first] != [part.tolist() for part in other]
    spread = [max(lengths[i] for i in part) - min(lengths[i] for i in part) for part in first]
    assert np.mean(spread) < 5


def test_texts_are_cut_at_the_window_and_never_in_the_target(tmp_path: Path) -> None:
    """A target that is too long is left out; an unknown token is never to be written."""
    write_tiny_model(tmp_path / "tiny")
    tokenizer = read_tokenizer(tmp_path / "tiny")
    marks = Marks.of(tokenizer)
    pairs = [Pair("abcdefghij", "a é b"), Pair("ab", "abcdefgh")]
    found = tokenize(pairs, tokenizer, window=6, longest=5)
    assert [len(ids) for ids in found.sources] == [6]
    assert found.sources[0][0] == marks.begin
    assert found.sources[0][-1] == marks.end
    (target,) = found.targets
    assert target[-1] == marks.end
    assert marks.unknown not in target
    written = written_tokens(found.targets, marks)
    assert set(target) <= set(written.tolist())
    assert padded([[1, 2], [3]], 9).tolist() == [[1, 2], [3, 9]]


def test_vectors_are_the_encoders_and_are_kept(tmp_path: Path) -> None:
    """Of documents of mixed lengths; the second time nothing is computed."""
    sources = _tiny(tmp_path)
    weights = tmp_path / "tiny" / "ctranslate2"
    told: list[int] = []
    found = encoded(sources, weights, tmp_path / "kept", lambda done, _: told.append(done))
    assert told[-1] == len(sources)
    vectors, mask = found.padded(np.array([1, 0]))
    assert mask.sum(1).tolist() == [len(sources[1]), len(sources[0])]
    import ctranslate2  # noqa: PLC0415 - heavy

    encoder = ctranslate2.Encoder(str(weights), compute_type="int8")
    for row, ids in zip(vectors, (sources[1], sources[0]), strict=True):
        alone = np.asarray(encoder.forward_batch([ids]).last_hidden_state)[0]
        assert np.abs(row[: len(ids)] - alone).max() < 5e-3  # float16
        assert not row[len(ids) :].any()
    told.clear()
    again = encoded(sources, weights, tmp_path / "kept", lambda done, _: told.append(done))
    assert not told
    assert np.array_equal(again.vectors, found.vectors)
    encoded(sources[:1], weights, tmp_path / "kept", lambda done, _: told.append(done))
    assert told == [1]


def test_the_warm_decoder_copies_what_it_looks_at(tmp_path: Path) -> None:
    """Where a linear map from the vectors to the word vectors exists, it is found."""
    bert = write_tiny_model(tmp_path / "tiny")
    words = bert["embeddings.word_embeddings.weight"]
    rng = np.random.default_rng(0)
    sources = [rng.integers(0, len(words), 40).tolist() for _ in range(20)]
    mixing = rng.normal(size=(WIDTH, WIDTH))
    vectors = (words[np.concatenate(sources)] @ mixing).astype(np.float16)
    states = States(vectors, np.arange(0, 801, 40))
    decoder = decoder_tensors(bert, layers=2, of=LAYERS)
    assert start_by_copying(decoder, words, sources, states) > 0.95
    values = vectors @ decoder["layers.1.encoder_attn.v_proj.weight"].T
    values += decoder["layers.1.encoder_attn.v_proj.bias"]
    nearest = ((values[:50, None] - words[None]) ** 2).sum(-1).argmin(1)
    assert np.mean(nearest == np.concatenate(sources)[:50]) > 0.9


def test_only_tokens_of_the_targets_can_be_written(tmp_path: Path) -> None:
    bert = write_tiny_model(tmp_path / "tiny")
    encoder = encoder_tensors(bert, layers=LAYERS)
    decoder = decoder_tensors(bert, layers=1, of=LAYERS)
    found = whole(encoder, decoder, [0, 2, 3, 9])
    assert np.flatnonzero(found["final_logits_bias"][0] == 0).tolist() == [0, 2, 3, 9]
    assert found["lm_head.weight"].shape == (len(VOCABULARY), WIDTH)
    last = f"encoder.layer.{LAYERS - 1}.attention.self.query.weight"
    assert np.array_equal(found["model.decoder.layers.0.encoder_attn.q_proj.weight"], bert[last])


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    plan = Plan(epochs=1, rate=1.0, warmup=10)
    rates = [plan.rate_at(step, 200) for step in range(200)]
    assert np.argmax(rates) == 9
    assert rates[0] == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(1 / 200)
    assert all(before > after for before, after in pairwise(rates[9:]))


def test_rouge_of_known_texts() -> None:
    found = rouge(["a b c d"], ["A b, x d"])
    assert found["rouge1"] == pytest.approx(0.75)
    assert found["rouge2"] == pytest.approx(1 / 3)
    assert rouge([""], [""]) == {"rouge1": 0.0, "rouge2": 0.0}


def test_without_pytorch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.train.decoder.has_pytorch", lambda: False)
    with pytest.raises(Misconfigured, match="needs PyTorch: pip install torch, where"):
        pytorch()


def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("models.train.decoder.has_pytorch", lambda: False)
    monkeypatch.setattr(sys, "argv", ["train", "pairs.jsonl", "--out", str(tmp_path / "out")])
    assert main() == 2
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(sys, "argv", ["train", "pairs.jsonl", "--bogus"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--bogus" in capsys.readouterr().err


def _tiny(folder: Path) -> list[list[int]]:
    write_tiny_model(folder / "tiny")
    convert(folder / "tiny", WEIGHTS, folder / "tiny" / "ctranslate2")
    tokenizer = read_tokenizer(folder / "tiny")
    return [row.ids for row in tokenizer.encode_batch(["ab cd", "a", "ef gh ij", "k lm"])]
