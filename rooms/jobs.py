"""Jobs as rows: state, progress, cancelling, attempts. The worker executes them (web)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from rooms.models import Job


class JobCancelled(Exception):
    """Raised by ``progress`` when somebody asked to cancel: stop, clean up, call ``cancelled``."""


def enqueue(
    db: Session, kind: str, payload: Mapping[str, Any], now: dt.datetime, *, key: str = "",
    run_after: dt.datetime | None = None, max_attempts: int = 5, created_by: str | None = None,
) -> Job:  # fmt: skip
    """Put a job in the line; with ``key`` an unfinished one of the same kind and key is returned instead."""
    raise NotImplementedError


def claim(db: Session, worker: str, now: dt.datetime, *, lease: dt.timedelta = dt.timedelta(minutes=2)) -> Job | None:
    """Take the next job that is due, or one whose worker died (lease over). None when there is nothing to do."""
    raise NotImplementedError


def progress(
    db: Session, job_id: str, done: float, now: dt.datetime, *, note: str = "",
    lease: dt.timedelta = dt.timedelta(minutes=2),
) -> None:  # fmt: skip
    """Say how far it is (0..1) and keep the lease. Raises JobCancelled."""
    raise NotImplementedError


def finish(db: Session, job_id: str, now: dt.datetime, *, result: Mapping[str, Any] | None = None) -> None:
    """The job is done."""
    raise NotImplementedError


def fail(db: Session, job_id: str, error: str, now: dt.datetime, *, again: bool = True) -> Job:
    """The attempt failed: tried again with growing delay until max_attempts, else failed for good."""
    raise NotImplementedError


def cancel(db: Session, job_id: str, now: dt.datetime) -> Job:
    """Cancel: at once while it waits, at its next progress while it runs."""
    raise NotImplementedError


def cancelled(db: Session, job_id: str, now: dt.datetime) -> None:
    """The worker stopped because it was asked to."""
    raise NotImplementedError
