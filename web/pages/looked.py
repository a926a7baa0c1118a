"""Ai đã xem: the audit log about a file or a session, in words an officer reads."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, cases
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden
from rooms.models import AuditEntry, Case, Paper, ReceptionSession
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import casefile, formats, lists
from web.pages.contexts_files import LookRow, LooksPage
from web.pages.render import page
from web.pages.viewer import frame

router = APIRouter()

MOST = 300
LOOKS = ("case.viewed", "recording.viewed", "paper.opened", "package.exported", "vault.opened")
"""Actions by which somebody saw something or took it with them."""

WORDS = {
    "case.viewed": N_("Xem hồ sơ"),
    "recording.viewed": N_("Xem lại bản ghi"),
    "paper.opened": N_("Mở giấy tờ"),
    "package.exported": N_("Tải gói bản ghi"),
    "vault.opened": N_("Mở danh tính được giữ bí mật"),
    "case.opened": N_("Mở hồ sơ"),
    "case.changed": N_("Sửa thông tin vụ việc"),
    "case.state": N_("Đổi trạng thái vụ việc"),
    "case.merged": N_("Ghép hồ sơ"),
    "case.unmerged": N_("Gỡ ghép hồ sơ"),
    "link.made": N_("Nối vào hồ sơ"),
    "link.asked": N_("Đề nghị nối vào hồ sơ"),
    "unlink.made": N_("Gỡ khỏi hồ sơ"),
    "unlink.asked": N_("Đề nghị gỡ khỏi hồ sơ"),
    "grant.given": N_("Cấp quyền"),
    "grant.revoked": N_("Thu hồi quyền"),
    "paper.attached": N_("Thêm giấy tờ"),
    "paper.withdrawn": N_("Rút giấy tờ"),
    "package.supplemented": N_("Thêm tài liệu bổ sung"),
    "session.opened": N_("Mở phiên"),
    "session.locked": N_("Khóa và ký số bản ghi"),
    "minutes.frozen": N_("Chốt biên bản"),
    "minutes.signed": N_("Ghi việc ký biên bản"),
    "petition.added": N_("Vào sổ đơn"),
    "visit.registered": N_("Vào sổ lượt tiếp"),
    "visit.corrected": N_("Sửa lượt tiếp"),
    "visit.concluded": N_("Ghi kết luận"),
    "visit.closed": N_("Đóng lượt tiếp"),
    "visit.refused": N_("Ghi từ chối tiếp"),
    "visit.no_show": N_("Ghi công dân không đến"),
    "visit.restricted": N_("Chuyển sang tố cáo"),
    "vault.sealed": N_("Cất danh tính"),
}


@router.get("/cases/{case_id}/looks")
def of_case(case_id: str, request: Request, hub: HubDep, actor: ActorDep, all: int = 0) -> Response:
    """The looks at a file and at what belongs to it."""
    with hub.database.read() as db:
        case = access.load_case(db, actor, case_id, now=hub.now())
        need(db, actor, case, hub.now())
        ids = [case_id]
        for link in cases.links_of(db, actor, case_id, hub.now()):
            if link.unlinked_at is None:
                ids.append(link.object_id)
        ids += db.scalars(select(ReceptionSession.id).where(ReceptionSession.visit_id.in_(ids)))
        ids += db.scalars(select(Paper.id).where(Paper.owner_id.in_(ids)))
        heading = formats.joined([lists.case_number(db, case), case.title])
        return looks_page(request, hub, db, actor, ids, heading, f"/cases/{case_id}", bool(all))


@router.get("/sessions/{session_id}/looks")
def of_session(session_id: str, request: Request, hub: HubDep, actor: ActorDep, all: int = 0) -> Response:
    """The looks at the record of a session."""
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=hub.now())
        need(db, actor, session, hub.now())
        ids = [session_id, *db.scalars(select(Paper.id).where(Paper.owner_id == session_id))]
        number = {"number": lists.session_number(session)}
        heading = i18n.translate(N_("Phiên %(number)s"), i18n.language_of(request)) % number
        return looks_page(request, hub, db, actor, ids, heading, f"/replay/{session_id}", bool(all))


def need(db: Session, actor: Actor, thing: Case | ReceptionSession, now: datetime) -> None:
    """Who looked is shown to who answers for the file: records officers and competent persons. Raises Forbidden."""
    if not access.rights_on(db, actor, access.subject_of(db, thing), now) & {Right.ARCHIVE, Right.APPROVE}:
        raise Forbidden()


def summary(db: Session, kind: str, object_id: str, language: str) -> str:
    """How often something was looked at, and when last."""
    query = select(AuditEntry).where(
        AuditEntry.object_kind == kind, AuditEntry.object_id == object_id, AuditEntry.action.in_(LOOKS)
    )
    found = list(db.scalars(query.order_by(AuditEntry.id.desc()).limit(MOST)))
    if not found:
        return i18n.translate(N_("Chưa ai xem"), language)
    text = i18n.translate(N_("%(count)d lượt, gần nhất %(time)s"), language)
    return text % {"count": len(found), "time": formats.stamp(found[0].at)}


def looks_page(
    request: Request, hub: Hub, db: Session, actor: Actor, ids: list[str], heading: str, back: str, everything: bool
) -> Response:
    """The page: looks alone, or all that was done."""
    language = i18n.language_of(request)
    query = select(AuditEntry).where(AuditEntry.object_id.in_(ids))
    if not everything:
        query = query.where(or_(AuditEntry.action.in_(LOOKS)))
    rows = [
        LookRow(
            at=entry.at,
            who=casefile.name_of(db, entry.user_id),
            what=i18n.translate(WORDS.get(entry.action, entry.action), language),
            about=about(db, actor, entry, hub.now(), language),
            reason=entry.reason,
            look=entry.action in LOOKS,
        )
        for entry in db.scalars(query.order_by(AuditEntry.id.desc()).limit(MOST))
    ]
    context = LooksPage(heading, back, rows, not everything, request.url.path)
    return page(request, context, chrome=frame(db, request, actor, "/cases"))


def about(db: Session, actor: Actor, entry: AuditEntry, now: datetime, language: str) -> str:
    """What the entry speaks of; a paper by its title."""
    if entry.object_kind == "paper":
        paper = db.get(Paper, entry.object_id)
        return paper.title if paper else ""
    return casefile.label_of(db, actor, entry.object_kind, entry.object_id, now, language)
