"""The worker process: finds what is due, runs jobs, survives being killed.

The row in ``job`` is the truth (rooms.jobs): claimed under a lease, tried again when the lease runs out. huey runs
what was claimed in its own threads, from a small queue file beside the worker; that queue is emptied at every start,
because the rows tell what is still to do. A worker that starts takes up at once what its dead forerunner held.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from huey.consumer import Consumer
from huey.contrib.sql_huey import SqlHuey
from sqlalchemy import update

from rooms import index, jobs, sessions, takes
from rooms.models import Job
from rooms.words import JobState
from web import errors, logs, nightly, parts
from web import jobs as work
from web.config import Config
from web.hub import Hub
from web.keeping import Keeping

log = logs.get("worker")

THREADS = 2
LOOK_EVERY_S = 0.5
FIND_EVERY = 4
"""Looks for jobs to each look for what is due: that takes seven questions, and what is due may wait for 2 s."""
LEASE = timedelta(minutes=2)
EXPIRE_EVERY = timedelta(hours=1)


def worker_name(data: Path) -> str:
    """What a worker on this folder calls itself on its jobs: the same after every restart."""
    return f"{socket.gethostname()}:{data}"[-64:]


class Worker:
    """One worker on one data folder. ``step`` is everything the feeding thread does once."""

    def __init__(self, hub: Hub, queue_file: Path) -> None:
        self.hub = hub
        self.name = worker_name(hub.config.data)
        self.busy = threading.Semaphore(THREADS)
        self.stopping = threading.Event()
        self.trouble = ""
        self.looks = 0
        queue_file.parent.mkdir(parents=True, exist_ok=True)
        self.huey = SqlHuey("diemcau", database=f"sqlite:///{queue_file}", results=False)
        self.huey.flush()
        self.execute: Callable[[str], object] = self.huey.task()(self._execute_named)

    def _execute_named(self, job_id: str) -> None:
        try:
            work.execute(self.hub, job_id)
        finally:
            self.busy.release()

    def take_up(self) -> int:
        """Free the jobs that a killed worker of this name still holds; how many."""
        with self.hub.database.write() as db:
            held = update(Job).where(Job.worker == self.name, Job.state == JobState.RUNNING)
            result = db.execute(held.values(lease_until=self.hub.now() - timedelta(seconds=1)))
            return int(getattr(result, "rowcount", 0) or 0)

    def find_due(self) -> None:
        """Put what is due into the line: sessions to lock, recordings to prepare, old things to remove."""
        now = self.hub.now()
        with self.hub.database.read() as db:
            locks = sessions.due_for_lock(db, now)
            replays = work.without_replay(db)
            late = takes.unplaced(db)
            expiry = work.next_expiry(db)
            night = nightly.due(db, now)
            old = index.is_old(db)
        if not locks and not replays and not late and not night and not old and expiry > now:
            return
        with self.hub.database.write() as db:
            for session_id in locks:
                jobs.enqueue(db, "lock", {"session": session_id}, now, key=session_id)
            for session_id in replays:
                jobs.enqueue(db, "replay", {"session": session_id}, now, key=session_id)
            for take_id in late:
                jobs.enqueue(db, "take", {"take": take_id}, now, key=take_id)
            if night:
                jobs.enqueue(db, "reconcile", {}, now, key="reconcile")
            if old:
                jobs.enqueue(db, "reindex", {}, now, key="reindex", max_attempts=1)
            if expiry <= now:
                jobs.enqueue(db, "expire", {}, now, key="expire", max_attempts=1)

    def feed(self) -> bool:
        """Claim one job and hand it to huey; False when there is nothing to do or no free thread."""
        if not self.busy.acquire(blocking=False):
            return False
        try:
            with self.hub.database.write() as db:
                job = jobs.claim(db, self.name, self.hub.now(), lease=LEASE)
                claimed = job.id if job is not None else ""
        except BaseException:
            self.busy.release()
            raise
        if not claimed:
            self.busy.release()
            return False
        self.execute(claimed)
        return True

    def step(self) -> None:
        """Look for what is due, then hand out as much as there are threads. Errors wait for the next step."""
        try:
            if self.work_waits():
                while self.feed():
                    pass
            self.trouble = ""
        except Exception as error:  # mostly the database being away; said once, not twice a second
            if type(error).__name__ != self.trouble:
                self.trouble = type(error).__name__
                log.warning("step failed", error=self.trouble, code=errors.code_of(error)[0])

    def work_waits(self) -> bool:
        """True when a job can be claimed; reading only, so that an idle worker never takes the write lock."""
        if self.looks % FIND_EVERY == 0:
            self.find_due()
        self.looks += 1
        with self.hub.database.read() as db:
            return work.claimable(db, self.hub.now())

    def feed_until_stopped(self) -> None:
        """The feeding thread."""
        while not self.stopping.wait(LOOK_EVERY_S):
            self.step()


def run(config: Config) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    logging.getLogger("huey").setLevel(logging.WARNING)
    hub = parts.open_parts(config)
    worker = Worker(hub, config.data / "worker" / "queue.db")
    log.info("worker started", taken_up=worker.take_up())
    feeder = threading.Thread(target=worker.feed_until_stopped, name="feeder", daemon=True)
    feeder.start()
    keeper = Keeping(hub)
    rounds = threading.Thread(target=keeper.run, name="keeping", daemon=True)
    rounds.start()
    consumer = Consumer(worker.huey, workers=THREADS, periodic=False, max_delay=0.3, check_worker_health=False)
    try:
        consumer.run()
    finally:
        worker.stopping.set()
        keeper.stopping.set()
        feeder.join(2)
        rounds.join(2)
        hub.database.dispose()
        log.info("worker stopped")
