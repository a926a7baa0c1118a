"""Text made comparable: without diacritics, in lower case. Pure; the search columns hold its result."""

from __future__ import annotations

import unicodedata

_DD = str.maketrans(
    {"đ": "d", "Đ": "d", "ð": "d", "Ð": "d"}
)  # keyboards also give the Icelandic eth, which looks alike


def fold(text: str) -> str:
    """No diacritics, đ as d, lower case, single spaces. Folding twice changes nothing."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.translate(_DD)) if not unicodedata.combining(c))
    return " ".join(plain.translate(_DD).casefold().split())
