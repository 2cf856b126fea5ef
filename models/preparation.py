"""Text to token ids: the first of the three steps of one-pass inference."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from models.sentences import clean, sentence_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.tokens import Piece, WordPieces
    from streams.ports import Text

# Characters that are looked at for each word piece that may be encoded: few scripts have words
# that are longer than this, and nobody waits for 20 MB to be cut to encode its first pages.
_CHARACTERS_PER_PIECE = 16
_SPECIAL = 2


@dataclass(slots=True)
class PreparedDocument:
    """One document, cut and tokenized.

    Attributes:
        text: what the spans of ``pieces`` refer to; clean, and not longer than what was looked at.
        title: token ids of the title's pieces.
        pieces: sentences of the text, or parts of overlong ones.
        cut_off: whether the end of the text was left out.
    """

    text: str
    cut_off: bool
    title: list[Piece] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch, cut and tokenized; ``milliseconds`` is the time that it took."""

    documents: list[PreparedDocument]
    milliseconds: float


class _Sentence(NamedTuple):
    document: int
    is_title: bool
    start: int
    text: str


def prepare(texts: Sequence[Text], word_pieces: WordPieces, max_word_pieces: int) -> Prepared:
    """Cut documents into sentences and tokenize them all in one go.

    Args:
        texts: the documents.
        word_pieces: the model's tokenizer.
        max_word_pieces: most word pieces of a document's text that are encoded.
    """
    began = time.perf_counter()
    longest = max_word_pieces * _CHARACTERS_PER_PIECE
    documents = [_document(item.text, longest) for item in texts]
    sentences: list[_Sentence] = []
    for number, (item, document) in enumerate(zip(texts, documents, strict=True)):
        sentences.extend(_sentences(number, item.title[:longest], document.text))
    ids = word_pieces.encode([sentence.text for sentence in sentences])
    for sentence, row in zip(sentences, ids, strict=True):
        document = documents[sentence.document]
        target = document.title if sentence.is_title else document.pieces
        target.extend(word_pieces.fit(sentence.text, sentence.start, row))
    for document in documents:
        _cap(document, max_word_pieces)
    return Prepared(documents, (time.perf_counter() - began) * 1000)


def _document(text: str, longest: int) -> PreparedDocument:
    return PreparedDocument(clean(text[:longest]), cut_off=bool(text[longest:].strip()))


def _sentences(number: int, title: str, text: str) -> list[_Sentence]:
    """Return the title, where there is one, then the sentences; at least one of the text."""
    title = clean(title).strip()
    found = [_Sentence(number, True, 0, title)] if title else []
    found.extend(_Sentence(number, False, a, text[a:b]) for a, b in sentence_spans(text))
    if len(found) == bool(title):
        found.append(_Sentence(number, False, 0, text.strip()))
    return found


def _cap(document: PreparedDocument, max_word_pieces: int) -> None:
    """Keep the pieces that fit into the budget, at least the first; of a title, one piece."""
    del document.title[1:]
    total = 0
    for index, piece in enumerate(document.pieces):
        total += len(piece.ids) - _SPECIAL
        if total > max_word_pieces and index:
            del document.pieces[index:]
            document.cut_off = True
            return
