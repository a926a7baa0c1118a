"""The index of words: the two kinds of it behind four functions (ADR 18). What the words mean is decided elsewhere.

``search_words`` holds the terms of each entry (rooms.terms) under the entry's id, which orders by time.
- SQLite: an FTS5 table without positions. It walks the lists of ids in order and stops at the limit, so a word that
  stands in a third of the rows costs as little as any; what costs is a rare word beside a frequent one, so then the
  rare one is walked and the others are looked up in the text of each entry.
- PostgreSQL: a tsvector with a GIN index. GIN finds all before it gives the first, so where much is to be found time is
  cut into slices (a term for each month), newest first, until there are enough. How long the slices are, or that all
  is asked for at once, follows from how frequent the words are, which the database counts for its planner.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.rows import is_sqlite

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
SLOTS = 4096
"""Ids within one second; what does not fit goes into the next one."""

RARE = 12_000
"""On SQLite: a word with no more entries than this is walked alone (about 4 us an entry for the others)."""


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


def month_term(number: int) -> str:
    """The term of the month (UTC) in which an id lies."""
    return _month_name(*_month_of(number))


def _month_of(number: int) -> tuple[int, int]:
    at = EPOCH + dt.timedelta(seconds=number // SLOTS)
    return at.year, at.month


def _month_name(year: int, month: int) -> str:
    return f"m:{year:04d}{month:02d}"


# --- writing ---------------------------------------------------------------------------------------------------------


def line_of(number: int, terms: Iterable[str]) -> str:
    """The terms of an entry as they are kept, that of its month among them."""
    return f" {' '.join(sorted({*terms, month_term(number)}))} "


def put(db: Session, lines: Mapping[int, str]) -> None:
    """Keep the lines of entries that are not in the index."""
    made = ":words" if is_sqlite(db) else "array_to_tsvector(string_to_array(btrim(:words), ' '))"
    if lines:
        statement = sa.text(f"INSERT INTO search_words ({_number(db)}, words) VALUES (:id, {made})")
        db.connection().execute(statement, [{"id": number, "words": line} for number, line in lines.items()])


def remove(db: Session, numbers: Sequence[int]) -> None:
    """Forget entries; unknown ones are harmless."""
    if numbers:
        statement = sa.text(f"DELETE FROM search_words WHERE {_number(db)} = :id")
        db.connection().execute(statement, [{"id": number} for number in numbers])


def words_of(db: Session, numbers: Iterable[int]) -> dict[int, str]:
    """The lines that are kept of these entries."""
    every = list(numbers)
    if is_sqlite(db):
        statement = "SELECT rowid, words FROM search_words WHERE rowid IN (SELECT value FROM json_each(:ids))"
        return {row[0]: row[1] for row in _all(db, statement, {"ids": json.dumps(every)})}
    statement = "SELECT id, tsvector_to_array(words) FROM search_words WHERE id = ANY(:ids)"
    return {row[0]: f" {' '.join(sorted(row[1]))} " for row in _all(db, statement, {"ids": every})}


def numbers_between(db: Session, low: int, high: int) -> set[int]:
    """All entries between two ids, both inclusive."""
    statement = f"SELECT {_number(db)} FROM search_words WHERE {_number(db)} BETWEEN :low AND :high"
    return {row[0] for row in _all(db, statement, {"low": low, "high": high})}


def _number(db: Session) -> str:
    return "rowid" if is_sqlite(db) else "id"


MERGED_PAGES = 2_000
"""How much one step of tidying writes on SQLite (pages of 4 kB, as its index counts them)."""


def tidy_a_little(db: Session, *, begin: bool) -> bool:
    """After very many writes: SQLite joins its lists, PostgreSQL learns how frequent the terms are. Is there more?"""
    if not is_sqlite(db):
        db.execute(sa.text("ANALYZE search_words"))
        return False
    changes = sa.text("SELECT total_changes()")
    before = db.scalar(changes) or 0
    merge = sa.text("INSERT INTO search_words (search_words, rank) VALUES ('merge', :pages)")
    db.execute(merge, {"pages": -MERGED_PAGES if begin else MERGED_PAGES})  # negative: all lists, however few they are
    return (db.scalar(changes) or 0) - before >= 2  # FTS5: less means that nothing was left to do


# --- reading ---------------------------------------------------------------------------------------------------------


def find(db: Session, wanted: Wanted, span: Span, most: int) -> list[int]:
    """Ids of the first ``most`` entries of the span that hold what is wanted, in the span's order."""
    if not all(wanted.clauses) or span.low > span.high or most <= 0:
        return []
    return _walk(db, wanted, span, most) if is_sqlite(db) else _slices(db, wanted, span, most)


