"""Replay files: made from a session's journals by a process of low priority, listed in the package, removed by age.

They are a cache: whoever removes them loses nothing, the next look makes them again from the originals. They are made
as soon as the journals are closed, mostly before the session locks; the signed list of derived files is written when
both are there, from whichever job comes second.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import package, recordings, takes
from rooms.errors import RoomsError, StorageFailed
from rooms.keeping import ask_to_drop
from rooms.models import Package, Relay, ReplayFile, Track
from rooms.words import TrackState
from web import keeping, logs
from web.hub import Hub

log = logs.get("replays")

Step = Callable[[float, str], None]
MICROSECONDS = 1_000_000


def build(hub: Hub, session_id: str, step: Step) -> dict[str, Any]:
    """Make the session's replay files, in place of older ones. Raises StorageFailed, JobCancelled."""
    keeping.try_to_bring(hub, session_id)
    with hub.database.read() as db:
        points = journals_of(hub, db, session_id)
        held = takes_of(hub, db, session_id)
    area = hub.config.data / "files" / "replay"
    area.mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    prefix = f"making-{session_id}-"
    for left in area.glob(f"{prefix}*"):  # by a worker that was killed: there is one such job per session at a time
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=area) as folder:
        journals = {key: [str(p) for p, _ in files] for key, files in points.items()}
        pieces = {take: [[str(path), start] for path, start in one.pieces] for take, one in held.items()}
        for point in run_maker(journals, Path(folder), pieces):
            made.append(point)
            step(len(made) / max(1, len(points) + len(held)), "muxing")
            for problem in point["problems"]:
                log.warning("replay problem", session=session_id, code=problem[0], file=problem[1])
        count = _keep(hub, session_id, made, points, held)
    list_in_package(hub, session_id)
    return {"files": count, "points": len(made)}


def journals_of(hub: Hub, db: Session, session_id: str) -> dict[str, list[tuple[Path, str]]]:
    """Participant -> its journals (where they lie now, and their name), those that are there at all."""
    rows = db.execute(
        select(Track, Relay.spool)
        .join(Relay, Relay.id == Track.relay_id, isouter=True)
        .where(Track.session_id == session_id, Track.state != TrackState.MISSING)
        .order_by(Track.part, Track.file)
    )
    locked = db.scalar(select(Package.path).where(Package.session_id == session_id))
    found: dict[str, list[tuple[Path, str]]] = {}
    for track, spool in rows:
        path = Path(spool or "") / session_id / track.file
        if not path.exists():
            path = hub.recovered / session_id / track.file
        if not path.exists() and locked:
            path = hub.files.where(locked) / "journals" / track.file
        if path.exists():
            found.setdefault(track.participant_id, []).append((path, track.file))
    return found


@dataclass(frozen=True, slots=True)
class HeldTake:
    """A filed take: whose, its ordinal among the session's, and its pieces (where they lie, UTC microseconds)."""

    participant: str
    ordinal: int
    pieces: list[tuple[Path, int]]


def takes_of(hub: Hub, db: Session, session_id: str) -> dict[str, HeldTake]:
    """Filed takes of a session, those of which something was kept."""
    found = {}
    for ordinal, take in enumerate(takes.of_session(db, session_id), start=1):
        rows = [row for row in takes.pieces_of(db, take.id) if row.path]
        pieces = [(hub.files.root / row.path, row.start_us) for row in rows if (hub.files.root / row.path).exists()]
        if pieces:
            found[take.id] = HeldTake(take.participant_id, ordinal, pieces)
    return found


