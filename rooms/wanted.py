"""What is asked of the index of words, and how ids and months order by time. Pure; the index itself is rooms.index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
SLOTS = 4096
"""Ids within one second; what does not fit goes into the next one."""

Month = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Entries that hold a term of every one of ``clauses``, and not all of ``unless``. An empty clause: none."""

    clauses: tuple[frozenset[str], ...] = ()
    unless: frozenset[str] = frozenset()

    def also(self, *clauses: Iterable[str]) -> Wanted:
        """The same with further conditions."""
        return replace(self, clauses=(*self.clauses, *(frozenset(clause) for clause in clauses)))


@dataclass(frozen=True, slots=True)
class Span:
    """Ids from ``low`` to ``high``, both inclusive, read from the newest or from the oldest."""

    low: int
    high: int
    newest_first: bool = True


EVERYTHING = Span(-(1 << 62), 1 << 62)


def entry_id(at: dt.datetime, object_id: str) -> int:
    """Where an entry belongs: by its second, within that spread by its random id."""
    second = int((at - EPOCH).total_seconds())
    return second * SLOTS + int.from_bytes(object_id[:6].encode(), "big") % 4093


def first_id(at: dt.datetime) -> int:
    """The lowest id of a moment's second."""
    return int((at - EPOCH).total_seconds()) * SLOTS


def month_of(number: int) -> Month:
    """The year and month (UTC) in which an id lies."""
    at = EPOCH + dt.timedelta(seconds=number // SLOTS)
    return at.year, at.month


def month_start(month: Month) -> int:
    """The lowest id of a month."""
    return first_id(dt.datetime(month[0], month[1], 1, tzinfo=dt.UTC))


def next_month(month: Month, step: int = 1) -> Month:
    """So many months later, or earlier."""
    count = month[0] * 12 + month[1] - 1 + step
    return count // 12, count % 12 + 1


def months_between(low: int, high: int) -> int:
    """How many months a span of ids touches."""
    (year, month), (last_year, last_month) = month_of(low), month_of(high)
    return (last_year - year) * 12 + last_month - month + 1


def place_term(terms: Iterable[str]) -> str:
    """Of an entry's terms that of its place and restriction (``s:SITE``, ``r:SITE``); "" where it has no place."""
    return next((term for term in terms if term.startswith(("s:", "r:"))), "")
