"""From the folder of this machine into the store and back: what is finished is put, read back, and only then let go.

The folder (``rooms.files``) is where files begin. Papers, replay files and the files of locked packages are put into
the store; a row in ``stored_file`` says that the store gave back exactly these bytes. A local copy goes after its
time, never before that row. ``derived/`` of a package is a cache made of replay files and stays out.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import stores
from rooms.db import Database
from rooms.errors import NotFound, StorageFailed
from rooms.files import FileStore, translated
from rooms.ids import new_id
from rooms.models import Package, ReceptionSession, Setting, StoredFile
from rooms.stores import Store

SINGLES = ("papers", "replay")
"""Areas whose files stand alone."""
PACKAGES = "packages"
YOUNG = dt.timedelta(seconds=10)
"""A file as young as this may belong to a transaction that is taken back."""
STATE = "store.state"
"""Setting that says how the store fares: ``code`` ("" when well), ``since`` (UNIX seconds), ``waiting`` files."""


class FromStore:
    """Brings files back (``rooms.files.Behind``)."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def bring(self, path: str, target: Path) -> None:
        """See Behind."""
        if not path.startswith(PACKAGES + "/"):
            stores.bring(self.store, path, target)
            return
        building = target.with_name(f".{target.name}.{new_id()}")
        try:
            count = 0
            for held in self.store.list(path + "/"):
                stores.bring(self.store, held.key, building / held.key.removeprefix(path + "/"))
                count += 1
            if not count:
                raise NotFound()
            try:
                building.rename(target)
            except OSError as error:
                if not target.is_dir():  # somebody else brought it meanwhile
                    raise translated(error) from error
        finally:
            shutil.rmtree(building, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did. ``code``: why it stopped, "" when it did not; ``waiting``: files still to be put."""

    stored: int
    waiting: int
    code: str


def put_new(
    database: Database, files: FileStore, store: Store, now: dt.datetime, *, limit: int = 500,
    go_on: Callable[[], bool] = lambda: True,
) -> Kept:  # fmt: skip
    """Put what is not in the store yet, up to ``limit`` files; stops at the first that the store does not take.

    Never raises StorageFailed of the store: it is away now and then, and the next round begins where this one ended.
    """
    unsent = list(_unsent(database, files, now))
    stored = 0
    for path in unsent[:limit]:
        if not go_on():
            break
        try:
            put_one(database, files, store, path, now)
        except FileNotFoundError:  # removed meanwhile
            continue
        except (StorageFailed, OSError) as error:
            return Kept(
                stored, len(unsent) - stored, error.code if isinstance(error, StorageFailed) else "file.unreadable"
            )
        stored += 1
    return Kept(stored, max(0, len(unsent) - limit), "")


def put_one(database: Database, files: FileStore, store: Store, path: str, now: dt.datetime) -> None:
    """Put one file, read it back, write it down. Raises StorageFailed, OSError."""
    local = files.root / path
    length = local.stat().st_size
    digest = stores.put_checked(store, path, local)
    with database.write() as db:
        row = db.get(StoredFile, path) or StoredFile(path=path)
        row.length, row.sha256, row.stored_at, row.checked_at, row.drop_asked = length, digest, now, now, False
        db.add(row)


def _unsent(database: Database, files: FileStore, now: dt.datetime) -> Iterator[str]:
    """Finished files of this machine that the store does not have, packages first."""
    young = (now - YOUNG).timestamp()
    for group in _groups(files):
        paths = {path: length for path, length, changed in _files_of(files, group) if changed <= young}
        with database.read() as db:
            if group.startswith(PACKAGES + "/") and not _is_locked(db, group):
                continue
            known = sa.select(StoredFile.path, StoredFile.length).where(StoredFile.path.in_(paths))
            there = {row.path: row.length for row in db.execute(known)} if paths else {}
        yield from sorted(path for path, length in paths.items() if there.get(path) != length)


def _groups(files: FileStore) -> Iterator[str]:
    """Folders that are looked at together: each package, then each two-letter folder of papers and replay files."""
    for area in (PACKAGES, *SINGLES):
        for letters in _visible(files.root / area):
            if area == PACKAGES:
                yield from (f"{area}/{letters}/{name}" for name in _visible(files.root / area / letters))
            elif len(letters) == 2:
                yield f"{area}/{letters}"


def _visible(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _files_of(files: FileStore, group: str) -> list[tuple[str, int, float]]:
    """Relative path, length and time of change (UNIX seconds) of the files below; hidden and derived ones left out."""
    found = []
    for folder, names, leaves in os.walk(files.root / group):
        names[:] = [name for name in names if not name.startswith(".") and name != "derived"]
        for leaf in leaves:
            path = Path(folder) / leaf
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            if not leaf.startswith("."):
                found.append((path.relative_to(files.root).as_posix(), stat.st_size, stat.st_mtime))
    return found


def _is_locked(db: Session, path: str) -> bool:
    """Locked, and not disposed of: what a restore brought back of such a one is not put into the store again."""
    here = sa.select(Package.id).where(Package.path == path, Package.disposed_at.is_(None))
    return db.scalar(here) is not None


# --- letting go ------------------------------------------------------------------------------------------------------


def let_go(
    database: Database, files: FileStore, before: dt.datetime, *, in_use: Callable[[str], bool] = lambda session: False
) -> int:
    """Remove local copies that nobody has asked for since ``before`` and that the store has; how many files.

    ``in_use``: sessions whose journals are still compared with the package (``web.replays.release_spools``).
    """
    gone = 0
    for group in _groups(files):
        here = _files_of(files, group)
        old = {path: length for path, length, changed in here if changed < before.timestamp()}
        with database.write() as db:
            known = sa.select(StoredFile.path, StoredFile.length).where(
                StoredFile.path.in_(list(old)), StoredFile.drop_asked.is_(False)
            )
            there = {row.path: row.length for row in db.execute(known)} if old else {}
            safe = [path for path, length in old.items() if there.get(path) == length]
            if not group.startswith(PACKAGES + "/"):
                for path in safe:
                    (files.root / path).unlink(missing_ok=True)
                gone += len(safe)
            elif len(safe) == len(here) and here and not in_use(group.rpartition("/")[2]):
                gone += _let_package_go(db, files, group, before)
    return gone


def _let_package_go(db: Session, files: FileStore, group: str, before: dt.datetime) -> int:
    """In the caller's transaction, so that no supplement is added at the same moment."""
    folder = files.root / group
    row = db.scalar(sa.select(Package).where(Package.path == group))
    if row is None or folder.stat().st_mtime >= before.timestamp() or (folder / ".building").exists():
        return 0
    db.scalar(sa.select(ReceptionSession.id).where(ReceptionSession.id == row.session_id).with_for_update())
    count = len(_files_of(files, group))
    leaving = folder.with_name(f".{folder.name}.leaving")
    shutil.rmtree(leaving, ignore_errors=True)
    folder.rename(leaving)
    shutil.rmtree(leaving, ignore_errors=True)
    return count


# --- removing for good -----------------------------------------------------------------------------------------------


def ask_to_drop(db: Session, prefix: str) -> int:
    """Have everything stored under ``prefix`` (a path, or a package's folder) removed from the store; how many files.

    For whoever removes a file for good: the caller removes the local copy and its row; the store follows, also when
    it is away now.
    """
    under = sa.or_(StoredFile.path == prefix, StoredFile.path.startswith(prefix.rstrip("/") + "/", autoescape=True))
    result = db.execute(sa.update(StoredFile).where(under).values(drop_asked=True))
    return int(getattr(result, "rowcount", 0) or 0)


def drop_asked(database: Database, store: Store, *, limit: int = 1000) -> int:
    """Remove from the store what ``ask_to_drop`` named; how many files. Raises StorageFailed when it is away."""
    with database.read() as db:
        paths = list(db.scalars(sa.select(StoredFile.path).where(StoredFile.drop_asked.is_(True)).limit(limit)))
    for path in paths:
        store.remove(path)
        with database.write() as db:
            db.execute(sa.delete(StoredFile).where(StoredFile.path == path))
    return len(paths)


# --- how it fares ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoreState:
    """``code``: why files wait, "" when the store is well. ``since``: of that state."""

    code: str
    since: dt.datetime
    waiting: int


def note_state(database: Database, code: str, waiting: int, now: dt.datetime) -> bool:
    """Keep how the store fares, for board and health page; True when the word changed."""
    with database.read() as db:
        before = state_of(db)
    if before is not None and (before.code, before.waiting) == (code, waiting):
        return False
    changed = before is None or before.code != code
    since = now if before is None or changed else before.since
    with database.write() as db:
        row = db.get(Setting, STATE) or Setting(key=STATE)
        row.value, row.updated_at = {"code": code, "since": since.timestamp(), "waiting": waiting}, now
        db.add(row)
    return changed


def state_of(db: Session) -> StoreState | None:
    """How the store fared when it was last asked; None when it never was."""
    row = db.get(Setting, STATE)
    if row is None:
        return None
    since = dt.datetime.fromtimestamp(float(row.value["since"]), dt.UTC)
    return StoreState(str(row.value["code"]), since, int(row.value["waiting"]))
