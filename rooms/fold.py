"""Text made comparable: without diacritics, in lower case; and the order of the Vietnamese alphabet. Pure."""

from __future__ import annotations

import functools
import unicodedata

_DD = str.maketrans(
    {"đ": "d", "Đ": "d", "ð": "d", "Ð": "d"}
)  # keyboards also give the Icelandic eth, which looks alike
_ETH = str.maketrans({"ð": "đ", "Ð": "đ"})
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền, hỏi, ngã, sắc, nặng
_ALPHABET = {letter: place for place, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")}


def fold(text: str) -> str:
    """No diacritics, đ as d, lower case, single spaces. Folding twice changes nothing."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.translate(_DD)) if not unicodedata.combining(c))
    return " ".join(plain.translate(_DD).casefold().split())


def lowered(text: str) -> str:
    """Lower case, composed, diacritics kept: what is equal here was typed alike."""
    return unicodedata.normalize("NFC", text.translate(_ETH).casefold())


def sort_key(name: str) -> tuple[object, ...]:
    """Vietnamese order: letters first (a ă â b c d đ ...), tones only between equal letters."""
    letters: list[tuple[int, str]] = []
    tones: list[int] = []
    for char in unicodedata.normalize("NFC", name.casefold()):
        letter, tone = _taken_apart(char)
        letters.append(letter)
        tones.append(tone)
    return (tuple(letters), tuple(tones))


@functools.lru_cache(4096)
def _taken_apart(char: str) -> tuple[tuple[int, str], int]:
    """The place of a letter in the alphabet with the letter itself, and its tone."""
    plain = unicodedata.normalize("NFD", char)
    tone = max((_TONES.get(mark, 0) for mark in plain), default=0)
    letter = unicodedata.normalize("NFC", "".join(mark for mark in plain if mark not in _TONES))
    return (_ALPHABET.get(letter, -1 if not letter.isdigit() else -2), letter), tone
