"""Relays: enrolled once with a one-time token, then known by their key."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import secrets
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import audit
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid, NotFound, TicketRefused
from rooms.ids import new_id
from rooms.logins import hashed
from rooms.models import EnrolToken, Relay
from rooms.words import Role


def enrol_token(db: Session, actor: Actor, now: dt.datetime, *, ttl: dt.timedelta = dt.timedelta(hours=1)) -> str:
    """A one-time token for a new relay. Raises Forbidden."""
    _may_manage(actor)
    token = secrets.token_urlsafe(32)
    db.add(
        EnrolToken(
            secret_hash=hashed(token), kind="relay", created_at=now, created_by=actor.user_id, expires_at=now + ttl
        )
    )
    db.flush()
    return token


def enrol(db: Session, token: str, public_key: str, now: dt.datetime, *, name: str = "", spool: str = "") -> Relay:
    """Enrol a relay. ``public_key``: base64 of 32 raw bytes. Raises TicketRefused, Invalid relay.bad_key."""
    _check_key(public_key)
    row = db.get(EnrolToken, hashed(token), with_for_update=True)
    if row is None or row.kind != "relay":
        raise TicketRefused()
    if row.used_at is not None:
        raise TicketRefused("ticket.used", "This enrolment token was used already.")
    if row.expires_at <= now:
        raise TicketRefused("ticket.expired", "This enrolment token has expired.")
    relay = Relay(id=new_id(), name=name, public_key=public_key, spool=spool, enrolled_at=now)
    db.add(relay)
    row.used_at, row.used_for = now, relay.id
    db.flush()
    return relay


def add(db: Session, relay_id: str, public_key: str, now: dt.datetime, *, name: str = "", spool: str = "") -> Relay:
    """Enrol a relay that this hub itself started (same data folder); the same id again updates key and spool."""
    _check_key(public_key)
    relay = db.get(Relay, relay_id)
    if relay is None:
        relay = Relay(id=relay_id, enrolled_at=now)
        db.add(relay)
    relay.name, relay.public_key, relay.spool, relay.retired_at = name, public_key, spool, None
    db.flush()
    return relay


def get(db: Session, relay_id: str) -> Relay | None:
    """A relay that is not retired."""
    relay = db.get(Relay, relay_id)
    return relay if relay is not None and relay.retired_at is None else None


def list_active(db: Session) -> list[Relay]:
    """Relays that are not retired."""
    return list(db.scalars(sa.select(Relay).where(Relay.retired_at.is_(None)).order_by(Relay.enrolled_at, Relay.id)))


def seen(db: Session, relay_id: str, now: dt.datetime, *, boot: str, pid: int, addresses: Sequence[str]) -> None:
    """A relay said hello."""
    relay = get(db, relay_id)
    if relay is None:
        raise NotFound()
    relay.seen_at, relay.boot, relay.pid, relay.addresses = now, boot, pid, list(addresses)


def ack(db: Session, relay_id: str, number: int) -> bool:
    """Note that report ``number`` is stored; False when it was already (do nothing with it then)."""
    raised = sa.update(Relay).where(Relay.id == relay_id, Relay.acked < number).values(acked=number).returning(Relay.id)
    return db.scalars(raised).first() is not None


def retire(db: Session, actor: Actor, relay_id: str, now: dt.datetime) -> None:
    """A relay is gone for good."""
    _may_manage(actor)
    relay = get(db, relay_id)
    if relay is None:
        raise NotFound()
    relay.retired_at = now
    audit.log(db, actor, "relay.retired", "relay", relay_id, now)


def _may_manage(actor: Actor) -> None:
    if actor.user_id is not None and not actor.has_role(Role.ADMIN):
        raise Forbidden()


def _check_key(public_key: str) -> None:
    try:
        good = len(base64.b64decode(public_key, validate=True)) == 32
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise Invalid("relay.bad_key", "A relay's key is 32 bytes in base64.", field="public_key")
