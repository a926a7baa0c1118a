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

from rooms.entries import KINDS
from rooms.models import Minutes, MinutesLine, MinutesSection, ReceptionSession, ReplayFile, Site, Track
from rooms.numbers import number_of_session
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


def explain(db: Session, query: Query, rows: Sequence[Any]) -> dict[int, Hit]:
    """The finds with their reasons, by entry. The caller has made sure that the actor may read them."""
    ids: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        ids[row.kind].append(row.object_id)
    things: dict[str, Any] = {}
    for kind, model in KINDS.items():
        if ids[kind]:
            things |= {thing.id: thing for thing in db.scalars(sa.select(model).where(model.id.in_(ids[kind])))}
    places = {row.site_id for row in rows if row.site_id}
    sites = {site.id: f"{site.name}" for site in db.scalars(sa.select(Site).where(Site.id.in_(places)))}
    spoken = _spoken(db, ids["visit"], ids["session"]) if query.folded else {}
    begun = _recording_from(db, ids["session"])
    hits = {}
    for row in rows:
        thing = things.get(row.object_id)
        if thing is not None:
            fields = [*_fields(row.kind, thing), *spoken.get(row.object_id, ()),
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
        first = sa.select(model.session_id, sa.func.min(moment)).where(model.session_id.in_(sessions))
        found |= {row[0]: row[1] for row in db.execute(first.group_by(model.session_id)) if row[1] is not None}
    return found


def _number(kind: str, thing: Any) -> str:
    if kind == "session":
        return number_of_session(thing.id, thing.year, thing.number, thing.created_at) if thing.number else ""
    return f"{thing.number}/{thing.year}" if thing.number is not None else ""


def _fields(kind: str, thing: Any) -> list[_Field]:
    """In the order in which a person would name them."""
    fields = [_Field("number", _number(kind, thing))]
    if kind == "visit":
        people = [", ".join(filter(None, (one.name, one.address))) for one in thing.persons]
        fields.append(_Field("person", "; ".join(people) or thing.pseudonym))
        identity = ", ".join(filter(None, (f"{p.identity_number} {p.phone}".strip() for p in thing.persons)))
        fields.append(_Field("identity", identity))
    if kind == "petition":
        fields.append(_Field("person", ", ".join(filter(None, (thing.petitioner, thing.address)))))
    if kind == "session":
        fields += [_Field("chair", thing.chair), *_attending(thing)]
    names = ("title", "summary", "leader", "content", "demand", "note", "previous_body", "outcome_text",
             "outcome_body", "follow_up", "pseudonym")  # fmt: skip
    return fields + [_Field(name, getattr(thing, name, "") or "") for name in names]


def _attending(session: ReceptionSession) -> list[_Field]:
    people = [", ".join(filter(None, (one.name, one.title))) for point in session.participants for one in point.people]
    return [_Field("attending", "; ".join(filter(None, [*people, *(point.name for point in session.participants)])))]


def _spoken(db: Session, visits: Iterable[str], sessions: Iterable[str]) -> dict[str, list[_Field]]:
    """Minutes: sections, newest lines and bookmarks, by the visit or session to which they belong."""
    of_visit = sa.and_(Minutes.visit_id.in_(list(visits)), Minutes.session_id.is_(None))
    of_session = Minutes.session_id.in_(list(sessions))
    owners = {
        row.id: row.session_id or row.visit_id
        for row in db.execute(sa.select(Minutes.id, Minutes.visit_id, Minutes.session_id).where(of_visit | of_session))
    }
    fields: dict[str, list[_Field]] = defaultdict(list)
    lines = db.scalars(
        sa.select(MinutesLine).where(MinutesLine.minutes_id.in_(owners)).order_by(MinutesLine.number)
    ).all()
    replaced = {line.corrects_id for line in lines if line.corrects_id}
    for line in lines:
        if line.id not in replaced:
            name = "bookmark" if line.kind is LineKind.BOOKMARK else "minutes"
            said = f"{line.speaker}: {line.text}" if line.speaker else line.text
            fields[owners[line.minutes_id]].append(_Field(name, said, line.at_s, line.at))
    for section in db.scalars(sa.select(MinutesSection).where(MinutesSection.minutes_id.in_(owners))):
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
