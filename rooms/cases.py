"""Cases: the matter's file and the links to it, which can be undone (design 1). The time line is in timeline.py.

A link is an event outside every package. Once the session of a visit is locked, linking and unlinking need a reason
and a second person: someone with ARCHIVE or APPROVE who did not ask for it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.fold import fold
from rooms.localtime import local_date
from rooms.models import Case, CaseLink, ReceptionSession, Visit, VisitPerson
from rooms.numbers import next_number
from rooms.timeline import TimelineEntry as TimelineEntry
from rooms.timeline import timeline as timeline
from rooms.words import CaseState, Field, LinkPending, PetitionKind, SessionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A case that may be the same matter, and why: words that agree, same person."""

    case: Case
    score: float
    why: tuple[str, ...]


LINKABLE = ("visit", "session", "petition")
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
        CaseLink.object_kind == "visit", CaseLink.object_id.in_(others), CaseLink.unlinked_at.is_(None)
    )
    return set(db.scalars(linked))


# --- links -----------------------------------------------------------------------------------------------------------


def _is_locked(db: Session, object_kind: str, object_id: str) -> bool:
    """Whether a locked package speaks of the object."""
    column = ReceptionSession.id if object_kind == "session" else ReceptionSession.visit_id
    found = sa.select(ReceptionSession.id).where(column == object_id, ReceptionSession.state == SessionState.LOCKED)
    return object_kind in ("visit", "session") and db.scalar(found.limit(1)) is not None


def _active(object_kind: str, object_id: str) -> sa.Select[CaseLink]:
    return sa.select(CaseLink).where(
        CaseLink.object_kind == object_kind, CaseLink.object_id == object_id, CaseLink.unlinked_at.is_(None)
    )


def link(
    db: Session, actor: Actor, case_id: str, object_kind: str, object_id: str, now: dt.datetime, *, reason: str = ""
) -> CaseLink:
    """Link a visit, session or petition. Once the object's session is locked a reason and a second person are needed:
    the link is pending until confirm_link. Raises NotFound, Forbidden, Conflict (case.already_linked,
    case.restricted), Invalid case.reason_missing, WrongState for a merged case.
    """
    case = access.load_case(db, actor, case_id, Right.READ, now=now)
    if object_kind not in LINKABLE:
        raise NotFound()
    locked = _is_locked(db, object_kind, object_id)
    thing = access.load_owner(db, actor, object_kind, object_id, Right.READ, now)
    _need_link_right(db, actor, thing, locked, now)
    if case.state is CaseState.MERGED:
        raise WrongState("case", case.state.value)
    if thing.restricted != case.restricted:
        raise Conflict("case.restricted", "A denunciation has a file of its own.")
    if db.scalar(_active(object_kind, object_id)) is not None:
        raise Conflict("case.already_linked", "This already belongs to a file. Unlink it first.")
    _need_reason(reason, locked)
    row = CaseLink(case_id=case_id, object_kind=object_kind, object_id=object_id, reason=reason.strip())
    row.linked_at, row.linked_by = now, actor.user_id
    row.pending = LinkPending.LINK if locked and not actor.system else LinkPending.NONE
    db.add(row)
    db.flush()
    _log(db, actor, "link.asked" if row.pending is LinkPending.LINK else "link.made", row, now, reason)
    return row


def _need_link_right(db: Session, actor: Actor, thing: Any, locked: bool, now: dt.datetime) -> None:
    rights = access.rights_on(db, actor, access.subject_of(db, thing), now)
    if rights.isdisjoint({Right.ARCHIVE, Right.RECEIVE} if locked else {Right.RECEIVE, Right.ARCHIVE, Right.OPERATE}):
        raise Forbidden()


def _need_reason(reason: str, needed: bool) -> None:
    if needed and not reason.strip():
        raise Invalid("case.reason_missing", "Please give the reason.", field="reason")


def _log(db: Session, actor: Actor, action: str, row: CaseLink, now: dt.datetime, reason: str) -> None:
    detail = {"link": row.id, "kind": row.object_kind, "object": row.object_id}
    audit.log(db, actor, action, "case", row.case_id, now, reason=reason.strip(), detail=detail)


def _load_link(db: Session, actor: Actor, link_id: str, now: dt.datetime) -> tuple[CaseLink, Any]:
    row = db.get(CaseLink, link_id, with_for_update=True)
    if row is None:
        raise NotFound()
    access.load_case(db, actor, row.case_id, now=now)
    return row, access.load_owner(db, actor, row.object_kind, row.object_id, Right.READ, now)


