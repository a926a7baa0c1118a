"""Between the folder and the store: everything finished goes in, nothing local goes before the store has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from rooms import keeping
from rooms.db import Database
from rooms.errors import NotFound, StorageFailed
from rooms.files import FileStore, Stream
from rooms.keeping import FromStore
from rooms.models import Package, ReceptionSession, StoredFile
from rooms.sealing import GroupKeys, Keys, Sealed
from rooms.stores import Folder, Store, StoreFailed

NOW = datetime.now(UTC)
SESSION = "s" * 24
PACKAGE = f"packages/ss/{SESSION}"


class Away(Folder):
    """A folder that can be away, or change what it gives back."""

    away = False
    lies = False

    def put(self, key: str, source: Stream, length: int) -> None:
        if self.away:
            raise StoreFailed()
        super().put(key, source, length)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if self.away:
            raise StoreFailed()
        pieces = super().read(key, start, length)
        return (bytes([piece[0] ^ 1]) + piece[1:] for piece in pieces) if self.lies else pieces


@pytest.fixture
def store(tmp_path: Path) -> Away:
    return Away(tmp_path / "store")


@pytest.fixture
def files(tmp_path: Path, store: Away) -> FileStore:
    return FileStore(tmp_path / "files", FromStore(store))


def lay(files: FileStore, path: str, data: bytes, age_s: float = 60) -> Path:
    target = files.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    for place in (target, *target.parents[: 4 if path.startswith("packages") else 1]):
        os.utime(place, (NOW.timestamp() - age_s,) * 2)
    return target


def lock(database: Database, files: FileStore) -> None:
    for name in ("manifest.json", "manifest.sig", "journals/a.dcj", "derived/list.json"):
        lay(files, f"{PACKAGE}/{name}", name.encode())
    with database.write() as db:
        db.add(ReceptionSession(id=SESSION, created_at=NOW))
        db.flush()
        db.add(Package(session_id=SESSION, path=PACKAGE, length=1, manifest_sha256="0", key_id="k", locked_at=NOW))


def stored(database: Database) -> set[str]:
    with database.read() as db:
        return set(db.scalars(sa.select(StoredFile.path)))


def rounds(database: Database, files: FileStore, store: Store, *, later: timedelta = timedelta(0)) -> keeping.Kept:
    kept = keeping.put_new(database, files, store, NOW + later)
    keeping.let_go(database, files, NOW - timedelta(seconds=30) + later)
    return kept


def test_it_works(database: Database, files: FileStore, store: Away) -> None:
    lay(files, "papers/ab/paper", b"a made-up scan")
    lay(files, "replay/cd/r.webm", b"webm")
    lock(database, files)
    assert rounds(database, files, store) == keeping.Kept(5, 0, "")
    assert stored(database) == {
        "papers/ab/paper",
        "replay/cd/r.webm",
        *(f"{PACKAGE}/{name}" for name in ("manifest.json", "manifest.sig", "journals/a.dcj")),
    }
    assert not [p for p in files.root.rglob("*") if p.is_file()]  # all of it is old and in the store
    assert files.at_hand("papers/ab/paper").read_bytes() == b"a made-up scan"
    folder = files.at_hand(PACKAGE)
    assert (folder / "journals/a.dcj").read_bytes() == b"journals/a.dcj" and not (folder / "derived").exists()
    assert rounds(database, files, store).stored == 0 and folder.exists()  # just brought: it stays its time
    with pytest.raises(NotFound):
        files.at_hand("papers/ab/nothing")
    with pytest.raises(NotFound):
        files.at_hand("packages/ss/nothing")


def test_what_is_new_in_a_package_follows_and_keeps_it_here_until_then(
    database: Database, files: FileStore, store: Away
) -> None:
    lock(database, files)
    keeping.put_new(database, files, store, NOW)
    lay(files, f"{PACKAGE}/supplements/0001/supplement.json", b"{}")
    keeping.let_go(database, files, NOW)
    assert (files.root / PACKAGE / "manifest.json").exists()
    assert rounds(database, files, store).stored == 1 and not (files.root / PACKAGE).exists()


def test_a_package_that_was_never_announced_stays_here(database: Database, files: FileStore, store: Away) -> None:
    lay(files, f"{PACKAGE}/manifest.json", b"{}")
    assert rounds(database, files, store).stored == 0 and (files.root / PACKAGE).exists()


def test_what_is_young_or_in_use_stays(database: Database, files: FileStore, store: Away) -> None:
    young = lay(files, "papers/ab/young", b"x", age_s=0)
    assert rounds(database, files, store).stored == 0 and young.exists()
    lock(database, files)
    keeping.put_new(database, files, store, NOW)
    keeping.let_go(database, files, NOW, in_use=lambda session: session == SESSION)
    assert (files.root / PACKAGE).exists()


@pytest.mark.parametrize("trouble", ["away", "lies"])
def test_a_store_that_is_away_or_lies_loses_nothing(
    database: Database, files: FileStore, store: Away, trouble: str
) -> None:
    paper = lay(files, "papers/ab/paper", b"a made-up scan")
    setattr(store, trouble, True)
    code = "store.unavailable" if trouble == "away" else "store.corrupted"
    for _ in range(2):
        assert rounds(database, files, store) == keeping.Kept(0, 1, code)
    assert paper.read_bytes() == b"a made-up scan" and stored(database) == set()
    setattr(store, trouble, False)
    assert rounds(database, files, store).stored == 1 and not paper.exists()
    assert files.at_hand("papers/ab/paper").read_bytes() == b"a made-up scan"


def test_a_file_that_changed_since_is_put_again_before_it_goes(
    database: Database, files: FileStore, store: Away
) -> None:
    lay(files, "papers/ab/paper", b"first")
    keeping.put_new(database, files, store, NOW)
    paper = lay(files, "papers/ab/paper", b"second, longer")
    keeping.let_go(database, files, NOW)
    assert paper.exists()
    assert rounds(database, files, store).stored == 1 and store.length("papers/ab/paper") == 14


def test_what_is_dropped_leaves_the_store_also_after_it_was_away(
    database: Database, files: FileStore, store: Away
) -> None:
    lock(database, files)
    lay(files, "papers/ab/paper", b"x")
    keeping.put_new(database, files, store, NOW)
    with database.write() as db:
        assert keeping.ask_to_drop(db, "papers/ab/paper") == 1
        assert keeping.ask_to_drop(db, "papers/ab/pap") == 0
        assert keeping.ask_to_drop(db, PACKAGE) == 3

    class Down(Folder):
        def remove(self, key: str) -> None:
            raise StoreFailed()

    with pytest.raises(StorageFailed):
        keeping.drop_asked(database, Down(store.root))
    assert keeping.drop_asked(database, store) == 4 and list(store.list("")) == [] and stored(database) == set()


def test_the_store_may_be_encrypted(database: Database, files: FileStore, store: Away) -> None:
    sealed = Sealed(store, GroupKeys(database, Keys([bytes(32)]), lambda: NOW))
    files.behind = FromStore(sealed)
    lay(files, "papers/ab/paper", b"a made-up scan")
    lock(database, files)
    assert rounds(database, files, sealed).stored == 4
    assert not any(b"made-up" in p.read_bytes() for p in store.root.rglob("*") if p.is_file())
    assert files.at_hand("papers/ab/paper").read_bytes() == b"a made-up scan"
    assert (files.at_hand(PACKAGE) / "manifest.json").read_bytes() == b"manifest.json"


def test_how_the_store_fares_is_kept(database: Database) -> None:
    assert keeping.note_state(database, "", 0, NOW) and not keeping.note_state(database, "", 0, NOW)
    later = NOW + timedelta(minutes=5)
    assert keeping.note_state(database, "store.unavailable", 3, later)
    assert not keeping.note_state(database, "store.unavailable", 4, later + timedelta(minutes=1))
    with database.read() as db:
        state = keeping.state_of(db)
    assert state is not None and (state.code, state.waiting) == ("store.unavailable", 4)
    assert abs(state.since - later) < timedelta(milliseconds=1)
