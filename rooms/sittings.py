"""Sittings: one chair, place and time, invited sites, attendance."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Attendee, InvitedSite, Sitting
from rooms.words import ReceiverRole, ReceptionForm


def open_sitting(
    db: Session, actor: Actor, site_id: str, now: dt.datetime, *, form: ReceptionForm = ReceptionForm.REGULAR,
    receiver_role: ReceiverRole = ReceiverRole.OFFICER, chair_name: str = "", chair_title: str = "",
    subject: str = "", room_id: str | None = None, planned_at: dt.datetime | None = None, training: bool = False,
) -> Sitting:  # fmt: skip
    """Open a sitting now, or plan one (``planned_at``). Raises Forbidden, NotFound."""
    raise NotImplementedError


def invite_site(
    db: Session, actor: Actor, sitting_id: str, site_id: str, now: dt.datetime, *, required: bool = True,
    capacity: str = "",
) -> InvitedSite:  # fmt: skip
    """Invite a site; twice is harmless. Raises Forbidden, NotFound, WrongState."""
    raise NotImplementedError


def add_attendee(
    db: Session, actor: Actor, sitting_id: str, name: str, now: dt.datetime, *, title: str = "", body: str = "",
    site_id: str | None = None,
) -> Attendee:  # fmt: skip
    """Note a person present."""
    raise NotImplementedError


def close_sitting(db: Session, actor: Actor, sitting_id: str, now: dt.datetime) -> None:
    """End a sitting. Raises WrongState while a session of it runs."""
    raise NotImplementedError


def list_open(db: Session, actor: Actor, now: dt.datetime) -> list[Sitting]:
    """Planned and open sittings that the actor may read, soonest first."""
    raise NotImplementedError
