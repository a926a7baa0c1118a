"""The index of words on SQLite: an FTS5 table without positions, in which the entries of each place stand together.

FTS5 walks the lists of its rows in order and stops at the limit, so a word that stands in a third of the rows costs
as little as any. It can also begin and end a list anywhere. So a row's number is made of its *zone* (a place, and
whether restricted) and of the entry's id: what somebody may read is some zones, each is walked alone from its newest
entry on, and the walks are merged. What costs is a rare word beside frequent ones; then the rare one is walked and
the others are looked up in the text of each entry.

Rows from before zones (ADR 18) have the bare id as their number: zone 0, walked with the places as one more clause,
until a rebuild has moved them all.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.wanted import Span, Wanted

ZONE_BITS = 45
"""Of a row's number those below are the entry's id: 2^44 ids on either side of the year 2000 are 136 years."""
_HALF = 1 << (ZONE_BITS - 1)

RARE = 3_000
"""A word with no more entries than this in the zones is walked alone (about 4 us an entry for the others)."""

SELDOM = 5
"""So many conditions seldom meet; reading the place's own list as well costs about 20 ms where it is long."""

MANY = 32
"""With more zones than this it is counted over all of them at once how frequent a word is: each count is a question."""

MERGED_PAGES = 2_000
"""How much one step of tidying writes (pages of 4 kB, as FTS5 counts them)."""

_PLACE = re.compile(r" ([sr]:[^ ]+) ")


def row_of(zone: int, number: int) -> int:
    """The number of an entry's row."""
    return (zone << ZONE_BITS) + number


def number_of(row: int) -> int:
    """The id of the entry of a row."""
    return ((row + _HALF) & ((1 << ZONE_BITS) - 1)) - _HALF


# --- writing ---------------------------------------------------------------------------------------------------------


def terms_of_time(number: int, terms: Iterable[str]) -> set[str]:
    """None: the rows order by time."""
    return set()


def put(db: Session, lines: Mapping[int, str]) -> None:
    """See rooms.index. Rows in rising order, or FTS5 would begin a new part of its lists with each."""
    zones = _zones(db)
    held = {}
    for number, line in lines.items():
        place = _PLACE.search(line)
        held[number] = row_of(_zone(db, zones, place[1] if place else ""), number)
    rows = [(held[number], lines[number]) for number in sorted(lines, key=lambda one: held[one])]
    db.connection().exec_driver_sql("INSERT INTO search_words (rowid, words) VALUES (?, ?)", rows)
    db.connection().exec_driver_sql("INSERT INTO search_words_row (id, row) VALUES (?, ?)", list(held.items()))


def remove(db: Session, numbers: Sequence[int]) -> None:
    """See rooms.index."""
    rows = sorted(_rows_of(db, numbers).values())
    run = db.connection().exec_driver_sql
    run("DELETE FROM search_words WHERE rowid = ?", [(row,) for row in rows])
    run("DELETE FROM search_words_row WHERE id = ?", [(number,) for number in numbers])


def words_of(db: Session, numbers: Sequence[int]) -> dict[int, str]:
    """See rooms.index: what is still in zone 0 is in no form of now."""
    lines = "SELECT id, c0 FROM search_words_content WHERE id IN (SELECT value FROM json_each(?))"
    held = dict(_all(db, lines, (json.dumps([*_rows_of(db, numbers).values()]),)))
    return {number_of(row): words if row != number_of(row) else "" for row, words in held.items()}


def _rows_of(db: Session, numbers: Sequence[int]) -> dict[int, int]:
    """Where the rows of entries are; in zone 0 where it is written nowhere else."""
    kept = "SELECT id, row FROM search_words_row WHERE id IN (SELECT value FROM json_each(?))"
    return {number: number for number in numbers} | dict(_all(db, kept, (json.dumps(numbers),)))


def _zones(db: Session) -> dict[str, int]:
    """Of each place (its term; "" for entries that have none) the zone."""
    return dict(_all(db, "SELECT place, zone FROM search_words_zone", ()))


