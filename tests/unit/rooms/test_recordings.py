"""Reports of relays, the lock, packages, replay files."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from rooms import heads, papers, recordings, relays, sessions, signing
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.errors import Conflict, Forbidden, Invalid, NotFound, WrongState
from rooms.files import FileStore
from rooms.models import Gap, ReceptionSession
from rooms.sessions import NewEvent
from rooms.signing import Signer
from rooms.vault import Vault
from rooms.verifier import main as verify
from rooms.words import SessionState, TrackState
from tests.support.actors import World
from tests.support.factories import NOW, PDF, open_case, registered, stream

AT = NOW.timestamp()
RELAY = "r" * 24


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signing.create(tmp_path / "keys")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def session(db: Session, world: World, vault: Vault, spool: Path) -> ReceptionSession:
    relays.add(db, RELAY, base64.b64encode(bytes(32)).decode(), NOW, spool=str(spool))
    visit = registered(db, world.alice, world.district, vault)
    open_case(db, world.alice, world.district, visit_id=visit.id)
    session = sessions.open_for_visit(db, world.bob, visit.id, NOW)
    events = [NewEvent(kind="session.opened", utc=AT), NewEvent(kind="record.started", utc=AT, body={"part": 1})]
    sessions.append_events(db, session.id, 0, events)
    sessions.set_state(db, session.id, 0, SessionState.RUNNING, NOW)
    return session


def report(
    session: ReceptionSession, spool: Path, file: str = "a.dcj", first: float = 0, last: float = 20
) -> dict[str, Any]:
    """A journal in the spool and what the relay says of it."""
    folder = spool / session.id
    folder.mkdir(parents=True, exist_ok=True)
    data = f"journal {file}".encode() * 100
    (folder / file).write_bytes(data)
    return {
        "participant": session.participants[0].id, "source": "mic", "part": 1, "file": file, "length": len(data),
        "sha256": hashlib.sha256(data).hexdigest(), "first_utc": AT + first, "last_utc": AT + last, "packets": 900,
    }  # fmt: skip


def close(db: Session, session: ReceptionSession, after: float = 20) -> None:
    sessions.append_events(db, session.id, 0, [NewEvent(kind="session.closed", utc=AT + after)])
    from datetime import timedelta

    sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW + timedelta(seconds=after))


def test_it_works(
    db: Session, world: World, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Reported, closed, locked: the stand-alone verifier knows the package by the hub's key."""
    body = report(session, spool)
    track = recordings.track_reported(db, RELAY, session.id, "track_written", body, NOW)
    assert track is not None
    assert track.state is TrackState.WRITING
    recordings.track_reported(db, RELAY, session.id, "track_closed", body, NOW)
    assert (track.state, track.sha256, track.packets) == (TrackState.CLOSED, body["sha256"], 900)
    close(db, session)
    package = recordings.lock(db, files, session.id, signer, NOW)
    assert (session.state, session.complete, session.lost_s) == (SessionState.LOCKED, True, 0.0)
    folder = files.path_of(package.path)
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == package.manifest_sha256
    key = tmp_path / "hub.pem"
    key.write_bytes(signer.public_pem())
    assert verify([str(folder), "--key", str(key)]) == 1  # made-up bytes are no journal; all else is right
    problems = json.loads(_json_of(verify, [str(folder), "--key", str(key), "--json"], capsys))["problems"]
    assert {problem["path"] for problem in problems} == {"journals/a.dcj"}


