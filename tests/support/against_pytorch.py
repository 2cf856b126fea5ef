"""The largest difference of a converted model to PyTorch, number by number.

An encoder is compared by the logits of its head, a decoder by the logits of every next token, a
sequence-to-sequence model by the log-probability of every token of a given answer: none of them
hides a difference behind an equal choice, as equal tokens would.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from models.convert import convert, heads
from tests.support.random_models import BEGIN, END, PAD, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.support.random_models import Family, Size

    Floats = npt.NDArray[np.float32]

WEIGHTS = "model.safetensors"
COMPUTE_TYPES = ("float32", "int8")
_ANSWER = 20
_SEED = 1


@dataclass(frozen=True, slots=True)
class Difference:
    """How far a converted model is from PyTorch.

    Attributes:
        largest: of all numbers.
        spread: standard deviation of PyTorch's numbers: what the largest is to be held against.
        numbers: how many were compared.
    """

    largest: float
    spread: float
    numbers: int


def converted(folder: Path, compute_type: str) -> Path:
    """Convert the model of a folder as ``tidemark models convert`` does; return where it is."""
    target = folder / compute_type
    convert(folder, WEIGHTS, target, quantization=None if compute_type == "float32" else "int8")
    return target


def load(target: Path, family: Family, compute_type: str) -> Any:
    """Load a converted model on one thread of the CPU."""
    import ctranslate2  # noqa: PLC0415 - heavy

    one = {"compute_type": compute_type, "inter_threads": 1, "intra_threads": 1}
    classes = {
        "encoder": ctranslate2.Encoder,
        "decoder": ctranslate2.Generator,
        "writer": ctranslate2.Translator,
    }
    return classes[family.kind](str(target), **one)


def texts(size: Size, lengths: tuple[int, ...] = (4, 17, 40)) -> list[list[int]]:
    """Return sequences of ordinary tokens, the same ones for the same size."""
    rng = np.random.default_rng(_SEED)
    return [rng.integers(4, size.vocabulary - 1, length).tolist() for length in lengths]


def difference(
    made: Any, model: Any, target: Path, family: Family, sequences: list[list[int]]
) -> Difference:
    """Compare all numbers for some sequences.

    Args:
        made: PyTorch's model.
        model: the converted one, loaded.
        target: its folder.
        family: what it is.
        sequences: token ids without special ones.
    """
    compare = {"encoder": _logits, "decoder": _next_tokens, "writer": _answers}[family.kind]
    pairs = [compare(made, model, target, sequence) for sequence in sequences]
    expected, found = (np.concatenate([one[side].ravel() for one in pairs]) for side in (0, 1))
    return Difference(
        float(np.abs(found - expected).max()), float(expected.std()), int(expected.size)
    )


def tokens(ids: list[int], pad: int) -> list[str]:
    """Return the words of token ids."""
    special = {0: BEGIN, 2: END, 3: UNKNOWN, pad: PAD}
    return [special.get(number, f"w{number}") for number in ids]


def _logits(made: Any, model: Any, target: Path, ids: list[int]) -> tuple[Floats, Floats]:
    torch: Any = import_module("torch")
    with torch.no_grad():
        expected = made(torch.tensor([ids])).logits[0].numpy()
    hidden = np.asarray(model.forward_batch([ids]).last_hidden_state)[:, 0]
    return expected, heads.load(target).logits(hidden)[0]


def _next_tokens(made: Any, model: Any, _: Path, ids: list[int]) -> tuple[Floats, Floats]:
    torch: Any = import_module("torch")
    with torch.no_grad():
        expected = made(torch.tensor([ids])).logits[0].numpy()
    pad = made.config.pad_token_id
    return expected, np.asarray(model.forward_batch([tokens(ids, pad)]))[0]


def _answers(made: Any, model: Any, target: Path, ids: list[int]) -> tuple[Floats, Floats]:
    torch: Any = import_module("torch")
    pad, start = made.config.pad_token_id, made.config.decoder_start_token_id
    answer = answer_to(ids)
    with torch.no_grad():
        logits = made(
            input_ids=torch.tensor([[*ids, 2]]),
            decoder_input_ids=torch.tensor([[start, *answer]]),
        ).logits[0]
    if made.config.model_type == "marian":  # of which CTranslate2 keeps no padding token
        logits[:, pad] = -torch.inf
    wanted = torch.tensor([*answer, 2])
    expected = logits.log_softmax(-1)[torch.arange(len(wanted)), wanted].numpy()
    # mBART's answer begins with the token of its language, which is given, not scored.
    begins = json.loads((target / "config.json").read_text())["decoder_start_token"] is None
    given = tokens([start, *answer] if begins else answer, pad)
    (scored,) = model.score_batch([tokens([*ids, 2], pad)], [given])
    return expected, np.asarray(scored.log_probs, dtype=np.float32)


def answer_to(ids: list[int]) -> list[int]:
    """Return an answer to a text: its own tokens in another order, again and again."""
    return [ids[(7 * at + 3) % len(ids)] for at in range(_ANSWER)]