def _zone(db: Session, zones: dict[str, int], place: str) -> int:
    """The zone of a place, which may be its first entry's."""
    if place not in zones:
        add = "INSERT INTO search_words_zone (place) VALUES (?) RETURNING zone"
        zones[place] = _all(db, add, (place,))[0][0]
    return zones[place]


def numbers_between(db: Session, low: int, high: int) -> set[int]:
    """See rooms.index."""
    kept = _all(db, "SELECT id FROM search_words_row WHERE id BETWEEN ? AND ?", (low, high))
    old = _all(db, "SELECT id FROM search_words_content WHERE id BETWEEN ? AND ?", _within(0, low, high))
    return {row[0] for row in (*kept, *old)}


def tidy_a_little(db: Session, begin: bool) -> bool:
    """See rooms.index."""
    changes = sa.text("SELECT total_changes()")
    before = db.scalar(changes) or 0
    merge = sa.text("INSERT INTO search_words (search_words, rank) VALUES ('merge', :pages)")
    db.execute(merge, {"pages": -MERGED_PAGES if begin else MERGED_PAGES})  # negative: all lists, however few they are
    return (db.scalar(changes) or 0) - before >= 2  # FTS5: less means that nothing was left to do


def is_old(db: Session) -> bool:
    """See rooms.index: whether there is anything in zone 0. The last step of a rebuild leaves nothing there."""
    return bool(_all(db, "SELECT 1 FROM search_words_content WHERE id BETWEEN ? AND ? LIMIT 1", (-_HALF, _HALF - 1)))


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Walk:
    """One zone's part of a question: rows from ``low`` to ``high`` that hold the clauses. None is left of them where
    the place alone says enough. ``place``: the term that all of the zone hold and nobody else, if there is one."""

    clauses: tuple[frozenset[str], ...]
    low: int
    high: int
    place: str = ""


def find(db: Session, wanted: Wanted, sites: frozenset[str] | None, span: Span, most: int) -> list[int]:
    """See rooms.index."""
    walks = list(_walks(db, wanted, sites, span))
    rare = _rarest(db, wanted, walks)
    found = [_walked(db, walk, wanted.unless, rare, span.newest_first, most) for walk in walks]
    try:
        merged = heapq.merge(*(map(number_of, one.scalars()) for one in found), reverse=span.newest_first)
        return list(itertools.islice(merged, most))
    finally:
        for one in found:
            one.close()


def _walks(db: Session, wanted: Wanted, sites: frozenset[str] | None, span: Span) -> Iterator[_Walk]:
    for place, zone in _zones(db).items():
        if sites is None or place in sites or ("u:" in sites and place.startswith("s:")):
            clauses = in_zone(place, wanted.clauses)
            if clauses is not None:
                yield _Walk(clauses, *_within(zone, span.low, span.high), place)
    if is_old(db):
        yield _Walk((*wanted.clauses, *([sites] if sites is not None else [])), *_within(0, span.low, span.high))


def _within(zone: int, low: int, high: int) -> tuple[int, int]:
    return row_of(zone, max(low, -_HALF)), row_of(zone, min(high, _HALF - 1))


def in_zone(place: str, clauses: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...] | None:
    """What is left to ask for where every entry has this place; None: nothing there can hold it. Pure."""
    left = [clause for clause in clauses if place not in clause]
    left = [frozenset(term for term in clause if not term.startswith(("s:", "r:"))) for clause in left]
    return tuple(left) if all(left) else None


