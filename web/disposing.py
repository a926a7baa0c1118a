"""The worker's part of a disposal: what lies outside the file store is found and removed, too.

Backups and what was handed over are out of the hub's reach; docs/operations.md says what to do about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from rooms import destruction, filed, keeping, sealing
from rooms.destruction import Elsewhere
from rooms.errors import Conflict, NotFound, StorageFailed
from rooms.models import Disposal, Package, Relay, StoreKey
from rooms.stores import Store
from rooms.words import DisposalState
from web import certificates, logs
from web.hub import Hub
from web.keeping import bring_package
from web.replays import Step

log = logs.get("disposing")


def dispose(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Carry out an approved disposal; goes on where a dead worker stopped.

    Raises NotFound, WrongState, StorageFailed; Conflict disposal.<why> when it must be kept after all.
    """
    disposal_id = payload["disposal"]
    bring_all(hub, disposal_id)  # what is to be listed has to be read
    with hub.database.read() as db:
        copies = elsewhere(hub, db, disposal_id)
    step(0.05, "listing")  # the last moment to cancel
    with hub.database.write() as db:
        row = destruction.begin(db, hub.files, disposal_id, hub.now(), copies)
        db.expunge_all()
    if row.state is DisposalState.STOPPED:
        raise Conflict(f"disposal.{row.error}", "There are reasons to keep this.")
    if row.state is DisposalState.RUNNING:
        remove_outside(hub, row.inventory)
        destruction.destroy(hub.files, row, lambda done: step_quietly(step, 0.1 + 0.8 * done))
        with hub.database.write() as db:
            destruction.certify(db, disposal_id, hub.signer, hub.now())
        certificates.send_out(hub)
    log.info("disposed", disposal=disposal_id, files=len(row.inventory))
    return {"files": len(row.inventory)}


def bring_all(hub: Hub, disposal_id: str) -> None:
    """Have the packages on this machine, so that the inventory names every file in them. Raises StorageFailed."""
    with hub.database.read() as db:
        row = db.get(Disposal, disposal_id)
        sessions = sessions_of(db, row) if row is not None and row.state is DisposalState.APPROVED else []
    for session_id in sessions:
        bring_package(hub, session_id)


def sessions_of(db: Session, row: Disposal) -> list[str]:
    """The records that go."""
    return [row.object_id] if row.object_kind == "session" else list(filed.of_case(db, row.object_id).sessions)


def step_quietly(step: Step, done: float) -> None:
    """Show how far it is; what has begun to be destroyed is destroyed to the end, so nobody cancels it any more."""
    from rooms.jobs import JobCancelled

    try:
        step(done, "destroying")
    except JobCancelled:
        return


def elsewhere(hub: Hub, db: Session, disposal_id: str) -> list[Elsewhere]:
    """Copies outside the file store: spools of relays on this machine, journals put together, cached ZIPs."""
    row = db.get(Disposal, disposal_id)
    if row is None:
        raise NotFound()
    return copies_of(hub, db, sessions_of(db, row))


def copies_of(hub: Hub, db: Session, sessions: Sequence[str]) -> list[Elsewhere]:
    """The same for these records, those that are there."""
    spools = [Path(spool) for spool in db.scalars(select(Relay.spool)) if spool]
    found = []
    for session_id in sessions:
        found += [Elsewhere("spool", session_id, spool / session_id) for spool in spools]
        found.append(Elsewhere("spool", session_id, hub.recovered / session_id))
        package = db.scalar(select(Package.id).where(Package.session_id == session_id))
        cached = (hub.config.data / "cache" / "packages").glob(f"{package}-*.zip")
        found += [Elsewhere("cache", session_id, path) for path in cached]
    return [one for one in found if one.path.exists()]


def remove_outside(hub: Hub, inventory: Sequence[dict[str, Any]]) -> None:
    """Shipped journals, and all that lies in the store for good, with the keys it was sealed with.

    Raises StorageFailed when a store does not answer or still has something; the job is tried again.
    """
    sessions = {line["session"] for line in inventory if line["session"]}
    for session_id in sessions:
        hub.copies.remove(session_id)
    paths = [f"packages/{session_id[:2]}/{session_id}" for session_id in sessions]
    paths += [one["path"] for one in inventory if "outside" not in one and not one["path"].startswith("packages/")]
    if hub.store is not None:
        with hub.database.write() as db:
            for path in paths:
                keeping.ask_to_drop(db, path)
        while keeping.drop_asked(hub.database, hub.store):
            pass
        for key in held_below(hub.store, paths):  # what a restore brought back has no row
            hub.store.remove(key)
        if held_below(hub.store, paths):
            raise StorageFailed("storage.failed", "Some files could not be removed.")
    with hub.database.write() as db:
        groups = [sealing.group_of(path) for path in paths]
        db.execute(delete(StoreKey).where(StoreKey.group.in_(groups)))


def held_below(store: Store, paths: Sequence[str]) -> list[str]:
    """Objects at these paths or below them. Raises StorageFailed."""
    return [
        held.key for path in paths for held in store.list(path) if held.key == path or held.key.startswith(path + "/")
    ]
