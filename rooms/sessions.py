"""Sessions: opened, owned by one app at a time, logged, closed. What happens live is decided in signaling."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, settings
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, StaleEpoch, WrongState
from rooms.localtime import local_date
from rooms.manifest import NO_EVENT, event_line
from rooms.models import (
    InvitedSite,
    Participant,
    ParticipantPerson,
    ReceptionSession,
    ReplayFile,
    SessionEvent,
    Site,
    Sitting,
    Visit,
)
from rooms.numbers import next_number
from rooms.training import training_space
from rooms.words import ParticipantRole, ParticipantState, RecordMode, SessionState, VisitState


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to append. ``body`` holds opaque ids and plain values, no names. ``utc``: UNIX seconds."""

    kind: str
    utc: float
    body: Mapping[str, Any] = field(default_factory=dict)


S = SessionState
LIVE = (S.OPEN, S.RUNNING, S.SUSPENDED)
MOVES: dict[SessionState, frozenset[SessionState]] = {
    S.PLANNED: frozenset({S.OPEN, S.CLOSED}),
    S.OPEN: frozenset({S.RUNNING, S.CLOSED}),
    S.RUNNING: frozenset({S.SUSPENDED, S.CLOSED}),
    S.SUSPENDED: frozenset({S.RUNNING, S.CLOSED}),
    S.CLOSED: frozenset({S.OPEN, S.RUNNING, S.SUSPENDED}),  # resumed, within the window
    S.LOCKED: frozenset(),
}
"""Where a session may go; to LOCKED only recordings.lock brings it."""

MAX_EVENT = 16 * 1024
MAX_PEOPLE = 60
NOTICE_ANSWERS = ("heard", "objects", "wants_own_recording")


def open_for_visit(
    db: Session, actor: Actor, visit_id: str, now: dt.datetime, *, operator_site_id: str | None = None,
    invite: Sequence[str] = (), record: RecordMode | None = None, chair: str = "",
) -> ReceptionSession:  # fmt: skip
    """Open the session of a visit: participants for the visit's point (waiting), the operator's site, the sites that
    attend every session of the sitting, and ``invite``. A site that is invited to the sitting only to send its own
    citizens has no seat in the session of another's. ``record`` None: as the rule profile says.

    Needs OPERATE at the visit's site, or at a site that attends the sitting. Raises NotFound, Forbidden
    (visit.denunciation_offline), WrongState, Conflict session.exists.
    """
    visit = access.load_visit(db, actor, visit_id, now=now)
    db.refresh(visit, with_for_update=True)
    sitting = db.get(Sitting, visit.sitting_id) if visit.sitting_id else None
    invited = _invited(db, sitting, invite)
    own = _operating_site(db, actor, visit, invited, operator_site_id, now)
    if visit.restricted and not settings.rule(db, "online_denunciation", now):
        raise Forbidden("visit.denunciation_offline", "Denunciations are received in person only.")
    if visit.state not in (VisitState.REGISTERED, VisitState.QUEUED, VisitState.CONCLUDED):
        raise WrongState("visit", visit.state.value)
    live = sa.select(ReceptionSession.id).where(ReceptionSession.visit_id == visit.id, ReceptionSession.state.in_(LIVE))
    if db.scalar(live.limit(1)) is not None:
        raise Conflict("session.exists", "This visit has an open session already.")
    session = _visit_session(db, actor, visit, now)
    session.sitting_id = visit.sitting_id
    session.chair = chair or (sitting.chair_name if sitting else "")
    session.record_wanted = record or _record_default(db, visit, now)
    db.add(session)
    db.flush()
    _seat(db, session, visit, own, actor, invited, now)
    visit.state = VisitState.IN_SESSION
    audit.log(db, actor, "session.opened", "session", session.id, now)
    db.flush()
    db.refresh(session)
    return session


def _invited(db: Session, sitting: Sitting | None, more: Sequence[str]) -> dict[str, bool]:
    """Sites that take part besides the visit's own and the operator's -> whether they are required."""
    found: dict[str, bool] = {}
    if sitting is not None:
        attending = sa.select(InvitedSite).where(InvitedSite.sitting_id == sitting.id, InvitedSite.attends.is_(True))
        for row in db.scalars(attending.order_by(InvitedSite.invited_at, InvitedSite.id)):
            found[row.site_id] = row.required
    return found | {site_id: found.get(site_id, False) for site_id in more}


