"""The worker's part of an extract: cut the journals of the locked package, and what the chosen points recorded by
themselves; add the files as a signed supplement."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from rooms import extracts, jobs, recordings
from rooms.errors import NotFound, RoomsError, StorageFailed
from rooms.package import PaperFile
from rooms.words import ExtractState
from web import logs, owntakes
from web.hub import Hub
from web.keeping import bring_package
from web.replays import HeldTake, Step, run_maker

log = logs.get("extracts")

MICROSECONDS = 1_000_000


def make(hub: Hub, payload: dict[str, Any], step: Step) -> dict[str, Any]:
    """Make one extract. Raises JobCancelled, StorageFailed, WrongState."""
    extract_id = payload["extract"]
    try:
        return _make(hub, extract_id, step)
    except jobs.JobCancelled:
        with hub.database.write() as db:
            extracts.give_up(db, extract_id, ExtractState.CANCELLED)
        raise
    except Exception as error:
        with hub.database.write() as db:
            job = jobs.newest(db, extracts.KIND, extract_id)
            if job is None or job.attempts >= job.max_attempts:
                code = error.code if isinstance(error, RoomsError) else "internal"
                extracts.give_up(db, extract_id, ExtractState.FAILED, code)
        raise


def _make(hub: Hub, extract_id: str, step: Step) -> dict[str, Any]:
    with hub.database.read() as db:
        row, _ = extracts.to_make(db, extract_id)
        session_id = row.session_id
    bring_package(hub, session_id)
    owntakes.place(hub, session_id)
    with hub.database.write() as db:
        row, points = extracts.to_make(db, extract_id)
        if extracts.adopted(db, hub.files, extract_id):
            return {"files": len(row.files)}
        package = recordings.package_of(db, row.session_id)
        if package is None:
            raise NotFound()
        folder = hub.files.path_of(package.path)
        held = owntakes.leaving(hub, db, row.session_id, extracts.faces_of(row))
        db.expunge_all()
    step(0.02, "cutting")
    # Beside the package: its files can be linked there, and what a dead worker left goes with the package.
    place = folder.with_name(f".{folder.name}.extract-{extract_id}")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        made = _cut(row, points, held, folder, place, step)
        step(0.95, "signing")
        with hub.database.write() as db:
            done = extracts.finish(db, hub.files, extract_id, made, hub.signer, hub.now())
            return {"files": len(done.files)}
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _cut(
    row: Any, points: dict[str, list[str]], held: dict[str, HeldTake], folder: Path, place: Path, step: Step
) -> list[tuple[PaperFile, dict[str, Any]]]:
    between = round(row.from_utc * MICROSECONDS), round(row.to_utc * MICROSECONDS)
    tasks = {who: [str(folder / "journals" / name) for name in names] for who, names in points.items()}
    made: list[tuple[PaperFile, dict[str, Any]]] = []
    for count, point in enumerate(run_maker(tasks, place, owntakes.task_of(held), between), 1):
        for problem in point["problems"]:
            log.warning("extract problem", session=row.session_id, code=problem[0], file=problem[1])
        take_id = point.get("take", "")
        origin = owntakes.stated(take_id, held[take_id]) if take_id else {}
        who = held[take_id].participant if take_id else point["participant"]
        made += [_stated(who, segment, len(made) + n, origin) for n, segment in enumerate(point["segments"])]
        step(0.02 + 0.9 * count / max(1, len(tasks) + len(held)), "cutting")
    if not made:
        raise StorageFailed("extract.empty", "Nothing of these points was recorded then.")
    return made


def _stated(
    participant: str, segment: dict[str, Any], number: int, origin: dict[str, Any]
) -> tuple[PaperFile, dict[str, Any]]:
    """A file and what the supplement says of it: whose, where it is from, and the moments that it really holds."""
    path = Path(segment["file"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    name = f"{number + 1:02d}{path.suffix}"
    kind = "point" if segment["kind"] == "replay" else segment["kind"]
    start = round(segment["start_utc"] * MICROSECONDS)
    facts = {
        "name": name, "participant": participant, "kind": kind, "media_type": segment["media_type"],
        "length": path.stat().st_size, "sha256": digest, "start_utc_us": start,
        "end_utc_us": start + round(segment["duration_s"] * MICROSECONDS),
        "reencoded_utc_us": [list(span) for span in segment["reencoded"]], **origin,
    }  # fmt: skip
    return PaperFile(path, name, digest, path.stat().st_size), facts
