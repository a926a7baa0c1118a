"""Replay files: made from a session's journals by a process of low priority, listed in the package, removed by age.

They are a cache: whoever removes them loses nothing, the next look makes them again from the originals. They are made
as soon as the journals are closed, mostly before the session locks; the signed list of derived files is written when
both are there, from whichever job comes second.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rooms import package, recordings, takes
from rooms.errors import RoomsError
from rooms.keeping import ask_to_drop
from rooms.models import Package, ReceptionSession, Relay, ReplayFile, Take, TakePiece, Track
from rooms.words import SessionState, TrackState
from web import keeping, logs, makers
from web.hub import Hub

log = logs.get("replays")

MICROSECONDS = 1_000_000
REPLAYED = ("point", "screen", "document", "take")
VOICES = "voices"
VOICES_MOST = 64 << 20
LIVE_EVERY_S = 2.0
ORPHANED_AFTER_S = 86_400.0


class Step(Protocol):
    """Says how far a job is (0..1) with a stable word, and whether somebody cancelled it."""

    def __call__(self, done: float, note: str) -> None:
        """Say it. Raises JobCancelled."""

    def check(self) -> None:
        """Raises JobCancelled; cheap."""


def build(hub: Hub, session_id: str, step: Callable[[float, str], None], check: Callable[[], None]) -> dict[str, Any]:
    """Make the session's replay files, in place of older ones. Raises StorageFailed, JobCancelled."""
    keeping.try_to_bring(hub, session_id)
    with hub.database.read() as db:
        points = journals_of(hub, db, session_id)
        held = takes_of(hub, db, session_id)
    area = hub.config.data / "files" / "replay"
    area.mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    voices: dict[str, Any] = {}
    prefix = f"making-{session_id}-"
    for left in area.glob(f"{prefix}*"):  # by a worker that was killed: there is one such job per session at a time
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=area) as folder:
        journals = {key: [str(p) for p, _ in files] for key, files in points.items()}
        pieces = {take: [[str(path), start] for path, start in one.pieces] for take, one in held.items()}
        task = {"folder": folder, "points": journals, "takes": pieces}
        for line in makers.run("web.makereplay", task, watch(hub, check)):
            if "voices" in line:
                voices = line["voices"]
            else:
                made.append(line)
                step(len(made) / max(1, len(points) + len(held)), "muxing")
                for problem in line["problems"]:
                    log.warning("replay problem", session=session_id, code=problem[0], file=problem[1])
        count = _keep(hub, session_id, made, points, held, voices)
    list_in_package(hub, session_id)
    return {"files": count, "points": len(made)}


def watch(hub: Hub, check: Callable[[], None]) -> makers.Watch:
    """Looks for a wish to cancel at every call, and every LIVE_EVERY_S whether people are being heard."""
    looked, share = float("-inf"), None

    def look() -> float | None:
        nonlocal looked, share
        check()
        now = time.monotonic()
        if now - looked >= LIVE_EVERY_S:
            looked, share = now, share_now(hub)
        return share

    return look


def share_now(hub: Hub) -> float | None:
    """How much of a core derived media may take now; None: as much as there is, for no session runs."""
    with hub.database.read() as db:
        running = select(ReceptionSession.id).where(ReceptionSession.state == SessionState.RUNNING).limit(1)
        return hub.config.derived_cpu_percent / 100 if db.scalar(running) is not None else None


def all_there(hub: Hub, session_id: str) -> bool:
    """Whether the session's replay files are newer than its journals, and all on the disk."""
    with hub.database.read() as db:
        rows = list(db.scalars(select(ReplayFile).where(ReplayFile.session_id == session_id)))
        newest = db.scalar(select(func.max(Track.created_at)).where(Track.session_id == session_id))
    rows = [row for row in rows if row.kind in REPLAYED]
    if not rows or (newest is not None and min(row.created_at for row in rows) < newest):
        return False
    return all((hub.files.root / row.path).is_file() for row in rows)


def is_disposed(db: Session, session_id: str) -> bool:
    """Whether the record was disposed of: then nothing is made of it, whatever a restore has brought back."""
    gone = select(Package.id).where(Package.session_id == session_id, Package.disposed_at.is_not(None))
    return db.scalar(gone) is not None


def journals_of(hub: Hub, db: Session, session_id: str) -> dict[str, list[tuple[Path, str]]]:
    """Participant -> its journals (where they lie now, and their name), those that are there at all."""
    rows = db.execute(
        select(Track, Relay.spool)
        .join(Relay, Relay.id == Track.relay_id, isouter=True)
        .where(Track.session_id == session_id, Track.state != TrackState.MISSING)
        .order_by(Track.part, Track.file)
    )
    if is_disposed(db, session_id):
        return {}
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
    """A filed take: whose, its ordinal among the session's, its pieces (where they lie, UTC microseconds), and the
    SHA-256 of its list, which fixes them."""

    participant: str
    ordinal: int
    pieces: list[tuple[Path, int]]
    list_sha256: str = ""


