"""Server-side log-in sessions. The cookie's value is hashed here; ``data`` is the web layer's own."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session


def read(db: Session, secret: str, now: dt.datetime) -> bytes:
    """The stored data, empty when unknown or expired."""
    raise NotImplementedError


def write(
    db: Session, secret: str, data: bytes, ttl: dt.timedelta, now: dt.datetime, *, user_id: str | None = None
) -> None:
    """Store data under a cookie value and extend its life."""
    raise NotImplementedError


def remove(db: Session, secret: str) -> None:
    """End one log-in."""
    raise NotImplementedError


def remove_all(db: Session, user_id: str, *, but: str = "") -> int:
    """End all log-ins of a user, except the one with the cookie value ``but``; how many."""
    raise NotImplementedError


def purge(db: Session, now: dt.datetime) -> int:
    """Forget expired log-ins; how many."""
    raise NotImplementedError
