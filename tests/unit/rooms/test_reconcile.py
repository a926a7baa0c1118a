"""Nightly reconciliation: what was deleted or changed is named, and what should have been made is missed."""

from __future__ import annotations

import base64
import hashlib
import random
from datetime import timedelta
from pathlib import Path

import pytest

from rooms import keeping, papers, reconcile, recordings, relays, sessions, signing
from rooms.actor import SYSTEM
from rooms.db import Database
from rooms.errors import Forbidden
from rooms.files import FileStore
from rooms.models import Package, ReceptionSession, Reconciliation, StoredFile
from rooms.signing import Signer
from rooms.stores import Folder
from rooms.words import SessionState
from tests.support.actors import World, build_world
from tests.support.factories import NOW, PDF, stream

RELAY = "r" * 24
LATER = NOW + timedelta(hours=10)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signing.create(tmp_path / "keys")


@pytest.fixture
def ended(database: Database, tmp_path: Path) -> str:
    """A closed session with a journal, a paper, and its spool."""
    data = b"journal" * 100
    with database.write() as db:
        relays.add(db, RELAY, base64.b64encode(bytes(32)).decode(), NOW, spool=str(tmp_path / "spool"))
        session = sessions.open_plain(db, SYSTEM, "Thử", NOW)
        body = {
            "participant": "p" * 24, "source": "mic", "part": 1, "file": "a.dcj", "length": len(data),
            "sha256": hashlib.sha256(data).hexdigest(), "first_utc": NOW.timestamp(), "last_utc": NOW.timestamp() + 9,
            "packets": 9,
        }  # fmt: skip
        recordings.track_reported(db, RELAY, session.id, "track_closed", body, NOW)
        sessions.set_state(db, session.id, 0, SessionState.CLOSED, NOW)
    folder = tmp_path / "spool" / session.id
    folder.mkdir(parents=True)
    (folder / "a.dcj").write_bytes(data)
    return session.id


@pytest.fixture
def locked(database: Database, files: FileStore, signer: Signer, ended: str) -> str:
    """The same, locked, with a supplement and a replay file; the complete record of one session."""
    recordings.lock_apart(database, files, ended, signer, NOW)
    stored = files.put("replay", stream(b"webm"), limit=10, suffix=".webm")
    with database.write() as db:
        recordings.supplement(db, SYSTEM, files, ended, "order", "Lệnh", stream(PDF), signer, NOW)
        recordings.add_replay(
            db, ended, "p" * 24, NOW, part=1, segment=0, mime="video/webm", path=stored.path, length=stored.length,
            sha256=stored.sha256, start_utc=NOW.timestamp(), duration_s=9.0,
        )  # fmt: skip
        db.get_one(ReceptionSession, ended).complete = True
    return ended


def compare(
    database: Database, files: FileStore, store: Folder | None = None, sample: int = 1000
) -> tuple[Reconciliation, set[tuple[str, str]]]:
    """The report, and code with the last part of the path."""
    report = reconcile.reconcile(database, files, store, LATER, sample=sample, seed=1)
    return report, {(one["code"], one["path"].rpartition("/")[2]) for one in report.findings}


def test_it_works(database: Database, files: FileStore, locked: str) -> None:
    report, found = compare(database, files)
    assert found == set() and (report.sessions, report.complete) == (1, 1)
    assert report.files == report.sampled == 5  # journal, event log, supplement's file, replay file, and the paper
    with database.read() as db:
        latest = reconcile.latest(db)
        assert latest is not None and latest.id == report.id


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("journals/a.dcj", {"file_missing"}),
        ("events.jsonl", {"file_missing"}),
        ("manifest.json", {"file_missing"}),
        ("manifest.sig", {"file_missing"}),
        ("supplements/0001/supplement.json", {"file_missing"}),
    ],
)
def test_a_deleted_file_is_named(database: Database, files: FileStore, locked: str, name: str, codes: set[str]) -> None:
    (files.root / f"packages/{locked[:2]}/{locked}" / name).unlink()
    report, found = compare(database, files)
    assert found == {(code, name.rpartition("/")[2]) for code in codes} and report.complete == 0
    assert all(one["session"] == locked for one in report.findings)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("journals/a.dcj", "hash_changed"),
        ("manifest.json", "hash_changed"),
        ("supplements/0001/supplement.json", "hash_changed"),
    ],
)
def test_an_altered_file_is_named(database: Database, files: FileStore, locked: str, name: str, code: str) -> None:
    path = files.root / f"packages/{locked[:2]}/{locked}" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()  # it may be a link to the spool
    path.write_bytes(data)
    assert compare(database, files)[1] == {(code, name.rpartition("/")[2])}
    path.write_bytes(data + b"x")
    assert compare(database, files, sample=0)[1] == {
        (code if name != "journals/a.dcj" else "length_changed", name.rpartition("/")[2])
    }


