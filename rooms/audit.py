"""Who did or looked at what. Ids only, never names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import AuditEntry


def log(
    db: Session, actor: Actor, action: str, object_kind: str, object_id: str, now: dt.datetime, *, reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:  # fmt: skip
    """Write one entry in the caller's transaction."""
    entry = AuditEntry(
        at=now,
        user_id=actor.user_id,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        reason=reason,
        detail=dict(detail or {}),
    )
    db.add(entry)
    return entry


def entries_of(db: Session, object_kind: str, object_id: str, *, limit: int = 200) -> list[AuditEntry]:
    """Entries about an object, newest first; the caller has loaded the object."""
    found = sa.select(AuditEntry).where(AuditEntry.object_kind == object_kind, AuditEntry.object_id == object_id)
    return list(db.scalars(found.order_by(AuditEntry.id.desc()).limit(limit)))
