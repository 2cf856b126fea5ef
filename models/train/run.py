"""One run of training, from a file of pairs to a folder with a model and its card."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from models.convert import read_config
from models.convert.tensors import read_tensors
from models.files import sha256_of
from models.manifest import DEFAULT_MODEL, read_manifest
from models.tokenizer_file import read_tokenizer
from models.train import folder as folders
from models.train import warm
from models.train.decoder import Decoder, pytorch
from models.train.examples import Marks, tokenize, written_tokens
from models.train.loop import Lesson, Plan, Training
from models.train.pairs import Pair, Split, Table, read_pairs, split, without
from models.train.scores import rouge
from models.train.states import encoded

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from models.convert.tensors import Tensors

_TOLD_EVERY, _LOOK_EVERY = 20, 200  # steps
_LOOKED_AT, _WRITTEN = 512, 100  # pairs


@dataclass(frozen=True, slots=True)
class Options:
    """What is trained on, how and for how long; ``python -m models.train --help`` explains."""

    table: Table
    out: Path
    without: tuple[Table, ...] = ()
    begin: Path | None = None
    encoder: Path | None = None
    licence: str = "unknown"
    minutes: float = 60
    epochs: int = 5
    limit: int | None = None
    layers: int = 3
    window: int = 256
    longest: int = 48
    batch: int = 64
    rate: float = 7e-4
    held_out: float = 0.035
    seed: int = 1
    threads: int = 1
    bfloat16: bool = False
    resume: bool = False


class _Run:
    """The parts of a run, in the order in which they are made."""

    def __init__(self, options: Options, console: Console) -> None:
        self.began = time.monotonic()
        self.options, self.console = options, console
        torch = pytorch()
        torch.set_num_threads(options.threads)
        self.work = options.out.with_name(options.out.name + ".work")
        self.encoder = folders.encoder_folder(self.work / "encoder", options.encoder, _silent)
        self.tokenizer = read_tokenizer(self.encoder)
        self.marks = Marks.of(self.tokenizer)
        self.settings = read_config(self.encoder)
        self.bert = read_tensors(self.encoder / folders.WEIGHTS)
        self.pairs = chosen(options)
        self.train, sources = self._lesson(self.pairs.train, "train")
        self.held_out, _ = self._lesson(self.pairs.held_out, "held-out")
        self.tensors, self.written = self._begin(sources)
        layers = 1 + max(
            int(name.split(".")[1]) for name in self.tensors if name.startswith("layers.")
        )
        self.config = warm.bart_config(self.settings, self.marks, layers=layers)
        self.plan = Plan(
            epochs=options.epochs, batch=options.batch, rate=options.rate, seed=options.seed
        )
        self.decoder = Decoder(
            self.config, self.tensors, self.written, self.marks, dropout=self.plan.dropout
        )
        self.training = Training(
            self.decoder, self.train, self.plan, self.work, bfloat16=options.bfloat16
        )

    def tell(self, line: str) -> None:
        """Write a line with the minutes since the run began."""
        self.console.print(f"{(time.monotonic() - self.began) / 60:5.1f} min  {line}")

    def over(self) -> bool:
        """Tell whether the time is up."""
        return time.monotonic() - self.began > self.options.minutes * 60

    def _lesson(self, pairs: list[Pair], name: str) -> tuple[Lesson, list[list[int]]]:
        options = self.options
        found = tokenize(pairs, self.tokenizer, window=options.window, longest=options.longest)
        self.tell(f"{name}: {len(found.sources):,} pairs; the encoder reads them")
        states = encoded(
            found.sources,
            folders.converted(self.encoder),
            self.work / f"states-{name}",
            self._progress(name),
            threads=options.threads,
        )
        return Lesson(states, found.targets), found.sources

    def _progress(self, name: str) -> Any:
        told = 0

        def tell(done: int, of: int) -> None:
            nonlocal told
            if done * 10 // of > told:
                told = done * 10 // of
                self.tell(f"{name}: {done:,} of {of:,} documents")

        return tell

    def _begin(self, sources: list[list[int]]) -> tuple[Tensors, Any]:
        written = written_tokens(self.train.targets, self.marks)
        if self.options.begin is not None:
            tensors, before = folders.read_decoder(self.options.begin, self.encoder)
            return tensors, np.union1d(before, written)
        tensors = warm.decoder_tensors(
            self.bert,
            layers=self.options.layers,
            of=int(self.settings["num_hidden_layers"]),
        )
        words = self.bert["embeddings.word_embeddings.weight"]
        share = warm.start_by_copying(tensors, words, sources, self.train.states)
        self.tell(f"word vectors explained by the encoder's vectors: {share:.0%}")
        return tensors, written

    def look(self) -> dict[str, float]:
        """Return how good the decoder is on pairs that it is not trained on."""
        loss = self.training.held_out_loss(self.held_out, _LOOKED_AT)
        rows = self.training.write(self.held_out, _WRITTEN, longest=self.options.longest)
        texts = self.tokenizer.decode_batch(rows)
        wanted = self.tokenizer.decode_batch(self.held_out.targets[: len(rows)])
        found = {"loss": loss, **rouge(wanted, texts)}
        self.tell("held out: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
        self.console.print(f"           {wanted[0]!r}: {texts[0]!r}")
        return found


def train(options: Options, console: Console) -> Path:
    """Train, or go on training; return the folder with the model and its card.

    Raises:
        Misconfigured: PyTorch is missing, or the pairs cannot be used.
        Unavailable: the encoder cannot be had.
    """
    run = _Run(options, console)
    if options.resume and run.training.resume():
        run.tell(f"going on after step {run.training.done:,}")
    run.tell(f"{run.training.steps:,} steps, {len(run.written):,} tokens that may be written")
    losses: list[float] = []
    if not run.over():
        for step in run.training.run(until=run.over):
            losses.append(step.loss)
            if step.number % _TOLD_EVERY == 0:
                mean = float(np.mean(losses[-_TOLD_EVERY:]))
                run.tell(f"step {step.number:,} of {step.of:,}: loss {mean:.3f}")
            if step.number % _LOOK_EVERY == 0:
                run.training.save()
                run.look()
    run.training.save()
    _finish(run, run.look(), losses)
    return options.out


def _silent(_step: str, _done: int, _of: int) -> None:
    """Show nothing of a download: the lines that follow say what became of it."""


def chosen(options: Options) -> Split:
    """Return the pairs that a run uses, and those that it is measured on."""
    others = [pair for table in options.without for pair in read_pairs(table)]
    found = split(without(read_pairs(options.table), others), options.held_out)
    if options.limit is None:
        return found
    order = np.random.default_rng(options.seed).permutation(len(found.train))[: options.limit]
    return replace(found, train=[found.train[index] for index in sorted(order.tolist())])


def _finish(run: _Run, figures: dict[str, float], losses: list[float]) -> None:
    options = run.options
    encoder = folders.warmed(run.bert, run.settings)
    tensors = warm.whole(encoder, run.decoder.tensors(run.tensors), run.written.tolist())
    folders.write_model(options.out, run.encoder, run.config, tensors)
    text = json.dumps(_card(run, figures, losses), indent=2, ensure_ascii=False)
    (options.out / folders.CARD).write_text(text + "\n", encoding="utf-8")
    run.tell(f"{options.out}: convert it with `tidemark models convert {options.out}`")


def _card(run: _Run, figures: dict[str, float], losses: list[float]) -> dict[str, Any]:
    """Return what the model was made of and how good it is; losses are those of this run."""
    options = run.options
    own = options.encoder
    return {
        "encoder": {
            "name": read_manifest()[DEFAULT_MODEL].title if own is None else own.name,
            "sha256": sha256_of(run.encoder / folders.WEIGHTS),
        },
        "pairs": _pairs(run),
        "begun_from": None if options.begin is None else folders.read_card(options.begin),
        "plan": asdict(run.plan),
        "steps": {"done": run.training.done, "planned": run.training.steps},
        "losses": [
            round(float(np.mean(part)), 4) for part in (losses[:_TOLD_EVERY], losses[-_TOLD_EVERY:])
        ]
        if losses
        else [],
        "held_out": figures,
        "sha256": sha256_of(options.out / folders.WEIGHTS),
        "trained_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _pairs(run: _Run) -> dict[str, Any]:
    options = run.options
    return {
        "file": options.table.path.name,
        "sha256": options.table.sha256,
        "licence": options.licence,
        "source": options.table.source,
        "target": options.table.target,
        "trained_on": len(run.train.targets),
        "held_out": len(run.held_out.targets),
        "without": [[table.path.name, table.target, table.sha256] for table in options.without],
        "window": options.window,
    }
