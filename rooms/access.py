"""The only door to an object for an actor (design 7). What one may not see does not exist: NotFound for both.

A right at an object comes from a role at its site or at a site above it in the dated tree, from a grant on the
object, or, for reading, from taking part (a site invited to the session). Denunciations: only people of the
receiving site itself, and grants.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Case, Petition, ReceptionSession, Room, Site, Sitting, Visit


class Right(StrEnum):
    """What may be done with an object."""

    READ = "read"  # see it in lists and open it
    RECEIVE = "receive"  # register visits, attach papers, open cases
    OPERATE = "operate"  # run sessions
    WRITE = "write"  # write minutes
    APPROVE = "approve"  # approve proposals, confirm links of locked files as a second person
    REPLAY = "replay"  # watch and download recordings
    ARCHIVE = "archive"  # supplements, changes to locked files
    OPEN_VAULT = "open_vault"  # see a restricted identity, with a reason
    ADMIN = "admin"  # sites, rooms, devices, people


def load_site(db: Session, actor: Actor, site_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Site:
    """The site. Raises NotFound, or Forbidden when it may be read but not this."""
    raise NotImplementedError


def load_room(db: Session, actor: Actor, room_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Room:
    """The room, by its site. Raises NotFound, Forbidden."""
    raise NotImplementedError


def load_sitting(db: Session, actor: Actor, sitting_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Sitting:
    """The sitting; sites invited to it may read it. Raises NotFound, Forbidden."""
    raise NotImplementedError


def load_visit(db: Session, actor: Actor, visit_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Visit:
    """The visit. Raises NotFound, Forbidden."""
    raise NotImplementedError


def load_session(
    db: Session, actor: Actor, session_id: str, right: Right = Right.READ, *, now: dt.datetime
) -> ReceptionSession:
    """The session; sites that take part may read it. Raises NotFound, Forbidden."""
    raise NotImplementedError


def load_case(db: Session, actor: Actor, case_id: str, right: Right = Right.READ, *, now: dt.datetime) -> Case:
    """The case. Raises NotFound, Forbidden."""
    raise NotImplementedError


def load_petition(
    db: Session, actor: Actor, petition_id: str, right: Right = Right.READ, *, now: dt.datetime
) -> Petition:
    """The petition. Raises NotFound, Forbidden."""
    raise NotImplementedError
