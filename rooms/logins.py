"""Server-side log-in sessions. The cookie's value is hashed here; ``data`` is the web layer's own."""

from __future__ import annotations

import datetime as dt
import hashlib

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.models import LoginSession


def hashed(secret: str) -> str:
    """What is stored of a bearer secret: it has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def read(db: Session, secret: str, now: dt.datetime) -> bytes:
    """The stored data, empty when unknown or expired."""
    row = db.get(LoginSession, hashed(secret))
    return row.data if row is not None and row.expires_at > now else b""


def write(
    db: Session, secret: str, data: bytes, ttl: dt.timedelta, now: dt.datetime, *, user_id: str | None = None
) -> None:
    """Store data under a cookie value and extend its life."""
    row = db.get(LoginSession, hashed(secret))
    if row is None:
        row = LoginSession(id=hashed(secret), created_at=now)
        db.add(row)
    row.data, row.seen_at, row.expires_at = data, now, now + ttl
    if user_id is not None:
        row.user_id = user_id


def remove(db: Session, secret: str) -> None:
    """End one log-in."""
    db.execute(sa.delete(LoginSession).where(LoginSession.id == hashed(secret)))


def remove_all(db: Session, user_id: str, *, but: str = "") -> int:
    """End all log-ins of a user, except the one with the cookie value ``but``; how many."""
    gone = sa.delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id != hashed(but))
    return _count(db, gone)


def purge(db: Session, now: dt.datetime) -> int:
    """Forget expired log-ins; how many."""
    return _count(db, sa.delete(LoginSession).where(LoginSession.expires_at <= now))


def _count(db: Session, statement: sa.Delete) -> int:
    return len(db.scalars(statement.returning(LoginSession.id)).all())
