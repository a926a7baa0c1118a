"""What the worker does once a night: compare what should be there with what is, and say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rooms import keeping, reconcile
from rooms.models import Job, Package
from web import logs, redisposing
from web.commands.people import LOCAL_TIME
from web.hub import Hub

log = logs.get("nightly")

Step = Callable[[float, str], None]

AT = time(2, 0)
"""Local time: nobody is received, and the nightly backup of most houses comes later."""


def compare(hub: Hub, _payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Reconcile; the report is a row of its own and is read on /reconciliation."""
    now = hub.now()
    report = reconcile.reconcile(
        hub.database, hub.files, hub.store, now, sample=hub.config.reconcile_sample,
        seed=int(now.timestamp()), step=step, clock=hub.now, more=redisposing.findings(hub),
    )  # fmt: skip
    figures = {"sessions": report.sessions, "complete": report.complete, "findings": len(report.findings)}
    (log.error if report.findings else log.info)("reconciled", files=report.files, **figures)
    return {"report": report.id, **figures}


def due(db: Session, now: datetime) -> bool:
    """Whether last night's comparison was not begun yet. The first comes in the night after the first locked record."""
    tonight = datetime.combine(now.astimezone(LOCAL_TIME).date(), AT, LOCAL_TIME)
    if now < tonight:
        tonight -= timedelta(days=1)
    last = db.scalar(select(func.max(Job.created_at)).where(Job.kind == "reconcile"))
    if last is None:
        first = db.scalar(select(func.min(Package.locked_at)))
        return first is not None and first < tonight
    return last < tonight


def state(db: Session) -> tuple[float | None, keeping.StoreState | None]:
    """Share of complete records of the last report (None before the first), and how the store fares."""
    report = reconcile.latest(db)
    share = None if report is None or not report.sessions else report.complete / report.sessions
    return share, keeping.state_of(db)
