"""Tickets: bearer secrets for a page's socket, the hub channel, WHIP and WHEP."""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.errors import TicketRefused
from rooms.ids import new_id
from rooms.logins import hashed
from rooms.models import Ticket
from rooms.words import TicketKind

_ONCE = (TicketKind.PAGE, TicketKind.HUB)


def issue(
    db: Session, kind: TicketKind, now: dt.datetime, ttl: dt.timedelta, *, session_id: str | None = None,
    participant_id: str | None = None, device: str = "", user_id: str | None = None,
) -> tuple[Ticket, str]:  # fmt: skip
    """A ticket and its secret (shown once). The caller has checked the actor."""
    secret = secrets.token_urlsafe(32)
    ticket = Ticket(
        secret_hash=hashed(secret), kind=kind, resource=new_id(), session_id=session_id, participant_id=participant_id,
        device=device, user_id=user_id, issued_at=now, expires_at=now + ttl,
    )  # fmt: skip
    db.add(ticket)
    db.flush()
    return ticket, secret


def redeem(db: Session, secret: str, kind: TicketKind, now: dt.datetime) -> Ticket:
    """Use a ticket. Page and hub tickets work once, WHIP and WHEP tickets until they expire.

    Raises TicketRefused (ticket.unknown also for another kind, ticket.expired, ticket.used).
    """
    ticket = db.get(Ticket, hashed(secret), with_for_update=True)
    if ticket is None or ticket.kind is not kind:
        raise TicketRefused()
    if ticket.revoked_at is not None or ticket.expires_at <= now:
        raise TicketRefused("ticket.expired", "This access link has expired.")
    if kind in _ONCE and ticket.redeemed_at is not None:
        raise TicketRefused("ticket.used", "This access link was used already.")
    ticket.redeemed_at = ticket.redeemed_at or now
    return ticket


def revoke_for(db: Session, participant_id: str, now: dt.datetime) -> int:
    """End all tickets of a participant that was removed; how many."""
    revoked = (
        sa.update(Ticket)
        .where(Ticket.participant_id == participant_id, Ticket.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(Ticket.secret_hash)
    )
    return len(db.scalars(revoked).all())


def purge(db: Session, now: dt.datetime) -> int:
    """Forget tickets that expired a day ago; how many."""
    gone = sa.delete(Ticket).where(Ticket.expires_at <= now - dt.timedelta(days=1)).returning(Ticket.secret_hash)
    return len(db.scalars(gone).all())
