"""Results of the device check (web/static/js/pages/check.js), kept per device and day."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from rooms import checks
from web.deps import ActorDep, DeviceDep, HubDep
from web.pages.viewer import point_of

router = APIRouter()


class CheckResult(BaseModel):
    """One device check; values as rooms.checks knows them."""

    camera: str = Field("skipped", max_length=32)
    microphone: str = Field("skipped", max_length=32)
    speaker: str = Field("skipped", max_length=32)
    note: str = Field("", max_length=500)


@router.post("/api/checks")
def save(body: CheckResult, request: Request, hub: HubDep, actor: ActorDep, device: DeviceDep) -> dict[str, bool]:
    """Keep a result for this browser's device; ``passed``: nothing failed. Refuses unknown values (check.value)."""
    now = hub.now()
    with hub.database.write() as db:
        site = point_of(db, request, actor, now)
        result = checks.save_check(
            db,
            actor,
            device,
            body.camera,
            body.microphone,
            body.speaker,
            now,
            site_id=site.id if site else None,
            note=body.note,
        )
        return {"passed": result.passed}
