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
from rooms.models import Minutes, ReceptionSession, Site, SiteParent, Sitting, User, Visit
from web.api.recordings import log_look
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.pages import formats, lists
from web.pages.contexts import LineView
from web.pages.contexts_prints import MinutesPrintPage, PointLine, ReceiptPage, SectionView
from web.pages.render import page
from web.pages.viewer import allowed, frame

router = APIRouter()

SECTIONS = {
    "content": ("II. Nội dung", "1. Nội dung công dân trình bày:"),
    "demand": ("", "2. Yêu cầu, đề nghị của công dân:"),
    "evidence": ("", "3. Thông tin, tài liệu, bằng chứng công dân cung cấp:"),
    "opinions": ("III. Ý kiến, kết luận", "1. Ý kiến của các thành phần tham dự:"),
    "conclusion": ("", "2. Kết luận của người chủ trì:"),
    "citizen_opinion": ("", "3. Ý kiến của công dân:"),
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
        answer = page(request, context, chrome=frame(db, request, actor, "/register"))
    log_look(hub, actor, "minutes.viewed", "minutes", found, found)
    return answer


def existing(db: Session, visit_id: str = "", session_id: str = "") -> str | None:
    """Id of minutes that are there already."""
    column, value = (Minutes.session_id, session_id) if session_id else (Minutes.visit_id, visit_id)
    return db.scalar(select(Minutes.id).where(column == value).order_by(Minutes.created_at.desc()).limit(1))


def session_of(db: Session, visit_id: str) -> ReceptionSession | None:
    """The newest session of a visit."""
    found = select(ReceptionSession).where(ReceptionSession.visit_id == visit_id)
    return db.scalars(found.order_by(ReceptionSession.created_at.desc()).limit(1)).first()


def minutes_context(
    db: Session, printed: Mapping[str, Any], row: Minutes | None, visit: Visit | None, site: Site | None, actor: Actor,
    back: str, now: datetime,
) -> MinutesPrintPage:  # fmt: skip
    """The printed form from what ``minutes.for_print`` gives; what is missing stays as dots to be filled by hand."""
    said = printed["head"]
    texts = {str(one["key"]): str(one["text"]) for one in printed["sections"]}
    if visit is not None and said["frozen"] is None and not texts.get("conclusion"):
        texts["conclusion"] = visit.outcome_text  # concluded at the desk, where nobody types the same again
    begins, ends = said["start"] or now, said["end"]
    number = f"Số: {visit.number if visit and visit.number else '…'}/BB-TCD"
    record = printed["record"]
    return MinutesPrintPage(
        back_url=back,
        parent_body=said["superior"],
        body=said["body"],
        number_line=number,
        place=said["place"],
        on=formats.local(begins).date(),
        online=bool(said["online"]),
        frozen=said["frozen"] is not None,
        begins=when(begins),
        ends=when(ends) if ends else "…… giờ …… phút, ngày …… tháng …… năm ……",
        where=formats.joined([said["site"], said["address"]], ", ") or "………………",
        receivers=rows_of(texts.get("receivers", "")) or [actor.name],
        points=[point_line(one) for one in printed["points"]],
        received=rows_of(texts.get("persons", "")) or ["………………………………………"],
        sections=[SectionView(*SECTIONS[key], texts.get(key, "")) for key in SECTIONS],
        lines=[
            LineView(formats.timecode(one["at_s"]) if one.get("at_s") is not None else "", one["speaker"], one["text"])
            for one in printed["lines"]
        ],
        record_line=(
            f"Bản ghi của phiên: {record['id']}, mã băm bản kê SHA-256: {record['manifest_sha256']}."
            if record["id"]
            else ""
        ),
        chair=chair_of(db, row, visit),
        writer=str(printed["minutes"].get("writer_name", "")) or (visit.officer_name if visit else ""),
        hash_line=f"Mã băm SHA-256 của nội dung đã chốt: {said['sha256']}" if said["sha256"] else "",
    )


def rows_of(text: str) -> list[str]:
    """The lines of a section, without empty ones."""
    return [line.strip().lstrip("-").strip() for line in text.splitlines() if line.strip()]


def chair_of(db: Session, row: Minutes | None, visit: Visit | None) -> str:
    """Who presides: the session's chair, else that of the sitting; without either, the reception officer."""
    session = db.get(ReceptionSession, row.session_id) if row is not None and row.session_id else None
    if session is not None and session.chair:
        return session.chair
    sitting = db.get(Sitting, visit.sitting_id) if visit is not None and visit.sitting_id else None
    if sitting is not None and sitting.chair_name:
        return sitting.chair_name
    return visit.officer_name if visit is not None else ""


def when(at: datetime) -> str:
    """08 giờ 05 phút, ngày 23 tháng 11 năm 2026."""
    local = formats.local(at)
    day = f"ngày {local.day:02d} tháng {local.month:02d} năm {local.year}"
    return f"{local.hour:02d} giờ {local.minute:02d} phút, {day}"


def point_line(point: Mapping[str, Any]) -> PointLine:
    """A point: people before its camera, when it came and went, how often its line was lost."""
    people = [formats.joined([one["name"], one["title"] or one["capacity"]], ", ") for one in point["people"]]
    times = ""
    if point["joined"]:
        times = f"từ {formats.clock(point['joined'])}"
        times += f" đến {formats.clock(point['left'])}" if point["left"] else ""
    if point["interruptions"]:
        times += f", gián đoạn {point['interruptions']} lần"
    return PointLine(str(point["name"]), "; ".join(people), times)
