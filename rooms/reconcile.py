"""Nightly reconciliation: what should be there for every session against what is, in folder and store.

Expected: a locked package for every session that ended (each with every file of its manifest and supplements, every
track that a relay reported), its replay files, and every paper of the hub. Of what is there a sample is hashed again.
Findings name the session and the file; a record without any is *complete*. Issue 4, point 9.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, stores
from rooms.actor import Actor
from rooms.db import Database
from rooms.errors import Forbidden, NotFound, RoomsError, StorageFailed
from rooms.files import FileStore
from rooms.models import Package, Paper, ReceptionSession, Reconciliation, ReplayFile, StoredFile, Supplement, Track
from rooms.stores import Store
from rooms.words import Role, SessionState, TrackState

LATE = dt.timedelta(hours=2)
"""A session that should have been locked so long ago and is not."""
CHUNK = 100
MAX_FINDINGS = 2000
READERS = (Role.RECORDS, Role.ADMIN, Role.COMPETENT)

Step = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that must be there."""

    kind: str  # package, supplement, replay, paper
    session: str
    path: str
    length: int
    sha256: str


@dataclass(slots=True)
class Round:
    """What one reconciliation has found so far."""

    sample_size: int
    dice: random.Random
    sessions: int = 0
    complete: int = 0
    files: int = 0
    findings: list[dict[str, str]] = field(default_factory=list)
    sample: list[Expected] = field(default_factory=list)

    def found(self, code: str, kind: str, session: str, path: str = "") -> None:
        """Note what is wrong."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append({"code": code, "kind": kind, "session": session, "path": path})

    def may_be_sampled(self, one: Expected) -> None:
        """Every file seen has the same chance to be among the sample (reservoir)."""
        self.files += 1
        if len(self.sample) < self.sample_size:
            self.sample.append(one)
        elif self.sample_size and (place := self.dice.randrange(self.files)) < self.sample_size:
            self.sample[place] = one


@dataclass(frozen=True, slots=True)
class Kept:
    """Where files are looked for: this machine's folder and, where there is one, the store."""

    database: Database
    files: FileStore
    store: Store | None

    def lengths(self, path: str) -> tuple[dict[str, int], dict[str, int]]:
        """Path -> length of what lies below ``path`` here and in the store. Raises StorageFailed."""
        here = {}
        folder = self.files.root / path
        for one in folder.rglob("*") if folder.is_dir() else ():
            if one.is_file():
                here[one.relative_to(self.files.root).as_posix()] = one.stat().st_size
        there = {held.key: held.length for held in self.store.list(path + "/")} if self.store is not None else {}
        return here, there

    def read(self, path: str) -> bytes:
        """A small file, from here or from the store. Raises NotFound, StorageFailed."""
        local = self.files.root / path
        if local.is_file():
            return local.read_bytes()
        if self.store is None:
            raise NotFound()
        return b"".join(self.store.read(path))

    def known(self, paths: Sequence[str]) -> set[str]:
        """Which of these the store is said to have."""
        with self.database.read() as db:
            query = sa.select(StoredFile.path).where(StoredFile.path.in_(paths), StoredFile.drop_asked.is_(False))
            return set(db.scalars(query)) if paths else set()

    def put_again(self, path: str) -> None:
        """The store has lost or changed it: what is here is put again by the next round (``rooms.keeping``)."""
        with self.database.write() as db:
            db.execute(sa.delete(StoredFile).where(StoredFile.path == path))


def reconcile(
    database: Database, files: FileStore, store: Store | None, now: dt.datetime, *, sample: int, seed: int,
    step: Step = lambda done, note: None, clock: Callable[[], dt.datetime] | None = None,
    more: Iterable[Mapping[str, str]] = (),
) -> Reconciliation:  # fmt: skip
    """Compare everything and write the report; ``more``: findings of others (code, kind, session, path).

    Raises StorageFailed when the store does not answer at all (the job is tried again), and what ``step`` raises.
    """
    kept = Kept(database, files, store)
    this = Round(sample, random.Random(seed))
    total = _count(database)
    for done, (session, facts) in enumerate(_sessions(database), start=1):
        _check_session(kept, this, session, facts, now)
        if done % 20 == 0:
            step(0.7 * done / max(1, total), "comparing")
    for paper in _papers(database):
        here = files.root / paper.path
        length = here.stat().st_size if here.is_file() else store.length(paper.path) if store is not None else None
        _check_file(kept, this, paper, {paper.path: length} if length is not None else {}, {})
    for finding in more:
        this.found(finding["code"], finding["kind"], finding["session"], finding["path"])
    for done, one in enumerate(this.sample, start=1):
        _check_hash(kept, this, one, now)
        if done % 20 == 0:
            step(0.7 + 0.3 * done / len(this.sample), "hashing")
    row = Reconciliation(
        began_at=now, ended_at=clock() if clock is not None else now, sessions=this.sessions, complete=this.complete,
        files=this.files, sampled=len(this.sample), findings=list(this.findings),
    )  # fmt: skip
    with database.write() as db:
        db.add(row)
    return row


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the database says of one session's record."""

    package: Package | None
    tracks: list[Track]
    supplements: list[Supplement]
    replays: list[ReplayFile]


