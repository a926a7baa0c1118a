"""Ai đã xem: the audit log about a file or a session, in words an officer reads."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, looks
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
LOOKS = looks.LOOKS

WORDS = {
    "case.viewed": N_("Xem hồ sơ"),
    "recording.viewed": N_("Xem lại bản ghi"),
    "recording.opened": N_("Mở bản ghi hạn chế"),
    "minutes.viewed": N_("Xem biên bản"),
    "page.printed": N_("In"),
    "paper.downloaded": N_("Tải giấy tờ"),
    "extract.asked": N_("Yêu cầu trích xuất"),
    "extract.made": N_("Lập xong trích xuất"),
    "extract.cancelled": N_("Dừng trích xuất"),
    "extract.viewed": N_("Xem trích xuất"),
    "extract.downloaded": N_("Tải trích xuất"),
    "order.recorded": N_("Ghi văn bản cho phép"),
    "delivery.asked": N_("Yêu cầu bản sao, bàn giao"),
    "delivery.cancelled": N_("Dừng bản sao, bàn giao"),
    "delivery.downloaded": N_("Tải bản sao, gói bàn giao"),
    "delivery.handed": N_("Bàn giao dữ liệu"),
    "hold.placed": N_("Giữ lại, không tiêu hủy"),
    "hold.lift_asked": N_("Đề nghị bỏ giữ"),
    "hold.lifted": N_("Bỏ giữ"),
    "hold.kept": N_("Vẫn giữ"),
    "retention.given": N_("Chọn nhóm thời hạn bảo quản"),
    "disposal.proposed": N_("Đề nghị tiêu hủy"),
    "disposal.approved": N_("Duyệt tiêu hủy"),
    "disposal.refused": N_("Không duyệt tiêu hủy"),
    "disposal.withdrawn": N_("Rút đề nghị tiêu hủy"),
    "disposal.stopped": N_("Dừng tiêu hủy, phải giữ"),
    "disposal.done": N_("Đã tiêu hủy"),
    "disposal.taken_in": N_("Nhận lại biên bản tiêu hủy sau khi phục hồi"),
    "disposal.again": N_("Tiêu hủy lại sau khi phục hồi"),
    "link.rejected": N_("Không đồng ý hoặc rút đề nghị nối, gỡ"),
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
    "take.begun": N_("Nộp bản ghi tạm của điểm cầu"),
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
        ids = looks.ids_of_case(db, case_id)
        heading = formats.joined([lists.case_number(db, case), case.title])
        return looks_page(request, hub, db, actor, ids, heading, f"/cases/{case_id}", bool(all))


@router.get("/sessions/{session_id}/looks")
def of_session(session_id: str, request: Request, hub: HubDep, actor: ActorDep, all: int = 0) -> Response:
    """The looks at the record of a session."""
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=hub.now())
        need(db, actor, session, hub.now())
        ids = looks.ids_of_session(db, session_id)
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
    rows = [
        LookRow(
            at=entry.at,
            who=casefile.name_of(db, entry.user_id),
            what=i18n.translate(WORDS.get(entry.action, entry.action), language),
            about=about(db, actor, entry, hub.now(), language),
            reason=entry.reason,
            look=entry.action in LOOKS,
        )
        for entry in looks.entries(db, ids, only_looks=not everything, limit=MOST)
    ]
    context = LooksPage(heading, back, rows, not everything, request.url.path)
    return page(request, context, chrome=frame(db, request, actor, "/cases"))


def about(db: Session, actor: Actor, entry: AuditEntry, now: datetime, language: str) -> str:
    """What the entry speaks of; a paper by its title, minutes by their session or visit."""
    if entry.object_kind == "minutes":
        return i18n.translate(N_("Biên bản"), language)
    if entry.object_kind == "paper":
        paper = db.get(Paper, entry.object_id)
        return paper.title if paper else ""
    return casefile.label_of(db, actor, entry.object_kind, entry.object_id, now, language)
