"""Signed supplements of a locked package and their rows, which stay together whatever dies in between.

A supplement appears on disk by one rename and in the database by one commit. A process that died between the two
left a supplement without a row: ``adopt`` writes that row from the signed file, so that numbers never part.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import manifest
from rooms.actor import Actor
from rooms.errors import WrongState
from rooms.files import FileStore, translated
from rooms.models import Package, ReceptionSession, Supplement
from rooms.package import PaperFile, add_supplement, head
from rooms.signing import Signer


def add(
    db: Session, actor: Actor, files: FileStore, session: ReceptionSession, kind: str, items: Sequence[PaperFile],
    facts: Mapping[str, Any], signer: Signer, now: dt.datetime, *, paper_id: str | None = None,
) -> Supplement:  # fmt: skip
    """Sign and add a supplement. The caller has checked the actor and logs it.

    Raises WrongState before the lock and after disposal, StorageFailed, package.BrokenPackage.
    """
    db.refresh(session, with_for_update=True)  # one writer per package
    package = db.scalar(sa.select(Package).where(Package.session_id == session.id))
    if package is None or package.disposed_at is not None:
        raise WrongState("session", session.state.value)
    adopt(db, files, package)
    folder = files.path_of(package.path)
    previous = head(folder)
    try:
        sha256 = add_supplement(folder, kind, items, facts, signer, now)
    except OSError as error:
        raise translated(error) from error
    row = Supplement(session_id=session.id, number=_count(db, session.id) + 1, kind=kind, paper_id=paper_id)
    row.path, row.sha256, row.previous = f"{package.path}/supplements/{row.number:04d}", sha256, previous
    row.key_id, row.added_at, row.added_by = signer.key_id, now, actor.user_id
    db.add(row)
    db.flush()
    return row


def adopt(db: Session, files: FileStore, package: Package) -> list[Supplement]:
    """Rows for supplements that are on disk and not in the database, oldest first."""
    place = files.path_of(package.path) / "supplements"
    found = []
    for number in range(_count(db, package.session_id) + 1, 10_000):
        path = place / f"{number:04d}" / "supplement.json"
        if not path.exists():
            break
        raw = path.read_bytes()
        said = json.loads(raw)
        row = Supplement(session_id=package.session_id, number=number, kind=str(said["kind"])[:32])
        row.path, row.sha256 = f"{package.path}/supplements/{number:04d}", manifest.sha256_hex(raw)
        row.previous, row.key_id = said["previous"], said["key"]["id"]
        row.added_at = dt.datetime.strptime(said["made_utc"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
        db.add(row)
        db.flush()
        found.append(row)
    return found


def facts_of(files: FileStore, row: Supplement) -> dict[str, Any]:
    """What a supplement states. Raises NotFound, OSError."""
    stated: dict[str, Any] = json.loads((files.path_of(row.path) / "supplement.json").read_bytes())
    return dict(stated["facts"])


def file_of(files: FileStore, row: Supplement, name: str) -> Path:
    """Where a file of a supplement lies. Raises NotFound."""
    return files.path_of(f"{row.path}/files/{name}")


def _count(db: Session, session_id: str) -> int:
    return db.scalar(sa.select(sa.func.count()).where(Supplement.session_id == session_id)) or 0
