"""Tickets: bearer secrets for a page's socket, the hub channel, WHIP and WHEP."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms.models import Ticket
from rooms.words import TicketKind


def issue(
    db: Session, kind: TicketKind, now: dt.datetime, ttl: dt.timedelta, *, session_id: str | None = None,
    participant_id: str | None = None, device: str = "", user_id: str | None = None,
) -> tuple[Ticket, str]:  # fmt: skip
    """A ticket and its secret (shown once). The caller has checked the actor."""
    raise NotImplementedError


def redeem(db: Session, secret: str, kind: TicketKind, now: dt.datetime) -> Ticket:
    """Use a ticket. Page and hub tickets work once, WHIP and WHEP tickets until they expire.

    Raises TicketRefused (ticket.unknown also for another kind, ticket.expired, ticket.used).
    """
    raise NotImplementedError


def revoke_for(db: Session, participant_id: str, now: dt.datetime) -> int:
    """End all tickets of a participant that was removed; how many."""
    raise NotImplementedError


def purge(db: Session, now: dt.datetime) -> int:
    """Forget tickets that expired a day ago; how many."""
    raise NotImplementedError
