"""Lookup without diacritics, with filters, within the actor's rights; each hit says why it matched.

Every word of the query must be found: in the row's search column (folded when the row is written), in the folded
name of its site, or in the minutes of its sessions. ``access.readable`` is part of the statement, so what one may not
open is neither listed nor counted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, filed
from rooms import fold as folding
from rooms.actor import Actor
from rooms.localtime import day_bounds
from rooms.models import Case, CaseLink, Minutes, MinutesLine, MinutesSection, Petition, ReceptionSession, Site, Visit
from rooms.words import CaseState, VisitState

MAX_QUERY = 200
MAX_WORDS = 8  # more only narrows what is already narrow, and each costs a scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to narrow by; ``types`` of case, visit, petition. Dates are local days, inclusive."""

    site_id: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    kind: str | None = None
    state: str | None = None
    types: tuple[str, ...] = ("case", "visit", "petition")
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One find. ``type``: case, visit, petition. ``why``: field names in which the words were found."""

    type: str
    object_id: str
    title: str
    at: dt.datetime
    site_id: str
    state: str
    kind: str
    number: str
    restricted: bool
    case_id: str | None
    why: tuple[str, ...]


def fold(text: str) -> str:
    """Text for comparing: no diacritics, đ as d, lower case, single spaces."""
    return folding.fold(text)


def search(db: Session, actor: Actor, query: str, filters: Filters, now: dt.datetime) -> list[Hit]:
    """Find cases, visits and petitions that hold all words of ``query``; newest first. Empty: the newest ones."""
    words = fold(query[:MAX_QUERY]).split()[:MAX_WORDS]
    hits: list[Hit] = []
    for name, model in (("case", Case), ("visit", Visit), ("petition", Petition)):
        if name in filters.types:
            hits += _search_one(db, actor, name, model, words, filters, now)
    hits.sort(key=lambda hit: (hit.at, hit.object_id), reverse=True)
    return hits[filters.offset : filters.offset + filters.limit]


def _search_one(
    db: Session, actor: Actor, name: str, model: type[Any], words: list[str], filters: Filters, now: dt.datetime
) -> list[Hit]:
    at = _moment(model)
    found = sa.select(model).where(access.readable(db, actor, model, now), *_narrowed(model, at, filters))
    for word in words:
        found = found.where(_holds(db, model, word))
    # Each kind gives as many as the page could need; the newest of all kinds are chosen by the caller.
    rows = db.scalars(found.order_by(at.desc(), model.id.desc()).limit(filters.offset + filters.limit)).all()
    cases = _cases_of(db, name, [row.id for row in rows])
    sites = {site.id: fold(f"{site.name} {site.short_name}") for site in db.scalars(sa.select(Site))}
    return [_hit(db, name, row, words, cases.get(row.id), sites.get(row.site_id, "")) for row in rows]


def _moment(model: type[Any]) -> Any:
    return {Case: Case.opened_at, Visit: Visit.started_at, Petition: Petition.created_at}[model]


def _narrowed(model: type[Any], at: Any, filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.site_id:
        conditions.append(model.site_id == filters.site_id)
    if filters.since:
        conditions.append(at >= day_bounds(filters.since)[0])
    if filters.until:
        conditions.append(at < day_bounds(filters.until)[1])
    if filters.kind:
        conditions.append(_is_word(model.kind, filters.kind))
    if model is Case:
        conditions.append(Case.state != CaseState.MERGED)
    if model is Visit:
        conditions.append(Visit.state != VisitState.DRAFT)
    if filters.state:
        # A petition has no state of its own, so a filter by state leaves petitions out.
        conditions.append(_is_word(model.state, filters.state) if hasattr(model, "state") else sa.false())
    return conditions


def _is_word(column: Any, value: str) -> sa.ColumnElement[bool]:
    """Equal to a word of the column's vocabulary; an unknown word finds nothing instead of failing."""
    try:
        return sa.and_(column == column.type.enum_class(value))
    except ValueError:
        return sa.false()


def _holds(db: Session, model: type[Any], word: str) -> sa.ColumnElement[bool]:
    places = [site.id for site in db.scalars(sa.select(Site)) if word in fold(f"{site.name} {site.short_name}")]
    ways = [model.search.contains(word, autoescape=True)]
    if places:
        ways.append(model.site_id.in_(places))
    return sa.or_(*ways)


def _cases_of(db: Session, name: str, ids: list[str]) -> dict[str, str]:
    if name == "case":
        return {found: found for found in ids}
    linked = sa.select(CaseLink.object_id, CaseLink.case_id).where(
        CaseLink.object_kind == name, CaseLink.object_id.in_(ids), filed.STANDS
    )
    return {row.object_id: row.case_id for row in db.execute(linked)}


def _hit(db: Session, name: str, row: Any, words: list[str], case_id: str | None, place: str) -> Hit:
    return Hit(
        type=name,
        object_id=row.id,
        title=row.title if name == "case" else row.content,
        at=getattr(row, _moment(type(row)).key),
        site_id=row.site_id,
        state=str(getattr(row, "state", "")),
        kind=str(row.kind or ""),
        number=f"{row.number}/{row.year}" if row.number is not None else "",
        restricted=row.restricted,
        case_id=case_id,
        why=_why(db, row, words, place),
    )


def _why(db: Session, row: Any, words: list[str], place: str) -> tuple[str, ...]:
    """Fields in which a word stands, in the order in which a person would name them."""
    fields: dict[str, str] = {"number": f"{row.number}/{row.year}" if row.number is not None else "", "place": place}
    if isinstance(row, Visit):
        people = row.persons
        fields["person"] = " ".join(f"{p.name} {p.address}" for p in people) + " " + row.pseudonym
        fields["identity"] = " ".join(f"{p.identity_number} {p.phone}" for p in people)
    if isinstance(row, Petition):
        fields["person"] = f"{row.petitioner} {row.address}"
    for key in ("title", "summary", "leader", "content", "demand", "note", "previous_body", "outcome_text"):
        fields[key] = getattr(row, key, "") or ""
    found = [key for key, text in fields.items() if text and any(word in fold(text) for word in words)]
    if not found and words:
        found = ["minutes"]  # the column holds nothing else that is not named above
    return tuple(found)


def add_minutes_to_search(db: Session, minutes: Minutes) -> None:
    """Let the words of frozen minutes find their visit: called once, when they are frozen."""
    visit_id = minutes.visit_id
    if visit_id is None and minutes.session_id is not None:
        session = db.get(ReceptionSession, minutes.session_id)
        visit_id = session.visit_id if session is not None else None
    visit = db.get(Visit, visit_id) if visit_id is not None else None
    if visit is None:
        return
    sections = db.scalars(sa.select(MinutesSection.text).where(MinutesSection.minutes_id == minutes.id)).all()
    lines = db.scalars(sa.select(MinutesLine.text).where(MinutesLine.minutes_id == minutes.id)).all()
    visit.search = f"{visit.search} {fold(' '.join([*sections, *lines]))}"
