"""By what a case, visit, petition or session is found: its entry in the index, read from its rows.

What is not in a row is not in its entry. Rows of restricted objects hold pseudonyms (rooms.vault), so no identity that
was put away reaches the index. Drafts, merged files and all that is for training have no entry.

Terms of ours beside the words: ``s:SITE`` (``r:SITE`` when restricted) for the place and the right to see it, ``u:``
for all that is unrestricted at any site, ``t:`` kind of object, ``k:`` kind of matter, ``f:`` field, ``e:KIND.STATE``,
``rec:`` has a recording, ``c:SITE.YEAR.NUMBER`` the number of a case as it is written on paper.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import filed
from rooms.models import (
    Case,
    CaseLink,
    Minutes,
    MinutesLine,
    MinutesSection,
    Participant,
    ParticipantPerson,
    Petition,
    ReceptionSession,
    Track,
    Visit,
    VisitPerson,
)
from rooms.numbers import number_of_session
from rooms.terms import digits_of, terms_of
from rooms.words import CaseState, PetitionKind, VisitState

KINDS: dict[str, type[Any]] = {"case": Case, "visit": Visit, "petition": Petition, "session": ReceptionSession}
MAX_NAME = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the index keeps of one object; see models.SearchEntry."""

    kind: str
    object_id: str
    site_id: str | None
    case_id: str | None
    visit_id: str | None
    restricted: bool
    matter: str
    state: str
    recorded: bool
    at: dt.datetime
    name: str
    terms: frozenset[str] = field(repr=False)


def read(db: Session, kind: str, ids: Sequence[str]) -> list[Entry]:
    """The entries of the objects that have one; a few hundred at a time."""
    return {"case": _cases, "visit": _visits, "petition": _petitions, "session": _sessions}[kind](db, ids)


def own_terms(entry: Mapping[str, Any], field_word: str, number: str = "") -> set[str]:
    """The terms that are not words of a text."""
    kind, site, matter, state = entry["kind"], entry["site_id"], entry["matter"], entry["state"]
    terms = {f"t:{kind}"}
    if site and entry["restricted"]:
        terms.add(f"r:{site}")
    elif site:
        terms |= {f"s:{site}", "u:"}
    terms |= {f"k:{matter}"} if matter else set()
    terms |= {f"f:{field_word}"} if field_word else set()
    terms |= {f"e:{kind}.{state}"} if state else set()
    terms |= {"rec:"} if entry["recorded"] else set()
    return terms | ({f"c:{site}.{number}"} if number else set())


def _entry(values: dict[str, Any], texts: Iterable[str], field_word: str, number: str = "") -> Entry:
    values["name"] = " ".join(values["name"].split())[:MAX_NAME]
    return Entry(**values, terms=frozenset(terms_of(texts) | own_terms(values, field_word, number)))


def _numbered(row: Any) -> str:
    return f"{row.number}/{row.year}" if row.number is not None else ""


def _cases(db: Session, ids: Sequence[str]) -> list[Entry]:
    found = sa.select(
        Case.id, Case.site_id, Case.year, Case.number, Case.title, Case.summary, Case.kind, Case.field, Case.state,
        Case.leader, Case.restricted, Case.pseudonym, Case.opened_at,
    ).where(Case.id.in_(ids), Case.training_space_id.is_(None), Case.state != CaseState.MERGED)  # fmt: skip
    entries = []
    for row in db.execute(found):
        values = _values("case", row, case_id=row.id, visit_id=None, at=row.opened_at, name=row.title)
        texts = (row.title, row.summary, row.leader, row.pseudonym, _numbered(row))
        number = f"{row.year}.{row.number}" if row.number is not None else ""
        entries.append(_entry(values, texts, str(row.field or ""), number))
    return entries


