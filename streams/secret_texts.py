"""The secrets that this process knows, so that no text that it writes shows them.

The first line of defence is that nobody writes them; this is the second. Passwords inside URLs are
hidden wherever they come from.
"""

from __future__ import annotations

import re
import threading
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_SHORTEST, _LONG = 4, 12
# Up to the last @: a password may hold one, and a user may be left out.
_URL_SECRET = re.compile(r"(?<=://)([^/@\s:]*):([^/\s]*)@")
_QUERY_SECRET = re.compile(r"([?&](?:token|password|access_token|client_secret)=)[^&\s\"']+")


class SecretTexts:
    """Texts that must not be shown, and the pattern that finds them; may be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str | None) -> None:
        """Hide a text from now on; one of less than four characters would hide ordinary words."""
        if secret is None or len(secret) < _SHORTEST or secret in self._known:
            return
        with self._lock:
            self._known |= {secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
            # The longest first: one secret may begin with another.
            ranked = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_found_by, ranked)))

    def mask(self, text: str) -> str:
        """Return the text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        text = _URL_SECRET.sub(rf"\1:{HIDDEN}@", text)
        return _QUERY_SECRET.sub(rf"\1{HIDDEN}", text)


def _found_by(secret: str) -> str:
    """A short secret may be a common word: it is hidden where it stands alone."""
    escaped = re.escape(secret)
    if len(secret) >= _LONG:
        return escaped
    return rf"(?<!\w)(?<!\w[.-]){escaped}(?!\w|[.-]\w)"


_PROCESS = SecretTexts()


def hide(secret: str | None) -> None:
    """Hide a text in everything that this process writes from now on."""
    _PROCESS.add(secret)


def mask_text(text: str) -> str:
    """Hide every known secret, and the password of every URL, in a text."""
    return _PROCESS.mask(text)
