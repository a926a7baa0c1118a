"""Why something was found: the fields in which the words stand, with the words marked, and where to open it.

Read for the finds of one page only, from the rows themselves: what is shown is what the file says now.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.entries import KINDS
from rooms.models import (
    Minutes,
    MinutesLine,
    MinutesSection,
    Participant,
    ParticipantPerson,
    ReplayFile,
    Track,
    VisitPerson,
)
from rooms.numbers import number_of_session
from rooms.rows import Prepared
from rooms.terms import Query, Run, marks, snippet
from rooms.words import LineKind

SNIPPET = 150
WHYS = 3
"""Reasons told for one find, the nearest to what was asked first."""


@dataclass(frozen=True, slots=True)
class Why:
    """A field (number, person, identity, title, content, minutes, bookmark, ...) and the words in it.

    ``at_s``: for a line of the minutes, seconds on the session's clock; ``at``: its moment.
    """

    field: str
    runs: tuple[Run, ...]
    at_s: float | None = None
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One find. ``type``: case, visit, petition, session. ``kind``: of the matter; ``number``: as in its book."""

    type: str
    object_id: str
    site_id: str | None
    case_id: str | None
    visit_id: str | None
    at: dt.datetime
    title: str
    number: str
    kind: str
    state: str
    restricted: bool
    recorded: bool
    recording_from: float | None  # UNIX seconds of the first moment of its replay
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    text: str
    at_s: float | None = None
    at: dt.datetime | None = None


def explain(db: Session, query: Query, found: Sequence[Any], sites: Mapping[str, str]) -> dict[int, Hit]:
    """The finds with their reasons, by entry; ``sites``: names by id. The caller has made sure that the actor may read
    them."""
    if not found:
        return {}
    ids: dict[str, list[str]] = defaultdict(list)
    for row in found:
        ids[row.kind].append(row.object_id)
    things: dict[str, Any] = {}
    for kind, wanted in _THINGS.items():
        if ids[kind]:
            things |= {row.id: row for row in wanted.read(db, ids=ids[kind])}
    people = _received(db, ids["visit"]) | _attending(db, ids["session"]) if query.folded else {}
    spoken = _spoken(db, ids["visit"], ids["session"]) if query.folded else {}
    begun = _recording_from(db, ids["session"])
    hits = {}
    for row in found:
        thing = things.get(row.object_id)
        if thing is not None:
            fields = [*_fields(row.kind, thing, people.get(row.object_id, ())), *spoken.get(row.object_id, ()),
                      _Field("place", sites.get(row.site_id or "", ""))]  # fmt: skip
            hits[row.id] = _hit(row, thing, begun.get(row.object_id), _why(query, fields))
    return hits


def _hit(row: Any, thing: Any, begun: float | None, why: tuple[Why, ...]) -> Hit:
    titles = {"case": "title", "visit": "content", "petition": "content", "session": "title"}
    return Hit(
        type=row.kind, object_id=row.object_id, site_id=row.site_id, case_id=row.case_id, visit_id=row.visit_id,
        at=row.at, title=getattr(thing, titles[row.kind]), number=_number(row.kind, thing), kind=row.matter,
        state=row.state, restricted=row.restricted, recorded=row.recorded,
        recording_from=begun, why=why,
    )  # fmt: skip


def _recording_from(db: Session, sessions: Sequence[str]) -> dict[str, float]:
    """Where the time line of each session's replay begins; by its tracks where there are no files for it yet."""
    found: dict[str, float] = {}
    for first in _BEGUN if sessions else ():
        found |= {row[0]: row[1] for row in first.read(db, ids=sessions) if row[1] is not None}
    return found


def _first(of: Any, moment: Any) -> Prepared:
    return Prepared(lambda one_of: sa.select(of, sa.func.min(moment)).where(one_of(of, "ids")).group_by(of))


_BEGUN = (_first(Track.session_id, Track.first_utc), _first(ReplayFile.session_id, ReplayFile.start_utc))


def _number(kind: str, thing: Any) -> str:
    if kind == "session":
        return number_of_session(thing.id, thing.year, thing.number, thing.created_at) if thing.number else ""
    return f"{thing.number}/{thing.year}" if thing.number is not None else ""


_TEXTS = ("title", "summary", "leader", "content", "demand", "note", "previous_body", "outcome_text", "outcome_body",
          "follow_up", "pseudonym")  # fmt: skip
_HELD = ("id", "year", "number", "created_at", "petitioner", "address", "chair", *_TEXTS)
_COLUMNS = {kind: [model.__table__.c[n] for n in _HELD if n in model.__table__.c] for kind, model in KINDS.items()}


_THINGS = {
    kind: Prepared(lambda one_of, columns=columns: sa.select(*columns).where(one_of(columns[0], "ids")))  # type: ignore[misc]
    for kind, columns in _COLUMNS.items()
}
_TEXTS_OF = {kind: [column.name for column in columns if column.name in _TEXTS] for kind, columns in _COLUMNS.items()}


