"""What the worker can do: lock a session, make its replay files, remove what is old.

A job runs in a thread of the worker; the heavy part of ``replay`` runs in a process of its own with low priority.
Between steps each job says how far it is, which keeps its lease and tells it when somebody cancelled it.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from rooms import derived, heads, jobs, logins, recordings, takes, tickets, training
from rooms.errors import RoomsError
from rooms.models import Job, Package, ReceptionSession, Relay, ReplayFile, Take, Track
from rooms.words import JobState, SessionState, TrackState
from signaling.takes import against
from web import (
    certificates,
    composing,
    deliveries,
    disposing,
    errors,
    extracts,
    logs,
    nightly,
    publish,
    reindexing,
    replays,
    restore,
)
from web.commands.people import LOCAL_TIME
from web.hub import Hub

log = logs.get("jobs")

Step = replays.Step


class Progress:
    """Says how far a job is. Progress is written down at most every SAY_EVERY_S, or every percent."""

    def __init__(self, hub: Hub, job_id: str) -> None:
        self._hub, self._job = hub, job_id
        self._said, self._said_at = -1.0, 0.0

    def __call__(self, done: float, note: str = "") -> None:
        """Raises JobCancelled."""
        now = time.monotonic()
        if now - self._said_at < SAY_EVERY_S and abs(done - self._said) < 0.01:
            self.check()
            return
        self._said, self._said_at = done, now
        with self._hub.database.write() as db:
            jobs.progress(db, self._job, done, self._hub.now(), note=note)

    def check(self) -> None:
        """Raises JobCancelled."""
        with self._hub.database.read() as db:
            jobs.check(db, self._job)


TRACKS_PATIENCE_S = 30.0
"""How long a lock waits for the relay to close its journals before it lets go and tries again later."""
GIVE_UP_AFTER = timedelta(hours=1)
"""A relay that has not closed its journals so long after the lock was due will not: they are taken as they are."""
GIVE_UP_ABSENT_AFTER = timedelta(minutes=10)
"""The same for a relay that is not there at all."""
ABSENT_AFTER = timedelta(minutes=3)
"""A linked relay is noted every minute (signaling.relays.SEEN_EVERY_S)."""

KEEP_LEASE_S = 30.0
SAY_EVERY_S = 5.0
EXPIRE_EVERY = timedelta(hours=1)
SPOOL_KEEP = timedelta(minutes=30)
"""Journals stay in the spool so long after the lock: a replay job may still read them there."""


def execute(hub: Hub, job_id: str) -> None:
    """Run one claimed job to its end and write down how it went. Never raises."""
    with hub.database.read() as db:
        job = db.get(Job, job_id)
        kind, payload = (job.kind, dict(job.payload)) if job is not None else ("", {})
    began = time.monotonic()
    try:
        with lease_kept(hub, job_id):
            result = KINDS[kind](hub, payload, Progress(hub, job_id))
        with hub.database.write() as db:
            jobs.finish(db, job_id, hub.now(), result=result)
        log.info("job done", job=job_id, kind=kind, seconds=round(time.monotonic() - began, 2))
    except jobs.JobCancelled:
        with hub.database.write() as db:
            jobs.cancelled(db, job_id, hub.now())
        log.info("job cancelled", job=job_id, kind=kind)
    except Exception as error:
        _failed(hub, job_id, kind, error)


def _failed(hub: Hub, job_id: str, kind: str, error: Exception) -> None:
    code, message = errors.code_of(error)
    if code == "internal":
        code, message = f"internal.{type(error).__name__}", ""
        log.error("job failed", job=job_id, kind=kind, exc_info=error)
    else:
        log.warning("job failed", job=job_id, kind=kind, code=code)
    try:
        with hub.database.write() as db:
            jobs.fail(db, job_id, f"{code} {message}".strip(), hub.now())
    except RoomsError as again:
        log.error("job left to its lease", job=job_id, code=again.code)


@contextmanager
def lease_kept(hub: Hub, job_id: str) -> Iterator[None]:
    """Extends the job's lease while a long step runs."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(KEEP_LEASE_S):
            try:
                with hub.database.write() as db:
                    job = db.get(Job, job_id)
                    if job is not None and job.state == JobState.RUNNING:
                        job.lease_until = hub.now() + timedelta(minutes=2)
            except RoomsError as error:
                log.warning("lease not kept", job=job_id, code=error.code)

    thread = threading.Thread(target=keep, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def lock(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Build, sign and keep the package of a closed session."""
    session_id = payload["session"]
    deadline = time.monotonic() + TRACKS_PATIENCE_S
    given_up = False
    while True:
        step(0.1, "waiting for journals")
        try:
            restore.from_copies(hub, session_id, is_final=given_up)
            package = recordings.lock_apart(
                hub.database, hub.files, session_id, hub.signer, hub.now(), force=given_up, recovered=hub.recovered
            )
            result = {"package": package.id}
            break
        except RoomsError as error:
            if error.code == "recording.tracks_open" and time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            # Only now, so that a relay has the time to come back to a hub that was off itself.
            if error.code == "recording.tracks_open" and not given_up and no_more_to_come(hub, session_id):
                log.error("locked without its relay", session=session_id)
                given_up = True
                continue
            note_failure(hub, session_id, error.code)
            raise
    replays.list_in_package(hub, session_id)
    return result


def no_more_to_come(hub: Hub, session_id: str) -> bool:
    """Whether waiting for the session's open journals has no use any more (design 6: every session locks)."""
    now = hub.now()
    with hub.database.read() as db:
        row = db.get(ReceptionSession, session_id)
        if row is None or row.lock_due_at is None:
            return False
        late = now - row.lock_due_at
        query = (
            select(Relay.seen_at, Relay.retired_at)
            .select_from(Track)
            .join(Relay, Relay.id == Track.relay_id, isouter=True)
            .where(Track.session_id == session_id, Track.state == TrackState.WRITING)
        )
        there = any(
            retired is None and seen is not None and now - seen <= ABSENT_AFTER for seen, retired in db.execute(query)
        )
    return late > (GIVE_UP_AFTER if there else GIVE_UP_ABSENT_AFTER)


def note_failure(hub: Hub, session_id: str, code: str) -> None:
    """Let the board show that the package could not be made."""
    with hub.database.write() as db:
        recordings.lock_failed(db, session_id, code)


def replay(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Make the replay files of a session whose journals are closed."""
    return replays.build(hub, payload["session"], step, step.check)


def compose(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Make one MP4 of a session."""
    return composing.build(hub, payload["session"], derived.COMPOSED, step)


def sound(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Make one file of a session's sound."""
    return composing.build(hub, payload["session"], derived.SOUND, step)


def place_take(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Sign a take that came after the lock of its session, as a supplement."""
    step(0.1, "")
    with hub.database.write() as db:
        path = takes.supplement(db, hub.files, payload["take"], hub.signer, hub.now())
    return {"supplement": path.rpartition("/")[2]}


def expire(hub: Hub, _payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Remove ended log-ins, old tickets, old replay files, and test sessions after their seven days.

    Also makes yesterday's head over all packages, once.
    """
    now = hub.now()
    with hub.database.write() as db:
        ended = {"logins": logins.purge(db, now), "tickets": tickets.purge(db, now)}
    step(0.3, "")
    ended["journals"] = replays.release_spools(hub, now - SPOOL_KEEP)
    ended["copies"] = restore.release(hub, now - SPOOL_KEEP)
    ended["takes"] = file_quiet_takes(hub)
    step(0.3, "")
    ended["training"] = expire_training(hub, now)
    step(0.6, "")
    with hub.database.write() as db:
        heads.daily_head(db, now.astimezone(LOCAL_TIME).date() - timedelta(days=1), now)
    ended["published"] = publish.publish_all(hub)
    ended["certificates"] = certificates.send_out(hub)
    return {**ended, "replays": replays.expire(hub, now - timedelta(days=hub.config.replay_keep_days))}


def file_quiet_takes(hub: Hub) -> int:
    """File what devices began to hand in and never finished, as far as it came; how many. Locked sessions only: of the
    others an app writes the log, and the device may still come."""
    with hub.database.read() as db:
        quiet = takes.quiet(db, hub.now())
    filed = 0
    for take_id in quiet:
        with hub.database.write() as db:
            take = db.get_one(Take, take_id)
            if db.get_one(ReceptionSession, take.session_id).state is not SessionState.LOCKED:
                continue
            done = takes.file(db, take_id, hub.files, against(db, take), hub.now())
            filed += 1
        for path in done.orphans:
            hub.files.remove(path)
    return filed


def expire_training(hub: Hub, now: datetime) -> int:
    """Remove test sessions whose time is over, with their journals in the spools of this machine; how many spaces."""
    with hub.database.read() as db:
        spaces = training.expired(db, now)
        spools = [Path(relay.spool) for relay in db.scalars(select(Relay)) if relay.spool]
    for space in spaces:
        with hub.database.write() as db:
            gone = training.purge(db, hub.files, space, now)
        for session_id in gone:
            hub.copies.remove(session_id)
            shutil.rmtree(hub.recovered / session_id, ignore_errors=True)
        for spool in spools:
            for session_id in gone:
                shutil.rmtree(spool / session_id, ignore_errors=True)
    return len(spaces)


KINDS: dict[str, Callable[[Hub, dict[str, Any], Step], dict[str, Any]]] = {
    "lock": lock,
    "replay": replay,
    "take": place_take,
    "compose": compose,
    "sound": sound,
    "expire": expire,
    "dispose": disposing.dispose,
    "extract": extracts.make,
    "deliver": deliveries.deliver,
    "reconcile": nightly.compare,
    "reindex": reindexing.rebuild,
}


def without_replay(db: Session) -> list[str]:
    """Closed or locked sessions with finished journals and no replay file of all of them made or asked for.

    A session that was closed, prepared, and opened again has journals that are newer than the job.
    """
    here = Track.session_id == ReceptionSession.id
    newest = select(func.max(Track.created_at)).where(here).scalar_subquery()
    asked_at = select(func.max(Job.created_at)).where(Job.kind == "replay", Job.key == ReceptionSession.id)
    came_in = exists().where(Take.session_id == ReceptionSession.id, Take.filed_at > asked_at.scalar_subquery())
    writing = exists().where(here, Track.state == TrackState.WRITING)
    finished = exists().where(here, Track.state != TrackState.WRITING)
    made = exists().where(ReplayFile.session_id == ReceptionSession.id)
    asked = exists().where(Job.kind == "replay", Job.key == ReceptionSession.id)
    up_to_date = exists().where(Job.kind == "replay", Job.key == ReceptionSession.id, Job.created_at >= newest)
    has_takes = exists().where(Take.session_id == ReceptionSession.id, Take.pieces > 0)
    over = ReceptionSession.state.in_((SessionState.CLOSED, SessionState.LOCKED))
    wanted = or_(and_(asked, ~up_to_date), and_(~asked, ~made), came_in)
    gone = exists().where(Package.session_id == ReceptionSession.id, Package.disposed_at.is_not(None))
    query = select(ReceptionSession.id).where(over, or_(finished, has_takes), ~writing, wanted, ~gone)
    return list(db.scalars(query.limit(20)))


def next_expiry(db: Session) -> datetime:
    """When old things are to be removed again."""
    last = db.scalar(select(func.max(Job.created_at)).where(Job.kind == "expire"))
    if last is None:
        return datetime.fromtimestamp(0, UTC)
    return last + EXPIRE_EVERY


def claimable(db: Session, now: datetime) -> bool:
    """True when ``jobs.claim`` would find something."""
    waits = (Job.state == JobState.QUEUED) & (Job.run_after <= now)
    dead = (Job.state == JobState.RUNNING) & or_(Job.lease_until.is_(None), Job.lease_until <= now)
    return db.scalar(select(Job.id).where(or_(waits, dead)).limit(1)) is not None
