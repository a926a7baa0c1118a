"""The index of words on PostgreSQL: a tsvector with a GIN index, asked month by month and site by site.

GIN finds all before it gives the first, and walks the rarest list of a question to its end. So where much is to be
found time is cut into slices, newest first, until there are enough. Every entry has terms for them: its month
(``m:YYYYMM``), and its place and month together (``sm:SITE.YYYYMM``, ``rm:`` when restricted), so that a slice of
what somebody may read at some sites is no longer than what those sites have of it. How long the slices are, or that
all is asked for at once, follows from how frequent the words are, which the database counts for its planner.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.wanted import Month, Span, Wanted, month_of, month_start, months_between, next_month, place_term

TOGETHER = 48
"""Terms of place and month in one slice at most: GIN looks at every one of them for every entry."""

# --- writing ---------------------------------------------------------------------------------------------------------


def terms_of_time(number: int, terms: Iterable[str]) -> set[str]:
    """The terms of the month (UTC) in which an entry's id lies, alone and with its place."""
    month = month_of(number)
    return {_month_term(month), _place_month(place_term(terms), month)}


def put(db: Session, lines: Mapping[int, str]) -> None:
    """See rooms.index."""
    made = "INSERT INTO search_words (id, words) VALUES (:id, array_to_tsvector(string_to_array(btrim(:words), ' ')))"
    db.connection().execute(sa.text(made), [{"id": number, "words": line} for number, line in lines.items()])


def remove(db: Session, numbers: Sequence[int]) -> None:
    """See rooms.index."""
    db.connection().execute(sa.text("DELETE FROM search_words WHERE id = ANY(:ids)"), {"ids": list(numbers)})


def words_of(db: Session, numbers: Sequence[int]) -> dict[int, str]:
    """See rooms.index."""
    statement = "SELECT id, tsvector_to_array(words) FROM search_words WHERE id = ANY(:ids)"
    return {row[0]: f" {' '.join(sorted(row[1]))} " for row in _all(db, statement, {"ids": list(numbers)})}


def numbers_between(db: Session, low: int, high: int) -> set[int]:
    """See rooms.index."""
    statement = "SELECT id FROM search_words WHERE id BETWEEN :low AND :high"
    return set(_ids(db, statement, {"low": low, "high": high}))


def tidy_a_little(db: Session, begin: bool) -> bool:
    """See rooms.index. Once all entries have the terms of now, that is noted, and they are asked by them."""
    db.execute(sa.text("ANALYZE search_words"))
    if is_old(db) and not _all(db, _PG_OLD, {}):
        db.execute(sa.text("INSERT INTO search_words_form (form) VALUES (2)"))
    return False


def is_old(db: Session) -> bool:
    """See rooms.index."""
    return not _all(db, "SELECT 1 FROM search_words_form", {})


# --- reading ---------------------------------------------------------------------------------------------------------


_PG_OLD = """
    SELECT 1 FROM search_words WHERE NOT words @@ CAST('''sm:'':* | ''rm:'':*' AS tsquery) LIMIT 1
"""
_PG_AMONG = """
    WITH held AS MATERIALIZED (SELECT id, words FROM search_words WHERE id = ANY(:ids))
    SELECT id FROM held WHERE words @@ CAST(:query AS tsquery)
"""
_PG_FIND = """
    WITH held AS MATERIALIZED (SELECT id FROM search_words WHERE words @@ CAST(:query AS tsquery))
    SELECT id FROM held WHERE id BETWEEN :low AND :high ORDER BY id {order} LIMIT :most
"""
_PG_FREQUENT = """
    WITH counted AS MATERIALIZED (
        SELECT unnest(CAST(CAST(most_common_elems AS text) AS text[])) AS element,
            unnest(most_common_elem_freqs) AS share
        FROM pg_stats
        WHERE schemaname = current_schema() AND tablename = 'search_words' AND attname = 'words'
    )
    SELECT element, share FROM counted WHERE element = ANY(:terms)
    UNION ALL SELECT '', min(share) FROM counted
"""
_PG_BOUNDS = """
    SELECT min(id), max(id), (SELECT reltuples FROM pg_class WHERE oid = CAST('search_words' AS regclass)),
        EXISTS (SELECT FROM search_words_form)
    FROM search_words
"""
_BOUNDS = sa.text(_PG_BOUNDS)
FEW = 50_000
"""So many entries of the rarest word are read at once: then nothing depends on how often the words meet."""
_FIRST, _LONGEST = 4, 12
"""Months of the first slice at most, which is a trial, and of any other. By place and month together no slice is longer
than the first: an entry costs 0.28 us among the terms of 4 months of 3 sites, 0.43 us among those of 12."""
_SPARE = 1.3
"""Slices are longer by this than reckoned."""


@dataclass(frozen=True, slots=True)
class Guess:
    """How many entries the index has, and what share of them every clause holds."""

    entries: float
    shares: tuple[float, ...]


