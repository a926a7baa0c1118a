"""Journals whose relay's disk is gone, put together from their copies before the session locks.

What is put together lies in ``<data>/recovered/<session>`` and is closed at its last whole block like any journal
that a dead process left (``media.journalscan``). It is never mixed with what a spool still has: that always goes first.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from media.journalscan import recover, sync_folder
from media.messages import Recovered, TrackClosed
from rooms import recordings
from rooms.errors import Conflict, NotFound, StorageFailed
from rooms.models import Package, ReceptionSession, Relay, Track
from rooms.words import SessionState, TrackState
from web import logs
from web.hub import Hub

log = logs.get("restore")


def from_copies(hub: Hub, session_id: str, is_final: bool = False) -> list[str]:
    """Put together what no spool has any more; the names of these journals. Safe to repeat.

    A journal that its relay has finished is waited for until its copy is whole; ``is_final``: nothing more will come of
    any relay, so what there is counts. Raises Conflict recording.tracks_open, StorageFailed, OSError.
    """
    with hub.database.read() as db:
        known = {track.file: track for track in recordings.tracks_of(db, session_id)}
        spools = [Path(spool) for spool in db.scalars(select(Relay.spool)) if spool]
        db.expunge_all()
    try:
        kept = hub.copies.lengths(session_id)
    except StorageFailed as error:
        if not all(any((spool / session_id / file).exists() for spool in spools) for file in known):
            raise
        log.warning("copies not asked for", session=session_id, code=error.code)  # the spools have everything known
        return []
    wanted = []
    for file in sorted(kept):
        if any((spool / session_id / file).exists() for spool in spools):
            continue
        track = known.get(file)
        if track is not None and not is_final:
            if track.state is TrackState.WRITING:
                continue  # its relay may come back with more; plan_lock waits for it
            if track.state is not TrackState.MISSING and kept[file] < track.length:
                raise Conflict("recording.tracks_open", "The copies of the recording are not complete yet.")
        wanted.append(file)
    return [file for file in wanted if _restore(hub, session_id, file, known.get(file))]


def _restore(hub: Hub, session_id: str, file: str, track: Track | None) -> bool:
    path = hub.recovered / session_id / file
    if not path.exists() and not _put_together(hub, session_id, path):
        return False
    found = recover(path)
    if found is None or found.body.file != file:
        log.error("a copy holds no journal", session=session_id, file=file)
        return False
    with hub.database.write() as db:
        _note(db, session_id, found.body, track, hub.now())
    log.warning("journal restored from its copy", session=session_id, file=file, packets=found.body.packets)
    return True


def _put_together(hub: Hub, session_id: str, path: Path) -> bool:
    partial = path.with_name(f".{path.name}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with partial.open("wb") as out:
            hub.copies.write(session_id, path.name, out)
            out.flush()
            os.fsync(out.fileno())
    except NotFound:
        return False
    partial.rename(path)
    sync_folder(path.parent)
    return True


def _note(db: Session, session_id: str, body: Recovered | TrackClosed, known: Track | None, now: datetime) -> None:
    kind = "track_closed" if isinstance(body, TrackClosed) else "recovered"
    if known is not None and known.state is TrackState.CLOSED:
        if kind == "track_closed" and body.sha256 == known.sha256:
            return  # the whole journal, as the relay reported it
        row = db.get_one(Track, known.id)
        row.state = TrackState.RECOVERED
    relay = (known.relay_id if known is not None else "") or ""
    recordings.track_reported(db, relay, session_id, kind, msgspec.to_builtins(body), now)


def release(hub: Hub, before: datetime) -> int:
    """Forget copies of sessions that were locked before ``before`` or are not there any more; how many sessions."""
    gone = 0
    here = [folder.name for folder in hub.recovered.iterdir()] if hub.recovered.is_dir() else []
    for session_id in {*hub.copies.sessions(), *here}:
        with hub.database.read() as db:
            row = db.get(ReceptionSession, session_id)
            locked_at = db.scalar(select(Package.locked_at).where(Package.session_id == session_id))
        if row is None or (row.state is SessionState.LOCKED and locked_at is not None and locked_at < before):
            hub.copies.remove(session_id)
            if hub.copies_root is not None:  # a store of objects leaves no folders behind
                shutil.rmtree(hub.copies_root / "copies" / session_id, ignore_errors=True)
            shutil.rmtree(hub.recovered / session_id, ignore_errors=True)
            gone += 1
    return gone


__all__ = ["from_copies", "release"]