def takes_of(
    hub: Hub, db: Session, session_id: str, wanted: Callable[[Take, TakePiece], bool] = lambda take, piece: True
) -> dict[str, HeldTake]:
    """Filed takes of a session of which something was kept, with the pieces that are ``wanted``; read where they were
    filed, else out of the package."""
    if is_disposed(db, session_id):
        return {}
    found = {}
    locked = db.scalar(select(Package.path).where(Package.session_id == session_id))
    for ordinal, take in enumerate(takes.of_session(db, session_id), start=1):
        signed = f"{locked}/takes" if take.placed == "package" else f"{take.placed}/files" if take.placed else ""
        pieces = []
        for row in (row for row in takes.pieces_of(db, take.id) if row.path and wanted(take, row)):
            path = hub.files.root / row.path
            if not path.exists() and signed:
                path = hub.files.where(f"{signed}/{takes.name_of(row)}")
            if path.exists():
                pieces.append((path, row.start_us))
        if pieces:
            found[take.id] = HeldTake(take.participant_id, ordinal, pieces, take.sha256)
    return found


def run_maker(
    points: dict[str, list[str]], folder: Path, pieces: dict[str, list[list[Any]]] | None = None,
    between: tuple[int, int] | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Run the maker for files that leave the hub and give its lines as they come; ``between``: of an extract, UTC
    microseconds. Raises StorageFailed when it fails."""
    task = {"folder": str(folder), "points": points, "takes": pieces or {}, "between": between}
    for line in makers.run("web.makereplay", task, lambda: None):
        if "voices" not in line:
            yield line


def _keep(
    hub: Hub, session_id: str, made: list[dict[str, Any]], points: dict[str, list[tuple[Path, str]]],
    held: dict[str, HeldTake], voices: dict[str, Any],
) -> int:  # fmt: skip
    """Move the files into the store and put their rows in place of the old ones; how many."""
    kept = []
    for point in made:
        for number, segment in enumerate(point["segments"]):
            source = Path(segment["file"])
            relative, target = hub.files.place("replay", source.suffix)
            os.replace(source, target)
            take = held.get(point.get("take", ""))
            participant = take.participant if take else point["participant"]
            part = take.ordinal if take else 1
            listed = (
                [f"takes/{point['take']}.json"] if take else [f"journals/{name}" for _, name in points[participant]]
            )
            kept.append((participant, part, number, segment, relative, target, listed))
    originals = {f"journals/{name}" for files in points.values() for _, name in files}
    originals |= {f"takes/{take}.json" for take in held}
    with hub.database.write() as db:
        old = list(db.scalars(select(ReplayFile).where(ReplayFile.session_id == session_id)))
        # What was composed from the same originals stays good; after a session was opened again it does not.
        old = [row for row in old if row.kind in REPLAYED or row.kind == VOICES or set(row.originals) != originals]
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
        if voices and kept:
            _keep_voices(hub, db, session_id, voices, sorted(originals), min(one[3]["start_utc"] for one in kept))
    for path in paths:
        hub.files.remove(path)
    return len(kept)


def _keep_voices(
    hub: Hub, db: Session, session_id: str, voices: dict[str, Any], originals: list[str], start_utc: float
) -> None:
    stored = hub.files.put("replay", io.BytesIO(json.dumps(voices).encode()), limit=VOICES_MOST, suffix=".json")
    recordings.add_replay(
        db, session_id, "", hub.now(), part=1, segment=0, mime="application/json", path=stored.path,
        length=stored.length, sha256=stored.sha256, start_utc=start_utc, duration_s=0.0, kind=VOICES,
        originals=originals,
    )  # fmt: skip


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
                frames={"camera": row.frames} if row.kind != VOICES else {},
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
    """Remove the derived files of locked sessions that nobody opened since ``before``; how many."""
    with hub.database.read() as db:
        query = select(ReplayFile).join(Package, Package.session_id == ReplayFile.session_id)
        made = [(row.id, row.path, row.session_id) for row in db.scalars(query.where(ReplayFile.created_at < before))]
    old = [one for one in made if _used(hub, one[1]) < before.timestamp()]
    for replay_id, path, _ in old:
        with hub.database.write() as db:
            row = db.get(ReplayFile, replay_id)
            if row is not None:
                ask_to_drop(db, row.path)
                db.delete(row)
        hub.files.remove(path)
    for session_id in {session_id for _, _, session_id in old}:
        list_in_package(hub, session_id)
    return len(old) + _sweep(hub)


def note_use(path: Path) -> None:
    """A file was opened: it starts its age anew."""
    with suppress(OSError):
        os.utime(path)


def _used(hub: Hub, path: str) -> float:
    try:
        return (hub.files.root / path).stat().st_mtime
    except OSError:
        return 0.0


def _sweep(hub: Hub) -> int:
    """Remove what has no row: left by a worker that was killed between file and row, or by a restriction."""
    area = hub.files.root / "replay"
    now = time.time()
    found = [path for path in area.glob("??/*") if path.is_file() and now - path.stat().st_mtime > ORPHANED_AFTER_S]
    with hub.database.read() as db:
        known = {row for row in db.scalars(select(ReplayFile.path))} if found else set()
    gone = [path for path in found if path.relative_to(hub.files.root).as_posix() not in known]
    for path in gone:
        path.unlink(missing_ok=True)
    for left in area.glob("*-*"):  # work folders of jobs that never ran again
        if left.is_dir() and now - left.stat().st_mtime > ORPHANED_AFTER_S:
            shutil.rmtree(left, ignore_errors=True)
    return len(gone)
