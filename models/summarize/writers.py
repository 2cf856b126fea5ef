"""Models that write, on CTranslate2: sequence-to-sequence and decoder-only behind one face."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from models.convert import read_config
from models.convert.spec import DECODER, spec_name
from models.cpu import available_cores, tune_process
from models.encoder import calls, choose_compute_type, choose_device
from models.placement import USUAL, Placement, halving, opened
from models.registry import WEIGHTS_FOLDER
from models.summarize.prompts import chat_template
from models.tokenizer_file import read_tokenizer
from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_CPU_TOKENS = 4096
_CUDA_TOKENS = 32_768
_SEQUENCE_TO_SEQUENCE_WINDOW = 512  # of models with relative positions, as they were trained
_LONGEST_WINDOW = 8192


@dataclass(frozen=True, slots=True)
class Generation:
    """How text is generated; the defaults are those of careful summaries.

    Attributes:
        max_tokens: longest summary; generation stops there.
        min_tokens: shortest summary.
        beam_size: hypotheses kept; 1 for greedy search or sampling.
        patience: beam search ends early once ``beam_size * patience`` hypotheses are complete.
        length_penalty: above 1 prefers longer summaries in beam search.
        repetition_penalty: above 1 makes written tokens less likely.
        no_repeat_ngram: word pieces in a row that may stand once only; 0 for no limit.
        top_k: 1 takes the likeliest token, more samples among so many.
        top_p: samples among the likeliest tokens of this total probability.
        temperature: of sampling.
    """

    max_tokens: int = 96
    min_tokens: int = 1
    beam_size: int = 2
    patience: float = 1.0
    length_penalty: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram: int = 3
    top_k: int = 1
    top_p: float = 1.0
    temperature: float = 1.0


class Answer(NamedTuple):
    """What was written, and how many tokens were read and written for it."""

    text: str
    tokens_in: int
    tokens_out: int


class Writer:
    """A model that continues or transforms text; safe to use from several threads.

    On a CPU only inputs of equal length share a call, so that a document that is delivered again
    gets the same summary whatever shares its batch; on a GPU calls are padded and large.

    Args:
        folder: the model's folder, as ``Registry.folder`` returns it.
        device: ``auto``, ``cpu`` or ``cuda``.
        compute_type: ``auto``, or a compute type of CTranslate2.
        threads: CPU threads; 0 for all cores.
        generation: lengths, beams, sampling.
        placement: GPUs, replicas, size of calls.

    Raises:
        Misconfigured: the folder holds no model that writes, or device or compute type cannot be
            used.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        compute_type: str,
        threads: int,
        generation: Generation,
        placement: Placement = USUAL,
    ) -> None:
        tune_process()
        self._decodes = spec_name(folder / WEIGHTS_FOLDER) == DECODER
        cores = threads or available_cores()
        self._model, self.device, self.compute_type = opened(
            lambda name, kind: self._load(folder / WEIGHTS_FOLDER, name, kind, placement, cores),
            device,
            choose_device(device),
            lambda name: choose_compute_type(compute_type, name),
        )
        self._generation = generation
        self._padded = self.device != "cpu"
        self._workers = placement.workers(self.device, cores)
        self._tokens_per_call = placement.tokens_per_call or usual_tokens(self.device)
        self._config = read_config(folder)
        self._tokenizer = read_tokenizer(folder)
        self._chat = chat_template(folder)
        self._ends = self._stops()
        self.window = self._window()
        """Most tokens of an input, prompt included."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return where each token of a text begins and ends, special tokens left out."""
        places: list[tuple[int, int]] = self._tokenizer.encode(
            text, add_special_tokens=False
        ).offsets
        return places

    def tokens(self, system: str, user: str) -> list[str]:
        """Return the tokens of a prompt, chat template and special tokens included."""
        if self._decodes and self._chat is not None:
            encoding = self._tokenizer.encode(
                self._chat.render(system, user), add_special_tokens=False
            )
        else:
            encoding = self._tokenizer.encode(f"{system}\n\n{user}" if system else user)
        found: list[str] = encoding.tokens
        return found

    def write(self, prompts: Sequence[list[str]]) -> list[Answer]:
        """Return the answer to each prompt, in order.

        Args:
            prompts: as ``tokens`` returned them; what is longer than the window is cut.
        """
        cut = [self._cut(tokens) for tokens in prompts]
        if not cut:
            return []
        # Only lengths count for the plan of calls.
        places = [[0] * len(tokens) for tokens in cut]
        parts = list(calls(places, self._tokens_per_call, padded=self._padded))
        with ThreadPoolExecutor(self._workers, thread_name_prefix="writer") as pool:
            batches = [[cut[index] for index in part.tolist()] for part in parts]
            written = list(pool.map(lambda batch: halving(self._call, batch), batches))
        answers: dict[int, Answer] = {}
        for part, texts in zip(parts, written, strict=True):
            answers |= zip(part.tolist(), texts, strict=True)
        return [answers[index] for index in range(len(cut))]

    def _call(self, batch: Sequence[list[str]]) -> list[Answer]:
        options = _options(self._generation, end_token=self._ends)
        limits = self._generation
        if self._decodes:
            results = self._model.generate_batch(
                list(batch),
                include_prompt_in_result=False,
                max_length=limits.max_tokens,
                min_length=limits.min_tokens,
                **options,
            )
            rows = [result.sequences_ids[0] for result in results]
        else:
            prefix = self._forced()
            results = self._model.translate_batch(
                list(batch),
                target_prefix=[prefix] * len(batch) if prefix else None,
                max_input_length=0,
                max_decoding_length=limits.max_tokens,
                min_decoding_length=limits.min_tokens,
                **options,
            )
            rows = [self._ids(result.hypotheses[0][len(prefix) :]) for result in results]
        texts = [self._tokenizer.decode(row, skip_special_tokens=True).strip() for row in rows]
        return [
            Answer(text, len(tokens), len(row))
            for text, tokens, row in zip(texts, batch, rows, strict=True)
        ]

    def _cut(self, tokens: list[str]) -> list[str]:
        """Cut a prompt that is too long in its middle: both ends hold instructions or markers."""
        over = len(tokens) - self.window
        if over <= 0:
            return tokens
        keep = self.window // 2
        return [*tokens[: self.window - keep], *tokens[len(tokens) - keep :]]

    def _ids(self, tokens: Sequence[str]) -> list[int]:
        found = [self._tokenizer.token_to_id(token) for token in tokens]
        return [number for number in found if number is not None]

    def _forced(self) -> list[str]:
        """Return the first token that some models must begin their answer with."""
        number = self._config.get("forced_bos_token_id")
        token = None if number is None else self._tokenizer.id_to_token(int(number))
        return [token] if token else []

    def _stops(self) -> list[str] | None:
        """Return the tokens that end an answer, or None for the one that the weights name."""
        numbers = self._config.get("eos_token_id")
        if not isinstance(numbers, list):
            return None
        tokens = [self._tokenizer.id_to_token(number) for number in numbers]
        return [token for token in tokens if token] or None

    def _window(self) -> int:
        longest = self._config.get("max_position_embeddings", _SEQUENCE_TO_SEQUENCE_WINDOW)
        room = self._generation.max_tokens if self._decodes else 0
        window = min(int(longest), _LONGEST_WINDOW) - room
        if window < 1:
            raise Misconfigured(
                f"the model reads {longest} tokens, which leaves no room for an answer of "
                f"{self._generation.max_tokens}"
            )
        return window

    def _load(
        self, weights: Path, device: str, compute_type: str, placement: Placement, cores: int
    ) -> Any:
        import ctranslate2  # noqa: PLC0415 - heavy import

        kind = ctranslate2.Generator if self._decodes else ctranslate2.Translator
        options = placement.options(device, cores)
        model = kind(str(weights), device=device, compute_type=compute_type, **options)
        if device != "cpu":  # its libraries are looked for only when it first runs
            _run_once(model, decodes=self._decodes)
        return model


def _run_once(model: Any, *, decodes: bool) -> int:
    """Write one token, of whatever (an unknown one is read as such); returns how many answers."""
    if decodes:
        return len(model.generate_batch([["a"]], max_length=1, beam_size=1))
    return len(model.translate_batch([["a"]], max_decoding_length=1, beam_size=1))


def usual_tokens(device: str) -> int:
    """Return how many tokens a call reads where nothing else was found better."""
    return _CPU_TOKENS if device == "cpu" else _CUDA_TOKENS


def _options(generation: Generation, *, end_token: list[str] | None) -> dict[str, Any]:
    return {
        "beam_size": generation.beam_size,
        "patience": generation.patience,
        "length_penalty": generation.length_penalty,
        "repetition_penalty": generation.repetition_penalty,
        "no_repeat_ngram_size": generation.no_repeat_ngram,
        "sampling_topk": generation.top_k,
        "sampling_topp": generation.top_p,
        "sampling_temperature": generation.temperature,
        "end_token": end_token,
    }
