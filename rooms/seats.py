"""Seats: at which participant of a session a person sits.

A point has one seat, and whoever of its staff came first holds it: a colleague who opens the same session gets a seat
of his own, as a viewer, and never pushes the other out. The person's own seat comes before all others, so that who was
away comes back to it from any device.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, sessions, tickets
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import NotFound
from rooms.models import Participant, ReceptionSession, SessionEvent, Site, Ticket
from rooms.words import ParticipantRole, ParticipantState, Role, TicketKind

LOST_HOLD = dt.timedelta(seconds=60)
"""So long a seat is kept for somebody whose line broke; then a colleague of the point may sit down."""

COMING_HOLD = dt.timedelta(seconds=30)
"""So long a seat is kept for somebody whose page has a ticket and has not come yet."""

FULL = (Role.SITE_OFFICER, Role.OPERATOR)
"""Roles that hold a point; the others of ``access.TAKES_PART`` sit down where a seat is meant for nobody else."""

WATCH = (*access.TAKES_PART, Role.RECORDS)
"""Roles that may look on from a seat of their own when their site takes part."""

HERE = (ParticipantState.JOINED, ParticipantState.WAITING)
IN_CHARGE = (ParticipantState.ADMITTED, ParticipantState.JOINED, ParticipantState.LOST)


def take(
    db: Session, actor: Actor, session_id: str, now: dt.datetime, *, site_id: str | None = None
) -> Participant:  # fmt: skip
    """The participant this person sits at from now on; made when there is none. ``site_id``: where the device stands.

    In this order: the person's own seat; a free seat of the device's site or of the person's sites; for an entitled
    operator a seat to operate from; else a viewer's seat at a site of the person that takes part. Viewers wait to be
    admitted unless they sit at the operator's site; those who may write minutes may do so from there.

    Raises NotFound for a session one may not read, has no place in, or was removed from; WrongState for a new seat in
    a session that is over.
    """
    session = access.load_session(db, actor, session_id, now=now)
    rows = _rows(db, session)
    own = _own(rows, actor, site_id)
    if own is not None and own.role is not ParticipantRole.VIEWER:
        return own
    operates = _holds(db, actor, session, Right.OPERATE, now)
    removed = any(row.user_id == actor.user_id and row.state is ParticipantState.REMOVED for row in rows)
    if not removed:
        free = _free(db, actor, rows, site_id, operates, now)
        if free is not None:
            return _claim(db, actor, free, now)
        if own is not None:
            return own
    if operates:
        return _add_operator(db, actor, session, rows, now)
    place = _watches_from(actor, rows, site_id)
    if removed or place is None:
        raise NotFound()
    return _add_viewer(db, actor, session, rows, place, now)


def to_operate(db: Session, actor: Actor, session_id: str, now: dt.datetime) -> Participant:
    """The person's own seat with the right to the buttons; made when there is none.

    Raises NotFound, Forbidden without the right to operate, WrongState once the session is over.
    """
    session = access.load_session(db, actor, session_id, Right.OPERATE, now=now)
    rows = _rows(db, session)
    for row in rows:
        if row.user_id == actor.user_id and row.role is ParticipantRole.OPERATOR and _sits(row):
            return row
    return _add_operator(db, actor, session, rows, now)


def to_act(db: Session, actor: Actor, session_id: str, now: dt.datetime) -> Participant:
    """The seat in whose name an operator acts from the board: his own, else a new one as ``to_operate``."""
    session = access.load_session(db, actor, session_id, Right.OPERATE, now=now)
    own = _own(_rows(db, session), actor, None)
    if own is not None and own.role is not ParticipantRole.VIEWER:
        return own
    return to_operate(db, actor, session_id, now)


def _rows(db: Session, session: ReceptionSession) -> Sequence[Participant]:
    """All participants as they are now; who takes a seat waits for others who do."""
    db.refresh(session, attribute_names=["state"], with_for_update=True)
    found = sa.select(Participant).where(Participant.session_id == session.id).order_by(Participant.position)
    return db.scalars(found.execution_options(populate_existing=True)).all()


def _sits(row: Participant) -> bool:
    return row.state is not ParticipantState.REMOVED


def _own(rows: Iterable[Participant], actor: Actor, site_id: str | None) -> Participant | None:
    """The seat noted for this person: at the device's site, with the buttons, as a point, as a viewer."""
    mine = [row for row in rows if row.user_id == actor.user_id is not None and _sits(row)]
    rank = {ParticipantRole.OPERATOR: 0, ParticipantRole.VIEWER: 2}
    order = sorted(
        mine,
        key=lambda row: (
            row.role is ParticipantRole.VIEWER, row.site_id != site_id, rank.get(row.role, 1), row.position,
        ),
    )  # fmt: skip
    return order[0] if order else None