def _values(kind: str, row: Any, **more: Any) -> dict[str, Any]:
    values = {
        "kind": kind, "object_id": row.id, "site_id": row.site_id, "restricted": bool(row.restricted),
        "matter": str(getattr(row, "kind", None) or ""), "state": str(getattr(row, "state", "")), "recorded": False,
    }  # fmt: skip
    return values | more


def _visits(db: Session, ids: Sequence[str]) -> list[Entry]:
    found = sa.select(
        Visit.id, Visit.site_id, Visit.year, Visit.number, Visit.state, Visit.kind, Visit.field, Visit.content,
        Visit.demand, Visit.note, Visit.previous_body, Visit.outcome_text, Visit.outcome_body, Visit.follow_up,
        Visit.restricted, Visit.pseudonym, Visit.started_at,
    ).where(Visit.id.in_(ids), Visit.training_space_id.is_(None), Visit.state != VisitState.DRAFT)  # fmt: skip
    persons = _rows_by(db, sa.select(VisitPerson.visit_id, VisitPerson.name, VisitPerson.address, VisitPerson.phone,
                                     VisitPerson.identity_number).where(VisitPerson.visit_id.in_(ids))
                       .order_by(VisitPerson.position))  # fmt: skip
    minutes = minutes_texts(db, Minutes.visit_id, ids, Minutes.session_id.is_(None))
    cases = cases_of(db, "visit", ids)
    recorded = set(db.scalars(
        sa.select(ReceptionSession.visit_id).where(ReceptionSession.visit_id.in_(ids), _has_track())
    ))  # fmt: skip
    entries = []
    for row in db.execute(found):
        if row.kind is PetitionKind.DENUNCIATION and not row.restricted:
            continue  # between two flushes of one registration: its identities are about to be put away
        people = persons.get(row.id, [])
        values = _values("visit", row, case_id=cases.get(row.id), visit_id=row.id, at=row.started_at,
                         recorded=row.id in recorded, name=people[0].name if people else row.pseudonym)  # fmt: skip
        texts = [row.content, row.demand, row.note, row.previous_body, row.outcome_text, row.outcome_body,
                 row.follow_up, row.pseudonym, _numbered(row), *minutes.get(row.id, ())]  # fmt: skip
        for one in people:
            texts += [one.name, one.address, one.phone, one.identity_number]
            texts += [digits_of(one.phone), digits_of(one.identity_number)]
        entries.append(_entry(values, texts, str(row.field or "")))
    return entries


def _has_track() -> sa.ColumnElement[bool]:
    return sa.exists(sa.select(Track.id).where(Track.session_id == ReceptionSession.id))


def _petitions(db: Session, ids: Sequence[str]) -> list[Entry]:
    found = sa.select(
        Petition.id, Petition.site_id, Petition.visit_id, Petition.year, Petition.number, Petition.kind,
        Petition.field, Petition.petitioner, Petition.address, Petition.content, Petition.restricted,
        Petition.pseudonym, Petition.created_at,
    ).where(Petition.id.in_(ids), Petition.training_space_id.is_(None))  # fmt: skip
    cases = cases_of(db, "petition", ids)
    entries = []
    for row in db.execute(found):
        values = _values("petition", row, case_id=cases.get(row.id), visit_id=row.visit_id, at=row.created_at,
                         name=row.petitioner)  # fmt: skip
        texts = (row.content, row.petitioner, row.address, row.pseudonym, _numbered(row))
        entries.append(_entry(values, texts, str(row.field or "")))
    return entries


