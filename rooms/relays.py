"""Relays: enrolled once with a one-time token, then known by their key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Relay


def enrol_token(db: Session, actor: Actor, now: dt.datetime, *, ttl: dt.timedelta = dt.timedelta(hours=1)) -> str:
    """A one-time token for a new relay. Raises Forbidden."""
    raise NotImplementedError


def enrol(db: Session, token: str, public_key: str, now: dt.datetime, *, name: str = "", spool: str = "") -> Relay:
    """Enrol a relay. ``public_key``: base64 of 32 raw bytes. Raises TicketRefused, Invalid relay.bad_key."""
    raise NotImplementedError


def add(db: Session, relay_id: str, public_key: str, now: dt.datetime, *, name: str = "", spool: str = "") -> Relay:
    """Enrol a relay that this hub itself started (same data folder); the same id again updates key and spool."""
    raise NotImplementedError


def get(db: Session, relay_id: str) -> Relay | None:
    """A relay that is not retired."""
    raise NotImplementedError


def list_active(db: Session) -> list[Relay]:
    """Relays that are not retired."""
    raise NotImplementedError


def seen(db: Session, relay_id: str, now: dt.datetime, *, boot: str, pid: int, addresses: Sequence[str]) -> None:
    """A relay said hello."""
    raise NotImplementedError


def ack(db: Session, relay_id: str, number: int) -> bool:
    """Note that report ``number`` is stored; False when it was already (do nothing with it then)."""
    raise NotImplementedError


def retire(db: Session, actor: Actor, relay_id: str, now: dt.datetime) -> None:
    """A relay is gone for good."""
    raise NotImplementedError