def _operating_site(
    db: Session, actor: Actor, visit: Visit, invited: Mapping[str, bool], chosen: str | None, now: dt.datetime
) -> str | None:
    """The site from which the actor operates; None for the system without a choice. Raises NotFound, Forbidden."""
    if actor.system:
        return chosen
    operated = access.sites_with(db, actor, Right.OPERATE, now)
    may = visit.site_id in operated or not operated.isdisjoint(invited)
    if visit.restricted:
        may = Right.OPERATE in access.rights_on(db, actor, access.subject_of(db, visit), now)
    if not may:
        raise Forbidden()
    if chosen is not None:
        if chosen not in operated:
            raise Forbidden()
        return chosen
    own = [held.site_id for held in actor.memberships if Right.OPERATE in access.ROLE_RIGHTS[held.role]]
    return own[0] if own else None


def _record_default(db: Session, visit: Visit, now: dt.datetime) -> RecordMode:
    return RecordMode(settings.rule(db, "denunciation_record" if visit.restricted else "record_default", now))


def _visit_session(db: Session, actor: Actor, visit: Visit, now: dt.datetime) -> ReceptionSession:
    site = db.get_one(Site, visit.site_id)
    session = ReceptionSession(visit_id=visit.id, site_id=visit.site_id, training_space_id=visit.training_space_id)
    session.title = site.short_name or site.name  # a title goes to every point: the place, never a person
    session.state, session.restricted = S.OPEN, visit.restricted
    session.created_at, session.created_by, session.opened_at, session.operator_id = (
        now,
        actor.user_id,
        now,
        actor.user_id,
    )
    if visit.training_space_id is None:
        session.year = local_date(now).year
        session.number = next_number(db, visit.site_id, "session", session.year)
    return session


def _seat(
    db: Session, session: ReceptionSession, visit: Visit, own: str | None, actor: Actor, invited: Mapping[str, bool],
    now: dt.datetime,
) -> None:  # fmt: skip
    """The points of a session: the visit's own first, then the operator's, then the invited ones.

    An operator who receives the citizen in person has one seat; one who sits elsewhere in the same building as the
    receiving officer has a seat of his own, or the two would take each other's place.
    """
    receives = own == visit.site_id and visit.officer_id in (None, actor.user_id)
    point = add_participant(
        db, session.id, _site_name(db, visit.site_id), now, site_id=visit.site_id, required=True,
        role=ParticipantRole.OPERATOR if receives else ParticipantRole.POINT,
        state=ParticipantState.ADMITTED if receives else ParticipantState.WAITING,
        user_id=actor.user_id if receives else visit.officer_id,
    )  # fmt: skip
    point.receives_visit = True
    if own is not None and not receives:
        name = _site_name(db, own)
        add_participant(
            db, session.id, name if own != visit.site_id else f"{name} (điều hành)", now, site_id=own,
            role=ParticipantRole.OPERATOR, state=ParticipantState.ADMITTED, user_id=actor.user_id, required=True,
        )  # fmt: skip
    for site_id, required in invited.items():
        if site_id not in (own, visit.site_id):
            add_participant(db, session.id, _site_name(db, site_id), now, site_id=site_id, required=required)


def _site_name(db: Session, site_id: str) -> str:
    site = db.get(Site, site_id)
    if site is None:
        raise NotFound()
    return site.name


