"""What a file of CTranslate2 weights is, read from its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

ENCODER = "TransformerEncoderSpec"
DECODER = "TransformerDecoderSpec"
SEQUENCE_TO_SEQUENCE = "TransformerSpec"
WEIGHTS = "model.bin"


def spec_name(weights: Path) -> str:
    """Return which architecture CTranslate2 weights hold, from their first bytes.

    Format: version as four bytes, length of the name as two, the name with a zero byte behind.

    Raises:
        Misconfigured: the file is no model of CTranslate2.
    """
    path = weights / WEIGHTS
    try:
        with path.open("rb") as stream:
            version = int.from_bytes(stream.read(4), "little")
            size = int.from_bytes(stream.read(2), "little")
            name = stream.read(min(size, 64)).rstrip(b"\0").decode("ascii", "replace")
    except OSError as error:
        raise Misconfigured(f"no readable weights in {weights}: {error}") from error
    if not 1 <= version <= 64 or not name.endswith("Spec"):  # noqa: PLR2004 - 6 today
        raise Misconfigured(f"{path} is no model of CTranslate2")
    return name
