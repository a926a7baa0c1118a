"""Composed files and sound-only files of a session: ask for them, see how far they are, cancel, try again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from rooms import derived
from rooms.models import Job, ReplayFile
from rooms.words import JobState
from web import i18n, sentences
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.pages import formats

router = APIRouter()

UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)


@router.get("/api/sessions/{session_id}/derived")
def show(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Per kind its file and the job that makes it; null for none."""
    with hub.database.read() as db:
        found = derived.of_session(db, actor, session_id, hub.now())
        return {kind: state_of(file, job, i18n.language_of(request)) for kind, (file, job) in found.items()}


@router.post("/api/sessions/{session_id}/derived/{kind}")
def ask(session_id: str, kind: str, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Have one made."""
    with hub.database.write() as db:
        job = derived.ask(db, actor, session_id, kind, hub.now())
        return state_of(None, job, i18n.language_of(request))


@router.post("/api/derived/{job_id}/cancel")
def cancel(job_id: str, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Stop making it."""
    with hub.database.write() as db:
        return state_of(None, derived.cancel(db, actor, job_id, hub.now()), i18n.language_of(request))


@router.post("/api/derived/{job_id}/retry")
def retry(job_id: str, request: Request, hub: HubDep, actor: ActorDep) -> dict[str, Any]:
    """Try again."""
    with hub.database.write() as db:
        return state_of(None, derived.retry(db, actor, job_id, hub.now()), i18n.language_of(request))


def state_of(file: ReplayFile | None, job: Job | None, language: str) -> dict[str, Any]:
    """What the page shows of one kind."""
    shown: dict[str, Any] = {"file": None, "job": None}
    if file is not None:
        shown["file"] = {
            "url": f"/api/replay/{file.id}",
            "mime": file.mime,
            "size": formats.size(file.length),
            "made": formats.stamp(file.created_at),
            "length": formats.span(file.duration_s, language),
        }
    if job is not None and (job.state is not JobState.DONE or file is None):
        shown["job"] = {
            "id": job.id,
            "state": job.state.value,
            "under_way": job.state in UNDER_WAY,
            "cancelling": job.cancel_asked and job.state in UNDER_WAY,
            "again": job.state is JobState.QUEUED and bool(job.error),
            "progress": round(job.progress, 3),
            "why": why(job, language),
        }
    return shown


def why(job: Job, language: str) -> str:
    """Why it failed, in the reader's language; "" when it did not."""
    code = job.error.split(" ", 1)[0]
    if not code:
        return ""
    return i18n.translate(sentences.SENTENCES.get(code, N_("Không làm được. Bản gốc không bị ảnh hưởng.")), language)