def open_plain(
    db: Session, actor: Actor, name: str, now: dt.datetime, *, record: RecordMode = RecordMode.FULL,
    training: bool = False,
) -> ReceptionSession:  # fmt: skip
    """A session without a visit, for the command line and encoders. It belongs to the site at the top of the tree
    (for others than the system: where they operate first). Raises Forbidden, Invalid session.name_missing."""
    if not name.strip() or len(name) > 200:
        raise Invalid("session.name_missing", "Please give the session a name.", field="name")
    if actor.system:
        top = [site for site, depth in access.tree(db).ordered(local_date(now)) if depth == 0]
    else:
        top = [held.site_id for held in actor.memberships if Right.OPERATE in access.ROLE_RIGHTS[held.role]]
        if not top:
            raise Forbidden()
    session = ReceptionSession(title=name.strip(), state=S.OPEN, record_wanted=record, site_id=top[0] if top else None)
    session.created_at, session.created_by, session.opened_at, session.operator_id = (
        now,
        actor.user_id,
        now,
        actor.user_id,
    )
    if session.site_id is not None and training:
        session.training_space_id = training_space(db, actor, session.site_id, now, name=name).id
    session.participants = []
    db.add(session)
    db.flush()
    audit.log(db, actor, "session.opened", "session", session.id, now)
    return session


def add_participant(
    db: Session, session_id: str, name: str, now: dt.datetime, *, role: ParticipantRole = ParticipantRole.POINT,
    site_id: str | None = None, user_id: str | None = None, peer: str = "",
    publish: Sequence[str] = ("mic", "camera", "screen", "document"),
    state: ParticipantState = ParticipantState.INVITED, by_phone: bool = False, required: bool = False,
    writes: bool = False,
) -> Participant:  # fmt: skip
    """Add a point, guest or viewer; ``writes``: a viewer who may write the minutes. The caller has checked the actor
    and logs participant.added.

    Raises NotFound, WrongState once the session is closed.
    """
    session = _locked_row(db, session_id)
    if session.state in (S.CLOSED, S.LOCKED):
        raise WrongState("session", session.state.value)
    position = db.scalar(sa.select(sa.func.count()).where(Participant.session_id == session_id)) or 0
    row = Participant(
        session_id=session_id, position=position, site_id=site_id, user_id=user_id, role=role, name=name.strip(),
        state=state, peer=peer, publish=list(publish), writes=writes, by_phone=by_phone, required=required,
        added_at=now,
    )  # fmt: skip
    row.people = []
    db.add(row)
    db.flush()
    if "participants" in session.__dict__ and row not in session.participants:
        session.participants.append(row)
    return row


# --- ownership and log -----------------------------------------------------------------------------------------------


def take_epoch(db: Session, session_id: str, owner: str, expected: int) -> int:
    """Become the owner: compare-and-set from ``expected`` to the next epoch, which is returned.

    Raises StaleEpoch when another one was faster, NotFound.
    """
    taken = db.scalar(
        sa.update(ReceptionSession)
        .where(ReceptionSession.id == session_id, ReceptionSession.epoch == expected)
        .values(epoch=expected + 1, owner=owner)
        .returning(ReceptionSession.epoch)
        .execution_options(synchronize_session="fetch")
    )
    if taken is None:
        if db.get(ReceptionSession, session_id) is None:
            raise NotFound()
        raise StaleEpoch()
    return taken


def _locked_row(db: Session, session_id: str) -> ReceptionSession:
    row = db.get(ReceptionSession, session_id, with_for_update=True)
    if row is None:
        raise NotFound()
    return row


def _owned(db: Session, session_id: str, epoch: int) -> ReceptionSession:
    row = _locked_row(db, session_id)
    if row.epoch != epoch:
        raise StaleEpoch()
    return row


def append_events(db: Session, session_id: str, epoch: int, events: Sequence[NewEvent]) -> list[SessionEvent]:
    """Append to the log with number and hash chain (docs/formats.md, event log).

    After the lock only session.locked itself is taken: the package cannot hold the event that names its hash.

    Raises StaleEpoch, WrongState when locked, NotFound, Invalid (event.body, event.too_large).
    """
    session = _owned(db, session_id, epoch)
    if session.state is S.LOCKED and any(event.kind != "session.locked" for event in events):
        raise WrongState("session", session.state.value)
    rows = []
    for event in events:
        number = session.last_event + 1
        try:
            line, digest = event_line(
                session=session_id, number=number, epoch=epoch, kind=event.kind, utc=event.utc, body=event.body,
                previous=session.last_hash or NO_EVENT,
            )  # fmt: skip
        except ValueError as error:
            raise Invalid("event.body", "The event's body is not JSON.") from error
        if len(line) > MAX_EVENT:
            raise Invalid("event.too_large", "The event is too long.")
        row = SessionEvent(session_id=session_id, number=number, epoch=epoch, utc=event.utc, kind=event.kind)
        row.body, row.line, row.hash = dict(event.body), line.decode(), digest
        session.last_event, session.last_hash = number, digest
        rows.append(row)
    db.add_all(rows)
    db.flush()
    return rows


