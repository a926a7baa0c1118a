"""Phòng tiếp: the page of one session, with the one-time ticket of its socket. What happens live is signaling's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import access, cases, seats, sites, tickets, visits
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import Device, Participant, ReceptionSession, Site, Visit
from rooms.words import DeviceKind, ParticipantRole, TicketKind
from web import i18n
from web.deps import ActorDep, HubDep, device_id
from web.i18n import N_
from web.pages import formats, lists
from web.pages.contexts import Context
from web.pages.render import page

router = APIRouter()

TICKET_TTL = dt.timedelta(minutes=5)
"""A page redeems its ticket at once; five minutes cover a slow line and a late click on "Thử lại"."""

NOTICE = N_(
    "Buổi tiếp công dân này được ghi âm, ghi hình để lập biên bản và lưu trong hồ sơ vụ việc. Bản ghi được khóa, ký số "
    "và chỉ người có thẩm quyền được xem. Ông, bà có quyền phản đối việc ghi hoặc đề nghị tự ghi; xin trả lời để "
    "chúng tôi ghi vào biên bản."
)
"""What the operator reads aloud before the record starts (design 6, domain 5)."""

NEXT_SHOWN = 50


@dataclass(frozen=True)
class RoomPage(Context):
    """``data``: what web/static/js/pages/room.js works with. ``kit``: room-kit mode, nothing but picture and keys."""

    template: ClassVar[str] = "pages/room.html"
    heading: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    kit: bool = False


@router.get("/room/{session_id}")
def room(session_id: str, request: Request, hub: HubDep, actor: ActorDep, kit: bool | None = None) -> Response:
    """The room of a session for whoever has a seat in it."""
    now, language, device = hub.now(), i18n.language_of(request), device_id(request)
    with hub.database.write() as db:
        session = access.load_session(db, actor, session_id, now=now)
        seat = seat_of(db, actor, session, device, now)
        token = ticket(db, session, seat, device, actor, now)
        is_kit = kit if kit is not None else kind_of(db, device) is DeviceKind.ROOM_KIT
        data = {
            "session": shown(session),
            "token": token,
            "device": device,
            "socketUrl": f"/ws/session/{session.id}",
            "ticketUrl": f"/room/{session.id}/ticket",
            "contextUrl": "/room/{session}/context",
            "kit": is_kit,
            "watches": seat.role is ParticipantRole.VIEWER,
            "notice": i18n.translate(NOTICE, language),
            "homeUrl": "/board" if seat.role is ParticipantRole.OPERATOR else "/",
            "iceUrl": f"/api/sessions/{session.id}/ice" if hub.config.turn_url else "",
            **context_of(db, actor, session, language, now),
        }
    heading = i18n.translate(N_("Phòng tiếp"), language)
    return page(request, RoomPage(heading=heading, data=data, kit=is_kit))


@router.post("/room/{session_id}/ticket")
def fresh_ticket(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> JSONResponse:
    """Another ticket for a page whose own is no longer taken, as long as its person may still come in."""
    now, device = hub.now(), device_id(request)
    with hub.database.write() as db:
        session = access.load_session(db, actor, session_id, now=now)
        seat = seat_of(db, actor, session, device, now)
        return JSONResponse({"token": ticket(db, session, seat, device, actor, now)})


@router.get("/room/{session_id}/context")
def context(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> JSONResponse:
    """Papers, sites to ring and the visits that wait, as they are now."""
    now = hub.now()
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=now)
        return JSONResponse(context_of(db, actor, session, i18n.language_of(request), now))


def seat_of(db: Session, actor: Actor, session: ReceptionSession, device: str, now: dt.datetime) -> Participant:
    """The participant this person sits at (rooms/seats.py).

    Raises NotFound for one who may read the session but has no place in it.
    """
    return seats.take(db, actor, session.id, now, site_id=sites.site_of_device(db, device))


def may(db: Session, actor: Actor, session: ReceptionSession, right: Right, now: dt.datetime) -> bool:
    """Whether the actor holds ``right`` in the session."""
    try:
        access.load_session(db, actor, session.id, right, now=now)
    except (NotFound, Forbidden):
        return False
    return True


def ticket(
    db: Session, session: ReceptionSession, seat: Participant, device: str, actor: Actor, now: dt.datetime
) -> str:
    """A one-time ticket of the session's socket for this device."""
    _, secret = tickets.issue(
        db,
        TicketKind.PAGE,
        now,
        TICKET_TTL,
        session_id=session.id,
        participant_id=seat.id,
        device=device,
        user_id=actor.user_id,
    )
    return secret


