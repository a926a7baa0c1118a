"""The words of a text as lookup compares them, and where they stand in it. Pure.

A word (in Vietnamese: a syllable) becomes one or two *terms*: folded (no diacritics), and as it was written where that
differs, so that "dieu" finds "Điều" and "Điều" finds "Điều" before "Diệu". A number or code with separators in it
(15/2026, 26.LN.0317, 2611-0142) is a term as a whole beside its parts, so that 15/2026 is not found by "2026 15".

Terms are plain ASCII (``[a-z0-9._/-]``, other letters as ``_hex_``): both databases keep them as they are, whatever
their collation or their idea of a letter. Terms with a colon (``k:complaint``) are made by us and never by a text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rooms.fold import fold, lowered

MAX_TERM = 48
"""Characters of a word that count: longer ones are no words, and an index entry is bounded."""

_WORD = r"(?:[^\W_][\u0300-\u036f]*)+"
WORD = re.compile(_WORD)
CODE = re.compile(rf"{_WORD}(?:[./-]{_WORD})+")
_DIGIT = re.compile("[0-9]")
_CODED = re.compile("[./-]")
_PART = re.compile(r"[^\W_]+")
_SAME_LENGTH = {
    ord(char): plain
    for char in (*map(chr, range(0xC0, 0x1B1)), *map(chr, range(0x1EA0, 0x1EFA)))
    if len(plain := fold(char)) == 1 and plain.isascii()
} | dict.fromkeys(map(ord, "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u00ab\u00bb\u00a0"), " ")
"""Letters that fold to one plain letter, and marks that are in no word: a text of these folds place by place."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789./-")


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for: terms that must all be found, and how they were written where that says more.

    ``folded``: in the order typed, codes whole. ``exact``: those typed with diacritics. ``codes``: those of ``folded``
    that are codes. ``letters``: how many letters and digits were typed. ``implied``: those of ``folded`` that whatever
    holds ``exact`` holds, too.
    """

    folded: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    letters: int = 0
    implied: frozenset[str] = frozenset()


def _ascii(word: str) -> str:
    if len(word) > MAX_TERM:
        word = word[:MAX_TERM]
    return "".join(char if char in _PLAIN else f"_{ord(char):x}_" for char in word)


@functools.lru_cache(maxsize=65536)
def _terms_of_word(word: str) -> tuple[tuple[str, ...], str]:
    """Folded terms of one word (several where folding opens a ligature), and its written form where that differs."""
    parts = tuple(_ascii(part) for part in _PART.findall(fold(word)))
    written = _ascii(lowered(word))
    return parts, "" if (written,) == parts else written


def _is_code(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _code(text: str) -> str:
    return _ascii(fold(text).replace(" ", ""))


def terms_of(texts: Iterable[str]) -> set[str]:
    """Everything by which the texts can be found."""
    found: set[str] = set()
    for text in texts:
        for word in WORD.findall(text):
            parts, written = _terms_of_word(word)
            found.update(parts)
            if written:
                found.add(written)
        found.update(_code(code) for code in CODE.findall(text) if _is_code(code))
    return found


def digits_of(text: str) -> str:
    """A number as it is said or typed without its gaps (0912 345 678): another way to find it."""
    joined = "".join(char for char in text if char.isdigit())
    return joined if len(joined) >= 6 else ""


def parse(text: str, most: int) -> Query:
    """The first ``most`` different words of what somebody typed."""
    folded: dict[str, None] = {}
    exact: dict[str, None] = {}
    codes: dict[str, None] = {}
    implied = set[str]()
    rest = text
    for code in CODE.findall(text):
        if _is_code(code):
            codes[_code(code)] = None
            rest = rest.replace(code, " ", 1)
    for word in WORD.findall(rest):
        parts, written = _terms_of_word(word)
        folded.update(dict.fromkeys(parts))
        if written and len(folded) <= most:
            exact[written] = None
            implied.update(parts)
    kept = tuple([*codes, *folded][:most])
    letters = sum(char.isalnum() for char in text)
    return Query(kept, tuple(exact), tuple(code for code in codes if code in kept), letters, frozenset(implied))


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a text; ``marked``: it is one of the words that were looked for."""

    text: str
    marked: bool = False


def marks(text: str, query: Query) -> list[tuple[int, int]]:
    """Where words of the query stand in ``text``, in order, without overlap."""
    if not query.folded:
        return []
    plain = text.translate(_SAME_LENGTH)
    words = _any_of(query.folded)
    if words is not None and plain.isascii() and not (query.codes and _DIGIT.search(plain)):
        return [found.span() for found in words.finditer(plain)]  # nearly every text: places are the same
    return marks_of_any(text, query)


@functools.lru_cache(maxsize=64)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """One of the folded words, whole; None where a word is more than plain letters and digits."""
    plain = [word for word in words if not _CODED.search(word)]
    if not all(word.isascii() and word.isalnum() and len(word) < MAX_TERM for word in plain):
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(plain) or '(?!)'})(?![^\W_])", re.IGNORECASE)


def marks_of_any(text: str, query: Query) -> list[tuple[int, int]]:
    """The same for any writing and for codes."""
    wanted = frozenset(query.folded)
    found = [m.span() for m in CODE.finditer(text) if query.codes and _is_code(m[0]) and _code(m[0]) in wanted]
    taken = [False] * len(text)
    for start, end in found:
        taken[start:end] = [True] * (end - start)
    for word in WORD.finditer(text):
        if not taken[word.start()] and not wanted.isdisjoint(_terms_of_word(word[0])[0]):
            found.append(word.span())
    return sorted(found)


def snippet(text: str, spans: Sequence[tuple[int, int]], length: int) -> tuple[Run, ...]:
    """About ``length`` characters of ``text`` round the place where most of the marked words stand close together."""
    start, end = _window(text, spans, length)
    runs, at = [Run("…")] if start else [], start
    for first, last in spans:
        if first < start or last > end:
            continue
        between = text[at:first]
        if between and not between.isspace() or not runs or not runs[-1].marked:
            runs += [Run(between)] if between else []
            runs.append(Run(text[first:last], True))
        else:  # neighbouring words are one mark: "Nguyễn Văn" and not "Nguyễn" "Văn"
            runs[-1] = Run(runs[-1].text + between + text[first:last], True)
        at = last
    tail = text[at:end] + ("…" if end < len(text) else "")
    return (*runs, Run(tail)) if tail else tuple(runs)


def _window(text: str, spans: Sequence[tuple[int, int]], length: int) -> tuple[int, int]:
    if len(text) <= length or not spans:
        return 0, min(len(text), length)
    best, most, low = 0, 0, 0
    for high in range(len(spans)):
        while spans[high][1] - spans[low][0] > length * 3 // 4 and low < high:
            low += 1
        if high - low + 1 > most:
            best, most = low, high - low + 1
    start = max(0, spans[best][0] - length // 5)
    end = min(len(text), max(start + length, spans[best][1]))
    while start and not text[start - 1].isspace() and spans[best][0] - start < length // 2:
        start -= 1
    while end < len(text) and not text[end].isspace() and end - start < length + 30:
        end += 1
    return start, end
