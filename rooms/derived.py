"""Composed files and sound-only files: asked for by a person, made by the worker, a cache like the replay files.

Whoever may replay a session may ask for them; who asked, and the records officer, may cancel. They hold no more than
the replay shows, and are loaded through the session, so a restricted session's file is as restricted as the session.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, jobs
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.models import Job, ReceptionSession, ReplayFile
from rooms.words import JobState, SessionState

COMPOSED = "composed"
SOUND = "sound"
KINDS = (COMPOSED, SOUND)
JOB_KINDS = {COMPOSED: "compose", SOUND: "sound"}
OVER = (SessionState.CLOSED, SessionState.LOCKED)


def ask(db: Session, actor: Actor, session_id: str, kind: str, now: dt.datetime) -> Job:
    """Have a file made; one that is being made already is given instead.

    Raises NotFound, Forbidden, Invalid derived.kind, WrongState while the session runs, Conflict derived.nothing where
    nothing was recorded.
    """
    if kind not in KINDS:
        raise Invalid("derived.kind", "There is no such kind of file.")
    session = access.load_recording(db, actor, session_id, now=now)
    if session.state not in OVER:
        raise WrongState("session", session.state.value)
    if not session.part:
        raise Conflict("derived.nothing", "Nothing was recorded in this session.")
    job = jobs.enqueue(
        db, JOB_KINDS[kind], {"session": session_id}, now, key=session_id, created_by=actor.user_id
    )  # fmt: skip
    audit.log(db, actor, "recording.composed", "session", session_id, now, detail={"kind": kind})
    return job


def ask_replay(db: Session, session: ReceptionSession, now: dt.datetime) -> bool:
    """Have replay files made again that were removed for their age; False when there is nothing to make or it is under
    way. The caller has loaded the session."""
    if session.state not in OVER or not session.part:
        return False
    under_way = sa.select(Job.id).where(Job.kind == "replay", Job.key == session.id, Job.state != JobState.DONE)
    if db.scalar(under_way.limit(1)) is not None:
        return False
    jobs.enqueue(db, "replay", {"session": session.id}, now, key=session.id)
    return True


def of_session(
    db: Session, actor: Actor, session_id: str, now: dt.datetime
) -> dict[str, tuple[ReplayFile | None, Job | None]]:
    """Per kind the file, if there is one, and the newest job. Raises NotFound, Forbidden."""
    access.load_recording(db, actor, session_id, now=now)
    found: dict[str, tuple[ReplayFile | None, Job | None]] = {}
    for kind in KINDS:
        file = sa.select(ReplayFile).where(ReplayFile.session_id == session_id, ReplayFile.kind == kind)
        job = sa.select(Job).where(Job.kind == JOB_KINDS[kind], Job.key == session_id).order_by(Job.created_at.desc())
        found[kind] = (db.scalars(file.limit(1)).first(), db.scalars(job.limit(1)).first())
    return found


def cancel(db: Session, actor: Actor, job_id: str, now: dt.datetime) -> Job:
    """Stop making a file. Raises NotFound, Forbidden for another's job without ARCHIVE."""
    job = _load(db, actor, job_id, now)
    if job.state not in (JobState.QUEUED, JobState.RUNNING):
        raise WrongState("job", job.state.value)
    return jobs.cancel(db, job_id, now)


def retry(db: Session, actor: Actor, job_id: str, now: dt.datetime) -> Job:
    """Try a job again that failed or was cancelled. Raises NotFound, Forbidden, WrongState."""
    _load(db, actor, job_id, now)
    return jobs.retry(db, job_id, now)


def _load(db: Session, actor: Actor, job_id: str, now: dt.datetime) -> Job:
    job = db.get(Job, job_id)
    if job is None or job.kind not in JOB_KINDS.values():
        raise NotFound()
    session = access.load_recording(db, actor, job.key, now=now)
    if job.created_by == actor.user_id and actor.user_id is not None:
        return job
    if Right.ARCHIVE not in access.rights_on(db, actor, access.subject_of(db, session), now):
        raise Forbidden()
    return job