def _holds(db: Session, actor: Actor, session: ReceptionSession, right: Right, now: dt.datetime) -> bool:
    return right in access.rights_on(db, actor, access.subject_of(db, session), now)


def _free(
    db: Session, actor: Actor, rows: Iterable[Participant], site_id: str | None, operates: bool, now: dt.datetime
) -> Participant | None:
    """A point's seat that nobody holds and that this person may sit at."""
    full, any_role = set(actor.sites_with(*FULL)), set(actor.sites_with(*access.TAKES_PART))
    if site_id is not None and site_id in access.branch_of(db, any_role, now):
        any_role.add(site_id)  # from above, at a device that stands there
        full |= {site_id} if site_id in access.branch_of(db, full, now) else set()
    found = []
    for row in rows:
        colleague = row.user_id is not None
        may_replace = row.site_id in full and not operates
        if row.role not in (ParticipantRole.POINT, ParticipantRole.GUEST) or row.site_id not in any_role:
            continue
        if _sits(row) and (may_replace or not colleague) and not _held(db, row, actor, now):
            found.append((row.site_id != site_id, colleague, row.position, row))
    return min(found)[3] if found else None


def _held(db: Session, row: Participant, actor: Actor, now: dt.datetime) -> bool:
    """Whether somebody else sits there, is just coming, or has lost the line a moment ago."""
    if row.state in HERE:
        return True
    if row.state is ParticipantState.LOST and now < _lost_at(db, row, now) + LOST_HOLD:
        return True
    coming = sa.select(Ticket.secret_hash).where(
        Ticket.participant_id == row.id,
        Ticket.kind == TicketKind.PAGE,
        Ticket.revoked_at.is_(None),
        Ticket.redeemed_at.is_(None),
        Ticket.issued_at > now - COMING_HOLD,
        Ticket.user_id != actor.user_id,
    )
    return db.scalar(coming.limit(1)) is not None and row.state is not ParticipantState.LEFT


def _lost_at(db: Session, row: Participant, now: dt.datetime) -> dt.datetime:
    lost = sa.select(SessionEvent).where(
        SessionEvent.session_id == row.session_id, SessionEvent.kind == "participant.lost"
    )
    for event in db.scalars(lost.order_by(SessionEvent.number.desc())):
        if event.body.get("participant") == row.id:
            return dt.datetime.fromtimestamp(event.utc, dt.UTC)
    return now


def _claim(db: Session, actor: Actor, row: Participant, now: dt.datetime) -> Participant:
    if row.user_id is not None:
        tickets.revoke_for(db, row.id, now)  # the colleague's page asks anew, and finds another seat
        audit.log(db, actor, "session.seat_taken", "session", row.session_id, now, detail={"participant": row.id})
    row.user_id = actor.user_id
    db.flush()
    return row


def _add_operator(
    db: Session, actor: Actor, session: ReceptionSession, rows: Iterable[Participant], now: dt.datetime
) -> Participant:
    own = [held.site_id for held in actor.memberships if Right.OPERATE in access.ROLE_RIGHTS[held.role]]
    place = db.get(Site, own[0]) if own else None
    name = place.name if place is not None else actor.name
    if place is not None and any(row.site_id == place.id and _sits(row) for row in rows):
        name = f"{name} (điều hành)"
    return sessions.add_participant(
        db, session.id, name, now, role=ParticipantRole.OPERATOR, site_id=own[0] if own else None,
        user_id=actor.user_id,
    )  # fmt: skip


def _watches_from(actor: Actor, rows: Iterable[Participant], site_id: str | None) -> str | None:
    """The site from which a person looks on: one of his own that takes part, the device's first."""
    seated = [row.site_id for row in rows if _sits(row) and row.role is not ParticipantRole.VIEWER]
    own = actor.sites_with(*WATCH)
    return next((site for site in (site_id, *own) if site is not None and site in own and site in seated), None)


def _add_viewer(
    db: Session, actor: Actor, session: ReceptionSession, rows: Iterable[Participant], place: str, now: dt.datetime
) -> Participant:
    site = db.get_one(Site, place)
    beside_operator = any(
        row.role is ParticipantRole.OPERATOR and row.site_id == place and row.state in IN_CHARGE for row in rows
    )
    return sessions.add_participant(
        db, session.id, f"{site.name} ({actor.name})", now, role=ParticipantRole.VIEWER, site_id=place,
        user_id=actor.user_id, publish=(), writes=_holds(db, actor, session, Right.WRITE, now),
        state=ParticipantState.ADMITTED if beside_operator else ParticipantState.INVITED,
    )  # fmt: skip
