"""Đối chiếu hằng đêm: the report of what should be there against what is, for the records officer."""

from __future__ import annotations

import csv
import io
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import jobs, reconcile
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import Job, Reconciliation
from rooms.words import JobState, Role
from web import i18n
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.pages import formats
from web.pages.contexts_admin import TileView
from web.pages.contexts_reconciliation import FindingRow, ReconciliationPage, ReportRow
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go

router = APIRouter()

RUNNERS = (Role.RECORDS, Role.ADMIN)

CODES = {
    "not_locked": N_("phiên đã kết thúc nhưng chưa khóa và ký số"),
    "file_missing": N_("thiếu tệp"),
    "length_changed": N_("độ dài tệp đã đổi"),
    "hash_changed": N_("nội dung tệp đã đổi"),
    "track_missing": N_("thiếu bản ghi của một nguồn hình hoặc tiếng"),
    "store_missing": N_("kho tệp không còn tệp này"),
    "store_changed": N_("kho tệp trả lại nội dung đã đổi"),
    "unreadable": N_("không đọc được gói bản ghi"),
    "disposed_there": N_("đã tiêu hủy nhưng nay lại có, có thể do phục hồi từ bản sao lưu"),
    "disposal_forgotten": N_("biên bản tiêu hủy lưu ngoài hệ thống mà cơ sở dữ liệu không còn biết"),
    "certificate_bad": N_("biên bản tiêu hủy lưu ngoài hệ thống không đúng chữ ký hoặc không đọc được"),
}
KINDS = {
    "package": N_("Gói bản ghi"),
    "supplement": N_("Bổ sung"),
    "replay": N_("Tệp xem lại"),
    "paper": N_("Giấy tờ"),
    "track": N_("Bản ghi gốc"),
    "take": N_("Bản ghi từ điểm cầu"),
    "delivery": N_("Bản sao, gói bàn giao"),
    "spool": N_("Bản ghi gốc"),
    "shipped": N_("Bản ghi gốc"),
    "cache": N_("Gói bản ghi"),
    "certificate": N_("Biên bản tiêu hủy"),
}


@router.get("/reconciliation")
def show(request: Request, hub: HubDep, actor: ActorDep, report: str = "") -> Response:
    """The last report, or an earlier one."""
    with hub.database.read() as db:
        context = context_of(db, actor, hub.now(), i18n.language_of(request), report)
        return page(request, context, chrome=frame(db, request, actor, "/reconciliation"), flash=flash_of(request))


@router.post("/reconciliation/run")
def run(hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Đối chiếu ngay": one at a time."""
    runner(actor)
    with hub.database.write() as db:
        jobs.enqueue(db, "reconcile", {}, hub.now(), key="reconcile", created_by=actor.user_id)
    return go("/reconciliation")


@router.post("/reconciliation/cancel")
def cancel(hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Stop the one that runs or waits; nothing it compared is changed by that."""
    runner(actor)
    with hub.database.write() as db:
        job = running_job(db)
        if job is not None:
            jobs.cancel(db, job.id, hub.now())
    return go("/reconciliation")


@router.get("/reconciliation/{report_id}.csv")
def download(report_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """A report as a table for a spreadsheet."""
    language = i18n.language_of(request)
    with hub.database.read() as db:
        chosen = report_of(db, actor, report_id)
        if chosen is None:
            raise NotFound()
        found, others = reconcile.findings_for(db, actor, chosen, hub.now())
        rows = [finding_row(one, language) for one in found]
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow([i18n.translate(word, language) for word in (N_("Việc"), N_("Loại"), N_("Phiên"), N_("Tệp"))])
    table.writerows([row.what, row.kind, row.session, row.path] for row in rows)
    if others:
        table.writerow([others_line(others, language)])
    name = f"doi-chieu-{formats.local(chosen.began_at):%Y-%m-%d}.csv"
    return Response(
        "\ufeff" + out.getvalue(),  # spreadsheets take it for UTF-8 by this mark only
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


def runner(actor: Actor) -> None:
    """Raises Forbidden for who may not start or stop one."""
    if not any(actor.has_role(role) for role in RUNNERS):
        raise Forbidden()


def running_job(db: Session) -> Job | None:
    """The comparison that runs or waits."""
    unfinished = (JobState.QUEUED, JobState.RUNNING)
    return db.scalars(select(Job).where(Job.kind == "reconcile", Job.state.in_(unfinished)).limit(1)).first()


def report_of(db: Session, actor: Actor, report_id: str) -> Reconciliation | None:
    """The named report, or the last one. Raises Forbidden."""
    found = reconcile.reports(db, actor)
    return next((one for one in found if one.id == report_id), None if report_id else next(iter(found), None))


def context_of(db: Session, actor: Actor, now: Any, language: str, report_id: str) -> ReconciliationPage:
    """Everything the page shows. Raises Forbidden, NotFound for a report that is not there."""
    chosen = report_of(db, actor, report_id)
    if report_id and chosen is None:
        raise NotFound()
    found, others = reconcile.findings_for(db, actor, chosen, now) if chosen is not None else ([], 0)
    job = running_job(db)
    return ReconciliationPage(
        at=chosen.began_at if chosen is not None else None,
        tiles=tiles(chosen, language) if chosen is not None else (),
        findings=[finding_row(one, language) for one in found],
        others=others,
        earlier=[report_row(one) for one in reconcile.reports(db, actor) if chosen is None or one.id != chosen.id],
        running=round(job.progress * 100) if job is not None else None,
        report=chosen.id if chosen is not None else "",
        may_run=any(actor.has_role(role) for role in RUNNERS),
    )


def share(report: Reconciliation) -> str:
    """Share of complete records: "99,7 %"; rounded down, so that 100 means all."""
    if not report.sessions:
        return "–"
    tenths = report.complete * 1000 // report.sessions
    return f"{tenths // 10},{tenths % 10} %" if tenths < 1000 else "100 %"


def tiles(report: Reconciliation, language: str) -> list[TileView]:
    """The figures at the top."""

    def said(label: str) -> str:
        return i18n.translate(label, language)

    whole = report.complete == report.sessions
    return [
        TileView(said(N_("Bản ghi đầy đủ")), share(report),
                 f"{report.complete}/{report.sessions}", "good" if whole else "warn"),
        TileView(said(N_("Tệp đã đối chiếu")), str(report.files)),
        TileView(said(N_("Tệp đọc lại và tính lại mã băm")), str(report.sampled)),
        TileView(said(N_("Điểm sai lệch")), str(len(report.findings)),
                 said(N_("cần xem") if report.findings else N_("không có")), "bad" if report.findings else "good"),
    ]  # fmt: skip


def finding_row(one: dict[str, Any], language: str) -> FindingRow:
    """A finding in words."""
    session = str(one["session"])
    return FindingRow(
        i18n.translate(CODES.get(str(one["code"]), N_("không như phải có")), language),
        i18n.translate(KINDS.get(str(one["kind"]), N_("Tệp")), language),
        f"/replay/{session}" if session else "",
        session,
        str(one["path"]),
    )


def others_line(count: int, language: str) -> str:
    """How many findings this reader may not see."""
    text = i18n.translate(N_("%(count)d sai lệch khác thuộc các phiên bạn không có quyền xem"), language)
    return text % {"count": count}


def report_row(report: Reconciliation) -> ReportRow:
    """An earlier report."""
    tone = "bad" if report.findings else "good"
    return ReportRow(f"/reconciliation?report={report.id}", report.began_at, share(report), len(report.findings), tone)
