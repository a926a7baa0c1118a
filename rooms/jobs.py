"""Jobs as rows: state, progress, cancelling, attempts. The worker executes them (web)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.errors import NotFound, WrongState
from rooms.ids import new_id
from rooms.models import Job
from rooms.words import JobState

_UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
_FIRST_WAIT = dt.timedelta(seconds=5)
"""Wait before the second attempt; it doubles with each further one, up to MAX_WAIT."""
_MAX_WAIT = dt.timedelta(minutes=10)


class JobCancelled(Exception):
    """Raised by ``progress`` when somebody asked to cancel: stop, clean up, call ``cancelled``."""


def enqueue(
    db: Session, kind: str, payload: Mapping[str, Any], now: dt.datetime, *, key: str = "",
    run_after: dt.datetime | None = None, max_attempts: int = 5, created_by: str | None = None,
) -> Job:  # fmt: skip
    """Put a job in the line; with ``key`` an unfinished one of the same kind and key is returned instead."""
    if key:
        same = sa.select(Job).where(Job.kind == kind, Job.key == key, Job.state.in_(_UNFINISHED))
        waiting = db.scalars(same).first()
        if waiting is not None:
            return waiting
    job = Job(
        id=new_id(), kind=kind, key=key, payload=dict(payload), run_after=run_after or now, max_attempts=max_attempts,
        created_at=now, created_by=created_by,
    )  # fmt: skip
    db.add(job)
    db.flush()
    return job


def claim(db: Session, worker: str, now: dt.datetime, *, lease: dt.timedelta = dt.timedelta(minutes=2)) -> Job | None:
    """Take the next job that is due, or one whose worker died (lease over). None when there is nothing to do."""
    due = sa.and_(Job.state == JobState.QUEUED, Job.run_after <= now)
    orphaned = sa.and_(Job.state == JobState.RUNNING, Job.lease_until < now)
    # Two workers on PostgreSQL must not take the same row; SQLite has one writer at a time anyway.
    chosen = sa.select(Job).where(sa.or_(due, orphaned)).order_by(Job.run_after, Job.created_at).limit(1)
    job = db.scalars(chosen.with_for_update(skip_locked=True)).first()
    while job is not None and job.state is JobState.RUNNING and job.attempts >= job.max_attempts:
        # It took its worker down with it every time: once more would not help.
        job.state, job.finished_at, job.lease_until = JobState.FAILED, now, None
        job.error = job.error or "job.worker_died The worker died while it did this."
        db.flush()
        job = db.scalars(chosen.with_for_update(skip_locked=True)).first()
    if job is None:
        return None
    job.state, job.worker, job.lease_until = JobState.RUNNING, worker, now + lease
    job.started_at, job.attempts, job.progress = now, job.attempts + 1, 0.0
    db.flush()
    return job


def progress(
    db: Session, job_id: str, done: float, now: dt.datetime, *, note: str = "",
    lease: dt.timedelta = dt.timedelta(minutes=2),
) -> None:  # fmt: skip
    """Say how far it is (0..1) and keep the lease. Raises JobCancelled."""
    job = _get(db, job_id)
    if job.cancel_asked:
        raise JobCancelled()
    job.progress, job.note, job.lease_until = min(max(done, 0.0), 1.0), note, now + lease


def finish(db: Session, job_id: str, now: dt.datetime, *, result: Mapping[str, Any] | None = None) -> None:
    """The job is done."""
    job = _get(db, job_id)
    job.state, job.progress, job.finished_at, job.lease_until = JobState.DONE, 1.0, now, None
    job.result, job.error = dict(result or {}), ""


def fail(db: Session, job_id: str, error: str, now: dt.datetime, *, again: bool = True) -> Job:
    """The attempt failed: tried again with growing delay until max_attempts, else failed for good."""
    job = _get(db, job_id)
    job.error, job.lease_until = error, None
    if again and not job.cancel_asked and job.attempts < job.max_attempts:
        job.state, job.run_after = JobState.QUEUED, now + min(_FIRST_WAIT * 2 ** (job.attempts - 1), _MAX_WAIT)
    else:
        job.state, job.finished_at = JobState.FAILED, now
    return job


def retry(db: Session, job_id: str, now: dt.datetime) -> Job:
    """Put a job that failed or was cancelled in the line again. Raises NotFound, WrongState for any other."""
    job = _get(db, job_id)
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise WrongState("job", job.state.value)
    job.state, job.run_after, job.cancel_asked, job.attempts = JobState.QUEUED, now, False, 0
    job.progress, job.note, job.error, job.finished_at = 0.0, "", "", None
    db.flush()
    return job


def check(db: Session, job_id: str) -> None:
    """Raises JobCancelled when somebody asked to cancel; reads only, so it may be asked often."""
    if db.scalar(sa.select(Job.cancel_asked).where(Job.id == job_id)):
        raise JobCancelled()


def cancel(db: Session, job_id: str, now: dt.datetime) -> Job:
    """Cancel: at once while it waits, at its next progress while it runs."""
    job = _get(db, job_id)
    job.cancel_asked = True
    if job.state is JobState.QUEUED:
        job.state, job.finished_at = JobState.CANCELLED, now
    return job


def cancelled(db: Session, job_id: str, now: dt.datetime) -> None:
    """The worker stopped because it was asked to."""
    job = _get(db, job_id)
    job.state, job.finished_at, job.lease_until = JobState.CANCELLED, now, None


def _get(db: Session, job_id: str) -> Job:
    job = db.get(Job, job_id, with_for_update=True)
    if job is None:
        raise NotFound()
    return job


def newest(db: Session, kind: str, key: str) -> Job | None:
    """The last job of a kind and key."""
    found = sa.select(Job).where(Job.kind == kind, Job.key == key)
    return db.scalars(found.order_by(Job.created_at.desc(), Job.id).limit(1)).first()


def cancel_by_key(db: Session, kind: str, key: str, now: dt.datetime) -> bool:
    """Cancel the unfinished job of a kind and key; whether nothing runs any more."""
    job = newest(db, kind, key)
    if job is None or job.state not in _UNFINISHED:
        return True
    return cancel(db, job.id, now).state is JobState.CANCELLED