def kind_of(db: Session, device: str) -> DeviceKind | None:
    """What the enrolled device is; None for a browser that was not enrolled."""
    row = db.get(Device, device)
    return row.kind if row is not None and row.retired_at is None else None


def shown(session: ReceptionSession) -> dict[str, Any]:
    """The session before the socket has told more: enough for a first picture without jumps."""
    opened = session.opened_at or session.created_at
    return {
        "session": session.id,
        "number": lists.session_number(session),
        "title": "",
        "chair": session.chair,
        "state": session.state.value,
        "record": session.record.value,
        "recording": False,
        "record_since_utc": None,
        "opened_utc": opened.timestamp(),
        "started_utc": session.started_at.timestamp() if session.started_at else None,
        "closed_utc": session.closed_at.timestamp() if session.closed_at else None,
        "operator": "",
        "notice_read": False,
        "minutes_writer": "",
        "minutes_frozen": False,
        "training": session.training_space_id is not None,
        "chat": session.chat,
    }


def context_of(db: Session, actor: Actor, session: ReceptionSession, language: str, now: dt.datetime) -> dict[str, Any]:
    """What stands around the session: papers of its visit and case, sites, visits that wait, addresses."""
    visit = session.visit_id or ""
    case = cases.case_of(db, "visit", visit) or "" if visit else ""
    case = case if case and opens(access.load_case, db, actor, case, now) else ""
    visit = visit if visit and opens(access.load_visit, db, actor, visit, now) else ""
    operates = may(db, actor, session, Right.OPERATE, now)
    return {
        "number": lists.session_number(session),
        "recordDefault": session.record_wanted.value,
        "receivingParticipant": next((one.id for one in session.participants if one.receives_visit), ""),
        "papers": papers_of(db, visit, case),
        "sites": sites_of(db, actor, now) if operates else [],
        "next": next_visits(db, actor, session, language, now) if operates else [],
        "caseUrl": f"/cases/{case}" if case else "",
        "visitUrl": f"/visits/{visit}" if visit else "",
        "printUrl": f"/visits/{visit}/minutes" if visit else "",
    }


def opens(load: Callable[..., object], db: Session, actor: Actor, object_id: str, now: dt.datetime) -> bool:
    """Whether the actor may open what ``load`` (of rooms.access) finds under the id."""
    try:
        load(db, actor, object_id, now=now)
    except (NotFound, Forbidden):
        return False
    return True


def papers_of(db: Session, visit_id: str, case_id: str) -> list[dict[str, Any]]:
    """Papers of the visit, then of the case; "" for one that this person may not open."""
    found = [
        one
        for kind, owner in (("visit", visit_id), ("case", case_id))
        if owner
        for one in lists.papers_of(db, kind, owner)
    ]
    return [
        {
            "title": one.title,
            "url": one.url,
            "picture": one.mime.startswith("image/"),
            "note": formats.joined([formats.size(one.length), formats.stamp(one.at)]),
        }
        for one in found
    ]


def sites_of(db: Session, actor: Actor, now: dt.datetime) -> list[dict[str, str]]:
    """Sites that can be rung, with who is on duty there and the telephone as the last resort."""
    today = formats.local(now).date()
    found = []
    for row in sites.list_tree(db, actor, today):
        duty = sorted(sites.duty_of(db, row.site.id, today), key=lambda entry: entry.rank)
        phone = next((entry.phone for entry in duty if entry.phone), "")
        phone = phone or next((one.phone for one in sites.rooms_of(db, row.site.id) if one.phone), "")
        found.append({"site": row.site.id, "name": row.site.name, "duty": duty[0].name if duty else "", "phone": phone})
    return found


def next_visits(
    db: Session, actor: Actor, session: ReceptionSession, language: str, now: dt.datetime
) -> list[dict[str, str]]:
    """Visits that wait online, those of the same sitting first."""
    waiting = [one for one in visits.queue(db, actor, now) if one.id != session.visit_id]
    waiting.sort(key=lambda one: one.sitting_id != session.sitting_id)
    return [{"visit": one.id, **words_of(db, one, language, now)} for one in waiting[:NEXT_SHOWN]]


def words_of(db: Session, visit: Visit, language: str, now: dt.datetime) -> dict[str, str]:
    """A waiting visit in a line: kind, person, place, how long it waits."""
    site = db.get(Site, visit.site_id)
    waited = formats.span((now - visit.queued_at).total_seconds(), language) if visit.queued_at else ""
    return {
        "label": formats.joined([lists.who_of(visit, language), lists.what_of(visit, language)]),
        "note": formats.joined([site.name if site else "", waited]),
    }
