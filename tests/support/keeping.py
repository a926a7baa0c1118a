"""Locked records with real packages for tests of custody."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from pathlib import Path

from sqlalchemy.orm import Session

from rooms import package, papers, sessions
from rooms.actor import SYSTEM, Actor
from rooms.files import FileStore
from rooms.models import Package, ReceptionSession, ReplayFile, Track, Visit
from rooms.package import DerivedFile, TrackFile
from rooms.signing import Signer
from rooms.vault import Vault
from rooms.words import SessionState, TrackState
from tests.support.actors import World
from tests.support.factories import NOW, PDF, registered

JOURNAL = Path(__file__).parents[1] / "data" / "formats" / "journal-1.dcj"


def locked(
    db: Session, world: World, vault: Vault, files: FileStore, signer: Signer, folder: Path, *,
    journals: tuple[Path, ...] = (JOURNAL,), now: dt.datetime = NOW, **more: object,
) -> tuple[Visit, ReceptionSession]:  # fmt: skip
    """A visit whose session was held and locked, with its package, a replay file and a signed paper of the session."""
    visit = registered(db, world.alice, world.district, vault, now=now, **more)
    if visit.restricted:
        session = sessions.open_plain(db, SYSTEM, "thử", now)
        session.visit_id, session.site_id, session.restricted = visit.id, visit.site_id, True
    else:
        session = sessions.open_for_visit(db, world.bob, visit.id, now)
    session.closed_at = now
    papers.attach(db, SYSTEM, files, "session", session.id, "Giấy của phiên", io.BytesIO(PDF), now)
    lock(db, files, signer, session, folder, journals, now)
    return visit, session


def lock(
    db: Session, files: FileStore, signer: Signer, session: ReceptionSession, folder: Path, journals: tuple[Path, ...],
    now: dt.datetime,
) -> Package:  # fmt: skip
    """Package and lock a session with these journals, named as the relay names them."""
    session.state, session.locked_at = SessionState.LOCKED, now
    point = next(iter(session.participants), None)
    who = point.id if point is not None else "p" * 24
    folder.mkdir(parents=True, exist_ok=True)
    tracks = []
    for journal in journals:
        part = [who, "mic"] if journal == JOURNAL else journal.name.split(".")[:2]
        named = folder / f"{part[0]}.{part[1]}.1.rnd.dcj"
        named.write_bytes(journal.read_bytes())
        digest = hashlib.sha256(named.read_bytes()).hexdigest()
        tracks.append(TrackFile(named, part[0], part[1], 1, packets=2, sha256=digest))
        row = Track(session_id=session.id, participant_id=part[0], source=part[1], part=1)
        row.file, row.state, row.sha256, row.created_at = named.name, TrackState.CLOSED, digest, now
        db.add(row)
    place = f"packages/{session.id[:2]}/{session.id}"
    target = files.root / place
    target.parent.mkdir(parents=True, exist_ok=True)
    made = package.lock_session(target, session.id, tracks, [], [], [], {}, signer, now)
    row2 = Package(session_id=session.id, path=place, length=made.length, manifest_sha256=made.manifest_sha256)
    row2.key_id, row2.locked_at, row2.problems = made.key_id, now, []
    db.add(row2)
    stored = files.put("replay", io.BytesIO(b"webm" * 100), limit=10_000, suffix=".webm")
    replay = ReplayFile(session_id=session.id, participant_id=who, mime="video/webm", path=stored.path)
    replay.length, replay.sha256, replay.start_utc, replay.duration_s = stored.length, stored.sha256, 0.0, 20.0
    replay.originals, replay.created_at = [], now
    db.add(replay)
    db.flush()
    listed = DerivedFile(files.path_of(stored.path), "video/webm", who, "replay", 0, 20_000_000, {}, [], "a.webm")
    package.set_derived(target, [listed], signer, now)
    return row2


def close_case(db: Session, actor: Actor, case_id: str, now: dt.datetime) -> None:
    """End the work on a matter."""
    from rooms import cases
    from rooms.words import CaseState

    cases.set_case_state(db, actor, case_id, CaseState.CLOSED, now)