def test_replay_files_and_papers_are_missed(database: Database, files: FileStore, locked: str) -> None:
    with database.read() as db:
        session = db.get_one(ReceptionSession, locked)
        paper = papers.papers_of(db, "session", session.id)[0].path
    (files.root / paper).unlink()
    for path in (files.root / "replay").rglob("*.webm"):
        path.unlink()
    report, found = compare(database, files)
    assert {(one["code"], one["kind"]) for one in report.findings} == {
        ("file_missing", "replay"), ("file_missing", "paper"),
    }  # fmt: skip
    assert report.complete == 0


def test_a_session_that_was_not_locked_is_missed(database: Database, files: FileStore, ended: str) -> None:
    report, found = compare(database, files)
    assert found == {("not_locked", "")} and (report.sessions, report.complete) == (1, 0)


def test_a_track_that_was_reported_and_is_not_in_the_package_is_missed(
    database: Database, files: FileStore, signer: Signer, ended: str, tmp_path: Path
) -> None:
    (tmp_path / "spool" / ended / "a.dcj").unlink()
    recordings.lock_apart(database, files, ended, signer, NOW)
    report, found = compare(database, files)
    assert found == {("track_missing", "a.dcj")} and report.complete == 0


def test_what_the_store_lost_or_changed_is_named_and_put_again(
    database: Database, files: FileStore, locked: str, tmp_path: Path
) -> None:
    store = Folder(tmp_path / "store")
    moment = LATER + timedelta(days=3650)  # everything is old enough
    assert keeping.put_new(database, files, store, moment).stored >= 8
    assert compare(database, files, store)[1] == set()
    root = store.root / f"packages/{locked[:2]}/{locked}"
    (root / "journals/a.dcj").write_bytes(b"Journal" * 100)
    (root / "events.jsonl").unlink()
    assert compare(database, files, store)[1] == {("store_changed", "a.dcj"), ("store_missing", "events.jsonl")}
    assert keeping.put_new(database, files, store, moment).stored == 2
    assert compare(database, files, store)[1] == set()


def test_what_lies_in_the_store_only_is_compared_there(
    database: Database, files: FileStore, locked: str, tmp_path: Path
) -> None:
    store = Folder(tmp_path / "store")
    moment = LATER + timedelta(days=3650)
    keeping.put_new(database, files, store, moment)
    keeping.let_go(database, files, moment)
    assert not (files.root / f"packages/{locked[:2]}/{locked}").exists()
    report, found = compare(database, files, store)
    assert found == set() and report.complete == 1 and report.sampled == 5
    with database.read() as db:
        row = db.get_one(StoredFile, f"packages/{locked[:2]}/{locked}/journals/a.dcj")
        assert row.checked_at == LATER
    (store.root / row.path).unlink()
    assert compare(database, files, store)[1] == {("file_missing", "a.dcj")}


def test_the_sample_is_as_large_as_asked_and_everybody_has_a_chance(
    database: Database, files: FileStore, locked: str
) -> None:
    seen = set()
    for seed in range(40):
        report = reconcile.reconcile(database, files, None, LATER, sample=2, seed=seed)
        assert report.sampled == 2
    this = reconcile.Round(2, random.Random(5))
    for number in range(1000):
        this.may_be_sampled(reconcile.Expected("paper", "", str(number), 1, ""))
        seen |= {one.path for one in this.sample}
    assert len(this.sample) == 2 and len(seen) > 5


def test_only_who_keeps_records_reads_reports_and_only_of_their_sessions(
    database: Database, files: FileStore, ended: str
) -> None:
    with database.write() as db:
        world: World = build_world(db)
    report, _ = compare(database, files)
    with database.read() as db:
        for actor in (world.alice, world.charlie):
            with pytest.raises(Forbidden):
                reconcile.reports(db, actor)
        assert [one.id for one in reconcile.reports(db, world.rita)] == [report.id]
        assert reconcile.findings_for(db, SYSTEM, report, LATER) == (report.findings, 0)
        assert reconcile.findings_for(db, world.rita, report, LATER) == ([], 1)  # a session of no site of hers


def test_a_disposed_record_is_not_missed(database: Database, files: FileStore, locked: str) -> None:
    with database.write() as db:
        db.query(Package).one().disposed_at = LATER
        for replay in recordings.replay_of(db, SYSTEM, locked, LATER):
            db.delete(replay)
    for path in (files.root / "packages").rglob("*.dcj"):
        path.unlink()
    report, found = compare(database, files)
    assert found == set() and report.sessions == 0