def first_slice(guess: Guess | None, months: int, most: int) -> int:
    """How many of ``months`` to ask first for ``most`` finds; 0: ask for all at once. Pure."""
    if guess is None:
        return 1
    if min(guess.shares, default=1.0) * guess.entries <= FEW:
        return 0
    found = guess.entries * math.prod(guess.shares)
    return max(1, min(_FIRST, math.ceil(most / max(found, 1.0) * months * _SPARE)))


def next_slice(found: int, asked: int, left: int, most: int, longest: int = _LONGEST) -> int:
    """How many further months to ask, ``longest`` at most, when ``asked`` gave ``found``; 0: ask for all that are left
    at once, because one question for little is quicker than many. Pure."""
    rate = found / asked
    if rate * left < most - found:
        return 0 if asked >= _FIRST else _FIRST
    return max(1, min(longest, math.ceil((most - found) / rate * _SPARE)))


def find(db: Session, wanted: Wanted, sites: frozenset[str] | None, span: Span, most: int) -> list[int]:
    """See rooms.index."""
    return _slices(db, wanted, sites, span, most)


def among(db: Session, wanted: Wanted, numbers: Sequence[int]) -> set[int]:
    """See rooms.index."""
    return set(_ids(db, _PG_AMONG, {"ids": list(numbers), "query": _tsquery(wanted)}))


def _tsquery(wanted: Wanted) -> str:
    parts = ["(" + " | ".join(f"'{term}'" for term in sorted(clause)) + ")" for clause in wanted.clauses]
    if wanted.unless:
        parts.append("!(" + " & ".join(f"'{term}'" for term in sorted(wanted.unless)) + ")")
    return " & ".join(parts)


def _slices(db: Session, wanted: Wanted, sites: frozenset[str] | None, span: Span, most: int) -> list[int]:
    first, last, entries, placed = db.connection().execute(_BOUNDS).one()
    if first is None:
        return []
    whole = wanted if sites is None else wanted.also(sites)
    low, high = max(span.low, first), min(span.high, last)
    statement = _PG_FIND.format(order="DESC" if span.newest_first else "ASC")
    found: list[int] = []
    asked, length = 0, first_slice(_guess(db, whole, entries), months_between(first, last), most)
    while low <= high and len(found) < most:
        query, start, end = whole, low, high
        if length:
            months, start, end = _cut(low, high, span.newest_first, length)
            query = in_months(wanted, sites, months) if placed else whole.also(map(_month_term, months))
            asked += len(months)
        found += _ids(db, statement, {"query": _tsquery(query), "low": start, "high": end, "most": most - len(found)})
        low, high = (low, start - 1) if span.newest_first else (end + 1, high)
        if low <= high and length:
            longest = _FIRST if placed and are_together(sites, _FIRST) else _LONGEST
            length = next_slice(len(found), asked, months_between(low, high), most, longest)
    return found


def in_months(wanted: Wanted, sites: frozenset[str] | None, months: Sequence[Month]) -> Wanted:
    """The question for a slice: by place and month together where few places are meant, else by both apart. Pure."""
    if sites is None:
        return wanted.also(map(_month_term, months))
    if not are_together(sites, len(months)):
        return wanted.also(sites, map(_month_term, months))
    return wanted.also(_place_month(site, month) for site in sites for month in months)


def are_together(sites: frozenset[str] | None, months: int) -> bool:
    """Whether so many months of these places are asked by terms of place and month together. Pure."""
    return sites is not None and "u:" not in sites and len(sites) * months <= TOGETHER


def _month_term(month: Month) -> str:
    return f"m:{month[0]:04d}{month[1]:02d}"


def _place_month(place: str, month: Month) -> str:
    """The term of a place and a month: sm:SITE.YYYYMM, rm:SITE.YYYYMM; of entries without a place sm:.YYYYMM."""
    return f"{place[:1] or 's'}m:{place[2:]}.{month[0]:04d}{month[1]:02d}"


def _guess(db: Session, wanted: Wanted, entries: float) -> Guess | None:
    """What the planner's counts tell of the clauses; None before the first count."""
    terms = sorted(frozenset[str]().union(*wanted.clauses))
    shares = {row[0]: row[1] for row in _all(db, _PG_FREQUENT, {"terms": terms})}
    rare = shares.pop("")
    if rare is None or entries <= 0:
        return None
    return Guess(entries, tuple(min(1.0, sum(shares.get(one, rare) for one in clause)) for clause in wanted.clauses))


def _cut(low: int, high: int, newest_first: bool, length: int) -> tuple[list[Month], int, int]:
    """A slice of ids from the end at which reading begins, with the months that it lies in."""
    first, last = month_of(low), month_of(high)
    held, step = [last if newest_first else first], -1 if newest_first else 1
    while len(held) < length and first <= next_month(held[-1], step) <= last:
        held.append(next_month(held[-1], step))
    return held, max(low, month_start(min(held))), min(high, month_start(next_month(max(held))) - 1)


def _ids(db: Session, statement: str, values: Mapping[str, Any]) -> list[int]:
    return [row[0] for row in _all(db, statement, values)]


def _all(db: Session, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
    return db.connection().execute(sa.text(statement), values).all()
