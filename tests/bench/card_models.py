"""What ``bench card`` runs: transformers' models on a device, and the tokens that all ways read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from models.convert import read_config
from models.convert.generators import SEQUENCE_TO_SEQUENCE
from models.encoder import calls
from models.sentences import sentence_spans
from models.tokenizer_file import read_tokenizer
from streams.ports import Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from models.encoder import Vectors
    from models.summarize.writers import Writer

VOCABULARY = 30_000  # of random models
_FIRST = 4  # the first id of an ordinary word of theirs
_LONGEST = 128  # of a sentence, in tokens


class Transformers:
    """A model as people run it with transformers: length-sorted, padded calls.

    Args:
        folder: of transformers, with safetensors.
        kind: ``encoder`` or ``writer``.
        device: ``cuda`` or ``cpu``.
        precision: a type of PyTorch's.
        tokens: most tokens of a call, padding included.
    """

    def __init__(self, folder: Path, kind: str, device: str, precision: str, tokens: int) -> None:
        self._torch: Any = import_module("torch")
        auto: Any = import_module("transformers")
        self._writes_anew = read_config(folder)["model_type"] in SEQUENCE_TO_SEQUENCE
        name = "AutoModelForSeq2SeqLM" if self._writes_anew else "AutoModelForCausalLM"
        loader = auto.AutoModel if kind == "encoder" else getattr(auto, name)
        model = loader.from_pretrained(
            folder, dtype=getattr(self._torch, precision), local_files_only=True
        )
        self._model = model.to(device).eval()
        self._tokenizer = read_tokenizer(folder)
        self._device, self._tokens = device, tokens
        self._pad = int(getattr(model.config, "pad_token_id", None) or 0)

    def encode(self, ids: Sequence[list[int]]) -> Vectors:
        """Return the mean vector of each sentence's tokens."""
        found: dict[int, Vectors] = {}
        with self._torch.inference_mode():
            for part in calls(ids, self._tokens, padded=True):
                given, mask = self._padded([ids[row] for row in part], left=False)
                hidden = self._model(given, attention_mask=mask).last_hidden_state
                weights = mask.unsqueeze(-1).to(hidden.dtype)
                means = (hidden * weights).sum(1) / weights.sum(1)
                found |= zip(part.tolist(), means.float().cpu().numpy(), strict=True)
        return np.stack([found[row] for row in range(len(ids))])

    def write(self, prompts: Sequence[list[str]], new: int) -> list[str]:
        """Return the texts of so many tokens that are written greedily."""
        ids = [[self._tokenizer.token_to_id(token) for token in row] for row in prompts]
        found: dict[int, str] = {}
        with self._torch.inference_mode():
            for part in calls(ids, self._tokens, padded=True):
                given, mask = self._padded([ids[row] for row in part], left=not self._writes_anew)
                written = self._model.generate(
                    given,
                    attention_mask=mask,
                    num_beams=1,
                    do_sample=False,
                    min_new_tokens=new,
                    max_new_tokens=new,
                    pad_token_id=self._pad,
                )
                start = 0 if self._writes_anew else given.shape[1]
                texts = self._tokenizer.decode_batch(written[:, start:].tolist())
                found |= zip(part.tolist(), texts, strict=True)
        return [found[row] for row in range(len(ids))]

    def _padded(self, rows: Sequence[list[int]], *, left: bool) -> tuple[Any, Any]:
        longest = max(map(len, rows))
        given = np.full((len(rows), longest), self._pad)
        mask = np.zeros_like(given)
        for number, row in enumerate(rows):
            place = slice(longest - len(row), longest) if left else slice(0, len(row))
            given[number, place], mask[number, place] = row, 1
        return tuple(self._torch.from_numpy(one).to(self._device) for one in (given, mask))


def encoder_tokens(folder: Path, texts: Sequence[Text]) -> list[list[int]]:
    """Return the token ids of all sentences."""
    tokenizer = read_tokenizer(folder)
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.no_padding()
    cut = [one.text[a:b] for one in texts for a, b in sentence_spans(one.text)]
    return [encoding.ids for encoding in tokenizer.encode_batch(cut)]


def writer_tokens(writer: Writer, texts: Sequence[Text], read: int) -> list[list[str]]:
    """Return what the writer is given of each document: so many tokens of its beginning."""
    found = []
    for one in texts:
        places = writer.offsets(one.text)[:read]
        found.append(writer.tokens("", one.text[: places[-1][1]] if places else ""))
    return found


def as_words(text: Text) -> Text:
    """Return the document in the words that random models know: the same for the same word."""
    known = (_FIRST + crc32(word.encode()) % (VOCABULARY - _FIRST) for word in text.text.split())
    return Text("", " ".join(f"w{number}" for number in known))


def random_writer(folder: Path, name: str, given: argparse.Namespace) -> Path:
    """Make a model of random weights, as large as it is told; return its folder."""
    from tests.support.random_models import FAMILIES, Size, make  # noqa: PLC0415 - heavy

    family = next(one for one in FAMILIES if one.name == name)
    positions = 2 * (given.read + given.new)
    make(folder, family, Size(given.layers, given.width, given.width // 64, VOCABULARY, positions))
    return folder