def among(db: Session, wanted: Wanted, numbers: Iterable[int]) -> set[int]:
    """Which of the entries hold what is wanted."""
    every = sorted(numbers)
    if not every or not all(wanted.clauses):
        return set()
    if not (wanted.clauses or wanted.unless):
        return set(every)
    if not is_sqlite(db):
        return set(_ids(db, _PG_AMONG, {"ids": every, "query": _tsquery(wanted)}))
    condition, values = _in_text(wanted)
    statement = f"SELECT rowid FROM search_words WHERE rowid IN (SELECT value FROM json_each(:ids)) AND {condition}"
    return set(_ids(db, statement, values | {"ids": json.dumps(every)}))


def _ids(db: Session, statement: str, values: Mapping[str, Any]) -> list[int]:
    return [row[0] for row in _all(db, statement, values)]


def _all(db: Session, statement: str, values: Mapping[str, Any]) -> Sequence[Any]:
    return db.connection().execute(sa.text(statement), values).all()


# SQLite


def _match(clauses: Iterable[frozenset[str]], unless: frozenset[str] = frozenset()) -> str:
    text = " AND ".join("(" + " OR ".join(f'"{term}"' for term in sorted(clause)) + ")" for clause in clauses)
    if not unless:
        return text
    return f"({text}) NOT (" + " AND ".join(f'"{term}"' for term in sorted(unless)) + ")"


def _in_text(wanted: Wanted) -> tuple[str, dict[str, str]]:
    """The condition on one entry's text, for entries that are at hand already."""
    values: dict[str, str] = {}

    def holds(term: str) -> str:
        name = f"t{len(values)}"
        values[name] = f" {term} "
        return f"instr(words, :{name}) > 0"

    parts = ["(" + " OR ".join(holds(term) for term in sorted(clause)) + ")" for clause in wanted.clauses]
    if wanted.unless:
        parts.append("NOT (" + " AND ".join(holds(term) for term in sorted(wanted.unless)) + ")")
    return " AND ".join(parts) or "1 = 1", values


def _walk(db: Session, wanted: Wanted, span: Span, most: int) -> list[int]:
    rare = _rarest(db, wanted, span)
    values: dict[str, Any] = {"low": span.low, "high": span.high, "most": most}
    condition = ""
    if rare is None:
        values["query"] = _match(wanted.clauses, wanted.unless)
    else:
        values["query"] = _match((rare,))
        rest = Wanted(tuple(clause for clause in wanted.clauses if clause is not rare), wanted.unless)
        text, more = _in_text(rest)
        condition, values = f"AND {text}", values | more
    order = "DESC" if span.newest_first else "ASC"
    statement = f"""
        SELECT rowid FROM search_words
        WHERE search_words MATCH :query AND rowid BETWEEN :low AND :high {condition}
        ORDER BY rowid {order} LIMIT :most
    """
    return _ids(db, statement, values)


def _rarest(db: Session, wanted: Wanted, span: Span) -> frozenset[str] | None:
    """The clause with the fewest entries, if they are few; the count of a frequent one stops early."""
    best, fewest = None, RARE
    if len(wanted.clauses) < 2:
        return None
    counted = sa.text(
        "SELECT count(*) FROM (SELECT 1 FROM search_words WHERE search_words MATCH :query"
        " AND rowid BETWEEN :low AND :high LIMIT :most)"
    )
    for clause in wanted.clauses:
        values = {"query": _match((clause,)), "low": span.low, "high": span.high, "most": fewest + 1}
        count = db.scalar(counted, values) or 0
        if count <= fewest:
            best, fewest = clause, count
        if fewest == 0:
            break
    return best


