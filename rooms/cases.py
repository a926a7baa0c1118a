"""Cases: the matter's file. What belongs to it can be undone (design 1): links.py. The time line is in timeline.py."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, filed
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid, WrongState
from rooms.fold import fold
from rooms.links import case_of as case_of
from rooms.links import confirm_link as confirm_link
from rooms.links import end_links as end_links
from rooms.links import link as link
from rooms.links import links_of as links_of
from rooms.links import merge as merge
from rooms.links import move as move
from rooms.links import reject_link as reject_link
from rooms.links import unlink as unlink
from rooms.links import unmerge as unmerge
from rooms.localtime import local_date
from rooms.models import Case, CaseLink, Visit, VisitPerson
from rooms.numbers import next_number
from rooms.timeline import TimelineEntry as TimelineEntry
from rooms.timeline import timeline as timeline
from rooms.words import CaseState, Field, PetitionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A case that may be the same matter, and why: words that agree, same person."""

    case: Case
    score: float
    why: tuple[str, ...]


_COMMON = frozenset(
    "va cua cho voi cac nhung ve tai theo la co khong duoc da dang xa huyen tinh thon phuong ong ba".split()
)
"""Words that say nothing about a matter."""


def open_case(
    db: Session, actor: Actor, site_id: str, title: str, now: dt.datetime, *, visit_id: str | None = None,
    kind: PetitionKind | None = None, field: Field | None = None, summary: str = "", leader: str = "",
) -> Case:  # fmt: skip
    """Open a file, numbered per site and year; with ``visit_id`` linked at once.

    A file for a restricted visit is restricted itself. Raises NotFound, Forbidden, Invalid case.title_missing,
    Conflict case.already_linked.
    """
    access.load_site(db, actor, site_id, Right.RECEIVE, now=now)
    if not title.strip():
        raise Invalid("case.title_missing", "Please give the matter a title.", field="title")
    visit = access.load_visit(db, actor, visit_id, Right.RECEIVE, now=now) if visit_id else None
    case = Case(site_id=site_id, title=title.strip(), summary=summary, leader=leader, kind=kind, field=field)
    case.opened_at, case.opened_by = now, actor.user_id
    if visit is not None:
        case.kind, case.field = kind or visit.kind, field or visit.field
        case.restricted, case.pseudonym = visit.restricted, visit.pseudonym
        case.training_space_id = visit.training_space_id
    if case.training_space_id is None:
        case.year = local_date(now).year
        case.number = next_number(db, site_id, "case", case.year)
    case.search = _search_text(case)
    db.add(case)
    db.flush()
    audit.log(db, actor, "case.opened", "case", case.id, now)
    if visit is not None:
        link(db, actor, case.id, "visit", visit.id, now)
    return case


def _search_text(case: Case) -> str:
    words = [case.title, case.summary, case.leader, case.pseudonym]
    if case.number is not None:
        words.append(f"{case.number}/{case.year}")
    return fold("\n".join(word for word in words if word))


def update_case(
    db: Session, actor: Actor, case_id: str, now: dt.datetime, *, title: str | None = None,
    summary: str | None = None, leader: str | None = None, next_date: dt.date | None = None,
    crowded: bool | None = None, complex: bool | None = None, long_running: bool | None = None,
) -> Case:  # fmt: skip
    """Change what is said about the matter; None leaves a value as it is. Raises NotFound, Forbidden, WrongState."""
    case = access.load_case(db, actor, case_id, Right.RECEIVE, now=now)
    if case.state is CaseState.MERGED:
        raise WrongState("case", case.state.value)
    changes = {
        "title": title, "summary": summary, "leader": leader, "next_date": next_date,
        "crowded": crowded, "complex": complex, "long_running": long_running,
    }  # fmt: skip
    for name, value in changes.items():
        if value is not None:
            setattr(case, name, value)
    case.search = _search_text(case)
    audit.log(db, actor, "case.changed", "case", case.id, now)
    return case


def set_case_state(db: Session, actor: Actor, case_id: str, state: CaseState, now: dt.datetime) -> Case:
    """Mark the matter open, settled or closed. Raises NotFound, Forbidden, WrongState (merged ones)."""
    case = access.load_case(db, actor, case_id, Right.RECEIVE, now=now)
    if CaseState.MERGED in (case.state, state):
        raise WrongState("case", case.state.value)
    case.state = state
    case.closed_at = None if state is CaseState.OPEN else now
    audit.log(db, actor, "case.state", "case", case.id, now, detail={"state": state.value})
    return case


def suggest(db: Session, actor: Actor, visit_id: str, now: dt.datetime, *, limit: int = 5) -> list[Suggestion]:
    """Open cases that resemble a visit, best first; only cases the actor may read.

    By pairs of syllables of the content, and by the identity number or name of a person who came before. Never for a
    restricted visit: comparing would tell who it is.
    """
    visit = access.load_visit(db, actor, visit_id, now=now)
    if visit.restricted:
        return []
    content = visit.content or str((visit.draft or {}).get("content", ""))  # also while it is being typed
    words = _pairs(content)
    same_person = _cases_with_persons_of(db, visit)
    open_ones = sa.select(Case).where(
        Case.state == CaseState.OPEN,
        Case.restricted.is_(False),
        Case.training_space_id.is_(None) if visit.training_space_id is None else sa.true(),
        access.readable(db, actor, Case, now),
        sa.or_(Case.id.in_(same_person), *(Case.search.contains(word, autoescape=True) for word in sorted(words)[:40])),
    )
    found = []
    for case in db.scalars(open_ones.order_by(Case.opened_at.desc()).limit(500)):
        shared = words & _pairs(f"{case.title} {case.summary}")
        score = len(shared) / max(len(words), 1) + (1.0 if case.id in same_person else 0.0)
        why = (("person",) if case.id in same_person else ()) + (("words",) if shared else ())
        if score >= 0.25 and why:
            found.append(Suggestion(case=case, score=score, why=why))
    found.sort(key=lambda one: (-one.score, one.case.id))
    return found[:limit]


def _pairs(text: str) -> set[str]:
    """Neighbouring syllables, folded: most Vietnamese words have two, and one alone says little without its accents."""
    syllables = fold(text).split()
    pairs = zip(syllables, syllables[1:], strict=False)
    return {f"{one} {two}" for one, two in pairs if one not in _COMMON and two not in _COMMON}


def _cases_with_persons_of(db: Session, visit: Visit) -> set[str]:
    """Cases of earlier visits at which the same person was received."""
    same: list[sa.ColumnElement[bool]] = []
    for person in visit.persons:
        if person.identity_number:
            same.append(VisitPerson.identity_number == person.identity_number)
        elif person.name and person.address and not person.withheld:
            same.append(sa.and_(VisitPerson.name == person.name, VisitPerson.address == person.address))
    if not same:
        return set()
    others = sa.select(VisitPerson.visit_id).where(
        VisitPerson.visit_id != visit.id, VisitPerson.vault_id.is_(None), sa.or_(*same)
    )
    linked = sa.select(CaseLink.case_id).where(
        CaseLink.object_kind == "visit", CaseLink.object_id.in_(others), filed.STANDS
    )
    return set(db.scalars(linked))
