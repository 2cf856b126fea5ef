"""Word pieces of sentences, from the model's own tokenizer."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The tokenizer's own records are large (some hundred bytes a piece): a few at a time.
_CHUNK_CHARACTERS = 1 << 18
_SPECIAL = 2
_UNKNOWN = ("[UNK]", "<unk>")  # BERT's, and that of the RoBERTa family
_NONE = -1  # byte-level tokenizers know every text


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a sentence that fits into the model.

    Attributes:
        ids: token ids, special tokens included.
        start: first character in the text that the sentence was cut from.
        end: the character after the last.
    """

    ids: list[int]
    start: int
    end: int


class WordPieces:
    """Tokenizer of one model; safe to use from several threads.

    Args:
        folder: the model's folder.
        max_tokens: longest input of the model, special tokens included.
    """

    def __init__(self, folder: Path, max_tokens: int) -> None:
        self._tokenizer = _load(folder)
        self._max_pieces = max_tokens - _SPECIAL
        named = (self._tokenizer.token_to_id(name) for name in _UNKNOWN)
        self.unknown_id: int = next((found for found in named if found is not None), _NONE)
        empty: list[int] = self._tokenizer.encode("").ids
        if len(empty) != _SPECIAL:
            raise Misconfigured(f"the tokenizer in {folder} does not add one token at either end")
        self._first, self._last = empty

    def encode(self, sentences: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each sentence, special tokens included, however long."""
        ids: list[list[int]] = []
        for chunk in _chunks(sentences):
            encodings = self._tokenizer.encode_batch_fast(chunk)
            ids.extend([encoding.ids for encoding in encodings])
        return ids

    def fit(self, sentence: str, start: int, ids: list[int]) -> list[Piece]:
        """Split a sentence that is too long for the model, between words where it can be.

        Args:
            sentence: the sentence.
            start: where it begins in its text.
            ids: its token ids, as ``encode`` gave them.
        """
        if len(ids) - _SPECIAL <= self._max_pieces:
            return [Piece(ids, start, start + len(sentence))]
        encoding = self._tokenizer.encode(sentence, add_special_tokens=False)
        # Each of these builds a list anew when it is asked for.
        inner, offsets, words = encoding.ids, encoding.offsets, encoding.word_ids
        return [
            Piece(
                [self._first, *inner[a:b], self._last],
                start + offsets[a][0],
                start + offsets[b - 1][1],
            )
            for a, b in _cuts(words, self._max_pieces)
        ]


def _cuts(words: Sequence[int | None], limit: int) -> Iterator[tuple[int, int]]:
    """Cut a row of word pieces into parts of like size, at most ``limit`` each.

    Args:
        words: the number of the word that each piece belongs to.
        limit: most pieces of a part.
    """
    start, total = 0, len(words)
    while start < total:
        rest = total - start
        size = -(-rest // -(-rest // limit))
        end = _word_start(words, start, start + size, min(start + limit, total))
        yield start, end
        start = end


def _word_start(words: Sequence[int | None], start: int, aim: int, limit: int) -> int:
    """Return the beginning of a word near ``aim``; ``aim`` itself inside an endless word."""
    if limit == len(words):
        return limit if aim == limit else _word_start(words, start, aim, limit - 1)
    after = (at for at in range(aim, limit + 1) if words[at] != words[at - 1])
    before = (at for at in range(aim - 1, start, -1) if words[at] != words[at - 1])
    return next(after, next(before, aim))


def _chunks(sentences: Sequence[str]) -> Iterator[Sequence[str]]:
    begin = characters = 0
    for index, sentence in enumerate(sentences):
        if characters > _CHUNK_CHARACTERS:
            yield sentences[begin:index]
            begin, characters = index, 0
        characters += len(sentence)
    if begin < len(sentences):
        yield sentences[begin:]


def _load(folder: Path) -> Any:
    with _no_advice():
        from transformers import AutoTokenizer  # noqa: PLC0415 - heavy import

        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise Misconfigured(f"no tokenizer in {folder}: {error}") from error
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    # "[SEP]" in a document is text, not an instruction to the model.
    backend.encode_special_tokens = True
    return backend


@contextmanager
def _no_advice() -> Iterator[None]:
    """Keep transformers from advising PyTorch, which Tidemark does without on purpose."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
