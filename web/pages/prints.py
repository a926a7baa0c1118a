"""Printed forms in the layout of Nghị định 30: receipt of papers (TCD_02) and minutes (TCD_20). Always Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, minutes
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden
from rooms.models import Minutes, Site, SiteParent, User, Visit
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.pages import formats, lists
from web.pages.contexts import LineView, MinutesPrintPage, PointLine, ReceiptPage, SectionView
from web.pages.render import page
from web.pages.timeline import lines_of
from web.pages.viewer import allowed, frame
from web.pages.visit import person_line

router = APIRouter()

SECTIONS = {
    "content": ("II. Nội dung", "1. Nội dung công dân trình bày:"),
    "demand": ("", "2. Yêu cầu, đề nghị của công dân:"),
    "evidence": ("", "3. Thông tin, tài liệu, bằng chứng công dân cung cấp:"),
    "opinions": ("III. Ý kiến, kết luận", "1. Ý kiến của các thành phần tham dự:"),
    "conclusion": ("", "2. Kết luận của người chủ trì:"),
    "citizen": ("", "3. Ý kiến của công dân:"),
}
"""Sections of TCD_20 by key: the heading that opens a part, and the section's own line (domain 3.2)."""


@router.get("/visits/{visit_id}/receipt")
def receipt(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Giấy biên nhận thông tin, tài liệu, with the number of the visit."""
    now = hub.now()
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=now)
        site = access.load_site(db, actor, visit.site_id, now=now)
        officer = db.get(User, visit.officer_id) if visit.officer_id else None
        first = visit.persons[0] if visit.persons else None
        local = formats.local(visit.registered_at or visit.started_at)
        context = ReceiptPage(
            **head(db, site, visit.registered_at or visit.started_at, f"Số: {visit.number or '…'}/BN-TCD"),
            back_url=f"/visits/{visit_id}",
            hour=local.hour,
            minute=local.minute,
            where=formats.joined([site.name, site.address], ", "),
            officer=visit.officer_name or actor.name,
            officer_title=officer.title if officer else "",
            giver=lists.who_of(visit, "vi"),
            identity=formats.joined([first.identity_number, first.identity_issued], ", ") if first else "",
            address=first.address if first else "",
            phone=first.phone if first else "",
            content=visit.content,
            papers=lists.papers_of(db, "visit", visit_id),
            visit_number=lists.visit_number(visit) or "…",
            queue_line=formats.stamp(visit.registered_at or visit.started_at),
        )
        return page(request, context, chrome=frame(db, request, actor, "/register"))


def head(db: Session, site: Site, at: datetime, number_line: str) -> dict[str, Any]:
    """Head of a printed form."""
    parent = db.scalars(
        select(Site)
        .join(SiteParent, SiteParent.parent_id == Site.id)
        .where(SiteParent.site_id == site.id, SiteParent.valid_to.is_(None))
    ).first()
    return {
        "parent_body": (parent.body or parent.short_name) if parent else "",
        "body": site.body or site.name,
        "number_line": number_line,
        "place": site.place or site.short_name,
        "on": formats.local(at).date(),
    }


@router.get("/visits/{visit_id}/minutes")
def visit_minutes(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The minutes of a visit; of its session where there was one."""
    with hub.database.read() as db:
        access.load_visit(db, actor, visit_id, now=hub.now())
    return minutes_page(request, hub, actor, f"/visits/{visit_id}", visit_id=visit_id)


@router.get("/sessions/{session_id}/minutes")
def session_minutes(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The minutes of a session, printable at every point that took part."""
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=hub.now())
        back = f"/visits/{session.visit_id}" if session.visit_id else "/"
    return minutes_page(request, hub, actor, back, session_id=session_id)


def minutes_page(request: Request, hub: Hub, actor: Actor, back: str, **which: str) -> Response:
    """Minutes as they stand; the first look by somebody who may write makes and prefills them."""
    now = hub.now()
    with hub.database.read() as db:
        found = existing(db, **which)
    if found is None:
        with hub.database.write() as db:
            found = minutes.prefill(db, actor, now, **which).id
    with hub.database.read() as db:
        printed = minutes.for_print(db, actor, found, now)
        row = db.get(Minutes, found)
        visit = db.get(Visit, row.visit_id) if row is not None and row.visit_id else None
        site = db.get(Site, visit.site_id) if visit is not None else None
        if visit is not None and not allowed(db, actor, visit.site_id, Right.READ, now) and visit.restricted:
            raise Forbidden()
        context = minutes_context(db, printed, row, visit, site, actor, back, now)
        return page(request, context, chrome=frame(db, request, actor, "/register"))


def existing(db: Session, visit_id: str = "", session_id: str = "") -> str | None:
    """Id of minutes that are there already."""
    column, value = (Minutes.session_id, session_id) if session_id else (Minutes.visit_id, visit_id)
    return db.scalar(select(Minutes.id).where(column == value).order_by(Minutes.created_at.desc()).limit(1))


def minutes_context(
    db: Session, printed: Mapping[str, Any], row: Minutes | None, visit: Visit | None, site: Site | None, actor: Actor,
    back: str, now: datetime,
) -> MinutesPrintPage:  # fmt: skip
    """The printed form from what ``minutes.for_print`` gives; missing parts stay as dots to be filled by hand."""
    begins = _moment(printed.get("started_at")) or (visit.started_at if visit else now)
    ends = _moment(printed.get("ended_at"))
    frozen = row is not None and row.frozen_at is not None
    points = [
        PointLine(str(one.get("name", "")), _people(one.get("people", ())), str(one.get("times", "")))
        for one in printed.get("points", ())
    ]
    number = f"Số: {visit.number if visit and visit.number else '…'}/BB-TCD"
    heads: dict[str, Any] = (
        head(db, site, begins, number)
        if site is not None
        else {"parent_body": "", "body": "", "number_line": number, "place": "", "on": formats.local(begins).date()}
    )
    return MinutesPrintPage(
        **heads,
        back_url=back,
        online=bool(points),
        frozen=frozen,
        begins=_when(begins),
        ends=_when(ends) if ends else "…… giờ …… phút, ngày …… tháng …… năm ……",
        where=formats.joined([site.name, site.address], ", ") if site else "………………",
        receivers=_receivers(printed, visit, actor),
        points=points,
        received=[person_line(one, "vi") for one in visit.persons] if visit else (),
        sections=_sections(printed),
        lines=lines_of(db, row.id) if row is not None else _lines(printed),
        record_line=str(printed.get("record_line", "")),
        chair=str(printed.get("chair", "")),
        writer=str(printed.get("writer", "")) or (visit.officer_name if visit else ""),
        hash_line=f"Mã băm SHA-256 của nội dung đã chốt: {row.frozen_sha256}" if frozen and row else "",
    )


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, formats.LOCAL)
    if isinstance(value, str) and value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return None
    return None


def _when(at: datetime) -> str:
    local = formats.local(at)
    return (
        f"{local.hour:02d} giờ {local.minute:02d} phút, ngày {local.day:02d} tháng {local.month:02d} năm {local.year}"
    )


def _people(people: Any) -> str:
    parts = [
        formats.joined([str(one.get("name", "")), str(one.get("title", "") or one.get("capacity", ""))], ", ")
        if isinstance(one, Mapping)
        else str(one)
        for one in people
    ]
    return "; ".join(part for part in parts if part)


def _receivers(printed: Mapping[str, Any], visit: Visit | None, actor: Actor) -> list[str]:
    given = printed.get("receivers") or printed.get("attendees") or ()
    lines = [_people([one]) for one in given]
    chair = str(printed.get("chair", ""))
    if chair and not any(chair in line for line in lines):
        lines.insert(0, f"{chair} (chủ trì)")
    if visit is not None and visit.officer_name and not any(visit.officer_name in line for line in lines):
        lines.append(f"{visit.officer_name} (người tiếp công dân)")
    return lines or [actor.name]


def _sections(printed: Mapping[str, Any]) -> list[SectionView]:
    views = []
    for one in printed.get("sections", ()):
        heading, title = SECTIONS.get(str(one.get("key", "")), ("", str(one.get("title", ""))))
        views.append(SectionView(heading, title, str(one.get("text", ""))))
    return views


def _lines(printed: Mapping[str, Any]) -> list[LineView]:
    return [
        LineView(formats.timecode(one.get("at_s")), str(one.get("speaker", "")), str(one.get("text", "")))
        for one in printed.get("lines", ())
    ]
