"""Lookup (tra cứu): files, visits, petitions and sessions by their words, people, places, numbers and minutes.

One box. Every word must be found, in any order: as a term of the entry, or in the name of its site. What was typed
with diacritics ranks first where it is written so. Rights and filters are terms of the same question to the index, so
nothing is found first and taken away afterwards: not in the list, not in the counts, not in the time it takes.

Finds are grouped by case. A group stands where its best find stands, and only there: the next page begins after the
last group's best find and leaves out groups that have stood before, so that new entries move no page.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import index, terms
from rooms.actor import Actor
from rooms.fold import fold as fold
from rooms.fold import sort_key
from rooms.index import Span, Wanted
from rooms.localtime import day_bounds
from rooms.models import Case, SearchEntry, Site
from rooms.numbers import initials
from rooms.reach import Reach, entries_beside, reach_of
from rooms.terms import Query
from rooms.whyfound import Hit, explain

MAX_QUERY = 200
MAX_WORDS = 12
MIN_LETTERS = 2
COUNTED = 1_000
"""Finds are counted up to here; beyond it the answer is "more than"."""

GROUPS = 20
HITS = 3
"""Finds of a group that are shown; the others are counted."""

TYPES = ("case", "visit", "petition", "session")
SORTS = ("newest", "oldest", "name")
_WINDOW = 200
_CASE_NUMBER = re.compile(r"(\d\d)\.([^\W\d_]{1,3})\.0*(\d{1,6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to narrow by. Dates are local days, inclusive. ``state``: KIND.STATE ("case.open"); ``sort``: SORTS."""

    site_id: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    kind: str | None = None
    field: str | None = None
    state: str | None = None
    types: tuple[str, ...] = TYPES
    recorded: bool = False
    sort: str = "newest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the find with this tier and id. With sort "name": after so many groups."""

    tier: int
    number: int