def events_since(db: Session, session_id: str, number: int, *, limit: int = 10_000) -> list[SessionEvent]:
    """Events after ``number``, in order."""
    found = sa.select(SessionEvent).where(SessionEvent.session_id == session_id, SessionEvent.number > number)
    return list(db.scalars(found.order_by(SessionEvent.number).limit(limit)))


# --- how it stands ---------------------------------------------------------------------------------------------------


def set_state(db: Session, session_id: str, epoch: int, state: SessionState, now: dt.datetime) -> ReceptionSession:
    """Move the session; CLOSED starts the 15 minutes in which it may be resumed, and gives the visit back to the desk.

    Raises StaleEpoch, NotFound, WrongState (also for resuming too late).
    """
    session = _owned(db, session_id, epoch)
    if state is session.state:
        return session
    if state not in MOVES[session.state]:
        raise WrongState("session", session.state.value)
    if session.state is S.CLOSED:
        if session.lock_due_at is not None and now >= session.lock_due_at:
            raise WrongState("session", session.state.value, "The time for resuming is over.")
        session.closed_at = session.lock_due_at = None
        _visit_follows(db, session, VisitState.IN_SESSION)
    if state is S.RUNNING:
        session.started_at = session.started_at or now
    if state is S.CLOSED:
        session.closed_at = now
        session.lock_due_at = now + dt.timedelta(minutes=settings.rule(db, "resume_minutes", now))
        session.record = RecordMode.OFF
        _visit_follows(db, session, None)
    session.state = state
    db.flush()
    return session


def _visit_follows(db: Session, session: ReceptionSession, state: VisitState | None) -> None:
    """The visit goes into the session, or (``state`` None) back to where its conclusion puts it."""
    visit = db.get(Visit, session.visit_id, with_for_update=True) if session.visit_id else None
    if visit is None:
        return
    if state is not None and visit.state in (VisitState.REGISTERED, VisitState.CONCLUDED):
        visit.state = state
    elif state is None and visit.state is VisitState.IN_SESSION:
        visit.state = VisitState.CONCLUDED if visit.outcome is not None else VisitState.REGISTERED


def set_record(db: Session, session_id: str, epoch: int, record: RecordMode, part: int) -> None:
    """Note the record mode and part number as they stand. Raises StaleEpoch."""
    session = _owned(db, session_id, epoch)
    session.record, session.part = record, part


def set_relay(db: Session, session_id: str, epoch: int, relay_id: str) -> None:
    """Note which relay carries the session. Raises StaleEpoch."""
    _owned(db, session_id, epoch).relay_id = relay_id or None


def set_operator(db: Session, session_id: str, epoch: int, user_id: str | None) -> None:
    """Note who has the buttons. Raises StaleEpoch."""
    _owned(db, session_id, epoch).operator_id = user_id


def set_participant(
    db: Session, session_id: str, epoch: int, participant_id: str, now: dt.datetime, *,
    state: ParticipantState | None = None, peer: str | None = None, publish: Sequence[str] | None = None,
    user_id: str | None = None,
) -> None:  # fmt: skip
    """Note where a participant stands; None leaves a value. Raises StaleEpoch, NotFound."""
    _owned(db, session_id, epoch)
    row = _participant(db, session_id, participant_id)
    if state is not None:
        row.state = state
        row.removed_at = now if state is ParticipantState.REMOVED else None
    if peer is not None:
        row.peer = peer
    if publish is not None:
        row.publish = list(publish)
    if user_id is not None:
        row.user_id = user_id
    db.flush()


def _participant(db: Session, session_id: str, participant_id: str) -> Participant:
    row = db.get(Participant, participant_id)
    if row is None or row.session_id != session_id:
        raise NotFound()
    return row


