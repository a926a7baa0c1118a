"""Disposal (tiêu hủy): proposed with its basis, approved by a second person, carried out, certified.

Nothing is disposed of by itself, nothing before its time, nothing that is held, and nothing that belongs to a file
whose work goes on. What stands against it is asked again at approval and once more when the destruction starts: from
that moment the object is out of reach, the inventory is written down, and only then the first file goes. A worker that
dies in the middle goes on from the inventory. The certificate says what was destroyed, with its hashes, and stays.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, custodians, filed, holds, retention
from rooms.actor import Actor
from rooms.errors import Conflict, NotFound, WrongState
from rooms.localtime import local_date
from rooms.models import Case, CaseLink, Delivery, Disposal, Extract, Hold, Job, Package, ReceptionSession
from rooms.words import CaseState, DeliveryState, DisposalState, ExtractState, JobState, LinkPending, SessionState

LIVE = (DisposalState.PROPOSED, DisposalState.APPROVED, DisposalState.RUNNING)
"""A disposal that is on its way."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something may not be disposed of now. ``code``: case_open, pending_link, held, not_over, permanent,
    not_locked, nothing, going, busy. ``until``: of not_over; ``object_id``: what it is about."""

    code: str
    object_id: str = ""
    until: dt.date | None = None


def obstacles(db: Session, thing: Case | ReceptionSession, now: dt.datetime, *, but: str = "") -> list[Obstacle]:
    """All that stands against the disposal of a file or record; empty: it may be proposed. ``but``: the disposal that
    asks. The caller has loaded the object for the actor."""
    kind = "case" if isinstance(thing, Case) else "session"
    found: list[Obstacle] = []
    files = filed.with_joined(db, [filed.root_of(db, thing.id)]) if kind == "case" else _files_round(db, thing.id)
    cases = [db.get_one(Case, one) for one in files]
    found += [Obstacle("case_open", one.id) for one in cases if one.state in (CaseState.OPEN, CaseState.SETTLED)]
    held = filed.of_case(db, thing.id) if kind == "case" else None
    sessions = list(held.sessions) if held else [thing.id]
    named = [("case", one) for one in files] + [("session", one) for one in sessions]
    found += [Obstacle("pending_link", row.case_id) for row in _pending(db, named, held.visits if held else ())]
    found += [Obstacle("held", row.object_id) for row in holds.in_force(db, named)]
    found += _times(db, thing, cases, now)
    found += _records(db, sessions, kind)
    going = sa.select(Disposal).where(
        sa.or_(*(sa.and_(Disposal.object_kind == one, Disposal.object_id == name) for one, name in named)),
        Disposal.state.in_(LIVE), Disposal.id != but,
    )  # fmt: skip
    return found + [Obstacle("going", row.object_id) for row in db.scalars(going)]


def _files_round(db: Session, session_id: str) -> tuple[str, ...]:
    """Every file a record is in, up to the ones these were joined to."""
    return filed.cases_of(db, "session", session_id)


def _pending(db: Session, named: list[tuple[str, str]], visits: tuple[str, ...]) -> list[CaseLink]:
    objects = {name for _, name in named} | set(visits)
    for session in db.scalars(sa.select(ReceptionSession).where(ReceptionSession.id.in_(objects))):
        if session.visit_id:
            objects.add(session.visit_id)
    query = sa.select(CaseLink).where(
        sa.or_(CaseLink.object_id.in_(objects), CaseLink.case_id.in_(objects)),
        CaseLink.unlinked_at.is_(None), CaseLink.pending != LinkPending.NONE,
    )  # fmt: skip
    return list(db.scalars(query))


def _times(db: Session, thing: Any, cases: list[Case], now: dt.datetime) -> list[Obstacle]:
    """What is in files is kept as long as the longest of them; by itself as its own class says."""
    found = []
    marked = retention.of(db, thing, now)
    kept = [(one.id, retention.of(db, one, now)) for one in cases]
    if not isinstance(thing, Case) and (marked.chosen or not cases):
        kept.append((thing.id, marked))
    for object_id, one in kept:
        if one.cls.years is None:
            found.append(Obstacle("permanent", object_id))
        elif one.until is not None and not one.over(local_date(now)):
            found.append(Obstacle("not_over", object_id, one.until))
    return found


def _records(db: Session, session_ids: list[str], kind: str) -> list[Obstacle]:
    found = []
    rows = list(db.scalars(sa.select(ReceptionSession).where(ReceptionSession.id.in_(session_ids))))
    unused = (SessionState.PLANNED,) if kind == "case" else ()
    found += [Obstacle("not_locked", row.id) for row in rows if row.state not in (SessionState.LOCKED, *unused)]
    left = sa.select(Package.session_id).where(Package.session_id.in_(session_ids), Package.disposed_at.is_(None))
    if kind == "session" and db.scalar(left.limit(1)) is None:
        found.append(Obstacle("nothing", session_ids[0]))
    making = [
        sa.select(Extract.session_id).where(Extract.session_id.in_(session_ids), Extract.state == ExtractState.MAKING),
        sa.select(Delivery.session_id).where(
            Delivery.session_id.in_(session_ids), Delivery.state == DeliveryState.MAKING
        ),
        sa.select(Job.key).where(
            Job.kind == "replay", Job.key.in_(session_ids), Job.state.in_((JobState.QUEUED, JobState.RUNNING))
        ),
    ]
    return found + [Obstacle("busy", str(one)) for query in making for one in db.scalars(query)]


def propose(
    db: Session, actor: Actor, kind: str, object_id: str, basis: str, reason: str, now: dt.datetime
) -> Disposal:
    """Propose the disposal of a file's records and papers, or of one record.

    Raises NotFound, Forbidden, Invalid custody.reason_missing, Conflict disposal.<first obstacle>.
    """
    thing = custodians.load(db, actor, kind, object_id, now)
    custodians.need(custodians.may_keep(db, actor, thing, now))
    words = custodians.need_reason(reason, field="disposal_reason")
    paper = custodians.need_reason(basis, field="basis")
    _refuse(obstacles(db, thing, now))
    row = Disposal(object_kind=kind, object_id=object_id, basis=paper[:500], reason=words[:2000])
    row.proposed_at, row.proposed_by = now, actor.user_id
    db.add(row)
    db.flush()
    _log(db, actor, "disposal.proposed", row, now, words)
    return row


def _refuse(found: list[Obstacle]) -> None:
    if found:
        raise Conflict(f"disposal.{found[0].code}", "There are reasons to keep this.")


def decide(db: Session, actor: Actor, disposal_id: str, agreed: bool, words: str, now: dt.datetime) -> Disposal:
    """The second person approves or refuses; refusing needs a reason.

    Raises NotFound, Forbidden (custody.same_person), WrongState, Invalid, Conflict disposal.<obstacle>.
    """
    row, thing = load(db, actor, disposal_id, now, for_update=True)
    custodians.need_second(db, actor, thing, row.proposed_by, now)
    if row.state is not DisposalState.PROPOSED:
        raise WrongState("disposal", row.state.value)
    row.decision = custodians.need_reason(words, not agreed, "decision")[:2000]
    if agreed:
        _refuse(obstacles(db, thing, now, but=row.id))
    row.state = DisposalState.APPROVED if agreed else DisposalState.REFUSED
    row.decided_at, row.decided_by = now, actor.user_id
    _log(db, actor, "disposal.approved" if agreed else "disposal.refused", row, now, row.decision)
    db.flush()
    return row


def withdraw(db: Session, actor: Actor, disposal_id: str, now: dt.datetime) -> Disposal:
    """Take a proposal or an approval back before anything was destroyed. Raises NotFound, Forbidden, WrongState."""
    row, thing = load(db, actor, disposal_id, now, for_update=True)
    custodians.need(custodians.may_keep(db, actor, thing, now) or custodians.may_second(db, actor, thing, now))
    if row.state not in (DisposalState.PROPOSED, DisposalState.APPROVED, DisposalState.STOPPED):
        raise WrongState("disposal", row.state.value)
    row.state = DisposalState.WITHDRAWN
    _log(db, actor, "disposal.withdrawn", row, now, "")
    db.flush()
    return row


def load(
    db: Session, actor: Actor, disposal_id: str, now: dt.datetime, *, for_update: bool = False
) -> tuple[Disposal, Any]:
    """A disposal and what it is about, for who may see that. Raises NotFound, Forbidden."""
    row = db.get(Disposal, disposal_id, with_for_update=for_update or None)
    if row is None:
        raise NotFound()
    thing = custodians.load(db, actor, row.object_kind, row.object_id, now)
    custodians.need(custodians.may_keep(db, actor, thing, now) or custodians.may_second(db, actor, thing, now))
    return row, thing


def of(db: Session, kind: str, object_id: str) -> list[Disposal]:
    """All disposals of an object, newest first; the caller has loaded the object."""
    found = sa.select(Disposal).where(Disposal.object_kind == kind, Disposal.object_id == object_id)
    return list(db.scalars(found.order_by(Disposal.proposed_at.desc(), Disposal.id)))


def waiting(db: Session, actor: Actor, now: dt.datetime) -> tuple[list[Disposal], list[Hold]]:
    """Disposals and lifts of holds that wait for somebody, as far as the actor may see what they are about."""
    rows = db.scalars(sa.select(Disposal).where(Disposal.state.in_((*LIVE, DisposalState.STOPPED))))
    asked = db.scalars(sa.select(Hold).where(Hold.lift_asked_at.is_not(None), Hold.lifted_at.is_(None)))
    return [row for row in rows if _seen(db, actor, row, now)], [row for row in asked if _seen(db, actor, row, now)]


def _seen(db: Session, actor: Actor, row: Disposal | Hold, now: dt.datetime) -> bool:
    thing: Any = db.get(Case if row.object_kind == "case" else ReceptionSession, row.object_id)
    if thing is None or not access.rights_on(db, actor, access.subject_of(db, thing), now):
        return False
    return custodians.may_keep(db, actor, thing, now) or custodians.may_second(db, actor, thing, now)


def _log(db: Session, actor: Actor, action: str, row: Disposal, now: dt.datetime, reason: str) -> None:
    audit.log(db, actor, action, row.object_kind, row.object_id, now, reason=reason, detail={"disposal": row.id})
