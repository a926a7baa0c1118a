"""Replay files, packages and papers: checked at every request, every look and download in the audit log.

A player reads a file in many pieces; one look of one person at one file is logged once in ten minutes.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, audit, package, papers, recordings, sessions
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import NotFound
from rooms.models import Minutes as MinutesRow
from rooms.models import MinutesLine, Participant, ReplayFile
from rooms.words import LineKind
from web import replays
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.pages import reasons
from web.ranges import RangeFile, RangeObject

router = APIRouter()

PICTURE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; img-src 'self' data: blob:; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
)
"""Scans come from outside. A picture gets a sandbox. The browsers' own viewers show PDFs, apart from this origin and
without its scripts; a sandbox would shut those of older browsers out (Chromium 156 opens one in a sandbox, 109, the
oldest we serve, is said not to), so a PDF may load nothing, be framed by nothing and send nothing instead."""


@router.get("/api/replay/{replay_id}")
def replay_file(replay_id: str, request: Request, hub: HubDep, actor: ActorDep, download: bool = False) -> Response:
    """One replay file, in pieces; a composed file also as a download, under the opaque id of its session."""
    now = hub.now()
    with hub.database.read() as db:
        row, _ = recordings.open_replay(db, actor, hub.files, replay_id, now)
        reasons.need_given(request, access.load_recording(db, actor, row.session_id, now=now), now)
        session_id, mime, path = row.session_id, row.mime, row.path
    replays.note_use(hub.files.where(path))
    if download:
        log_look(hub, actor, "recording.downloaded", "session", session_id, f"{replay_id} download")
        return served(hub, path, mime, f"{session_id}{Path(path).suffix}")
    log_look(hub, actor, "recording.viewed", "session", session_id, replay_id)
    return served(hub, path, mime)


@router.get("/api/sessions/{session_id}/package")
def download_package(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The locked package as its canonical ZIP; the file's name is the opaque id."""
    now = hub.now()
    with hub.database.write() as db:
        reasons.need_given(request, access.load_recording(db, actor, session_id, now=now), now)
        row, folder = recordings.package_path(db, actor, hub.files, session_id, now)
        package_id, path = row.id, row.path
    hub.files.at_hand(path)
    return RangeFile(zip_of(hub, package_id, folder), "application/zip", f"{session_id}.zip")


def zip_of(hub: Hub, package_id: str, folder: Path) -> Path:
    """The package's ZIP in the cache, made at the first download and again after a supplement."""
    head = package.head(folder)
    target = hub.config.data / "cache" / "packages" / f"{package_id}-{head[:16]}.zip"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        for older in target.parent.glob(f"{package_id}-*.zip"):
            older.unlink(missing_ok=True)
        package.export_zip(folder, target)
    return target


@router.get("/api/papers/{paper_id}")
def paper_file(paper_id: str, hub: HubDep, actor: ActorDep, download: bool = False) -> Response:
    """A scan, shown in place or downloaded; rooms.papers logs the look."""
    with hub.database.write() as db:
        row, _ = papers.open_paper(db, actor, hub.files, paper_id, hub.now(), taken=download)
        mime, path = row.mime, row.path
    suffix = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}.get(mime, "bin")
    response = served(hub, path, mime, f"{paper_id}.{suffix}" if download else None)
    response.headers["Content-Security-Policy"] = PDF_POLICY if mime == "application/pdf" else PICTURE_POLICY
    return response


def served(hub: Hub, path: str, mime: str, name: str | None = None) -> Response:
    """A stored file, from this machine's folder or, in ranges, straight from the store. Raises NotFound."""
    local = hub.files.where(path)
    if local.exists() or hub.store is None:
        return RangeFile(hub.files.path_of(path), mime, name)
    length = hub.store.length(path)
    if length is None:
        raise NotFound()
    return RangeObject(hub.store, path, length, mime, name)


def log_look(hub: Hub, actor: Actor, action: str, kind: str, object_id: str, detail: str) -> None:
    """One audit entry per person, file and ten minutes."""
    now = hub.now()
    if hub.looks.is_new(actor.user_id or "", detail, now):
        with hub.database.write() as db:
            audit.log(db, actor, action, kind, object_id, now, detail={"file": detail})


@router.get("/api/sessions/{session_id}/recording")
def recording(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """What the replay page needs: points with their files, events and bookmarks on one time line. UNIX seconds."""
    now = hub.now()
    with hub.database.read() as db:
        row = access.load_session(db, actor, session_id, Right.REPLAY, now=now)
        reasons.need_given(request, row, now)
        answer = {
            "session": row.id,
            "title": row.title,
            "state": row.state.value,
            "locked": row.locked_at is not None,
            "complete": row.complete,
            "lost_s": row.lost_s,
            "opened_utc": row.opened_at.timestamp() if row.opened_at else None,
            "started_utc": row.started_at.timestamp() if row.started_at else None,
            "closed_utc": row.closed_at.timestamp() if row.closed_at else None,
            "points": points_of(db, actor, session_id, now),
            "events": [
                {"number": event.number, "utc": event.utc, "kind": event.kind, "body": event.body}
                for event in sessions.events_since(db, session_id, 0)
            ],
            "bookmarks": bookmarks_of(db, session_id),
        }
    log_look(hub, actor, "recording.viewed", "session", session_id, session_id)
    return answer


def points_of(db: Session, actor: Actor, session_id: str, now: datetime) -> list[dict[str, Any]]:
    """The recorded points in their order, each with its files in time order."""
    files: dict[str, list[ReplayFile]] = {}
    for file in recordings.replay_of(db, actor, session_id, now):
        files.setdefault(file.participant_id, []).append(file)
    query = select(Participant).where(Participant.session_id == session_id).order_by(Participant.position)
    return [
        {
            "participant": point.id,
            "name": point.name,
            "files": [
                {
                    "id": file.id,
                    "url": f"/api/replay/{file.id}",
                    "mime": file.mime,
                    "kind": file.kind,
                    "part": file.part,
                    "start_utc": file.start_utc,
                    "duration_s": file.duration_s,
                    "length": file.length,
                }
                for file in files[point.id]
            ],
        }
        for point in db.scalars(query)
        if point.id in files
    ]


def bookmarks_of(db: Session, session_id: str) -> list[dict[str, Any]]:
    """Bookmarks of the session's minutes, in time order."""
    query = (
        select(MinutesLine)
        .join(MinutesRow, MinutesRow.id == MinutesLine.minutes_id)
        .where(MinutesRow.session_id == session_id, MinutesLine.kind == LineKind.BOOKMARK)
        .order_by(MinutesLine.at)
    )
    return [{"utc": line.at.timestamp(), "text": line.text} for line in db.scalars(query)]
