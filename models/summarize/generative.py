"""Summaries that a model writes: whole documents, long ones by map and reduce, running ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.summarize.chunks import chunk_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.summarize.prompts import Prompt
    from models.summarize.writers import Answer, Writer
    from streams.ports import Text

_OVERLAP = 1 / 8  # of the window
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A written summary.

    Attributes:
        tokens_in: tokens that were read for it, prompts included.
        tokens_out: tokens that were written for it, those of intermediate summaries included.
        chunks: into how many parts the document was cut.
        cut_off: whether the document's end was left out.
    """

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    chunks: int = 1
    cut_off: bool = False


@dataclass(slots=True)
class _Work:
    """One document on its way: the answers so far, and what they cost."""

    answers: list[str]
    chunks: int
    cut_off: bool
    tokens_in: int = 0
    tokens_out: int = 0

    def take(self, found: Sequence[Answer]) -> None:
        self.answers = [one.text for one in found if one.text]
        self.tokens_in += sum(one.tokens_in for one in found)
        self.tokens_out += sum(one.tokens_out for one in found)


class GenerativeSummarizer:
    """Writes summaries; the calls of a batch are shared by all its documents.

    A document that is longer than the window is cut into overlapping chunks; each is summarized,
    then their summaries as a whole, in rounds until one is left.

    Args:
        writer: the model.
        prompt: what it is asked.
        name: model and revision, as rows name them.
        max_chunks: most chunks of a document; the rest is cut off.

    Attributes:
        method: model, revision and prompt, as rows name them.
        instructions: what the model is told besides documents; empty where that is nothing.
        compute_type: of the model.
    """

    def __init__(self, writer: Writer, prompt: Prompt, *, name: str, max_chunks: int = 16) -> None:
        self._writer = writer
        self._prompt = prompt
        self._max_chunks = max_chunks
        self.method = f"generative {name} {prompt.name}"
        self.instructions = prompt.instructions
        self.compute_type = writer.compute_type

    def write(self, texts: Sequence[Text]) -> list[Written]:
        """Return one summary per document, in order; an empty document has an empty one."""
        parts = [self._parts(item) for item in texts]
        works = [
            _Work([], min(len(own), self._max_chunks), len(own) > self._max_chunks) for own in parts
        ]
        asked = [
            [self._prompt.of_document(item.title, part) for part in own[: self._max_chunks]]
            for item, own in zip(texts, parts, strict=True)
        ]
        self._ask(works, asked)
        for left in range(_ROUNDS, 0, -1):
            asked = [self._merges(work, last=left == 1) for work in works]
            if not any(asked):
                break
            self._ask(works, asked)
        return [
            Written(" ".join(one.answers), one.tokens_in, one.tokens_out, one.chunks, one.cut_off)
            for one in works
        ]

    def fold(self, summary: str, texts: Sequence[Text]) -> Written:
        """Return a running summary with new documents folded in.

        Args:
            summary: the summary so far; empty at the beginning of a window.
            texts: the documents that came since, in order.
        """
        written = self.write(texts)
        merged = self.merge(summary, [one.text for one in written if one.text])
        return Written(
            merged.text,
            merged.tokens_in + sum(one.tokens_in for one in written),
            merged.tokens_out + sum(one.tokens_out for one in written),
        )

    def merge(self, summary: str, news: Sequence[str]) -> Written:
        """Return a running summary with the summaries of new documents folded in.

        Args:
            summary: the summary so far; empty at the beginning of a window.
            news: summaries of the documents that came since, in order.
        """
        left, tokens_in, tokens_out = list(news), 0, 0
        while left:
            group = self._fitting(summary, left)
            answer = self._writer.write([self._tokens(self._prompt.of_fold(summary, group))])[0]
            summary = answer.text or summary
            tokens_in, tokens_out = tokens_in + answer.tokens_in, tokens_out + answer.tokens_out
            del left[: len(group)]
        return Written(summary, tokens_in, tokens_out)

    def _fitting(self, summary: str, news: list[str]) -> list[str]:
        """Return the first news that fit into one prompt beside the summary, at least one."""
        count = 1
        while count < len(news):
            tokens = self._tokens(self._prompt.of_fold(summary, news[: count + 1]))
            if len(tokens) > self._writer.window:
                break
            count += 1
        return news[:count]

    def _parts(self, item: Text) -> list[str]:
        if not item.text.strip():
            return []
        around = len(self._tokens(self._prompt.of_document(item.title, "")))
        budget = max(1, self._writer.window - around)
        return chunk_text(item.text, budget, int(budget * _OVERLAP), self._writer.offsets)

    def _merges(self, work: _Work, *, last: bool) -> list[str]:
        """Return the prompts of a document's next round; none when it is done."""
        if len(work.answers) < 2:  # noqa: PLR2004 - one summary needs no merging
            return []
        whole = self._prompt.of_parts(work.answers)
        if last or len(self._tokens(whole)) <= self._writer.window:
            return [whole]
        half = -(-len(work.answers) // 2)
        return [
            self._prompt.of_parts(part)
            for part in (work.answers[:half], work.answers[half:])
            if part
        ]

    def _ask(self, works: Sequence[_Work], asked: Sequence[Sequence[str]]) -> None:
        """Answer all prompts of a round together."""
        answers = iter(self._writer.write([self._tokens(one) for own in asked for one in own]))
        for work, own in zip(works, asked, strict=True):
            if own:
                work.take([next(answers) for _ in own])

    def _tokens(self, user: str) -> list[str]:
        return self._writer.tokens(self._prompt.system, user)