def _fields(kind: str, thing: Any, people: Sequence[_Field]) -> list[_Field]:
    """In the order in which a person would name them."""
    fields = [_Field("number", _number(kind, thing))]
    if kind == "petition":
        fields.append(_Field("person", ", ".join(filter(None, (thing.petitioner, thing.address)))))
    if kind == "session":
        fields.append(_Field("chair", thing.chair))
    fields += people
    if kind == "visit" and not any(one.text for one in people):
        fields.append(_Field("person", thing.pseudonym))
    return fields + [_Field(name, getattr(thing, name) or "") for name in _TEXTS_OF[kind]]


_V, _P, _W = VisitPerson.__table__.c, Participant.__table__.c, ParticipantPerson.__table__.c
_RECEIVED = Prepared(
    lambda one_of: (
        sa.select(_V.visit_id, _V.name, _V.address, _V.identity_number, _V.phone)
        .where(one_of(_V.visit_id, "ids"))
        .order_by(_V.position)
    )
)
_ATTENDING = Prepared(
    lambda one_of: (
        sa.select(_P.session_id, _P.id, _P.name.label("point"), _W.name, _W.title)
        .select_from(Participant.__table__.outerjoin(ParticipantPerson.__table__, _W.participant_id == _P.id))
        .where(one_of(_P.session_id, "ids"))
        .order_by(_P.position, _W.position)
    )
)


def _received(db: Session, visits: Sequence[str]) -> dict[str, list[_Field]]:
    """The people of each visit: who and where, and by what they are known."""
    named, known = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for row in _RECEIVED.read(db, ids=visits) if visits else ():
        named[row.visit_id].append(", ".join(filter(None, (row.name, row.address))))
        known[row.visit_id].append(f"{row.identity_number} {row.phone}".strip())
    return {
        visit: [_Field("person", "; ".join(named[visit])), _Field("identity", ", ".join(filter(None, known[visit])))]
        for visit in named
    }


def _attending(db: Session, sessions: Sequence[str]) -> dict[str, list[_Field]]:
    """Who sat at the points of each session, then the points."""
    people, points = defaultdict[str, list[str]](list), defaultdict[str, dict[str, str]](dict)
    for row in _ATTENDING.read(db, ids=sessions) if sessions else ():
        people[row.session_id].append(", ".join(filter(None, (row.name, row.title))))
        points[row.session_id][row.id] = row.point
    return {
        session: [_Field("attending", "; ".join(filter(None, [*people[session], *points[session].values()])))]
        for session in points
    }


_M, _L, _S = Minutes.__table__.c, MinutesLine.__table__.c, MinutesSection.__table__.c
_MINUTES = Prepared(
    lambda one_of: sa.union_all(
        sa.select(_M.id, _M.visit_id.label("owner")).where(one_of(_M.visit_id, "visits"), _M.session_id.is_(None)),
        sa.select(_M.id, _M.session_id).where(one_of(_M.session_id, "sessions")),
    )
)
_LINES = Prepared(
    lambda one_of: (
        sa.select(_L.id, _L.minutes_id, _L.kind, _L.speaker, _L.text, _L.at_s, _L.at, _L.corrects_id)
        .where(one_of(_L.minutes_id, "ids"))
        .order_by(_L.number)
    )
)
_SECTIONS = Prepared(lambda one_of: sa.select(_S.minutes_id, _S.text).where(one_of(_S.minutes_id, "ids")))


def _spoken(db: Session, visits: Sequence[str], sessions: Sequence[str]) -> dict[str, list[_Field]]:
    """Minutes: newest lines, bookmarks and sections, by the visit or session to which they belong."""
    owners = {row.id: row.owner for row in _MINUTES.read(db, visits=visits, sessions=sessions)}
    fields: dict[str, list[_Field]] = defaultdict(list)
    if not owners:
        return fields
    lines = _LINES.read(db, ids=owners)
    replaced = {line.corrects_id for line in lines if line.corrects_id}
    for line in lines:
        if line.id not in replaced:
            name = "bookmark" if line.kind is LineKind.BOOKMARK else "minutes"
            text = f"{line.speaker}: {line.text}" if line.speaker else line.text
            fields[owners[line.minutes_id]].append(_Field(name, text, line.at_s, line.at))
    for section in _SECTIONS.read(db, ids=owners):
        fields[owners[section.minutes_id]].append(_Field("minutes", section.text))
    return fields


def _why(query: Query, fields: Iterable[_Field]) -> tuple[Why, ...]:
    """The fields that hold most of the words, at most WHYS, so that together they hold all that can be shown."""
    found = []
    for place, one in enumerate(fields):
        spans = marks(one.text, query) if one.text else []
        if spans:
            words = frozenset(one.text[start:end].casefold() for start, end in spans)
            found.append((-len(words), place, words, one, spans))
    found.sort(key=lambda item: item[:2])
    told: set[str] = set()
    chosen: list[tuple[int, Why]] = []
    for _, place, words, one, spans in found:
        if len(chosen) < WHYS and (not words <= told or not chosen):
            told |= words
            chosen.append((place, Why(one.name, snippet(one.text, spans, SNIPPET), one.at_s, one.at)))
    return tuple(why for _, why in sorted(chosen, key=lambda item: item[0]))
