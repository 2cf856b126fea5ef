"""Models that write: both kinds behind one face, limits, templates, long documents, folding."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import ctranslate2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.registry import WEIGHTS_FOLDER
from models.summarize import writers
from models.summarize.chunks import chunk_text, windows
from models.summarize.generative import GenerativeSummarizer
from models.summarize.prompts import ChatTemplate, prompt
from models.summarize.running import Running, folded
from models.summarize.writers import Answer, Generation, Writer
from streams.errors import Misconfigured
from streams.ports import Text
from tests.support.tiny_writers import (
    write_tiny_decoder,
    write_tiny_sequence_to_sequence,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHORT = Generation(max_tokens=12, beam_size=2, no_repeat_ngram=2)
MADE = {"decoder": write_tiny_decoder, "sequence-to-sequence": write_tiny_sequence_to_sequence}


@pytest.fixture(scope="module", params=sorted(MADE))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp(request.param) / "tiny"
    MADE[request.param](made)
    return made


def _writer(folder: Path, generation: Generation = SHORT, threads: int = 2) -> Writer:
    return Writer(folder, device="cpu", compute_type="auto", threads=threads, generation=generation)


def _summarizer(folder: Path, name: str = "plain-1") -> GenerativeSummarizer:
    return GenerativeSummarizer(_writer(folder), prompt(name), name="tiny@0")


TEXTS = [
    Text("", "the moon pulls the sea"),
    Text("tides", "it rises twice a day. and it falls twice"),
    Text("", "short"),
    Text("a title", "and some other text that is a little longer than those before it"),
] * 3


def test_a_summary_does_not_depend_on_its_batch(folder: Path) -> None:
    """Alone or among others, with one thread or two: the same text."""
    summarizer = _summarizer(folder)
    together = summarizer.write(TEXTS)
    assert together == [summarizer.write([item])[0] for item in TEXTS]
    one = GenerativeSummarizer(_writer(folder, threads=1), prompt("plain-1"), name="tiny@0")
    assert one.write(TEXTS) == together
    assert len({written.text for written in together}) > 1


def test_lengths_are_kept(folder: Path) -> None:
    """Never more tokens than asked for, never fewer than the least."""
    writer = _writer(folder, Generation(max_tokens=7, min_tokens=3, beam_size=1))
    answers = writer.write([writer.tokens("", item.text) for item in TEXTS])
    assert all(3 <= answer.tokens_out <= 7 for answer in answers)
    assert all(answer.tokens_in > 2 for answer in answers)


def test_a_long_document_is_mapped_and_reduced(folder: Path) -> None:
    """What does not fit is cut into chunks, each is summarized, then their summaries."""
    summarizer = _summarizer(folder)
    long = " ".join(f"sentence {'abcdefgh'[n % 8]} of a long story." for n in range(60))
    (written,) = summarizer.write([Text("", long)])
    assert written.chunks > 3
    assert not written.cut_off
    assert written.tokens_in > 60 * 10
    assert written == summarizer.write([TEXTS[0], Text("", long), TEXTS[1]])[1]


def test_an_endless_document_is_cut_off(folder: Path) -> None:
    """Chunks are bounded, and what was left out is told."""
    summarizer = GenerativeSummarizer(
        _writer(folder), prompt("plain-1"), name="tiny@0", max_chunks=2
    )
    (written,) = summarizer.write([Text("", "a few words here. " * 200)])
    assert (written.chunks, written.cut_off) == (2, True)


def test_an_empty_document_has_an_empty_summary(folder: Path) -> None:
    """No text, no call, no invention."""
    first, second = _summarizer(folder).write([Text("title", "  "), TEXTS[0]])
    assert (first.text, first.tokens_in, first.tokens_out) == ("", 0, 0)
    assert second.tokens_in > 0
    assert _summarizer(folder).write([]) == []


def test_a_running_summary_is_a_function_of_the_old_one_and_the_news(folder: Path) -> None:
    """Folding twice from one state gives one result; nothing new leaves it as it was."""
    summarizer = _summarizer(folder)
    start = Running("news", 1_700_000_000_000)
    one = folded(start, TEXTS[:2], summarizer)
    two = folded(one, TEXTS[2:4], summarizer)
    assert (two.source, two.window_start, two.documents) == ("news", start.window_start, 4)
    assert two == folded(folded(start, TEXTS[:2], summarizer), TEXTS[2:4], summarizer)
    assert folded(two, [], summarizer) is two
    assert two.summary


def test_the_method_names_model_and_prompt(folder: Path) -> None:
    """Every row can say what wrote its summary."""
    assert _summarizer(folder, "brief-1").method == "generative tiny@0 brief-1"


def test_a_pickle_in_the_place_of_weights_is_refused(tmp_path: Path) -> None:
    """A ``model.bin`` that CTranslate2 did not write is not handed to anybody."""
    write_tiny_decoder(tmp_path / "tiny")
    (tmp_path / "tiny" / WEIGHTS_FOLDER / "model.bin").write_bytes(b"PK\x03\x04 a pickle")
    with pytest.raises(Misconfigured, match=r"model\.bin is no model of CTranslate2"):
        _writer(tmp_path / "tiny")


def test_a_window_without_room_is_refused(tmp_path: Path) -> None:
    """An answer longer than the model reads is a mistake of the settings."""
    write_tiny_decoder(tmp_path / "tiny")
    with pytest.raises(Misconfigured, match="leaves no room for an answer of 999"):
        _writer(tmp_path / "tiny", Generation(max_tokens=999))


def test_sampling_settings_reach_the_model(tmp_path: Path) -> None:
    """Sampling at a high temperature differs from the likeliest answer."""
    import ctranslate2  # noqa: PLC0415 - heavy

    write_tiny_decoder(tmp_path / "tiny")
    ctranslate2.set_random_seed(7)
    hot = Generation(max_tokens=30, beam_size=1, top_k=0, temperature=50.0, no_repeat_ngram=0)
    cold = Generation(max_tokens=30, beam_size=1, no_repeat_ngram=0)
    texts = []
    for generation in (hot, cold):
        writer = _writer(tmp_path / "tiny", generation, threads=1)
        texts.append(writer.write([writer.tokens("", "the sea")])[0].text)
    assert texts[0] != texts[1]


def test_a_writer_tries_a_card_before_it_is_relied_upon(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CTranslate2 looks for cuBLAS when a model first runs: where it lacks, the CPU is used."""
    real = {name: getattr(ctranslate2, name) for name in ("Generator", "Translator")}

    class WithoutLibraries:
        """Opens on a card, and cannot run there."""

        def generate_batch(self, *_: object, **__: object) -> None:
            raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

        translate_batch = generate_batch

    for name, kind in real.items():

        def opened(path: str, *, kind: type = kind, **options: object) -> object:
            return WithoutLibraries() if options["device"] == "cuda" else kind(path, **options)

        monkeypatch.setattr(ctranslate2, name, opened)
    monkeypatch.setattr(writers, "choose_device", lambda _: "cuda")
    monkeypatch.setattr(writers, "choose_compute_type", lambda _, __: "float32")
    writer = Writer(folder, device="auto", compute_type="auto", threads=1, generation=SHORT)
    assert (writer.device, len(caplog.records)) == ("cpu", 1)
    assert writer.write([writer.tokens("", "the moon")])[0].tokens_out > 0


