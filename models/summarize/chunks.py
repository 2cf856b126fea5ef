"""Documents longer than a model's window, cut into overlapping chunks of whole sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.sentences import clean, sentence_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def chunk_text(
    text: str,
    budget: int,
    overlap: int,
    offsets: Callable[[str], Sequence[tuple[int, int]]],
) -> list[str]:
    """Cut a text into chunks that a model can be given; one chunk where it fits.

    Args:
        text: the document.
        budget: most tokens of a chunk; at least 1.
        overlap: most tokens of the sentences that two neighbours share.
        offsets: the first and last character (exclusive) of each token of a text.
    """
    text = clean(text)
    if len(offsets(text)) <= budget:
        return [text]
    pieces: list[tuple[int, int]] = []
    sizes: list[int] = []
    for start, end in sentence_spans(text):
        for first, last, size in _fitting(text[start:end], budget, offsets):
            pieces.append((start + first, start + last))
            # One more where there can be: the space between two sentences may be a token.
            sizes.append(min(size + 1, budget))
    return [text[pieces[a][0] : pieces[b - 1][1]] for a, b in windows(sizes, budget, overlap)]


def windows(sizes: Sequence[int], budget: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield first and last index (exclusive) of each chunk; every sentence is in at least one.

    Args:
        sizes: tokens of each sentence, none above ``budget``.
        budget: most tokens of a chunk.
        overlap: most tokens that a chunk shares with the one before.
    """
    start = 0
    while start < len(sizes):
        end, total = start, 0
        while end < len(sizes) and total + sizes[end] <= budget:
            total += sizes[end]
            end += 1
        yield start, end
        if end == len(sizes):
            return
        # What the next chunk repeats must leave room for a sentence that is new.
        room = min(overlap, budget - sizes[end])
        begin, start, shared = start, end, 0
        while start - 1 > begin and shared + sizes[start - 1] <= room:
            start -= 1
            shared += sizes[start]


def _fitting(
    sentence: str, budget: int, offsets: Callable[[str], Sequence[tuple[int, int]]]
) -> Iterator[tuple[int, int, int]]:
    """Yield the parts of a sentence that fit into a chunk, with their sizes in tokens."""
    places = offsets(sentence)
    if len(places) <= budget:
        yield 0, len(sentence), len(places)
        return
    begin = 0
    for at in range(0, len(places), budget):
        last = min(at + budget, len(places))
        end = len(sentence) if last == len(places) else places[last][0]
        yield begin, end, last - at
        begin = end
