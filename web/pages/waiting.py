"""Phòng chờ trực tuyến: place in the queue, expected time, who will receive, the operator's message."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, visits
from rooms.actor import Actor
from rooms.models import ReceptionSession, Site, Sitting, Visit
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import lists
from web.pages.contexts_desk import WaitingPage, WaitingPart
from web.pages.render import page
from web.pages.today import presence_of
from web.pages.viewer import frame, point_view
from web.pages.visit import LIVE, sessions_of

router = APIRouter()

SHORT_MINUTES, LONG_MINUTES = 10, 25
"""Length of a reception when the sitting has had none yet: a guess that is shown as a span, never as a promise."""


@router.get("/waiting/{visit_id}")
def show(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The waiting room of one visit."""
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        site = access.load_site(db, actor, visit.site_id, now=hub.now())
        language = i18n.language_of(request)
        number = lists.visit_number(visit) or "–"
        context = WaitingPage(
            **ticket(request, hub, db, actor, visit),
            heading=i18n.translate(N_("Lượt tiếp số %(number)s"), language) % {"number": number},
            point=point_view(db, request, site, hub.now(), presence_of(hub, site.id)),
        )
        chrome = frame(db, request, actor, "/", training=visit.training_space_id is not None)
        return page(request, context, chrome=chrome)


@router.get("/waiting/{visit_id}/live")
def live(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The part of the page that changes; headers carry what the script acts on."""
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        context = WaitingPart(**ticket(request, hub, db, actor, visit))
        answer = page(request, context)
        answer.headers["x-room"] = context.room_url
        answer.headers["x-message"] = message_of(visit).encode("unicode_escape").decode("ascii")
        return answer


def message_of(visit: Visit) -> str:
    """What the operator wrote to this waiting visit, "" for nothing."""
    return str((visit.draft or {}).get("_message", ""))


def ticket(request: Request, hub: Hub, db: Session, actor: Actor, visit: Visit) -> dict[str, Any]:
    """Place, expectation and who receives."""
    now, language = hub.now(), i18n.language_of(request)
    session = next((one for one in sessions_of(db, actor, visit, hub) if one.state in LIVE), None)
    place = visits.place_in_queue(db, visit)
    queued = visit.queued_at or visit.started_at
    sitting = db.get(Sitting, visit.sitting_id) if visit.sitting_id else None
    return {
        "visit": visit,
        "state": visit.state.value,
        "place": place,
        "expects": expectation(db, sitting, place, now, language),
        "receiver": receiver(db, sitting, language),
        "since": queued.timestamp(),
        "waited": (now - queued).total_seconds(),
        "room_url": f"/room/{session.id}" if session is not None else "",
    }


def receiver(db: Session, sitting: Sitting | None, language: str) -> str:
    """Who will receive, as far as it is known."""
    if sitting is None:
        return i18n.translate(N_("Người điều hành sẽ báo"), language)
    site = db.get(Site, sitting.site_id)
    name = ", ".join(part for part in (sitting.chair_name, sitting.chair_title) if part)
    return name or (site.name if site else "")


def expectation(db: Session, sitting: Sitting | None, place: int, now: datetime, language: str) -> str:
    """How long it may take: visits ahead times the length of this sitting's receptions so far, as a span."""
    if place <= 1:
        return i18n.translate(N_("trong ít phút"), language)
    low, high = SHORT_MINUTES, LONG_MINUTES
    if sitting is not None:
        past = db.execute(
            select(ReceptionSession.started_at, ReceptionSession.closed_at)
            .where(ReceptionSession.sitting_id == sitting.id, ReceptionSession.closed_at.is_not(None))
            .order_by(ReceptionSession.closed_at.desc())
            .limit(10)
        ).all()
        lengths = sorted((b - a).total_seconds() / 60 for a, b in past if a and b)
        if len(lengths) >= 3:
            middle = lengths[len(lengths) // 2]
            low, high = max(3, round(middle * 0.7)), max(5, round(middle * 1.4))
    ahead = place - 1
    return i18n.translate(N_("khoảng %(low)d–%(high)d phút"), language) % {"low": low * ahead, "high": high * ahead}