def test_a_writer_lives_on_when_memory_is_short(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one prompt a call, every document has the answer that it has with more."""
    writer = _writer(folder)
    prompts = [writer.tokens("", "the moon")] * 5
    expected, call = writer.write(prompts), writer._call

    def short(batch: Sequence[list[str]]) -> list[Answer]:
        if len(batch) > 1:
            raise RuntimeError("CUDA failed with error out of memory")
        return call(batch)

    monkeypatch.setattr(writer, "_call", short)
    assert writer.write(prompts) == expected


def test_a_model_is_tried_by_one_token(folder: Path) -> None:
    """Whatever its vocabulary, the trial has its answer."""
    writer = _writer(folder)
    assert writers._run_once(writer._model, decodes=writer._decodes) == 1


def test_a_chat_template_frames_the_prompt() -> None:
    """System and user message stand where the model expects them."""
    template = ChatTemplate(
        "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}",
        {"bos_token": "<s>"},
    )
    assert template.render("be brief", "hello") == "<s><system>be brief<user>hello<assistant>"
    assert template.render("", "hello") == "<s><user>hello<assistant>"


def test_a_template_without_system_messages_gets_one_message() -> None:
    """Some models refuse system messages; their words are not lost."""
    template = ChatTemplate(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{{ messages[0].content }}",
        {},
    )
    assert template.render("be brief", "hello") == "be brief\n\nhello"


@pytest.mark.parametrize(
    "source", ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ messages.append(1) }}"]
)
def test_a_template_cannot_leave_its_sandbox(source: str) -> None:
    """A template that reaches for Python's insides, or changes what it is given, is an error."""
    with pytest.raises(Misconfigured, match="chat template fails"):
        ChatTemplate(source, {}).render("", "hello")


def test_a_broken_template_is_one_line() -> None:
    """Its author's mistake is named when the model is loaded."""
    with pytest.raises(Misconfigured, match="chat template cannot be read"):
        ChatTemplate("{% if %}", {})


def test_an_unknown_prompt_is_named() -> None:
    """The error says which prompts there are."""
    with pytest.raises(Misconfigured, match=r"no prompt 'other'; known: brief-1, plain-1, t5-1"):
        prompt("other")


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(30, 90), st.integers(0, 20))
def test_windows_hold_every_sentence_in_order(sizes: list[int], budget: int, overlap: int) -> None:
    """Each sentence is in a chunk, no chunk is too large, neighbours share at most the overlap."""
    found = list(windows(sizes, budget, overlap))
    assert {n for a, b in found for n in range(a, b)} == set(range(len(sizes)))
    assert all(sum(sizes[a:b]) <= budget for a, b in found)
    for (a, b), (c, d) in itertools.pairwise(found):
        assert a < c <= b < d
        assert sum(sizes[c:b]) <= overlap


@given(st.text("ab .\n", max_size=400), st.integers(4, 40))
def test_chunks_keep_every_word(text: str, budget: int) -> None:
    """However a text is cut, each of its words is in a chunk that fits."""

    def offsets(part: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\S", part)]

    chunks = chunk_text(text, budget, budget // 8, offsets)
    assert all(len(offsets(chunk)) <= budget for chunk in chunks)
    assert len(offsets(text)) <= sum(len(offsets(chunk)) for chunk in chunks)