# PostgreSQL


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
    SELECT min(id), max(id), (SELECT reltuples FROM pg_class WHERE oid = CAST('search_words' AS regclass))
    FROM search_words
"""
FEW = 50_000
"""So many entries of the rarest word are read at once: then nothing depends on how often the words meet."""
_FIRST, _LONGEST = 4, 12
"""Months of the first slice at most, which is a trial, and of any other."""
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


def next_slice(found: int, asked: int, left: int, most: int) -> int:
    """How many further months to ask when ``asked`` gave ``found``; 0: ask for all that are left at once, because one
    question for little is quicker than many. Pure."""
    rate = found / asked
    if rate * left < most - found:
        return 0 if asked >= _FIRST else _FIRST
    return max(1, min(_LONGEST, math.ceil((most - found) / rate * _SPARE)))


def _tsquery(wanted: Wanted) -> str:
    parts = ["(" + " | ".join(f"'{term}'" for term in sorted(clause)) + ")" for clause in wanted.clauses]
    if wanted.unless:
        parts.append("!(" + " & ".join(f"'{term}'" for term in sorted(wanted.unless)) + ")")
    return " & ".join(parts)


def _slices(db: Session, wanted: Wanted, span: Span, most: int) -> list[int]:
    first, last, entries = db.execute(sa.text(_PG_BOUNDS)).one()
    if first is None:
        return []
    low, high = max(span.low, first), min(span.high, last)
    statement = _PG_FIND.format(order="DESC" if span.newest_first else "ASC")
    found: list[int] = []
    asked, length = 0, first_slice(_guess(db, wanted, entries), _months_between(first, last), most)
    while low <= high and len(found) < most:
        query, start, end = wanted, low, high
        if length:
            months, start, end = _cut(low, high, span.newest_first, length)
            query = wanted.also([_month_name(*month) for month in months])
            asked += len(months)
        found += _ids(db, statement, {"query": _tsquery(query), "low": start, "high": end, "most": most - len(found)})
        low, high = (low, start - 1) if span.newest_first else (end + 1, high)
        if low <= high and length:
            length = next_slice(len(found), asked, _months_between(low, high), most)
    return found


def _guess(db: Session, wanted: Wanted, entries: float) -> Guess | None:
    """What the planner's counts tell of the clauses; None before the first count."""
    terms = sorted(frozenset[str]().union(*wanted.clauses))
    shares = {row[0]: row[1] for row in _all(db, _PG_FREQUENT, {"terms": terms})}
    rare = shares.pop("")
    if rare is None or entries <= 0:
        return None
    return Guess(entries, tuple(min(1.0, sum(shares.get(one, rare) for one in clause)) for clause in wanted.clauses))


def _months_between(low: int, high: int) -> int:
    (year, month), (last_year, last_month) = _month_of(low), _month_of(high)
    return (last_year - year) * 12 + last_month - month + 1


def _cut(low: int, high: int, newest_first: bool, length: int) -> tuple[list[tuple[int, int]], int, int]:
    """A slice of ids from the end at which reading begins, with the months that it lies in."""
    first, last = _month_of(low), _month_of(high)
    held, step = [last if newest_first else first], -1 if newest_first else 1
    while len(held) < length and first <= _next(held[-1], step) <= last:
        held.append(_next(held[-1], step))
    return held, max(low, _month_start(min(held))), min(high, _month_start(_next(max(held), 1)) - 1)


def _next(month: tuple[int, int], step: int) -> tuple[int, int]:
    count = month[0] * 12 + month[1] - 1 + step
    return count // 12, count % 12 + 1


def _month_start(month: tuple[int, int]) -> int:
    return first_id(dt.datetime(month[0], month[1], 1, tzinfo=dt.UTC))
