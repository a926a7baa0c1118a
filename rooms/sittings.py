"""Sittings: one chair, place and time, invited sites, attendance."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid, WrongState
from rooms.ids import new_id
from rooms.models import Attendee, InvitedSite, ReceptionSession, Room, Sitting
from rooms.sessions import LIVE
from rooms.training import training_space
from rooms.words import ReceiverRole, ReceptionForm, SittingState


def open_sitting(
    db: Session, actor: Actor, site_id: str, now: dt.datetime, *, form: ReceptionForm = ReceptionForm.REGULAR,
    receiver_role: ReceiverRole = ReceiverRole.OFFICER, chair_name: str = "", chair_title: str = "",
    subject: str = "", room_id: str | None = None, planned_at: dt.datetime | None = None, training: bool = False,
) -> Sitting:  # fmt: skip
    """Open a sitting now, or plan one (``planned_at``). Raises Forbidden, NotFound."""
    access.load_site(db, actor, site_id, now=now)
    if site_id not in access.sites_with(db, actor, Right.OPERATE, now):
        raise Forbidden()
    if room_id is not None:
        room: Room = access.load_room(db, actor, room_id, now=now)
        if room.site_id != site_id:
            raise Invalid("sitting.room", "This room belongs to another site.", field="room_id")
    sitting = Sitting(
        id=new_id(), site_id=site_id, room_id=room_id, form=form, receiver_role=receiver_role,
        chair_name=chair_name.strip(), chair_title=chair_title.strip(), subject=subject.strip(), planned_at=planned_at,
        state=SittingState.OPEN if planned_at is None else SittingState.PLANNED,
        opened_at=now if planned_at is None else None,
        training_space_id=training_space(db, actor, site_id, now).id if training else None,
    )  # fmt: skip
    db.add(sitting)
    db.flush()
    audit.log(db, actor, "sitting.opened" if planned_at is None else "sitting.planned", "sitting", sitting.id, now)
    return sitting


def start_sitting(db: Session, actor: Actor, sitting_id: str, now: dt.datetime) -> Sitting:
    """Open a planned sitting; twice is harmless. Raises Forbidden, NotFound, WrongState once closed."""
    sitting = _load(db, actor, sitting_id, now)
    if sitting.state is SittingState.PLANNED:
        sitting.state, sitting.opened_at = SittingState.OPEN, now
        audit.log(db, actor, "sitting.opened", "sitting", sitting.id, now)
    return sitting


def invite_site(
    db: Session, actor: Actor, sitting_id: str, site_id: str, now: dt.datetime, *, attends: bool = False,
    required: bool = True, capacity: str = "",
) -> InvitedSite:  # fmt: skip
    """Invite a site; again changes how it takes part. Raises Forbidden, NotFound, WrongState.

    ``attends``: it is seated in every session of the sitting; otherwise only in those of its own visits, so that a
    point that sends its citizens does not meet those of another.
    """
    sitting = _load(db, actor, sitting_id, now)
    access.load_site(db, actor, site_id, now=now)
    same = sa.select(InvitedSite).where(InvitedSite.sitting_id == sitting.id, InvitedSite.site_id == site_id)
    invited = db.scalars(same).first()
    if invited is None:
        invited = InvitedSite(
            id=new_id(), sitting_id=sitting.id, site_id=site_id, invited_at=now, invited_by=actor.user_id
        )
        db.add(invited)
        audit.log(db, actor, "sitting.invited", "sitting", sitting.id, now, detail={"site": site_id})
    if invited.attends != attends:
        invited.attends = attends
        detail = {"site": site_id, "attends": attends}
        audit.log(db, actor, "sitting.takes_part", "sitting", sitting.id, now, detail=detail)
    invited.required, invited.capacity = required, capacity.strip()
    db.flush()
    return invited


def add_attendee(
    db: Session, actor: Actor, sitting_id: str, name: str, now: dt.datetime, *, title: str = "", body: str = "",
    site_id: str | None = None,
) -> Attendee:  # fmt: skip
    """Note a person present."""
    sitting = _load(db, actor, sitting_id, now)
    if not name.strip():
        raise Invalid("attendee.name_missing", "The name is missing.", field="name")
    attendee = Attendee(sitting_id=sitting.id, name=name.strip(), title=title.strip(), body=body.strip())
    attendee.site_id = site_id
    db.add(attendee)
    db.flush()
    return attendee


def close_sitting(db: Session, actor: Actor, sitting_id: str, now: dt.datetime) -> None:
    """End a sitting. Raises WrongState while a session of it runs."""
    sitting = _load(db, actor, sitting_id, now)
    running = sa.select(ReceptionSession.id).where(
        ReceptionSession.sitting_id == sitting.id, ReceptionSession.state.in_(LIVE)
    )
    if db.scalar(running.limit(1)) is not None:
        raise WrongState("sitting", "in_session", "A session of this sitting is still running.")
    sitting.state, sitting.closed_at = SittingState.CLOSED, now
    audit.log(db, actor, "sitting.closed", "sitting", sitting.id, now)


def list_open(db: Session, actor: Actor, now: dt.datetime) -> list[Sitting]:
    """Planned and open sittings that the actor may read, soonest first."""
    found = sa.select(Sitting).where(access.readable(db, actor, Sitting, now), Sitting.state != SittingState.CLOSED)
    # An open sitting counts as now, a planned one as its time.
    return list(db.scalars(found.order_by(sa.func.coalesce(Sitting.opened_at, Sitting.planned_at), Sitting.id)))


def _load(db: Session, actor: Actor, sitting_id: str, now: dt.datetime) -> Sitting:
    sitting = access.load_sitting(db, actor, sitting_id, Right.OPERATE, now=now)
    if sitting.state is SittingState.CLOSED:
        raise WrongState("sitting", sitting.state.value)
    return sitting
