"""A model's fast tokenizer, read from its one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path


def read_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model's folder; it neither pads nor cuts.

    Raises:
        Misconfigured: there is no readable tokenizer.json.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - heavy import

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise Misconfigured(f"no readable tokenizer.json in {folder}: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
