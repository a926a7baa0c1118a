"""Training mode (phiên thử): a space of its own, no numbers, no counters, gone after seven days (design 1)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import TrainingSpace

LIFE = dt.timedelta(days=7)


def training_space(db: Session, actor: Actor, site_id: str, now: dt.datetime, *, name: str = "") -> TrainingSpace:
    """A fresh space at a site. The caller has checked the actor."""
    space = TrainingSpace(site_id=site_id, name=name, created_by=actor.user_id, created_at=now, expires_at=now + LIFE)
    db.add(space)
    db.flush()
    return space


def expired(db: Session, now: dt.datetime) -> list[str]:
    """Ids of spaces whose seven days are over."""
    return list(db.scalars(sa.select(TrainingSpace.id).where(TrainingSpace.expires_at <= now)))
