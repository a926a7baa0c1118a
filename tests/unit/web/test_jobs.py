"""The lock job when the relay that wrote the journals never closes them, on a real database and real folders."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from media import journal
from rooms import access, recordings, sessions, verifier
from rooms import jobs as queue
from rooms.actor import SYSTEM
from rooms.copies import Copies
from rooms.db import Database
from rooms.errors import Conflict
from rooms.files import FileStore
from rooms.manifest import sha256_hex
from rooms.models import ReceptionSession, Relay
from rooms.signing import Signer
from rooms.stores import Folder
from rooms.words import SessionState
from web import jobs
from web.hub import Hub

NOW = dt.datetime(2026, 1, 31, 8, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
VECTOR = Path(__file__).parents[2] / "data" / "formats" / "journal-1.dcj"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
RELAY = "r" * 24


class Clock:
    """The hub's time, set by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(database: Database, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr(jobs, "TRACKS_PATIENCE_S", 0.0)
    parts = {"copies": Copies(Folder(tmp_path / "copies")), "recovered": tmp_path / "recovered", "now": clock}
    return cast(
        Hub, SimpleNamespace(database=database, files=FileStore(tmp_path / "files"), signer=SIGNER, **parts)
    )  # fmt: skip


@pytest.fixture
def session(hub: Hub, database: Database, tmp_path: Path) -> str:
    """A closed session, its lock due at NOW, with one journal that its relay has not closed."""
    with database.write() as db:
        row = sessions.open_plain(db, SYSTEM, "thử", NOW - 20 * MINUTE)
        db.add(Relay(id=RELAY, name="r", public_key="k", spool=str(tmp_path / "spool"), enrolled_at=NOW, seen_at=NOW))
        db.flush()
        who = sessions.add_participant(db, row.id, "máy", NOW - 20 * MINUTE).id
        file = f"{who}.mic.1.rnd.dcj"
        body = {"participant": who, "source": "mic", "part": 1, "file": file}
        recordings.track_reported(db, RELAY, row.id, "track_written", body, NOW - 19 * MINUTE)
        row.state, row.closed_at, row.lock_due_at = SessionState.CLOSED, NOW - 15 * MINUTE, NOW
        session_id = row.id
    place = tmp_path / "spool" / session_id
    place.mkdir(parents=True)
    whole = VECTOR.read_bytes()
    with VECTOR.open("rb") as opened:
        ends = [block.end for block in journal.read_blocks(opened)]
    (place / file).write_bytes(whole[: ends[-2] + 10])  # the last block never came to the disk whole
    return session_id


def seen(database: Database, at: dt.datetime) -> None:
    with database.write() as db:
        db.get_one(Relay, RELAY).seen_at = at


def test_a_relay_that_is_there_is_waited_for(hub: Hub, database: Database, clock: Clock, session: str) -> None:
    clock.now = NOW + 15 * MINUTE
    seen(database, clock.now - MINUTE)
    with pytest.raises(Conflict, match="still closing"):
        jobs.lock(hub, {"session": session}, lambda done, note: None)
    with database.read() as db:
        row = access.load_session(db, SYSTEM, session, now=clock.now)
        assert (row.state, row.lock_error) == (SessionState.CLOSED, "recording.tracks_open")


def test_a_relay_that_went_is_waited_for_ten_minutes(hub: Hub, database: Database, clock: Clock, session: str) -> None:
    clock.now = NOW + 9 * MINUTE
    with pytest.raises(Conflict):
        jobs.lock(hub, {"session": session}, lambda done, note: None)
    clock.now = NOW + 11 * MINUTE
    jobs.lock(hub, {"session": session}, lambda done, note: None)
    with database.write() as db:
        row = db.get_one(ReceptionSession, session)
        assert (row.state, row.complete, row.lock_error) == (SessionState.LOCKED, False, "")
        _package, folder = recordings.package_path(db, SYSTEM, hub.files, session, clock.now)
    checked = verifier.verify(str(folder), [SIGNER.public])
    assert checked["result"] == "intact", checked["problems"]
    [kept] = (folder / "journals").glob("*")
    assert kept.stat().st_size > 100, "what there is of the journal is kept as it is"


def test_a_relay_that_is_there_and_never_closes_is_given_up_after_an_hour(
    hub: Hub, database: Database, clock: Clock, session: str
) -> None:
    clock.now = NOW + 61 * MINUTE
    seen(database, clock.now)
    jobs.lock(hub, {"session": session}, lambda done, note: None)
    with database.read() as db:
        assert db.get_one(ReceptionSession, session).state is SessionState.LOCKED


def test_a_retired_relay_is_not_there(hub: Hub, database: Database, clock: Clock, session: str) -> None:
    clock.now = NOW + 11 * MINUTE
    with database.write() as db:
        row = db.get_one(Relay, RELAY)
        row.seen_at = row.retired_at = clock.now
    jobs.lock(hub, {"session": session}, lambda done, note: None)
    with database.read() as db:
        assert db.get_one(ReceptionSession, session).state is SessionState.LOCKED


def test_whoever_comes_back_while_the_lock_waits_is_not_given_up(
    hub: Hub, database: Database, clock: Clock, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub was off for a day: at its start the relay is absent, and links a moment later."""
    clock.now = NOW + 24 * 60 * MINUTE
    monkeypatch.setattr(jobs, "TRACKS_PATIENCE_S", 10.0)

    def step(done: float, note: str) -> None:
        if step_count:
            with database.write() as db:
                [track] = recordings.tracks_of(db, session)
                path = Path(db.get_one(Relay, RELAY).spool) / session / track.file
                data = VECTOR.read_bytes()
                path.write_bytes(data)
                body = {
                    "participant": track.participant_id, "source": "mic", "part": 1, "file": track.file,
                    "length": len(data), "sha256": sha256_hex(data), "packets": 2, "first_utc": 1.0,
                    "last_utc": 2.0,
                }  # fmt: skip
                recordings.track_reported(db, RELAY, session, "track_closed", body, clock.now)
        step_count.append(note)

    step_count: list[str] = []
    jobs.lock(hub, {"session": session}, step)
    with database.read() as db:
        [track] = recordings.tracks_of(db, session)
        assert track.state.value == "closed"
        assert db.get_one(ReceptionSession, session).state is SessionState.LOCKED


def test_a_session_opened_again_is_prepared_again(database: Database, session: str) -> None:
    def report(kind: str, part: int, at: dt.datetime) -> None:
        body = {"participant": "p" * 24, "source": "mic", "part": part, "file": f"{part}.dcj"}
        closed = {"length": 1, "sha256": "0" * 64, "packets": 0}
        recordings.track_reported(db, RELAY, session, kind, body | (closed if kind == "track_closed" else {}), at)

    with database.write() as db:
        (track,) = recordings.tracks_of(db, session)
        db.delete(track)
        report("track_closed", 1, NOW - 15 * MINUTE)
        assert jobs.without_replay(db) == [session]
        queue.enqueue(db, "replay", {"session": session}, NOW - 14 * MINUTE, key=session)
        assert jobs.without_replay(db) == []
        report("track_written", 2, NOW - 10 * MINUTE)
        assert jobs.without_replay(db) == [], "it is being written"
        report("track_closed", 2, NOW - 5 * MINUTE)
        assert jobs.without_replay(db) == [session]
