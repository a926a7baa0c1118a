"""Why a restricted record is opened: asked once per person and record for half an hour, and kept in the log (design 6).

Also what a browser prints of a file or record: it tells the hub, which writes it down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, audit
from rooms.errors import Forbidden
from rooms.models import ReceptionSession
from web.deps import ActorDep, HubDep
from web.i18n import N_, language_of
from web.pages import casefile
from web.pages.contexts import Context
from web.pages.custodywords import say
from web.pages.render import page
from web.pages.viewer import FormDep, frame, go, text_of

router = APIRouter()

HOLDS = timedelta(minutes=30)
KEY = "opened"
MOST = 20

PRINTED = tuple(
    (re.compile(pattern), kind, what)
    for pattern, kind, what in (
        (r"/cases/([a-z0-9]{24})(?:/looks)?", "case", "case"),
        (r"/visits/([a-z0-9]{24})/minutes", "visit", "minutes"),
        (r"/visits/([a-z0-9]{24})/receipt", "visit", "receipt"),
        (r"/visits/([a-z0-9]{24})", "visit", "visit"),
        (r"/sessions/([a-z0-9]{24})/minutes", "session", "minutes"),
        (r"/(?:sessions|replay|custody/session)/([a-z0-9]{24})(?:/looks|/signed)?", "session", "session"),
        (r"/custody/case/([a-z0-9]{24})", "case", "custody"),
    )
)
"""Pages of one object: where the object stands in the address, its kind, what of it is printed."""


@dataclass(frozen=True)
class ReasonPage(Context):
    """Asks why a restricted record is opened. ``error``: it was left empty."""

    template: ClassVar[str] = "pages/reason.html"
    session: str
    heading: str
    target: str
    error: str = ""


class Printed(BaseModel):
    """What the page tells: the address that was printed."""

    path: str = Field(max_length=200)


def is_given(request: Request, session: ReceptionSession, now: datetime) -> bool:
    """Whether this browser may go on: the record is not restricted, or its reader said why lately."""
    if not session.restricted:
        return True
    opened: dict[str, Any] = request.session.get(KEY, {}) if "session" in request.scope else {}
    at = opened.get(session.id)
    return isinstance(at, int | float) and 0 <= now.timestamp() - at < HOLDS.total_seconds()


def need_given(request: Request, session: ReceptionSession, now: datetime) -> None:
    """Raises Forbidden custody.reason_needed."""
    if not is_given(request, session, now):
        raise Forbidden("custody.reason_needed", "Open the record's page and give the reason first.")


@router.get("/replay/{session_id}/reason")
def ask(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Why?"""
    return reason_page(session_id, request, hub, actor, "")


@router.post("/replay/{session_id}/reason")
def give(session_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Keep the reason in the log; go on."""
    reason, now = text_of(form, "reason", 500), hub.now()
    if not reason:
        error = say(N_("Ghi lý do."), language_of(request))
        return reason_page(session_id, request, hub, actor, error)
    with hub.database.write() as db:
        access.load_recording(db, actor, session_id, now=now)
        audit.log(db, actor, "recording.opened", "session", session_id, now, reason=reason)
    opened = dict(sorted(request.session.get(KEY, {}).items(), key=lambda one: one[1])[-MOST:])
    request.session[KEY] = {**opened, session_id: now.timestamp()}
    return go(f"/replay/{session_id}")


def reason_page(session_id: str, request: Request, hub: HubDep, actor: ActorDep, error: str) -> Response:
    """The question."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        access.load_recording(db, actor, session_id, now=now)
        heading = casefile.label_of(db, actor, "session", session_id, now, language)
        context = ReasonPage(session_id, heading, f"/replay/{session_id}/reason", error)
        return page(request, context, chrome=frame(db, request, actor, "/cases"), status=422 if error else 200)


@router.post("/api/printed", status_code=204)
def printed(body: Printed, hub: HubDep, actor: ActorDep) -> Response:
    """A page of a file or record was printed; others are not noted."""
    for pattern, kind, what in PRINTED:
        found = pattern.fullmatch(body.path)
        if found:
            with hub.database.write() as db:
                access.load_owner(db, actor, kind, found[1], access.Right.READ, hub.now())
                audit.log(db, actor, "page.printed", kind, found[1], hub.now(), detail={"page": what})
            break
    return Response(status_code=204)
