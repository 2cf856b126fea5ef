"""Every architecture that is converted: its difference to PyTorch, and its speed beside it.

    python -m tests.bench families [--only NAME ...] [--rounds 3] [--layers 6] [--width 512]

Needs PyTorch, in the environment that ``make test-convert`` sets up. Models are random, of fixed
seeds. All of a family runs in one process on one thread, in turn, round after round; what is
compared is CPU time, of which the least round counts. An encoder reads ``--batch`` texts of
``--length`` tokens and answers its head's logits; the others write ``--new`` tokens greedily,
with their caches of keys and values, PyTorch through transformers' ``generate``.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.random_models import Family, Size


@dataclass(frozen=True, slots=True)
class Work:
    """What is timed: texts, how many tokens are written of each, and the ids that frame them."""

    sequences: list[list[int]]
    new: int
    pad: int = 1
    start: int | None = None


def main() -> None:
    given = _arguments()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        torch: Any = import_module("torch")
    except ModuleNotFoundError:
        sys.exit("this bench needs PyTorch: run make test-convert once, which sets it up apart")
    import_module("transformers").logging.disable_progress_bar()
    torch.set_num_threads(1)
    from tests.support.against_pytorch import texts  # noqa: PLC0415 - after the threads
    from tests.support.random_models import FAMILIES, Size  # noqa: PLC0415 - as above

    positions = 2 * (given.length + given.new)
    size = Size(given.layers, given.width, given.width // 64, given.vocabulary, positions)
    work = Work(texts(size, (given.length,) * given.batch), given.new)
    say("| family | in float32 | in int8 | of numbers that spread | float32 | int8 | same words |")
    say("|---|---|---|---|---|---|---|")
    for family in FAMILIES:
        if not given.only or family.name.lower() in given.only:
            say(row(family, size, work, given.rounds))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", type=str.lower, default=())
    for name, value in (
        ("rounds", 3),
        ("layers", 6),
        ("width", 512),
        ("vocabulary", 8000),
        ("batch", 4),
        ("length", 128),
        ("new", 32),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def row(family: Family, size: Size, work: Work, rounds: int) -> str:
    """Return one line of the table: the differences, and how many times less CPU time it takes."""
    from tests.support import against_pytorch as against  # noqa: PLC0415 - heavy
    from tests.support.random_models import make  # noqa: PLC0415 - heavy

    with tempfile.TemporaryDirectory() as folder:
        made = make(Path(folder), family, size)
        start = getattr(made.config, "decoder_start_token_id", None)
        work = replace(work, pad=family.pad(size), start=start)
        runs: dict[str, Callable[[], list[list[str]]]] = {
            "pytorch": lambda: _pytorch(made, family, work)
        }
        far = []
        for compute_type in against.COMPUTE_TYPES:
            target = against.converted(Path(folder), compute_type)
            model = against.load(target, family, compute_type)
            far.append(against.difference(made, model, target, family, work.sequences[:2]))
            runs[compute_type] = _converted(model, target, family, work)
        seconds, said = _in_turn(runs, rounds)
    base = seconds["pytorch"]
    same = _same(said["pytorch"], said["float32"])
    return (
        f"| {family.said} | {far[0].largest:.0e} | {far[1].largest:.2g} | {far[0].spread:.2g} |"
        f" {base / seconds['float32']:.1f} | {base / seconds['int8']:.1f} |"
        f" {same} |"
    )


def _in_turn(
    runs: dict[str, Callable[[], list[list[str]]]], rounds: int
) -> tuple[dict[str, float], dict[str, list[list[str]]]]:
    """Return the least CPU seconds of each, and what it answered; the first round warms up."""
    seconds = dict.fromkeys(runs, float("inf"))
    said: dict[str, list[list[str]]] = {}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.process_time()
            said[name] = run()
            if number:
                seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds, said


def _same(one: list[list[str]], other: list[list[str]]) -> str:
    pairs = [pair for a, b in zip(one, other, strict=True) for pair in zip(a, b, strict=False)]
    return f"{sum(a == b for a, b in pairs)} of {len(pairs)}" if pairs else ""


def _pytorch(made: Any, family: Family, work: Work) -> list[list[str]]:
    from tests.support.against_pytorch import tokens  # noqa: PLC0415 - heavy

    torch: Any = import_module("torch")
    ends = [2] if family.kind == "writer" else []
    given = torch.tensor([[*ids, *ends] for ids in work.sequences])
    with torch.inference_mode():
        if family.kind == "encoder":
            made(given)
            return []
        written = made.generate(
            given,
            attention_mask=torch.ones_like(given),
            num_beams=1,
            do_sample=False,
            min_new_tokens=work.new,
            max_new_tokens=work.new,
            use_cache=True,
        )
    start = 1 if family.kind == "writer" else given.shape[1]
    return [tokens(ids[start:].tolist(), work.pad) for ids in written]


def _converted(
    model: Any, target: Path, family: Family, work: Work
) -> Callable[[], list[list[str]]]:
    from models.convert import heads  # noqa: PLC0415 - heavy
    from tests.support.against_pytorch import tokens  # noqa: PLC0415 - heavy

    if family.kind == "encoder":
        head = heads.load(target)

        def encode() -> list[list[str]]:
            hidden = np.asarray(model.forward_batch(work.sequences).last_hidden_state)
            head.logits(hidden[:, 0])
            return []

        return encode
    if family.kind == "decoder":
        prompts = [tokens(ids, work.pad) for ids in work.sequences]
        options = {"beam_size": 1, "min_length": work.new, "max_length": work.new}

        def generate() -> list[list[str]]:
            found = model.generate_batch(prompts, include_prompt_in_result=False, **options)
            return [one.sequences[0] for one in found]

        return generate
    sources = [tokens([*ids, 2], work.pad) for ids in work.sequences]
    begins: dict[str, Any] = {}
    if family.name == "MBart" and work.start is not None:  # of a language, which it is told
        begins = {"target_prefix": [tokens([work.start], work.pad)] * len(sources)}

    def translate() -> list[list[str]]:
        found = model.translate_batch(
            sources,
            beam_size=1,
            min_decoding_length=work.new,
            max_decoding_length=work.new,
            **begins,
        )
        return [one.hypotheses[0] for one in found]

    return translate


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
