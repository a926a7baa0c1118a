"""Who did or looked at what. Ids only, never names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import AuditEntry


def log(
    db: Session, actor: Actor, action: str, object_kind: str, object_id: str, now: dt.datetime, *, reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> AuditEntry:  # fmt: skip
    """Write one entry in the caller's transaction."""
    raise NotImplementedError


def entries_of(db: Session, object_kind: str, object_id: str, *, limit: int = 200) -> list[AuditEntry]:
    """Entries about an object, newest first; the caller has loaded the object."""
    raise NotImplementedError