def _sessions(db: Session, ids: Sequence[str]) -> list[Entry]:
    S = ReceptionSession
    found = (
        sa.select(S.id, S.site_id, S.visit_id, S.year, S.number, S.title, S.state, S.chair, S.restricted,
                  S.created_at, Visit.kind, Visit.field, _has_track().label("recorded"))
        .join(Visit, Visit.id == S.visit_id, isouter=True)
        .where(S.id.in_(ids), S.training_space_id.is_(None))
    )  # fmt: skip
    points = _rows_by(db, sa.select(Participant.session_id, Participant.name)
                      .where(Participant.session_id.in_(ids)))  # fmt: skip
    people = _rows_by(db, sa.select(Participant.session_id, ParticipantPerson.name, ParticipantPerson.title)
                      .join(Participant, Participant.id == ParticipantPerson.participant_id)
                      .where(Participant.session_id.in_(ids)))  # fmt: skip
    minutes = minutes_texts(db, Minutes.session_id, ids)
    rows = db.execute(found).all()
    cases = cases_of(db, "session", ids)
    of_visits = cases_of(db, "visit", [row.visit_id for row in rows if row.visit_id])
    entries = []
    for row in rows:
        case_id = cases.get(row.id) or of_visits.get(row.visit_id)
        values = _values("session", row, case_id=case_id, visit_id=row.visit_id, at=row.created_at,
                         recorded=bool(row.recorded), name=row.title)  # fmt: skip
        texts = [row.title, row.chair, *minutes.get(row.id, ()), *(one.name for one in points.get(row.id, ()))]
        for one in people.get(row.id, ()):
            texts += [one.name, one.title]
        if row.number is not None:
            texts.append(number_of_session(row.id, row.year, row.number, row.created_at))
        entries.append(_entry(values, texts, str(row.field or "")))
    return entries


def _rows_by(db: Session, found: Any) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = defaultdict(list)
    for row in db.execute(found):
        rows[row[0]].append(row)
    return rows


def minutes_texts(
    db: Session, owner: Any, ids: Sequence[str], *conditions: sa.ColumnElement[bool]
) -> dict[str, list[str]]:
    """Sections and newest lines (what a correction replaced is not found) of the minutes, by ``owner``'s ids."""
    held = {row.id: row[1] for row in db.execute(sa.select(Minutes.id, owner).where(owner.in_(ids), *conditions))}
    texts: dict[str, list[str]] = defaultdict(list)
    if not held:
        return texts
    sections = sa.select(MinutesSection.minutes_id, MinutesSection.text).where(MinutesSection.minutes_id.in_(held))
    for row in db.execute(sections):
        texts[held[row.minutes_id]].append(row.text)
    newer = sa.select(MinutesLine.corrects_id).where(
        MinutesLine.minutes_id.in_(held), MinutesLine.corrects_id.is_not(None)
    )
    lines = sa.select(MinutesLine.minutes_id, MinutesLine.text, MinutesLine.speaker).where(
        MinutesLine.minutes_id.in_(held), MinutesLine.id.not_in(newer)
    )
    for line in db.execute(lines):
        texts[held[line.minutes_id]] += [line.text, line.speaker]
    return texts


def cases_of(db: Session, kind: str, ids: Sequence[str]) -> dict[str, str]:
    """The case each object belongs to now; a merged one is followed to the one it was joined to."""
    found = sa.select(CaseLink.object_id, CaseLink.case_id).where(
        CaseLink.object_kind == kind,
        CaseLink.object_id.in_(ids),
        filed.STANDS,
    )
    linked = {row.object_id: row.case_id for row in db.execute(found)}
    moved = _merged(db, set(linked.values()))
    return {object_id: moved.get(case_id, case_id) for object_id, case_id in linked.items()}


def _merged(db: Session, case_ids: set[str]) -> dict[str, str]:
    """Where merged cases went, in the end."""
    to: dict[str, str] = {}
    todo = case_ids
    while todo:
        found = sa.select(Case.id, Case.merged_into_id).where(Case.id.in_(todo), Case.merged_into_id.is_not(None))
        step = {row.id: row.merged_into_id for row in db.execute(found)}
        to |= step
        todo = {target for target in step.values() if target not in to}
    return {start: _end(to, start) for start in to}


def _end(to: Mapping[str, str], start: str) -> str:
    seen = {start}
    while start in to and to[start] not in seen:
        start = to[start]
        seen.add(start)
    return start
