"""The index of words: the two kinds of it behind a few functions (ADR 18). What the words mean is decided elsewhere.

``search_words`` holds the terms of each entry (rooms.terms) under the entry's id, which orders by time. How they are
kept so that one site's entries can be read alone, and how frequent words are asked for, differs:
rooms.index_sqlite, rooms.index_postgres.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType

from sqlalchemy.orm import Session

from rooms import index_postgres, index_sqlite
from rooms.rows import is_sqlite
from rooms.wanted import EVERYTHING as EVERYTHING
from rooms.wanted import SLOTS as SLOTS
from rooms.wanted import Span, Wanted
from rooms.wanted import entry_id as entry_id
from rooms.wanted import first_id as first_id


def _kind(db: Session) -> ModuleType:
    return index_sqlite if is_sqlite(db) else index_postgres


# --- writing ---------------------------------------------------------------------------------------------------------


def line_of(db: Session, number: int, terms: Iterable[str]) -> str:
    """The terms of an entry as they are kept, those of its month among them."""
    return f" {' '.join(sorted({*terms, *_kind(db).terms_of_time(number, terms)}))} "


def put(db: Session, lines: Mapping[int, str]) -> None:
    """Keep the lines of entries that are not in the index."""
    if lines:
        _kind(db).put(db, lines)


def remove(db: Session, numbers: Sequence[int]) -> None:
    """Forget entries; unknown ones are harmless."""
    if numbers:
        _kind(db).remove(db, numbers)


def words_of(db: Session, numbers: Iterable[int]) -> dict[int, str]:
    """The lines that are kept of these entries, in the form in which they are kept now."""
    found: dict[int, str] = _kind(db).words_of(db, list(numbers))
    return found


def numbers_between(db: Session, low: int, high: int) -> set[int]:
    """All entries between two ids, both inclusive."""
    found: set[int] = _kind(db).numbers_between(db, low, high)
    return found


def tidy_a_little(db: Session, *, begin: bool) -> bool:
    """After very many writes: SQLite joins its lists, PostgreSQL learns how frequent the terms are. Is there more?"""
    more: bool = _kind(db).tidy_a_little(db, begin)
    return more


def is_old(db: Session) -> bool:
    """Whether entries may still be kept in the form of before; they are found, but slowly, until a rebuild."""
    old: bool = _kind(db).is_old(db)
    return old


# --- reading ---------------------------------------------------------------------------------------------------------


def find(db: Session, wanted: Wanted, sites: frozenset[str] | None, span: Span, most: int) -> list[int]:
    """Ids of the first ``most`` entries of the span that hold what is wanted, in the span's order.

    ``sites``: terms of the places (``s:``, ``r:``; ``u:``: unrestricted ones at any) of which an entry has to hold
    one; None: there is no such condition, and ``wanted`` has one at least.
    """
    if not all(wanted.clauses) or span.low > span.high or most <= 0 or sites is not None and not sites:
        return []
    found: list[int] = _kind(db).find(db, wanted, sites, span, most)
    return found


def among(db: Session, wanted: Wanted, numbers: Iterable[int]) -> set[int]:
    """Which of the entries hold what is wanted, wherever they are."""
    every = sorted(numbers)
    if not every or not all(wanted.clauses):
        return set()
    if not (wanted.clauses or wanted.unless):
        return set(every)
    found: set[int] = _kind(db).among(db, wanted, every)
    return found
