"""Kiểm tra thiết bị: camera, microphone, loudspeaker and line of this device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rooms import checks
from web.deps import ActorDep, DeviceDep, HubDep
from web.pages import formats
from web.pages.contexts import Context
from web.pages.render import page
from web.pages.viewer import frame

router = APIRouter()


@dataclass(frozen=True)
class CheckPage(Context):
    """``data``: for web/static/js/pages/check.js. ``last``: when this device was last checked today, "" if not."""

    template: ClassVar[str] = "pages/check.html"
    data: dict[str, Any] = field(default_factory=dict)
    last: str = ""


@router.get("/check")
def check(request: Request, hub: HubDep, actor: ActorDep, device: DeviceDep) -> Response:
    """The check of this device. The line is measured against a small static file."""
    now = hub.now()
    with hub.database.read() as db:
        found = checks.check_of(db, device, formats.local(now).date())
        last = formats.clock(found.at) if found else ""
        chrome = frame(db, request, actor, "/")
    data = {"pingUrl": "/static/img/mark.svg", "nextUrl": "/"}
    return page(request, CheckPage(data=data, last=last), chrome=chrome)
