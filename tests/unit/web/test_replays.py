"""What happens to a session's journals and replay files after the lock, on a real database and real folders."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rooms import package, sessions
from rooms.db import Database
from rooms.files import FileStore
from rooms.models import Package, Relay
from rooms.package import TrackFile
from rooms.signing import Signer
from tests.support.actors import build_world
from web import replays
from web.hub import Hub

NOW = dt.datetime(2026, 1, 31, 8, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
VECTOR = Path(__file__).parents[2] / "data" / "formats" / "journal-1.dcj"
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Hub:
    return cast(
        Hub,
        SimpleNamespace(
            database=database, files=FileStore(tmp_path / "files"), signer=SIGNER, recovered=tmp_path / "no"
        ),
    )


def locked_session(hub: Hub, spool: Path) -> str:
    """A locked session whose only journal lies in ``spool``; its id."""
    with hub.database.write() as db:
        actor = build_world(db).oscar
        session_id = sessions.open_plain(db, actor, "thử", NOW).id
        db.add(Relay(id="r" * 24, name="r", public_key="k" * 43, spool=str(spool), enrolled_at=NOW))
    place = spool / session_id
    place.mkdir(parents=True)
    journal = place / f"{'p' * 24}.mic.1.rnd.dcj"
    shutil.copyfile(VECTOR, journal)
    digest = hashlib.sha256(journal.read_bytes()).hexdigest()
    track = TrackFile(journal, "p" * 24, "mic", 1, packets=2, sha256=digest)
    folder = hub.files.root / "packages" / session_id
    locked = package.lock_session(folder, session_id, [track], [], [], [], {}, SIGNER, NOW)
    with hub.database.write() as db:
        db.add(
            Package(
                session_id=session_id, path=f"packages/{session_id}", length=1, key_id=locked.key_id,
                manifest_sha256=locked.manifest_sha256, locked_at=NOW, problems=[],
            )
        )  # fmt: skip
    return session_id


def test_it_works(hub: Hub, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    session_id = locked_session(hub, spool)
    running: Any = spool / ("x" * 24)
    running.mkdir()
    (running / "alice.mic.0.rnd.dcj").write_bytes(b"still being written")
    assert replays.release_spools(hub, NOW - HOUR) == 0
    assert replays.release_spools(hub, NOW + HOUR) == 1
    assert [p.name for p in spool.iterdir()] == [running.name]
    assert len(list((hub.files.root / "packages" / session_id / "journals").iterdir())) == 1


def test_a_spool_without_its_package_stays(hub: Hub, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    session_id = locked_session(hub, spool)
    shutil.rmtree(hub.files.root / "packages" / session_id)
    assert replays.release_spools(hub, NOW + HOUR) == 0
    assert len(list((spool / session_id).iterdir())) == 1