def _walked(
    db: Session, walk: _Walk, unless: frozenset[str], rare: frozenset[str] | None, newest_first: bool, most: int
) -> sa.CursorResult[Any]:
    """The rows of one zone, read only as far as they are asked for."""
    order = "DESC" if newest_first else "ASC"
    values: dict[str, Any] = {"low": walk.low, "high": walk.high, "most": most}
    if not walk.clauses:
        text, more = _in_text("c0", Wanted((), unless))
        return _run(db, f"""
            SELECT id FROM search_words_content
            WHERE id BETWEEN :low AND :high AND {text} ORDER BY id {order} LIMIT :most
        """, values | more)  # fmt: skip
    condition = ""
    if rare is None or rare not in walk.clauses:
        # FTS5 looks at the bounds of a walk when it has found something: where so much is asked for that nothing may
        # be found, the list of the place, which ends with the zone, keeps it from reading on through all the others.
        ends = (frozenset({walk.place}),) if walk.place and len(walk.clauses) >= SELDOM else ()
        values["query"] = _match((*ends, *walk.clauses), unless)
    else:
        values["query"] = _match((rare,))
        text, more = _in_text("words", Wanted(tuple(one for one in walk.clauses if one is not rare), unless))
        condition, values = f"AND {text}", values | more
    return _run(db, f"""
        SELECT rowid FROM search_words
        WHERE search_words MATCH :query AND rowid BETWEEN :low AND :high {condition}
        ORDER BY rowid {order} LIMIT :most
    """, values)  # fmt: skip


def _rarest(db: Session, wanted: Wanted, walks: Sequence[_Walk]) -> frozenset[str] | None:
    """The clause with the fewest entries, if they are few; the count of a frequent one stops early."""
    best, fewest = None, RARE
    ranges = [(walk.low, walk.high) for walk in walks] if len(walks) <= MANY else [(-(1 << 63), (1 << 63) - 1)]
    plain = frozenset[frozenset[str]]().union(*(walk.clauses for walk in walks))
    if max((len(walk.clauses) for walk in walks), default=0) < 2:
        return None
    counted = (
        "SELECT count(*) FROM (SELECT 1 FROM search_words WHERE search_words MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?)"
    )
    for clause in plain:
        count, query = 0, _match((clause,))
        for low, high in ranges:
            count += _all(db, counted, (query, low, high, fewest + 1 - count))[0][0]
            if count > fewest:
                break
        if count <= fewest:
            best, fewest = clause, count
        if fewest == 0:
            break
    return best


def among(db: Session, wanted: Wanted, numbers: Sequence[int]) -> set[int]:
    """See rooms.index."""
    text, values = _in_text("c0", wanted)
    statement = f"""
        SELECT listed.value FROM json_each(:ids) AS listed
        LEFT JOIN search_words_row AS held ON held.id = listed.value
        JOIN search_words_content AS kept ON kept.id = coalesce(held.row, listed.value)
        WHERE {text}
    """
    return set(_run(db, statement, values | {"ids": json.dumps(numbers)}).scalars())


def _match(clauses: Iterable[frozenset[str]], unless: frozenset[str] = frozenset()) -> str:
    text = " AND ".join("(" + " OR ".join(f'"{term}"' for term in sorted(clause)) + ")" for clause in clauses)
    if not unless:
        return text
    return f"({text}) NOT (" + " AND ".join(f'"{term}"' for term in sorted(unless)) + ")"


def _in_text(column: str, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The condition on one entry's text, for entries that are at hand already."""
    values: dict[str, Any] = {}

    def holds(term: str) -> str:
        name = f"t{len(values)}"
        values[name] = f" {term} "
        return f"instr({column}, :{name}) > 0"

    parts = ["(" + " OR ".join(holds(term) for term in sorted(clause)) + ")" for clause in wanted.clauses]
    if wanted.unless:
        parts.append("NOT (" + " AND ".join(holds(term) for term in sorted(wanted.unless)) + ")")
    return " AND ".join(parts) or "1 = 1", values


def _all(db: Session, statement: str, values: Any) -> Sequence[Any]:
    return db.connection().exec_driver_sql(statement, values).all()


def _run(db: Session, statement: str, values: Mapping[str, Any]) -> sa.CursorResult[Any]:
    return db.connection().exec_driver_sql(statement, dict(values))