def unlink(db: Session, actor: Actor, link_id: str, reason: str, now: dt.datetime) -> CaseLink:
    """End a link, with a reason; pending a second person once locked. The trace stays in both files.

    Raises NotFound, Forbidden, Invalid case.reason_missing, Conflict case.pending.
    """
    row, thing = _load_link(db, actor, link_id, now)
    locked = _is_locked(db, row.object_kind, row.object_id)
    _need_link_right(db, actor, thing, locked, now)
    _need_reason(reason, True)
    if row.unlinked_at is not None or row.pending is not LinkPending.NONE:
        raise Conflict("case.pending", "This link has ended or waits for a second person.")
    row.unlink_reason, row.unlink_asked_by = reason.strip(), actor.user_id
    if locked and not actor.system:
        row.pending = LinkPending.UNLINK
    else:
        row.unlinked_at, row.unlinked_by = now, actor.user_id
    _log(db, actor, "unlink.asked" if row.pending is LinkPending.UNLINK else "unlink.made", row, now, reason)
    db.flush()
    return row


def confirm_link(db: Session, actor: Actor, link_id: str, now: dt.datetime) -> CaseLink:
    """The second person confirms a pending link or its end; needs ARCHIVE or APPROVE.

    Raises NotFound, Forbidden (case.same_person for the one who asked), WrongState.
    """
    row, thing = _load_link(db, actor, link_id, now)
    rights = access.rights_on(db, actor, access.subject_of(db, thing), now)
    if rights.isdisjoint({Right.ARCHIVE, Right.APPROVE}):
        raise Forbidden()
    if row.pending is LinkPending.NONE:
        raise WrongState("case_link", row.pending.value)
    asked_by = row.linked_by if row.pending is LinkPending.LINK else row.unlink_asked_by
    if asked_by == actor.user_id and not actor.system:
        raise Forbidden("case.same_person", "A second person has to confirm this.")
    ending = row.pending is LinkPending.UNLINK
    row.pending = LinkPending.NONE
    if ending:
        row.unlinked_at, row.unlinked_by = now, actor.user_id
    else:
        row.confirmed_at, row.confirmed_by = now, actor.user_id
    _log(db, actor, "unlink.made" if ending else "link.made", row, now, row.unlink_reason if ending else row.reason)
    db.flush()
    return row


def end_links(db: Session, actor: Actor, object_kind: str, object_id: str, reason: str, now: dt.datetime) -> None:
    """End the links of an object at once (it became restricted). The trace tells no more than that."""
    for row in db.scalars(_active(object_kind, object_id)):
        row.unlinked_at, row.unlinked_by, row.unlink_reason = now, actor.user_id, reason
        row.pending = LinkPending.NONE
        _log(db, actor, "unlink.made", row, now, reason)


def links_of(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> list[CaseLink]:
    """All links of a case, also ended and pending ones, oldest first. Raises NotFound."""
    access.load_case(db, actor, case_id, now=now)
    found = sa.select(CaseLink).where(CaseLink.case_id == case_id).order_by(CaseLink.linked_at, CaseLink.id)
    return list(db.scalars(found))


def case_of(db: Session, object_kind: str, object_id: str) -> str | None:
    """Id of the case an object is linked to now, None when it is not; a session follows its visit."""
    found = db.scalar(_active(object_kind, object_id).where(CaseLink.pending != LinkPending.LINK))
    if found is not None:
        return found.case_id
    if object_kind == "session":
        session = db.get(ReceptionSession, object_id)
        if session is not None and session.visit_id is not None:
            return case_of(db, "visit", session.visit_id)
    return None


# --- merging ---------------------------------------------------------------------------------------------------------


def merge(db: Session, actor: Actor, case_id: str, into_id: str, reason: str, now: dt.datetime) -> Case:
    """Join a file to another (ghép hồ sơ). Its own links stay where they are, so that unmerge gives back what was.

    Raises NotFound, Forbidden, Invalid (case.reason_missing, case.merge), WrongState.
    """
    case = access.load_case(db, actor, case_id, Right.RECEIVE, now=now)
    into = access.load_case(db, actor, into_id, Right.RECEIVE, now=now)
    _need_reason(reason, True)
    if case_id == into_id or case.restricted != into.restricted:
        raise Invalid("case.merge", "These two files cannot be joined.")
    if CaseState.MERGED in (case.state, into.state):
        raise WrongState("case", CaseState.MERGED.value)
    case.state, case.merged_into_id, case.closed_at = CaseState.MERGED, into_id, now
    row = CaseLink(case_id=into_id, object_kind="case", object_id=case_id, reason=reason.strip())
    row.linked_at, row.linked_by = now, actor.user_id
    db.add(row)
    db.flush()
    _log(db, actor, "case.merged", row, now, reason)
    return case


def unmerge(db: Session, actor: Actor, case_id: str, reason: str, now: dt.datetime) -> Case:
    """Take a merge back. Raises NotFound, Forbidden, Invalid case.reason_missing, WrongState."""
    case = access.load_case(db, actor, case_id, Right.RECEIVE, now=now)
    _need_reason(reason, True)
    if case.state is not CaseState.MERGED:
        raise WrongState("case", case.state.value)
    for row in db.scalars(_active("case", case_id)):
        row.unlinked_at, row.unlinked_by, row.unlink_reason = now, actor.user_id, reason.strip()
        _log(db, actor, "case.unmerged", row, now, reason)
    case.state, case.merged_into_id, case.closed_at = CaseState.OPEN, None, None
    db.flush()
    return case
