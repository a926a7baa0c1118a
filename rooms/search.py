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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import index, terms
from rooms.actor import Actor
from rooms.fold import fold as fold
from rooms.fold import sort_key
from rooms.localtime import day_bounds
from rooms.models import Case, SearchEntry, Site
from rooms.numbers import initials
from rooms.reach import Reach, entries_beside, reach_of
from rooms.rows import Prepared, one_of
from rooms.terms import Query
from rooms.wanted import EVERYTHING, Span, Wanted, first_id
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
_AT_ONCE = 50
_TRIED = 100
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
    ``sited``: terms of the actor's places, of which an entry has one (None: of all); ``beside``: entries reached in
    other ways."""

    tiers: tuple[Wanted, ...]
    sited: frozenset[str] | None
    beside: tuple[int, ...]
    reach: Reach
    span: Span
    site_names: Mapping[str, str]

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
    entries = {} if capped and filters.sort != "name" else _rows(db, [place.number for place in counted[:COUNTED]])
    if filters.sort == "name":
        shown, following = _by_name(db, question, entries, after, size)
    elif capped:
        shown, following = _page(question, _beyond(db, question, counted, after), after, size)
    else:
        shown, following = _page(question, _grouped(db, question, counted, entries), after, size)
    groups = _explained(db, query, shown, question.site_names)
    facets = {} if capped else _facets(entries.values())
    return Results(query, groups, min(len(counted), COUNTED), capped, False, facets, following)


# --- the question ----------------------------------------------------------------------------------------------------


def _question(db: Session, actor: Actor, query: Query, filters: Filters, now: dt.datetime) -> _Question:
    reach = reach_of(db, actor, now)
    sites = _SITES.read(db)
    clauses = {word: _clause(word, query, sites) for word in query.folded}
    narrowed = (*_narrowed(filters, reach),)
    base = Wanted((*clauses.values(), *narrowed))
    exact = frozenset(query.exact)
    tiers: tuple[Wanted, ...] = (base,)
    if exact:
        others = (clause for word, clause in clauses.items() if word not in query.implied)
        written = Wanted((*(frozenset({word}) for word in query.exact), *others, *narrowed))
        tiers = (written, Wanted(base.clauses, exact))
    low = first_id(day_bounds(filters.since)[0]) if filters.since else EVERYTHING.low
    high = first_id(day_bounds(filters.until)[1]) - 1 if filters.until else EVERYTHING.high
    sited = None if reach.everything else _sited(reach)
    beside = () if reach.everything else tuple(entries_beside(db, reach))
    names = {site.id: site.name for site in sites}
    return _Question(tiers, sited, beside, reach, Span(low, high, filters.sort != "oldest"), names)


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


def _narrowed(filters: Filters, reach: Reach) -> Iterator[frozenset[str]]:
    """The filters as conditions; a value that is no word of ours finds nothing."""
    if filters.site_id:
        yield _own((f"s:{filters.site_id}", f"r:{filters.site_id}"))
    if filters.state and filters.state.partition(".")[0] not in filters.types:
        yield frozenset()  # a state of what is not looked for: nothing, without reading the lists of both
    for prefix, value in (("k", filters.kind), ("f", filters.field), ("e", filters.state)):
        if value:
            yield _own((f"{prefix}:{value}",))
    if filters.recorded:
        yield frozenset({"rec:"})
    if reach.everything or set(filters.types) < set(TYPES):  # whoever is held to no place has one condition at least
        yield _own(f"t:{name}" for name in filters.types)


def _own(found: Iterable[str]) -> frozenset[str]:
    return frozenset(one for one in found if re.fullmatch(r"[a-z]:[a-z0-9_.]{1,64}", one))


def _sited(reach: Reach) -> frozenset[str]:
    plain = {"u:"} if reach.all_sites else {f"s:{site}" for site in reach.sites}
    return frozenset(plain | {f"r:{site}" for site in reach.own})


# --- the order -------------------------------------------------------------------------------------------------------


def _stream(db: Session, question: _Question, after: Place | None, most: int) -> Iterator[Place]:
    """Finds in order, at most so many, after a place."""
    if after is None and len(question.tiers) > 1:
        yield from _from_the_first(db, question, most)
        return
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


def _from_the_first(db: Session, question: _Question, most: int) -> Iterator[Place]:
    """As written first, then the others. "Not as written" is not asked: where there is little of it, that reads all.
    Nor is "as written" where all that was found is: mostly people write as they should."""
    written, others = question.tiers
    every = _of_tier(db, question, Wanted(others.clauses), question.span, most)
    tried = index.among(db, written, every[:_TRIED])
    if len(every) < most or len(tried) == _TRIED:
        first = tried | index.among(db, written, every[_TRIED:])
    if len(every) < most or len(tried) == _TRIED and len(first) == len(every):
        exact = [number for number in every if number in first]
    else:
        exact = _of_tier(db, question, written, question.span, most)
    yield from (Place(0, number) for number in exact)
    known = set(exact)
    rest = [number for number in every if number not in known]
    yield from (Place(1, number) for number in rest[: most - len(exact)])


def _of_tier(db: Session, question: _Question, wanted: Wanted, span: Span, most: int) -> list[int]:
    found = index.find(db, wanted, question.sited, span, most)
    near = [number for number in question.beside if span.low <= number <= span.high]
    if near:
        found = [*{*found, *index.among(db, wanted, near)}]
        found.sort(reverse=span.newest_first)
    return found[:most]


def _rows(db: Session, numbers: Iterable[int]) -> dict[int, Any]:
    return {row.id: row for row in _ENTRIES.read(db, ids=numbers)}


_ENTRY = SearchEntry.__table__.c
_COLUMNS = [column for column in _ENTRY if column.name != "at"]
"""Of entries that may be many; a moment costs more to read than all the others, and only a few are shown."""

_SITES = Prepared(lambda one_of: sa.select(Site.id, Site.name, Site.short_name))
_ENTRIES = Prepared(lambda one_of: sa.select(*_COLUMNS).where(one_of(_ENTRY.id, "ids")))
_SHOWN = Prepared(lambda one_of: sa.select(*_ENTRY).where(one_of(_ENTRY.id, "ids")))
_TITLES = Prepared(
    lambda one_of: sa.select(_ENTRY.object_id, _ENTRY.site_id, _ENTRY.restricted, _ENTRY.name).where(
        one_of(_ENTRY.object_id, "ids"), _ENTRY.kind == "case"
    )
)
_NEAR = Prepared(
    lambda one_of: sa.select(*_COLUMNS).where(
        sa.or_(*(one_of(column, "keys") for column in (_ENTRY.case_id, _ENTRY.visit_id, _ENTRY.object_id)))
    )
)
"""All entries of groups, by what groups are named after."""


# --- groups ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Found:
    """A group before its finds are read: places in order, rows beside them."""

    key: str
    finds: list[tuple[Place, Any]]


def _page(
    question: _Question, groups: Iterable[_Found], after: Place | None, size: int
) -> tuple[list[_Found], Place | None]:
    """The first groups whose best find comes after a place; and where the next page begins."""
    shown: list[_Found] = []
    begun = question.order(after) if after is not None else None
    for found in groups:
        if begun is not None and question.order(found.finds[0][0]) <= begun:
            continue  # its best find stands on a page before
        if len(shown) == size:
            return shown, shown[-1].finds[0][0]
        shown.append(found)
    return shown, None


def _grouped(db: Session, question: _Question, places: Iterable[Place], entries: Mapping[int, Any]) -> Iterable[_Found]:
    """The groups of all finds there are, in the order of their best ones."""
    cases = _readable_cases(db, question.reach, (row.case_id for row in entries.values()))
    groups: dict[str, _Found] = {}
    for place in places:
        row = entries.get(place.number)
        if row is not None:
            key = _key(row, cases)
            groups.setdefault(key, _Found(key, [])).finds.append((place, row))
    return groups.values()


def _beyond(db: Session, question: _Question, counted: Sequence[Place], after: Place | None) -> Iterator[_Found]:
    """Groups after a place, of more finds than are counted: of those that were counted, and then of further ones."""
    begun = question.order(after) if after is not None else None
    rest = [place for place in counted if begun is None or question.order(place) > begun]
    seen = set[str]()
    for start in range(0, len(rest), _WINDOW):
        yield from _groups_of(db, question, rest[start : start + _WINDOW], seen)
    place = rest[-1] if rest else after
    while window := list(_stream(db, question, place, _WINDOW)):
        yield from _groups_of(db, question, window, seen)
        place = window[-1]


def _groups_of(db: Session, question: _Question, window: Sequence[Place], seen: set[str]) -> Iterator[_Found]:
    """The groups of a window in the order of their best finds in it, a few at a time: each costs a question."""
    for start in range(0, len(window), _AT_ONCE):
        places = window[start : start + _AT_ONCE]
        entries = _rows(db, [place.number for place in places])
        cases = _readable_cases(db, question.reach, (row.case_id for row in entries.values()))
        ordered = [entries[place.number] for place in places if place.number in entries]
        keys = [key for key in dict.fromkeys(_key(row, cases) for row in ordered) if key not in seen]
        seen.update(keys)
        for first in range(0, len(keys), GROUPS + 1):
            yield from _gathered(db, question, keys[first : first + GROUPS + 1], cases)


def _key(row: Any, cases: Mapping[str, str]) -> str:
    """Finds with the same key are one group: those of a case one may open, else those of a visit."""
    return str(row.case_id if row.case_id in cases else row.visit_id or row.object_id)


def _readable_cases(db: Session, reach: Reach, ids: Iterable[str | None]) -> dict[str, str]:
    """Those of the cases that may be opened, with their titles: as their own entries say."""
    wanted = {one for one in ids if one}
    if not wanted:
        return {}
    return {row.object_id: row.name for row in _TITLES.read(db, ids=wanted) if reach.holds(row)}


def _gathered(db: Session, question: _Question, keys: Sequence[str], cases: Mapping[str, str]) -> Iterator[_Found]:
    """All finds of the groups, best first."""
    span = question.span
    entries = {
        row.id: row
        for row in _NEAR.read(db, keys=keys)
        if question.reach.holds(row) and span.low <= row.id <= span.high
    }
    others = {row.case_id for row in entries.values()} - cases.keys()
    known = {**cases, **_readable_cases(db, question.reach, others)}
    finds: dict[str, list[tuple[Place, Any]]] = defaultdict(list)
    left = set(entries)
    for tier, wanted in enumerate(question.tiers):
        held = index.among(db, wanted, left)
        for number in held:
            finds[_key(entries[number], known)].append((Place(tier, number), entries[number]))
        left -= held
    for key in keys:
        found = sorted(finds.get(key, ()), key=lambda one: question.order(one[0]))
        if found:
            yield _Found(key, found)


def _by_name(
    db: Session, question: _Question, entries: Mapping[int, Any], after: Place | None, size: int
) -> tuple[list[_Found], Place | None]:
    """The groups of the newest finds (COUNTED at most) in Vietnamese order of their names."""
    cases = _readable_cases(db, question.reach, (row.case_id for row in entries.values()))
    names: dict[str, str] = {}
    for row in entries.values():
        key = _key(row, cases)
        names.setdefault(key, cases.get(key, row.name))
    keys = sorted(names, key=lambda key: (sort_key(names[key]), key))
    start = after.number if after is not None else 0
    wanted = keys[start : start + size]
    found = {one.key: one for one in _gathered(db, question, wanted, cases)}
    following = Place(0, start + size) if len(keys) > start + size else None
    return [found[key] for key in wanted if key in found], following


def _explained(db: Session, query: Query, groups: Sequence[_Found], sites: Mapping[str, str]) -> tuple[Group, ...]:
    shown = [row.id for group in groups for _, row in group.finds[:HITS]]
    hits = explain(db, query, _SHOWN.read(db, ids=shown) if shown else (), sites)
    named = sa.select(Case).where(one_of(db, Case.__table__.c.id, [group.key for group in groups]))
    cases = {case.id: case for case in db.scalars(named)} if groups else {}
    return tuple(
        Group(
            group.key, cases.get(group.key), tuple(hits[row.id] for _, row in group.finds[:HITS] if row.id in hits),
            max(0, len(group.finds) - HITS),
        )
        for group in groups
    )  # fmt: skip


def _facets(entries: Iterable[Any]) -> dict[str, Counter[str]]:
    facets: dict[str, Counter[str]] = {name: Counter() for name in ("type", "site", "kind", "state", "recorded")}
    for row in entries:
        facets["type"][row.kind] += 1
        facets["site"][row.site_id or ""] += 1
        facets["kind"][row.matter] += 1
        facets["state"][f"{row.kind}.{row.state}" if row.state else ""] += 1
        facets["recorded"]["1" if row.recorded else ""] += 1
    return facets