@dataclass(frozen=True, slots=True)
class Group:
    """Finds of one case (``case`` None: of one visit that belongs to none that the reader may open).

    ``more``: how many finds beside those in ``hits``.
    """

    key: str
    case: Case | None
    hits: tuple[Hit, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """``total`` finds, exact up to COUNTED; ``capped``: there are more. ``facets``: counts by filter and value, only
    where the total is exact. ``next``: where the following page begins, None at the end."""

    query: Query
    groups: tuple[Group, ...] = ()
    total: int = 0
    capped: bool = False
    too_short: bool = False
    facets: dict[str, Counter[str]] = field(default_factory=dict)
    next: Place | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """One search, made ready. ``tiers``: the same question from the best matches on, each without those before it.
    ``sited``: the condition that holds the entry to the actor's sites; ``beside``: entries reached in other ways."""

    tiers: tuple[Wanted, ...]
    sited: tuple[frozenset[str], ...]
    beside: tuple[int, ...]
    reach: Reach
    span: Span

    def order(self, place: Place) -> tuple[int, int]:
        """Places compare in the order of the list by this."""
        return place.tier, -place.number if self.span.newest_first else place.number


def find(
    db: Session, actor: Actor, text: str, filters: Filters, now: dt.datetime, *, after: Place | None = None,
    size: int = GROUPS,
) -> Results:  # fmt: skip
    """A page of what the actor may read and the words and filters find. An empty text finds all, newest first."""
    query = terms.parse(text[:MAX_QUERY], MAX_WORDS)
    if text.strip() and query.letters < MIN_LETTERS:
        return Results(query, too_short=True)
    question = _question(db, actor, query, filters, now)
    counted = list(_stream(db, question, None, COUNTED + 1))
    capped = len(counted) > COUNTED
    numbers = [place.number for place in counted[:COUNTED]]
    if filters.sort == "name":
        shown, following = _by_name(db, question, numbers, after, size)
    else:
        shown, following = _page(db, question, counted[:COUNTED], after, size)
    groups = _explained(db, query, shown)
    facets = {} if capped else _facets(db, numbers)
    return Results(query, groups, min(len(counted), COUNTED), capped, False, facets, following)


# --- the question ----------------------------------------------------------------------------------------------------


def _question(db: Session, actor: Actor, query: Query, filters: Filters, now: dt.datetime) -> _Question:
    reach = reach_of(db, actor, now)
    sites = list(db.execute(sa.select(Site.id, Site.name, Site.short_name)))
    clauses = tuple(_clause(word, query, sites) for word in query.folded)
    base = Wanted((*clauses, *_narrowed(filters)))
    exact = frozenset(query.exact)
    tiers: tuple[Wanted, ...] = (base,)
    if exact:
        tiers = (base.also(*({word} for word in sorted(exact))), Wanted(base.clauses, exact))
    low = index.first_id(day_bounds(filters.since)[0]) if filters.since else index.EVERYTHING.low
    high = index.first_id(day_bounds(filters.until)[1]) - 1 if filters.until else index.EVERYTHING.high
    sited = (frozenset(f"t:{kind}" for kind in TYPES) if reach.everything else _sited(reach),)
    beside = () if reach.everything else tuple(entries_beside(db, reach))
    return _Question(tiers, sited, beside, reach, Span(low, high, filters.sort != "oldest"))


def _clause(word: str, query: Query, sites: Sequence[Any]) -> frozenset[str]:
    """What stands for a word: itself, or a site in whose name it is; for a number on paper, the case that has it."""
    found = {word}
    if word in query.codes:
        number = _CASE_NUMBER.fullmatch(word)
        if number is not None:
            same = [site.id for site in sites if fold(initials(site.name, site.short_name)) == number[2]]
            found |= {f"c:{site_id}.{2000 + int(number[1])}.{number[3]}" for site_id in same}
        return frozenset(found)
    for site in sites:
        if word in terms.terms_of((site.name, site.short_name)):
            found |= {f"s:{site.id}", f"r:{site.id}"}
    return frozenset(found)


def _narrowed(filters: Filters) -> Iterator[frozenset[str]]:
    """The filters as conditions; a value that is no word of ours finds nothing."""
    if filters.site_id:
        yield _own((f"s:{filters.site_id}", f"r:{filters.site_id}"))
    for prefix, value in (("k", filters.kind), ("f", filters.field), ("e", filters.state)):
        if value:
            yield _own((f"{prefix}:{value}",))
    if filters.recorded:
        yield frozenset({"rec:"})
    if set(filters.types) < set(TYPES):
        yield _own(f"t:{name}" for name in filters.types)


def _own(found: Iterable[str]) -> frozenset[str]:
    return frozenset(one for one in found if re.fullmatch(r"[a-z]:[a-z0-9_.]{1,64}", one))


def _sited(reach: Reach) -> frozenset[str]:
    plain = {"u:"} if reach.all_sites else {f"s:{site}" for site in reach.sites}
    return frozenset(plain | {f"r:{site}" for site in reach.own})


# --- the order -------------------------------------------------------------------------------------------------------


def _stream(db: Session, question: _Question, after: Place | None, most: int) -> Iterator[Place]:
    """Finds in order, at most so many, after a place."""
    for tier, wanted in enumerate(question.tiers):
        span = question.span
        if after is not None and tier < after.tier:
            continue
        if after is not None and tier == after.tier:
            low, high = (span.low, min(span.high, after.number - 1)), (max(span.low, after.number + 1), span.high)
            span = Span(*(low if span.newest_first else high), span.newest_first)
        for number in _of_tier(db, question, wanted, span, most):
            yield Place(tier, number)
            most -= 1
        if most <= 0:
            return


def _of_tier(db: Session, question: _Question, wanted: Wanted, span: Span, most: int) -> list[int]:
    found = index.find(db, Wanted((*wanted.clauses, *question.sited), wanted.unless), span, most)
    near = [number for number in question.beside if span.low <= number <= span.high]
    if near:
        found = [*{*found, *index.among(db, wanted, near)}]
        found.sort(reverse=span.newest_first)
    return found[:most]


def _rows(db: Session, numbers: Sequence[int]) -> dict[int, SearchEntry]:
    found: dict[int, SearchEntry] = {}
    for start in range(0, len(numbers), index.CHUNK):
        chunk = numbers[start : start + index.CHUNK]
        found |= {row.id: row for row in db.execute(sa.select(*_COLUMNS).where(SearchEntry.id.in_(chunk)))}
    return found


def _plain(db: Session, columns: str, numbers: Sequence[int]) -> list[Any]:
    """Columns of up to a thousand entries. Numbers stand in the statement: binding each costs more than finding it."""
    if not numbers:
        return []
    return list(db.execute(sa.text(f"SELECT {columns} FROM search_entry WHERE id IN ({','.join(map(str, numbers))})")))


_COLUMNS = SearchEntry.__table__.columns


# --- groups ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """A group before its finds are read: places in order, rows beside them."""

    key: str
    case: Case | None
    finds: list[tuple[Place, Any]]


def _page(
    db: Session, question: _Question, counted: Sequence[Place], after: Place | None, size: int
) -> tuple[list[_Found], Place | None]:
    """Groups whose best find comes after a place; and where the next page begins."""
    groups: list[_Found] = []
    place, seen = after, set[str]()
    begun = question.order(after) if after is not None else None
    while True:
        at_hand = counted if place is after else ()  # the first window has been read for the count
        window = [one for one in at_hand if begun is None or question.order(one) > begun][:_WINDOW]
        window = window or list(_stream(db, question, place, _WINDOW))
        if not window:
            return groups, None
        for found in _groups_of(db, question, window, seen):
            if begun is not None and question.order(found.finds[0][0]) <= begun:
                continue  # its best find stands on a page before
            if len(groups) == size:
                return groups, groups[-1].finds[0][0]
            groups.append(found)
        place = window[-1]


def _groups_of(db: Session, question: _Question, window: Sequence[Place], seen: set[str]) -> Iterator[_Found]:
    """The groups of a window in the order of their best finds in it, a few at a time: each costs a question."""
    for start in range(0, len(window), 50):
        rows = _rows(db, [place.number for place in window[start : start + 50]])
        cases = _readable_cases(db, question.reach, {row.case_id for row in rows.values() if row.case_id})
        ordered = [rows[place.number] for place in window[start : start + 50] if place.number in rows]
        keys = [key for key in dict.fromkeys(_key(row, cases) for row in ordered) if key not in seen]
        seen.update(keys)
        for first in range(0, len(keys), 25):
            yield from _gathered(db, question, keys[first : first + 25], cases)


def _key(row: Any, cases: dict[str, Case]) -> str:
    """Finds with the same key are one group: those of a case one may open, else those of a visit."""
    return str(row.case_id if row.case_id in cases else row.visit_id or row.object_id)


def _readable_cases(db: Session, reach: Reach, ids: set[str]) -> dict[str, Case]:
    found: dict[str, Case] = {}
    every = sorted(ids)
    for start in range(0, len(every), index.CHUNK):
        for case in db.scalars(sa.select(Case).where(Case.id.in_(every[start : start + index.CHUNK]))):
            if reach.holds(_AsEntry(case.id, case.site_id, case.restricted)):
                found[case.id] = case
    return found


@dataclass(frozen=True, slots=True)
class _AsEntry:
    object_id: str
    site_id: str | None
    restricted: bool


def _gathered(db: Session, question: _Question, keys: Sequence[str], cases: dict[str, Case]) -> Iterator[_Found]:
    """All finds of the groups, best first."""
    near = sa.or_(SearchEntry.case_id.in_(keys), SearchEntry.visit_id.in_(keys), SearchEntry.object_id.in_(keys))
    rows = {row.id: row for row in db.execute(sa.select(*_COLUMNS).where(near)) if question.reach.holds(row)}
    rows = {number: row for number, row in rows.items() if question.span.low <= number <= question.span.high}
    known = cases | _readable_cases(db, question.reach, {row.case_id for row in rows.values()} - {None, *cases})
    finds: dict[str, list[tuple[Place, Any]]] = defaultdict(list)
    left = set(rows)
    for tier, wanted in enumerate(question.tiers):
        held = index.among(db, wanted, left)
        for number in held:
            finds[_key(rows[number], known)].append((Place(tier, number), rows[number]))
        left -= held
    for key in keys:
        found = sorted(finds.get(key, ()), key=lambda one: question.order(one[0]))
        if found:
            yield _Found(key, known.get(key), found)


def _by_name(
    db: Session, question: _Question, numbers: Sequence[int], after: Place | None, size: int
) -> tuple[list[_Found], Place | None]:
    """The groups of the newest finds (COUNTED at most) in Vietnamese order of their names."""
    rows = _plain(db, "id, object_id, case_id, visit_id, name", numbers)
    cases = _readable_cases(db, question.reach, {row.case_id for row in rows if row.case_id})
    names: dict[str, str] = {}
    for row in rows:
        key = _key(row, cases)
        names.setdefault(key, cases[key].title if key in cases else row.name)
    keys = sorted(names, key=lambda key: (sort_key(names[key]), key))
    start = after.number if after is not None else 0
    wanted = keys[start : start + size]
    found = {one.key: one for one in _gathered(db, question, wanted, cases)}
    following = Place(0, start + size) if len(keys) > start + size else None
    return [found[key] for key in wanted if key in found], following


def _explained(db: Session, query: Query, groups: Sequence[_Found]) -> tuple[Group, ...]:
    shown = [row for group in groups for _, row in group.finds[:HITS]]
    hits = explain(db, query, shown)
    return tuple(
        Group(
            group.key, group.case, tuple(hits[row.id] for _, row in group.finds[:HITS] if row.id in hits),
            max(0, len(group.finds) - HITS),
        )
        for group in groups
    )  # fmt: skip


def _facets(db: Session, numbers: Sequence[int]) -> dict[str, Counter[str]]:
    facets: dict[str, Counter[str]] = {name: Counter() for name in ("type", "site", "kind", "state", "recorded")}
    for row in _plain(db, "kind, site_id, matter, state, recorded", numbers):
        facets["type"][row.kind] += 1
        facets["site"][row.site_id or ""] += 1
        facets["kind"][row.matter] += 1
        facets["state"][f"{row.kind}.{row.state}" if row.state else ""] += 1
        facets["recorded"]["1" if row.recorded else ""] += 1
    return facets