def set_people(
    db: Session, session_id: str, participant_id: str, people: Sequence[Mapping[str, str]], now: dt.datetime
) -> list[str]:
    """Set the people before a point's camera (keys name, capacity, title, label); gives their labels in order.

    An entry with a known label changes that person; one without gets the next label. Who is not in the list any more
    gets a ``left_at`` and stays. Raises NotFound, Invalid (people.too_many, people.name).
    """
    row = _participant(db, session_id, participant_id)
    if len(people) > MAX_PEOPLE:
        raise Invalid("people.too_many", "There are too many people in this list.", most=MAX_PEOPLE)
    known = {person.label: person for person in row.people}
    labels = []
    for position, entry in enumerate(people):
        name = entry.get("name", "").strip()
        if not name or len(name) > 200:
            raise Invalid("people.name", "A name is missing or too long.", field="name")
        person = known.get(entry.get("label", ""))
        if person is None or person.label in labels:
            person = ParticipantPerson(label=f"p{len(row.people) + 1}", came_at=now)
            row.people.append(person)
        person.position, person.name, person.left_at = position, name, None
        person.capacity, person.title = entry.get("capacity", "")[:200], entry.get("title", "")[:200]
        labels.append(person.label)
    for person in row.people:
        if person.label not in labels:
            person.left_at = person.left_at or now
            person.position = MAX_PEOPLE
    db.flush()
    return labels


def answer_notice(db: Session, session_id: str, participant_id: str, person: str, answer: str) -> None:
    """Keep a person's answer to the notice (heard, objects, wants_own_recording); ``person`` "" for all of the point.

    Raises NotFound, Invalid notice.answer.
    """
    if answer not in NOTICE_ANSWERS:
        raise Invalid("notice.answer", "There is no such answer.")
    row = _participant(db, session_id, participant_id)
    meant = [one for one in row.people if person in ("", one.label)]
    if person and not meant:
        raise NotFound()
    for one in meant:
        one.notice = answer


def live(db: Session) -> list[ReceptionSession]:
    """Sessions that are open, running or suspended: what a starting app takes over when nobody owns them."""
    found = sa.select(ReceptionSession).where(ReceptionSession.state.in_(LIVE))
    return list(db.scalars(found.order_by(ReceptionSession.created_at)))


def unlocked(db: Session) -> list[str]:
    """Ids of closed sessions, and of locked ones whose log does not end with ``session.locked`` (the worker locked
    them while no app ran)."""
    last = sa.and_(SessionEvent.session_id == ReceptionSession.id, SessionEvent.number == ReceptionSession.last_event)
    found = sa.select(ReceptionSession.id).join(SessionEvent, last)
    silent = sa.and_(ReceptionSession.state == S.LOCKED, SessionEvent.kind != "session.locked")
    return list(db.scalars(found.where(sa.or_(ReceptionSession.state == S.CLOSED, silent))))


def list_readable(db: Session, actor: Actor, now: dt.datetime, *, limit: int = 100) -> list[ReceptionSession]:
    """Sessions the actor may read, newest first."""
    found = sa.select(ReceptionSession).where(access.readable(db, actor, ReceptionSession, now))
    return list(db.scalars(found.order_by(ReceptionSession.created_at.desc(), ReceptionSession.id).limit(limit)))


def due_for_lock(db: Session, now: dt.datetime) -> list[str]:
    """Ids of closed sessions whose 15 minutes are over, longest due first."""
    found = sa.select(ReceptionSession.id).where(
        ReceptionSession.state == S.CLOSED, ReceptionSession.lock_due_at <= now
    )
    return list(db.scalars(found.order_by(ReceptionSession.lock_due_at)))


def restrict(db: Session, session_id: str, now: dt.datetime) -> None:
    """Restrict a session and what was recorded so far to the receiving site and to grants (design 7)."""
    session = _locked_row(db, session_id)
    session.restricted = True
    session.record_wanted = RecordMode.OFF
    for row in session.participants:
        if row.receives_visit:
            for person in row.people:  # names of those with the citizen tell who it is
                person.name = person.label
    # Names are burnt into composed files: one from before is not shown any more, and the tidying removes it.
    db.execute(sa.delete(ReplayFile).where(ReplayFile.session_id == session_id, ReplayFile.kind == "composed"))
    db.flush()