def _json_of(run: Any, argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    run(argv)
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_the_package_names_nobody_and_no_file(
    db: Session, world: World, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    recordings.track_reported(db, RELAY, session.id, "track_closed", report(session, spool), NOW)
    sessions.set_people(db, session.id, session.participants[0].id, [{"name": "Nguyễn Văn Thử"}], NOW)
    close(db, session)
    package = recordings.lock(db, files, session.id, signer, NOW)
    text = "".join(p.read_text(errors="replace") for p in files.path_of(package.path).rglob("*.json*"))
    for word in ("Nguyễn", "D1", str(session.visit_id), str(session.site_id)):
        assert word not in text


def test_reports_may_come_twice_and_late(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    body = report(session, spool)
    for kind in ("track_closed", "track_closed", "track_written"):  # a report stored before its first bytes' report
        track = recordings.track_reported(db, RELAY, session.id, kind, body, NOW)
    assert track is not None
    assert (track.state, len(recordings.tracks_of(db, session.id))) == (TrackState.CLOSED, 1)
    close(db, session)
    recordings.lock(db, files, session.id, signer, NOW)
    late = recordings.track_reported(db, RELAY, session.id, "track_closed", body | {"file": "late.dcj"}, NOW)
    assert (late, len(recordings.tracks_of(db, session.id))) == (None, 1)
    with pytest.raises(NotFound):
        recordings.track_reported(db, RELAY, "a" * 24, "track_closed", body, NOW)


def test_heads_are_noted_while_a_track_is_written(db: Session, session: ReceptionSession, spool: Path) -> None:
    body = report(session, spool)
    track = recordings.track_reported(db, RELAY, session.id, "track_written", body, NOW)
    recordings.track_reported(db, RELAY, session.id, "heads", {"files": {"a.dcj": ["f" * 64, 77], "b": ["0", 1]}}, NOW)
    assert track is not None
    assert (track.head, track.length) == ("f" * 64, 77)
    assert recordings.track_reported(db, RELAY, session.id, "session_ended", {"files": []}, NOW) is None
    assert recordings.track_reported(db, RELAY, session.id, "write_failed", {"code": "disk_full"}, NOW) is None


def test_a_recovered_journal_is_a_gap_that_the_lock_counts(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    dead = report(session, spool, "dead.dcj", 0, 8) | {"lost_bytes": 12}
    recordings.track_reported(db, RELAY, session.id, "recovered", dead, NOW)
    recordings.track_reported(db, RELAY, session.id, "track_closed", report(session, spool, "b.dcj", 12, 20), NOW)
    close(db, session)
    recordings.lock(db, files, session.id, signer, NOW)
    [gap] = db.query(Gap).where(Gap.session_id == session.id).all()
    assert (gap.reason, gap.from_utc, gap.to_utc, gap.lost_s) == ("crash", AT + 8, AT + 12, 1.0)
    assert (session.complete, session.lost_s) == (False, 1.0)


def test_the_lock_waits_for_open_journals_unless_forced(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    recordings.track_reported(db, RELAY, session.id, "track_written", report(session, spool), NOW)
    with pytest.raises(WrongState):
        recordings.lock(db, files, session.id, signer, NOW)
    close(db, session)
    with pytest.raises(Conflict) as refused:
        recordings.lock(db, files, session.id, signer, NOW)
    assert refused.value.code == "recording.tracks_open"
    recordings.lock_failed(db, session.id, refused.value.code)
    assert session.lock_error == "recording.tracks_open"
    recordings.lock(db, files, session.id, signer, NOW, force=True)
    assert (session.state, session.complete, session.lock_error) == (SessionState.LOCKED, False, "")


def test_a_journal_that_is_gone_is_said_so(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    track = recordings.track_reported(db, RELAY, session.id, "track_closed", report(session, spool), NOW)
    (spool / session.id / "a.dcj").unlink()
    close(db, session)
    package = recordings.lock(db, files, session.id, signer, NOW)
    assert track is not None
    assert (session.complete, package.problems, track.state) == (False, ["journal_missing a.dcj"], TrackState.MISSING)


def test_locking_twice_gives_the_same(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    recordings.track_reported(db, RELAY, session.id, "track_closed", report(session, spool), NOW)
    close(db, session)
    plan = recordings.plan_lock(db, files, session.id, NOW)
    built = recordings.build_package(files, plan, signer, NOW)  # and then the power went
    package = recordings.lock(db, files, session.id, signer, NOW)
    assert package.manifest_sha256 == built.manifest_sha256
    assert recordings.lock(db, files, session.id, signer, NOW) is package


def test_a_session_without_a_record_locks_too(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer
) -> None:
    close(db, session)
    recordings.lock(db, files, session.id, signer, NOW)
    assert (session.state, session.complete) == (SessionState.LOCKED, True)


def test_locking_apart_does_not_hold_the_writer(
    database: Database, files: FileStore, signer: Signer, tmp_path: Path
) -> None:
    with database.write() as db:
        session = sessions.open_plain(db, SYSTEM, "Thử", NOW)
        sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW)
    package = recordings.lock_apart(database, files, session.id, signer, NOW)
    assert recordings.lock_apart(database, files, session.id, signer, NOW).id == package.id
    with database.read() as db:
        assert db.get_one(ReceptionSession, session.id).state is SessionState.LOCKED


def test_supplements_form_a_chain_after_the_lock(
    db: Session, world: World, session: ReceptionSession, files: FileStore, signer: Signer
) -> None:
    close(db, session)
    with pytest.raises(WrongState):
        recordings.supplement(db, world.rita, files, session.id, "order", "Lệnh", stream(PDF), signer, NOW)
    package = recordings.lock(db, files, session.id, signer, NOW)
    with pytest.raises(WrongState):
        papers.attach(db, world.alice, files, "session", session.id, "Bản ký", stream(PDF), NOW)
    one = recordings.supplement(db, world.alice, files, session.id, "signed_scan", "Bản ký", stream(PDF), signer, NOW)
    two = recordings.supplement(db, world.rita, files, session.id, "correction", "Sửa", stream(PDF), signer, NOW)
    assert (one.number, one.previous) == (1, package.manifest_sha256)
    assert (two.number, two.previous) == (2, one.sha256)
    assert len(papers.papers_of(db, "session", session.id)) == 2
    with pytest.raises(Forbidden):
        recordings.supplement(db, world.alice, files, session.id, "correction", "Sửa", stream(PDF), signer, NOW)
    with pytest.raises(Invalid):
        recordings.supplement(db, world.rita, files, session.id, "song", "Bài", stream(PDF), signer, NOW)
    with pytest.raises(NotFound):
        recordings.supplement(db, world.charlie, files, session.id, "order", "Lệnh", stream(PDF), signer, NOW)


def test_replay_files_are_for_those_entitled(
    db: Session, world: World, session: ReceptionSession, files: FileStore
) -> None:
    stored = files.put("replay", stream(b"webm"), limit=10, suffix=".webm")
    for frames in (10, 20):  # made again: the row is replaced
        row = recordings.add_replay(
            db, session.id, session.participants[0].id, NOW, part=1, segment=0, mime="video/webm", path=stored.path,
            length=4, sha256=stored.sha256, start_utc=AT, duration_s=20.0, frames=frames, originals=["a.dcj"],
        )  # fmt: skip
    assert [(r.id, r.frames) for r in recordings.replay_of(db, world.alice, session.id, NOW)] == [(row.id, 20)]
    assert recordings.open_replay(db, world.rita, files, row.id, NOW)[1].read_bytes() == b"webm"
    with pytest.raises(NotFound):
        recordings.open_replay(db, world.charlie, files, row.id, NOW)
    sessions.restrict(db, session.id, NOW)
    for actor in (world.rita, world.bob):
        with pytest.raises(NotFound):
            recordings.open_replay(db, actor, files, row.id, NOW)


def test_the_file_lists_its_recordings(
    db: Session, world: World, session: ReceptionSession, files: FileStore, signer: Signer, spool: Path
) -> None:
    from rooms import cases

    recordings.track_reported(db, RELAY, session.id, "track_closed", report(session, spool), NOW)
    close(db, session)
    recordings.lock(db, files, session.id, signer, NOW)
    case_id = str(cases.case_of(db, "session", session.id))
    [one] = recordings.list_for_case(db, world.dora, case_id, NOW)
    assert (one.session_id, one.tracks, one.locked, one.complete, one.replayable) == (session.id, 1, True, True, False)
    assert "recording" in {entry.kind for entry in cases.timeline(db, world.dora, case_id, NOW)}


def test_exporting_is_logged(
    db: Session, world: World, session: ReceptionSession, files: FileStore, signer: Signer
) -> None:
    from rooms import audit

    with pytest.raises(NotFound):
        recordings.package_path(db, world.rita, files, session.id, NOW)
    close(db, session)
    recordings.lock(db, files, session.id, signer, NOW)
    assert (recordings.package_path(db, world.rita, files, session.id, NOW)[1] / "manifest.sig").exists()
    assert audit.entries_of(db, "session", session.id)[0].action == "package.exported"


def test_the_daily_head_chains_the_days(
    db: Session, session: ReceptionSession, files: FileStore, signer: Signer
) -> None:
    from datetime import date, timedelta

    close(db, session)
    package = recordings.lock(db, files, session.id, signer, NOW)
    with pytest.raises(WrongState):
        heads.daily_head(db, date(2026, 11, 23), NOW)
    next_day = NOW + timedelta(days=1)
    first = heads.daily_head(db, date(2026, 11, 23), next_day)
    text = f"{'0' * 64}\n{session.id} {package.manifest_sha256}\n"
    assert (first.count, first.head) == (1, hashlib.sha256(text.encode()).hexdigest())
    second = heads.daily_head(db, date(2026, 11, 24), next_day + timedelta(days=1))
    assert (second.count, second.previous) == (0, first.head)
    assert heads.daily_head(db, date(2026, 11, 23), next_day) is first