_OVER = sa.and_(
    ReceptionSession.state.in_((SessionState.CLOSED, SessionState.LOCKED)),
    ReceptionSession.training_space_id.is_(None),
)


def _count(database: Database) -> int:
    with database.read() as db:
        return db.scalar(sa.select(sa.func.count()).select_from(ReceptionSession).where(_OVER)) or 0


def _sessions(database: Database) -> Iterator[tuple[ReceptionSession, _Facts]]:
    """Every session that ended, in small transactions."""
    last = ""
    while True:
        with database.read() as db:
            query = sa.select(ReceptionSession).where(_OVER, ReceptionSession.id > last).order_by(ReceptionSession.id)
            rows = list(db.scalars(query.limit(CHUNK)))
            found = [(row, _facts(db, row.id)) for row in rows]
            db.expunge_all()
        if not found:
            return
        last = found[-1][0].id
        yield from found


def _facts(db: Session, session_id: str) -> _Facts:
    def all_of(model: Any) -> list[Any]:
        return list(db.scalars(sa.select(model).where(model.session_id == session_id)))

    packages = all_of(Package)
    return _Facts(packages[0] if packages else None, all_of(Track), all_of(Supplement), all_of(ReplayFile))


def _papers(database: Database) -> Iterator[Expected]:
    last = ""
    while True:
        with database.read() as db:
            query = sa.select(Paper).where(Paper.id > last, _paper_kept()).order_by(Paper.id).limit(1000)
            rows = [(row.id, Expected("paper", "", row.path, row.length, row.sha256)) for row in db.scalars(query)]
        if not rows:
            return
        last = rows[-1][0]
        yield from (one for _, one in rows)


def _paper_kept() -> sa.ColumnElement[bool]:
    """Papers that were not disposed of."""
    return Paper.destroyed_at.is_(None)


def _check_session(kept: Kept, this: Round, session: ReceptionSession, facts: _Facts, now: dt.datetime) -> None:
    if facts.package is not None and facts.package.disposed_at is not None:
        return  # its certificate is what is left, as it should be
    this.sessions += 1
    before = len(this.findings)
    if facts.package is None:
        if session.lock_due_at is None or now - session.lock_due_at > LATE:
            this.found("not_locked", "package", session.id)
        else:
            this.sessions -= 1  # its lock is still to come
        return
    try:
        _check_package(kept, this, session.id, facts)
    except StorageFailed:
        raise
    except (RoomsError, ValueError, KeyError, TypeError, OSError):
        this.found("unreadable", "package", session.id, facts.package.path)
    for replay in facts.replays:
        _check_replay(kept, this, replay)
    if len(this.findings) == before and session.complete:
        this.complete += 1


def _check_package(kept: Kept, this: Round, session_id: str, facts: _Facts) -> None:
    assert facts.package is not None
    root = facts.package.path
    here, there = kept.lengths(root)
    known = kept.known([*here, *there])
    there = {path: length for path, length in there.items() if path in known} if kept.store is not None else {}
    if f"{root}/manifest.json" not in here and f"{root}/manifest.json" not in there:
        this.found("file_missing", "package", session_id, f"{root}/manifest.json")
        return
    raw = kept.read(f"{root}/manifest.json")
    if hashlib.sha256(raw).hexdigest() != facts.package.manifest_sha256:
        this.found("hash_changed", "package", session_id, f"{root}/manifest.json")
        return
    stated = json.loads(raw)
    for one in _listed(root, session_id, "package", stated["files"]):
        _check_file(kept, this, one, here, there)
    for name in ("manifest.sig", "key.pem"):
        if f"{root}/{name}" not in here and f"{root}/{name}" not in there:
            this.found("file_missing", "package", session_id, f"{root}/{name}")
    names = {str(track["file"]).rpartition("/")[2] for track in stated["tracks"] if track["file"] is not None}
    for track in facts.tracks:
        if track.file not in names or track.state is TrackState.MISSING:
            this.found("track_missing", "track", session_id, track.file)
    for row in facts.supplements:
        _check_supplement(kept, this, session_id, row, here, there)


