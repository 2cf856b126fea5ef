"""The training loop: bounded by steps and by time, and taken up again where it stopped."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.train.decoder import Decoder, pytorch
from models.train.examples import batches
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from models.train.states import States

_WEIGHTS, _MOMENTS, _STEP = "decoder.safetensors", "moments.safetensors", "step.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a decoder is trained, by AdamW (Loshchilov and Hutter, 2019).

    Attributes:
        epochs: passes over the pairs.
        batch: pairs in a step.
        rate: highest learning rate; it rises over the first ``warmup`` steps, then falls to zero
            along a line.
        smoothing: of the labels (Szegedy et al., 2016).
        dropout: share of the activations that is dropped.
        clip: longest gradient.
        seed: of everything random.
    """

    epochs: int
    batch: int = 64
    rate: float = 7e-4
    warmup: int = 200
    smoothing: float = 0.1
    dropout: float = 0.1
    decay: float = 0.01
    clip: float = 1.0
    seed: int = 1

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, of so many."""
        rising = (step + 1) / min(self.warmup, max(1, steps // 10))
        return self.rate * min(1.0, rising, (steps - step) / steps)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Documents' vectors, and token ids of what is to be written of each."""

    states: States
    targets: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was done: its number from 1, of how many, and its loss in nats."""

    number: int
    of: int
    loss: float


class Training:
    """A run of training.

    Args:
        decoder: what learns.
        lesson: what it learns from.
        plan: how.
        folder: where checkpoints are kept; a run that was broken off goes on from there.
        bfloat16: whether products are taken in bfloat16, which processors with its instructions do
            faster.
    """

    def __init__(
        self,
        decoder: Decoder,
        lesson: Lesson,
        plan: Plan,
        folder: Path,
        *,
        bfloat16: bool = False,
    ) -> None:
        self._torch = pytorch()
        self._decoder, self._lesson, self._plan, self._folder = decoder, lesson, plan, folder
        self._bfloat16 = bfloat16
        self._optimizer = self._torch.optim.AdamW(
            decoder.module.parameters(), lr=plan.rate, weight_decay=plan.decay, betas=(0.9, 0.98)
        )
        self._lengths = np.diff(lesson.states.begins).tolist()
        self._per_epoch = math.ceil(len(lesson.targets) / plan.batch)
        self.steps = self._per_epoch * plan.epochs
        """Steps of the whole run."""
        self.done = 0
        """Steps that have been done."""

    def resume(self) -> bool:
        """Go back to the last checkpoint; tells whether there was one.

        Raises:
            Misconfigured: it is of another plan, or of another number of pairs.
        """
        try:
            note = json.loads((self._folder / _STEP).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        from safetensors.torch import load_file  # noqa: PLC0415 - needs PyTorch

        if note.get("run") != self._run():
            raise Misconfigured(
                f"the checkpoint in {self._folder} is of a run with other settings or pairs; give "
                "the same ones, or leave --resume out"
            )
        name = str(note["folder"])
        self._decoder.module.load_state_dict(load_file(self._folder / name / _WEIGHTS))
        moments = load_file(self._folder / name / _MOMENTS)
        state = self._optimizer.state_dict()
        state["state"] = {
            number: {kind: moments[f"{number}.{kind}"] for kind in _kinds(moments)}
            for number in range(len(state["param_groups"][0]["params"]))
        }
        self._optimizer.load_state_dict(state)
        self.done = int(note["step"])
        return True

    def run(self, *, until: Callable[[], bool]) -> Iterator[Step]:
        """Train, a step at a time, up to the plan's last one or until told to stop.

        Args:
            until: asked after each step whether to stop.
        """
        while self.done < self.steps:
            epoch, first = divmod(self.done, self._per_epoch)
            order = batches(self._lengths, self._plan.batch, seed=self._plan.seed, epoch=epoch)
            for documents in order[first:]:
                loss = self._step(documents)
                self.done += 1
                yield Step(self.done, self.steps, loss)
                if until():
                    return

    def _step(self, documents: npt.NDArray[np.intp]) -> float:
        torch = self._torch
        # Dropout depends on the step alone, so that a run taken up again drops the same.
        torch.manual_seed(self._plan.seed * 1_000_003 + self.done)
        self._decoder.module.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate_at(self.done, self.steps)
        self._optimizer.zero_grad(set_to_none=True)
        with self._precision():
            loss = self._decoder.loss(
                documents,
                self._lesson.states,
                self._lesson.targets,
                smoothing=self._plan.smoothing,
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._decoder.module.parameters(), self._plan.clip)
        self._optimizer.step()
        return float(loss.detach())

    def held_out_loss(self, lesson: Lesson, most: int) -> float:
        """Return the mean loss on pairs that are not trained on, in nats, without smoothing."""
        torch = self._torch
        self._decoder.module.eval()
        order = np.arange(min(most, len(lesson.targets)))
        losses, counts = [], []
        with torch.no_grad(), self._precision():
            for start in range(0, len(order), self._plan.batch):
                part = order[start : start + self._plan.batch]
                loss = self._decoder.loss(part, lesson.states, lesson.targets, smoothing=0.0)
                losses.append(float(loss))
                counts.append(sum(len(lesson.targets[index]) for index in part))
        return float(np.average(losses, weights=counts))

    def write(self, lesson: Lesson, most: int, *, longest: int) -> list[list[int]]:
        """Return the token ids that are written of the first documents that are not trained on."""
        self._decoder.module.eval()
        with self._torch.no_grad(), self._precision():
            order = np.arange(min(most, len(lesson.targets)))
            return self._decoder.write(order, lesson.states, longest=longest)

    def save(self) -> None:
        """Write a checkpoint; the one before stays until the new one is whole."""
        from safetensors.torch import save_file  # noqa: PLC0415 - needs PyTorch

        name = f"checkpoint-{self.done % 2}-{time.time_ns()}"
        target = self._folder / name
        target.mkdir(parents=True)
        weights = {key: values.contiguous() for key, values in _state(self._decoder).items()}
        save_file(weights, target / _WEIGHTS)
        moments = {
            f"{number}.{kind}": values
            for number, kinds in self._optimizer.state_dict()["state"].items()
            for kind, values in kinds.items()
        }
        save_file(moments, target / _MOMENTS)
        part = self._folder / (_STEP + ".part")
        part.write_text(
            json.dumps({"step": self.done, "folder": name, "run": self._run()}), encoding="utf-8"
        )
        part.replace(self._folder / _STEP)
        for old in self._folder.glob("checkpoint-*"):
            if old.name != name:
                _remove(old)

    def _run(self) -> dict[str, Any]:
        return {**asdict(self._plan), "pairs": len(self._lesson.targets)}

    def _precision(self) -> Any:
        return self._torch.autocast("cpu", self._torch.bfloat16, enabled=self._bfloat16)


def _state(decoder: Decoder) -> dict[str, Any]:
    return dict(decoder.module.state_dict())


def _kinds(moments: dict[str, Any]) -> set[str]:
    return {name.split(".", 1)[1] for name in moments}


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
