"""The worker is killed (-9) while it composes: nothing of it goes on, and the next worker ends the job."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rooms import derived, sessions
from rooms.actor import SYSTEM
from rooms.db import Database, migrate, open_database
from rooms.files import FileStore
from rooms.models import Job, ReceptionSession, ReplayFile
from rooms.words import JobState, SessionState
from tests.support.hub import PYTHON, clean_environ
from tests.support.replayable import Point, Story, stage

STORY = Story([Point("Lục Ngạn", [(0, 3)]), Point("Trung ương", [(0, 3)])], clip_s=3, one_clip=True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path / 'hub.db'}")
    migrate(found)
    yield found
    found.dispose()


def start_worker(folder: Path) -> subprocess.Popen[bytes]:
    # While a session runs derived media get nothing: the job stands where it is.
    environ = {**clean_environ(), "HUB_DERIVED_CPU_PERCENT": "0"}
    with (folder / "worker.log").open("ab") as log:
        return subprocess.Popen([PYTHON, "-m", "web", "worker", "--data", str(folder)], stderr=log, env=environ)


def until(condition: Callable[[], object], within: float) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within
        time.sleep(0.02)
    return time.monotonic() - began


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(one) for one in found.split()]


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_killed_worker_leaves_no_maker_and_the_next_one_ends_its_job(database: Database, tmp_path: Path) -> None:
    session = stage(database, FileStore(tmp_path / "files"), STORY)
    with database.write() as db:
        other = sessions.open_plain(db, SYSTEM, "đang tiếp", dt.datetime.now(dt.UTC))
        other.state = SessionState.RUNNING
        running = other.id
        job = derived.ask(db, SYSTEM, session, derived.COMPOSED, dt.datetime.now(dt.UTC)).id
    area = tmp_path / "files" / "replay"
    worker = start_worker(tmp_path)
    try:
        until(lambda: said(database, job) == "composing", 90)
        (maker,) = children(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        assert until(lambda: not lives(maker), 10) < 2.0, "the maker ends with its worker"
    finally:
        worker.kill()
        worker.wait()
    with database.write() as db:
        db.get_one(ReceptionSession, running).state = SessionState.CLOSED
    worker = start_worker(tmp_path)
    try:
        until(lambda: state(database, job) is JobState.DONE, 90)
    finally:
        worker.terminate()
        worker.wait(20)
    with database.read() as db:
        assert db.query(ReplayFile).filter_by(session_id=session, kind="composed").count() == 1
        assert db.get_one(Job, job).attempts == 2
    assert list(area.glob("composing-*")) == []


def said(database: Database, job: str) -> str:
    with database.read() as db:
        return db.get_one(Job, job).note


def state(database: Database, job: str) -> JobState:
    with database.read() as db:
        return db.get_one(Job, job).state
