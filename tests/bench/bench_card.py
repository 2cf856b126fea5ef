"""Documents per second on a card: CTranslate2's compute types against transformers on the same one.

    python -m tests.bench card [FILE] [--documents 2000] [--device cuda] [--writer FOLDER ...]

Needs PyTorch, in the environment that ``make test-convert`` sets up, and on a card CUDA 12's
cuBLAS (``compose/gpu.lock``). Embedding: the default encoder reads all sentences of the documents,
and their mean vectors are taken. Generation: ``--writer`` names folders of transformers; without
one, a BART and a Qwen2 of random weights, which are as fast as trained ones of their size, read the
first ``--read`` tokens of each document and write ``--new`` greedily. transformers get the same
tokens, sorted by length, in padded calls of ``--tokens``, in float16 (on a CPU in float32).
Every way takes its turn, round after round; the shortest counts, after one to warm up.
Without a card ``--device cpu`` runs the same against float32.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tests.bench.card_models import (
    Transformers,
    as_words,
    encoder_tokens,
    random_writer,
    writer_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.summarize.writers import Writer
    from streams.ports import Text

Run: TypeAlias = "Callable[[], Any]"

_TYPES = {
    "cuda": ("int8_float16", "float16", "float32"),
    "cpu": ("int8", "float32"),
}
_HALVES = {"cuda": "float16", "cpu": "float32"}
_RANDOM = ("Bart", "Qwen2")


@dataclass(frozen=True, slots=True)
class Timed:
    """One way: its name, documents per second, and what it answered."""

    name: str
    speed: float
    answer: Any


def main(words: Sequence[str] | None = None) -> None:
    given = arguments(words)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        torch: Any = import_module("torch")
    except ModuleNotFoundError:
        sys.exit("this bench needs PyTorch: run make test-convert once, which sets it up apart")
    import ctranslate2  # noqa: PLC0415 - heavy import

    if given.device == "cuda" and not (
        torch.cuda.is_available() and ctranslate2.get_cuda_device_count()
    ):
        sys.exit("no CUDA device is found by both PyTorch and CTranslate2; --device cpu runs there")
    import_module("transformers").logging.disable_progress_bar()
    from streams.cli.tuning import texts_of  # noqa: PLC0415 - imports the models

    texts = texts_of(given.file, None, None, given.documents)
    card = torch.cuda.get_device_name(0) if given.device == "cuda" else "CPU"
    versions = (ctranslate2.__version__, torch.__version__)
    say(f"{card}; {len(texts):,} documents; CTranslate2 {versions[0]}, PyTorch {versions[1]}\n")
    say("| what | by | documents/s | times transformers | agrees |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        embedding(given, texts, Path(scratch))
        for number, name in enumerate(given.writer or _RANDOM):
            folder = Path(scratch, f"writer-{number}")
            folder.mkdir()
            writing(given, texts, name, folder)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", nargs="?", help="documents; those of the demo if absent")
    parser.add_argument("--device", choices=sorted(_TYPES), default="cuda")
    parser.add_argument("--writer", nargs="*", type=Path, default=(), metavar="FOLDER")
    parser.add_argument("--encoder", type=Path, help="folder of a BERT; the default one if absent")
    for name, value, what in (
        ("documents", 2000, "read from the file"),
        ("rounds", 3, "turns of each way"),
        ("tokens", 16_384, "of a call of transformers"),
        ("read", 256, "tokens that writers read of a document"),
        ("new", 48, "tokens that they write"),
        ("layers", 12, "of the random writers, of encoder and of decoder"),
        ("width", 1024, "of the random writers"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} ({value})")
    return parser.parse_args(words)


def embedding(given: argparse.Namespace, texts: Sequence[Text], scratch: Path) -> None:
    """Show how fast sentences become vectors."""
    from models.encoder import SentenceEncoder  # noqa: PLC0415 - heavy
    from models.train.folder import encoder_folder  # noqa: PLC0415

    folder = encoder_folder(scratch / "encoder", given.encoder, lambda *_: None)
    ids = encoder_tokens(folder, texts)
    usual = Transformers(folder, "encoder", given.device, _HALVES[given.device], given.tokens)
    name = f"transformers {_HALVES[given.device]}"
    runs: dict[str, Run] = {name: partial(usual.encode, ids)}
    for kind in _TYPES[given.device]:
        encoder = SentenceEncoder(folder, device=given.device, compute_type=kind, threads=0)
        runs[f"CTranslate2 {kind}"] = partial(encoder.encode, ids)
    exact = Transformers(folder, "encoder", given.device, "float32", given.tokens).encode(ids)

    def cosine(vectors: Any) -> str:
        pairs = (vectors * exact).sum(1)
        sizes = np.linalg.norm(vectors, axis=1) * np.linalg.norm(exact, axis=1)
        return f"cosine {float((pairs / sizes).mean()):.4f}"

    show(f"embedding, {len(ids):,} sentences", in_turn(runs, len(texts), given.rounds), cosine)


def writing(given: argparse.Namespace, texts: Sequence[Text], name: Any, folder: Path) -> None:
    """Show how fast a model writes, and how many words are those that transformers write."""
    from models.convert import convert  # noqa: PLC0415 - heavy
    from models.registry import WEIGHTS_FOLDER  # noqa: PLC0415
    from models.summarize.writers import Generation, Writer  # noqa: PLC0415

    source = name if isinstance(name, Path) else random_writer(folder, name, given)
    texts = texts if source != folder else [as_words(one) for one in texts]
    for path in source.iterdir() if source != folder else ():
        if path.is_file():
            (folder / path.name).symlink_to(path.resolve())
    weights = "model.safetensors"
    index = f"{weights}.index.json"
    convert(folder, index if (folder / index).exists() else weights, folder / WEIGHTS_FOLDER)
    generation = Generation(given.new, given.new, beam_size=1, no_repeat_ngram=0)
    runs: dict[str, Run] = {}
    prompts: list[list[str]] = []
    for kind in _TYPES[given.device]:
        writer = Writer(
            folder, device=given.device, compute_type=kind, threads=0, generation=generation
        )
        prompts = prompts or writer_tokens(writer, texts, given.read)
        runs[f"CTranslate2 {kind}"] = partial(written, writer, prompts)
    usual = Transformers(folder, "writer", given.device, _HALVES[given.device], given.tokens)
    runs[f"transformers {_HALVES[given.device]}"] = partial(usual.write, prompts, given.new)
    timed = in_turn(runs, len(texts), given.rounds)
    expected = timed[-1].answer

    def same(found: Any) -> str:
        pairs = [(a.split(), b.split()) for a, b in zip(found, expected, strict=True)]
        equal = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=False))
        return f"{equal / max(1, sum(len(b) for _, b in pairs)):.1%} of the words"

    show(f"{source.name if isinstance(name, Path) else f'{name}, random'} writes", timed, same)


def written(writer: Writer, prompts: Sequence[list[str]]) -> list[str]:
    """Return what the writer says to each prompt."""
    return [one.text for one in writer.write(prompts)]


def in_turn(runs: dict[str, Run], documents: int, rounds: int) -> list[Timed]:
    """Time each way, round after round; the first round warms up."""
    best = dict.fromkeys(runs, float("inf"))
    answers: dict[str, Any] = {}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            answers[name] = run()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return [Timed(name, documents / best[name], answers[name]) for name in runs]


def show(what: str, timed: Sequence[Timed], agreement: Callable[[Any], str]) -> None:
    """Write a row for each way."""
    usual = next(one.speed for one in timed if one.name.startswith("transformers"))
    for one in sorted(timed, key=lambda each: each.name, reverse=True):
        ratio, agrees = one.speed / usual, agreement(one.answer)
        say(f"| {what} | {one.name} | {one.speed:,.1f} | {ratio:.2f} | {agrees} |")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