def _check_supplement(
    kept: Kept, this: Round, session_id: str, row: Supplement, here: dict[str, int], there: dict[str, int]
) -> None:
    name = f"{row.path}/supplement.json"
    root = row.path.rpartition("/supplements/")[0]
    if name not in here and name not in there:
        this.found("file_missing", "supplement", session_id, name)
        return
    raw = kept.read(name)
    if hashlib.sha256(raw).hexdigest() != row.sha256:
        this.found("hash_changed", "supplement", session_id, name)
        return
    for one in _listed(root, session_id, "supplement", json.loads(raw)["files"]):
        _check_file(kept, this, one, here, there)


def _listed(root: str, session_id: str, kind: str, listed: Sequence[Any]) -> Iterator[Expected]:
    for one in listed:
        yield Expected(kind, session_id, f"{root}/{one['path']}", int(one["length"]), str(one["sha256"]))


def _check_file(kept: Kept, this: Round, one: Expected, here: dict[str, int], there: dict[str, int]) -> None:
    lengths = [found[one.path] for found in (here, there) if one.path in found]
    if not lengths:
        this.found("file_missing", one.kind, one.session, one.path)
    elif any(length != one.length for length in lengths):
        this.found("length_changed", one.kind, one.session, one.path)
    else:
        this.may_be_sampled(one)


def _check_replay(kept: Kept, this: Round, replay: ReplayFile) -> None:
    one = Expected("replay", replay.session_id, replay.path, replay.length, replay.sha256)
    local = kept.files.root / replay.path
    here = {replay.path: local.stat().st_size} if local.is_file() else {}
    there = {}
    if not here and kept.store is not None and (length := kept.store.length(replay.path)) is not None:
        there = {replay.path: length}
    _check_file(kept, this, one, here, there)


def _check_hash(kept: Kept, this: Round, one: Expected, now: dt.datetime) -> None:
    """Read a file again: here, and in the store where that is said to have it."""
    local = kept.files.root / one.path
    if local.is_file():
        with local.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != one.sha256:
                this.found("hash_changed", one.kind, one.session, one.path)
    if kept.store is None or not kept.known([one.path]):
        return
    try:
        same = stores.sha256(kept.store, one.path) == one.sha256
    except NotFound:
        this.found("store_missing", one.kind, one.session, one.path)
        same = False
    except StorageFailed as error:
        if error.code in ("store.unavailable", "store.refused"):
            raise
        same = False
        this.found("store_changed", one.kind, one.session, one.path)
    else:
        if not same:
            this.found("store_changed", one.kind, one.session, one.path)
    if not same and local.is_file():
        kept.put_again(one.path)
    elif same:
        with kept.database.write() as db:
            row = db.get(StoredFile, one.path)
            if row is not None:
                row.checked_at = now


# --- reading the reports ---------------------------------------------------------------------------------------------


def latest(db: Session) -> Reconciliation | None:
    """The last report, for figures that name nothing; None before the first night."""
    return db.scalar(sa.select(Reconciliation).order_by(Reconciliation.began_at.desc()).limit(1))


def reports(db: Session, actor: Actor, *, limit: int = 30) -> list[Reconciliation]:
    """The last reports, newest first. Raises Forbidden for who is neither records officer, competent person nor
    administrator."""
    if not any(actor.has_role(role) for role in READERS) and not actor.system:
        raise Forbidden()
    return list(db.scalars(sa.select(Reconciliation).order_by(Reconciliation.began_at.desc()).limit(limit)))


def findings_for(
    db: Session, actor: Actor, report: Reconciliation, now: dt.datetime
) -> tuple[list[dict[str, Any]], int]:
    """The findings of a report on sessions that the actor may read, and how many others there are. Papers that hang
    on no session are named to all readers of reports: their paths say nothing."""
    ids = {str(one["session"]) for one in report.findings if one["session"]}
    mine: set[str] = set()
    listed = sorted(ids)
    for start in range(0, len(listed), 500):
        query = sa.select(ReceptionSession.id).where(
            ReceptionSession.id.in_(listed[start : start + 500]), access.readable(db, actor, ReceptionSession, now)
        )
        mine |= set(db.scalars(query))
    shown = [one for one in report.findings if not one["session"] or one["session"] in mine]
    return shown, len(report.findings) - len(shown)
