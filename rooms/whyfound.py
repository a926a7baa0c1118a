"""Why something was found: the fields in which the words stand, with the words marked, and where to open it.

Read for the finds of one page only, from the rows themselves: what is shown is what the file says now.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import rows
from rooms.entries import KINDS
from rooms.models import (
    Minutes,
    MinutesLine,
    MinutesSection,
    Participant,
    ParticipantPerson,
    ReplayFile,
    Site,
    Track,
    VisitPerson,
)
from rooms.numbers import number_of_session
from rooms.rows import one_of
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


def explain(db: Session, query: Query, found: Sequence[Any]) -> dict[int, Hit]:
    """The finds with their reasons, by entry. The caller has made sure that the actor may read them."""
    if not found:
        return {}
    ids: dict[str, list[str]] = defaultdict(list)
    for row in found:
        ids[row.kind].append(row.object_id)
    things: dict[str, Any] = {}
    for kind, columns in _COLUMNS.items():
        if ids[kind]:
            wanted = sa.select(*columns).where(one_of(db, columns[0], ids[kind]))
            things |= {row.id: row for row in rows.read(db, wanted)}
    sites = {row.id: row.name for row in rows.read(db, sa.select(Site.id, Site.name))} if query.folded else {}
    people = _received(db, ids["visit"]) | _attending(db, ids["session"]) if query.folded else {}
    spoken = _spoken(db, ids["visit"], ids["session"]) if query.folded else {}
    begun = _recording_from(db, ids["session"])
    hits = {}
    for row in found:
        thing = things.get(row.object_id)
        if thing is not None:
            fields = [*_fields(row.kind, thing, people.get(row.object_id, ())), *spoken.get(row.object_id, ()),
                      _Field("place", sites.get(row.site_id, ""))]  # fmt: skip
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
    for model, moment in ((Track, Track.first_utc), (ReplayFile, ReplayFile.start_utc)):
        if sessions:
            first = sa.select(model.session_id, sa.func.min(moment)).where(one_of(db, model.session_id, sessions))
            found |= {row[0]: row[1] for row in rows.read(db, first.group_by(model.session_id)) if row[1] is not None}
    return found


def _number(kind: str, thing: Any) -> str:
    if kind == "session":
        return number_of_session(thing.id, thing.year, thing.number, thing.created_at) if thing.number else ""
    return f"{thing.number}/{thing.year}" if thing.number is not None else ""


_TEXTS = ("title", "summary", "leader", "content", "demand", "note", "previous_body", "outcome_text", "outcome_body",
          "follow_up", "pseudonym")  # fmt: skip
_HELD = ("id", "year", "number", "created_at", "petitioner", "address", "chair", *_TEXTS)
_COLUMNS = {kind: [model.__table__.c[n] for n in _HELD if n in model.__table__.c] for kind, model in KINDS.items()}


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


def _received(db: Session, visits: Sequence[str]) -> dict[str, list[_Field]]:
    """The people of each visit: who and where, and by what they are known."""
    P = VisitPerson.__table__.c
    named, known = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    wanted = sa.select(P.visit_id, P.name, P.address, P.identity_number, P.phone).order_by(P.position)
    for row in rows.read(db, wanted.where(one_of(db, P.visit_id, visits))) if visits else ():
        named[row.visit_id].append(", ".join(filter(None, (row.name, row.address))))
        known[row.visit_id].append(f"{row.identity_number} {row.phone}".strip())
    return {
        visit: [_Field("person", "; ".join(named[visit])), _Field("identity", ", ".join(filter(None, known[visit])))]
        for visit in named
    }


def _attending(db: Session, sessions: Sequence[str]) -> dict[str, list[_Field]]:
    """Who sat at the points of each session, then the points."""
    P, W = Participant.__table__.c, ParticipantPerson.__table__.c
    people, points = defaultdict[str, list[str]](list), defaultdict[str, dict[str, str]](dict)
    wanted = (
        sa.select(P.session_id, P.id, P.name.label("point"), W.name, W.title)
        .select_from(Participant.__table__.outerjoin(ParticipantPerson.__table__, W.participant_id == P.id))
        .order_by(P.position, W.position)
    )
    for row in rows.read(db, wanted.where(one_of(db, P.session_id, sessions))) if sessions else ():
        people[row.session_id].append(", ".join(filter(None, (row.name, row.title))))
        points[row.session_id][row.id] = row.point
    return {
        session: [_Field("attending", "; ".join(filter(None, [*people[session], *points[session].values()])))]
        for session in points
    }


def _spoken(db: Session, visits: Sequence[str], sessions: Sequence[str]) -> dict[str, list[_Field]]:
    """Minutes: newest lines, bookmarks and sections, by the visit or session to which they belong."""
    M, L, S = Minutes.__table__.c, MinutesLine.__table__.c, MinutesSection.__table__.c
    of_visit = sa.and_(one_of(db, M.visit_id, visits), M.session_id.is_(None))
    of_session = one_of(db, M.session_id, sessions)
    wanted = sa.select(M.id, M.visit_id, M.session_id).where(of_visit | of_session)
    owners = {row.id: row.session_id or row.visit_id for row in rows.read(db, wanted)}
    fields: dict[str, list[_Field]] = defaultdict(list)
    if not owners:
        return fields
    said = sa.select(L.id, L.minutes_id, L.kind, L.speaker, L.text, L.at_s, L.at, L.corrects_id)
    lines = rows.read(db, said.where(one_of(db, L.minutes_id, owners)).order_by(L.number))
    replaced = {line.corrects_id for line in lines if line.corrects_id}
    for line in lines:
        if line.id not in replaced:
            name = "bookmark" if line.kind is LineKind.BOOKMARK else "minutes"
            text = f"{line.speaker}: {line.text}" if line.speaker else line.text
            fields[owners[line.minutes_id]].append(_Field(name, text, line.at_s, line.at))
    for section in rows.read(db, sa.select(S.minutes_id, S.text).where(one_of(db, S.minutes_id, owners))):
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