def run_maker(
    points: dict[str, list[str]], folder: Path, pieces: dict[str, list[list[Any]]] | None = None,
    between: tuple[int, int] | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Run the maker and give its lines as they come; ``between``: of an extract, UTC microseconds.

    Raises StorageFailed when it fails."""
    with subprocess.Popen(
        [sys.executable, "-m", "web.makereplay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        try:
            task = {"folder": str(folder), "points": points, "takes": pieces or {}, "between": between}
            json.dump(task, process.stdin)
            process.stdin.close()
            for line in process.stdout:
                yield json.loads(line)
            complaint = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        log.error("maker failed", status=process.returncode, complaint=complaint[-2000:])
        raise StorageFailed("replay.failed", "The replay files could not be made.")


def _keep(
    hub: Hub, session_id: str, made: list[dict[str, Any]], points: dict[str, list[tuple[Path, str]]],
    held: dict[str, HeldTake],
) -> int:  # fmt: skip
    """Move the files into the store and put their rows in place of the old ones; how many."""
    kept = []
    for point in made:
        for number, segment in enumerate(point["segments"]):
            source = Path(segment["file"])
            relative, target = hub.files.place("replay", source.suffix)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            take = held.get(point.get("take", ""))
            participant = take.participant if take else point["participant"]
            part = take.ordinal if take else 1
            listed = (
                [f"takes/{point['take']}.json"] if take else [f"journals/{name}" for _, name in points[participant]]
            )
            kept.append((participant, part, number, segment, relative, target, listed))
    with hub.database.write() as db:
        old = list(db.scalars(select(ReplayFile).where(ReplayFile.session_id == session_id)))
        paths = [row.path for row in old]
        for row in old:
            ask_to_drop(db, row.path)
            db.delete(row)
        db.flush()
        for participant, part, number, segment, relative, target, listed in kept:
            with target.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            recordings.add_replay(
                db, session_id, participant, hub.now(), part=part, segment=number, mime=segment["media_type"],
                path=relative, length=target.stat().st_size, sha256=digest, start_utc=segment["start_utc"],
                duration_s=segment["duration_s"], frames=int(segment["frames"].get("camera", 0)), kind=_kind(segment),
                originals=listed,
            )  # fmt: skip
    for path in paths:
        hub.files.remove(path)
    return len(kept)


def _kind(segment: dict[str, Any]) -> str:
    return "point" if segment["kind"] == "replay" else str(segment["kind"])


def list_in_package(hub: Hub, session_id: str) -> None:
    """Write the signed list of derived files of a locked package that is here; those that are in the store only are not
    in the package's cache, and so not in its list."""
    with hub.database.read() as db:
        path = db.scalar(select(Package.path).where(Package.session_id == session_id))
        rows = list(db.scalars(select(ReplayFile).where(ReplayFile.session_id == session_id)))
    if path is None or not hub.files.where(path).is_dir():
        return
    folder = hub.files.path_of(path)
    listed = []
    for row in rows:
        source = hub.files.where(row.path)
        if not source.exists():
            continue
        listed.append(
            package.DerivedFile(
                path=source,
                name=f"{row.id}{source.suffix}",
                media_type=row.mime,
                participant=row.participant_id,
                kind="replay" if row.kind == "point" else row.kind,
                start_utc_us=round(row.start_utc * MICROSECONDS),
                duration_us=round(row.duration_s * MICROSECONDS),
                frames={"camera": row.frames},
                originals=row.originals,
            )
        )
    package.set_derived(folder, listed, hub.signer, hub.now())


def release_spools(hub: Hub, before: datetime) -> int:
    """Delete journals from spools on this machine whose session was locked before ``before``; how many.

    Only what the package holds unchanged goes (``package.release``).
    """
    with hub.database.read() as db:
        spools = [Path(spool) for spool in db.scalars(select(Relay.spool)) if spool]
    gone = 0
    for folder in (folder for spool in spools if spool.is_dir() for folder in spool.iterdir() if folder.is_dir()):
        with hub.database.read() as db:
            query = select(Package.path).where(Package.session_id == folder.name, Package.locked_at < before)
            path = db.scalar(query)
        if path is None:
            continue
        try:
            gone += package.release(hub.files.path_of(path), sorted(folder.glob("*.dcj*")))
        except (OSError, RoomsError) as error:
            log.warning("spool not released", session=folder.name, reason=type(error).__name__)
    return gone


def expire(hub: Hub, before: datetime) -> int:
    """Remove the replay files of locked sessions that were made before ``before``; how many."""
    with hub.database.read() as db:
        query = select(ReplayFile).join(Package, Package.session_id == ReplayFile.session_id)
        old = [(row.id, row.path, row.session_id) for row in db.scalars(query.where(ReplayFile.created_at < before))]
    for replay_id, path, _ in old:
        with hub.database.write() as db:
            row = db.get(ReplayFile, replay_id)
            if row is not None:
                ask_to_drop(db, row.path)
                db.delete(row)
        hub.files.remove(path)
    for session_id in {session_id for _, _, session_id in old}:
        list_in_package(hub, session_id)
    return len(old)
