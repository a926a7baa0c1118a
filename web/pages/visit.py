"""One visit: what was registered, what comes next (online, conclusion, refusal, closing), its papers and its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, cases, vault, visits
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid, NotFound, RoomsError
from rooms.models import Case, CaseLink, ReceptionSession, Site, Visit, VisitPerson
from rooms.papers import MAX_PAPER
from rooms.words import LinkPending, Outcome, SessionState, VisitState
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import desk, formats, labels, lists, petitions, uploads
from web.pages.contexts import MatchView, RowView
from web.pages.contexts_desk import VisitPage
from web.pages.render import page
from web.pages.viewer import FormDep, allowed, flash_of, frame, go, refusals, text_of

router = APIRouter()

LIVE = (SessionState.PLANNED, SessionState.OPEN, SessionState.RUNNING, SessionState.SUSPENDED)


@router.get("/visits/{visit_id}")
def show(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The visit; a draft opens at the desk instead."""
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        if visit.state is VisitState.DRAFT:
            return go(f"/desk/{visit_id}")
        return visit_page(request, hub, db, actor, visit)


@router.post("/visits/{visit_id}/queue")
def queue(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Add video: into the online queue of a sitting."""

    def work(db: Session, visit: Visit) -> str:
        reason = text_of(form, "priority", visits.MAX_REASON)
        if not desk.to_sitting(db, hub, actor, visit, text_of(form, "sitting", 24), reason):
            raise Invalid("sitting.missing", i18n.translate(N_("Chọn buổi tiếp."), i18n.language_of(request)))
        return f"/waiting/{visit_id}"

    return change(request, hub, actor, visit_id, work, form)


@router.post("/visits/{visit_id}/unqueue")
def unqueue(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Out of the online queue; the visit goes on at the desk."""

    def work(db: Session, visit: Visit) -> str:
        visits.unqueue(db, actor, visit_id, hub.now())
        return f"/visits/{visit_id}?done=unqueued"

    return change(request, hub, actor, visit_id, work, {})


@router.post("/visits/{visit_id}/priority")
def priority(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Ưu tiên" of a waiting visit, with its reason; an empty one takes it back."""

    def work(db: Session, visit: Visit) -> str:
        visits.set_priority(db, actor, visit_id, text_of(form, "priority", visits.MAX_REASON), hub.now())
        return f"/visits/{visit_id}?done=saved"

    return change(request, hub, actor, visit_id, work, form)


@router.post("/visits/{visit_id}/conclude")
def conclude(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Set the course of action."""
    language = i18n.language_of(request)
    outcome, due = text_of(form, "outcome", 32), text_of(form, "answer_due", 10)
    errors = {}
    if outcome not in set(Outcome):
        errors["outcome"] = i18n.translate(N_("Chọn hướng xử lý."), language)
    day = formats.parse_day(due) if due else None
    if due and day is None:
        errors["answer_due"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    if outcome == Outcome.TRANSFER and not text_of(form, "outcome_body"):
        errors["outcome_body"] = i18n.translate(N_("Ghi cơ quan nhận đơn."), language)

    def work(db: Session, visit: Visit) -> str:
        visits.conclude(
            db, actor, visit_id, Outcome(outcome), hub.now(), text=text_of(form, "outcome_text"),
            body=text_of(form, "outcome_body", 500), answer_due=day,
        )  # fmt: skip
        return f"/visits/{visit_id}?done=concluded"

    return change(request, hub, actor, visit_id, work, form, errors)


@router.post("/visits/{visit_id}/refuse")
def refuse(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Refuse to receive, on a listed ground only (domain 1.6)."""
    ground = text_of(form, "ground", 1)
    errors = {}
    if ground not in labels.REFUSAL:
        errors["ground"] = i18n.translate(N_("Chọn căn cứ từ chối."), i18n.language_of(request))

    def work(db: Session, visit: Visit) -> str:
        visits.refuse(
            db, actor, visit_id, int(ground), hub.now(), note=text_of(form, "refusal_note", 2000),
            notice=text_of(form, "refusal_notice", 200),
        )  # fmt: skip
        return f"/visits/{visit_id}?done=refused"

    return change(request, hub, actor, visit_id, work, form, errors)


@router.post("/visits/{visit_id}/no-show")
def no_show(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """No citizen came."""

    def work(db: Session, visit: Visit) -> str:
        visits.no_show(db, actor, visit_id, hub.now())
        return f"/visits/{visit_id}?done=no-show"

    return change(request, hub, actor, visit_id, work, {})


@router.post("/visits/{visit_id}/close")
def close(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Close the entry: from now on it is only read and printed."""

    def work(db: Session, visit: Visit) -> str:
        visits.close(db, actor, visit_id, hub.now())
        return f"/visits/{visit_id}?done=closed"

    return change(request, hub, actor, visit_id, work, {}, field="refusal_notice")


@router.post("/visits/{visit_id}/denunciation")
def denunciation(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """ "Chuyển sang tố cáo" before any session: identities to the vault, in person from here on (design 7)."""

    def work(db: Session, visit: Visit) -> str:
        visits.to_denunciation(db, actor, visit_id, hub.vault, hub.now())
        return f"/visits/{visit_id}?done=denunciation"

    return change(request, hub, actor, visit_id, work, {})


@router.post("/visits/{visit_id}/identity")
def identity(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Open the vault for this visit, with a reason; shown once, in this answer only."""
    opened: list[list[tuple[str, str]]] = []
    reason = text_of(form, "reason", 500)
    language = i18n.language_of(request)
    errors: dict[str, str] = {}
    try:
        with hub.database.write() as db:
            visit = access.load_visit(db, actor, visit_id, Right.OPEN_VAULT, now=hub.now())
            for entry in dict.fromkeys(one.vault_id for one in visit.persons if one.vault_id):
                content = vault.open_entry(db, actor, hub.vault, entry, reason, hub.now())
                opened += identities(content, language)
    except Invalid as error:
        errors = refusals(error, language, "reason")
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        return visit_page(request, hub, db, actor, visit, identities=opened, errors=errors)


@router.post("/visits/{visit_id}/link")
def link(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Put the visit into a case's file, or open one."""

    def work(db: Session, visit: Visit) -> str:
        chosen = text_of(form, "case", 24)
        if chosen == "new":
            desk.open_case(db, hub, actor, visit, i18n.language_of(request))
            return f"/visits/{visit_id}?done=linked"
        made = cases.link(db, actor, chosen, "visit", visit_id, hub.now(), reason=text_of(form, "reason", 500))
        return f"/visits/{visit_id}?done={'linked' if made.pending is LinkPending.NONE else 'pending'}"

    return change(request, hub, actor, visit_id, work, form)


@router.post("/visits/{visit_id}/unlink")
def unlink(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Take the visit out of a case's file again, with a reason."""
    reason = text_of(form, "unlink_reason", 500)
    errors = {} if reason else {"unlink_reason": i18n.translate(N_("Ghi lý do."), i18n.language_of(request))}

    def work(db: Session, visit: Visit) -> str:
        row = db.get(CaseLink, text_of(form, "link", 24))
        if row is None or row.object_id != visit_id:
            raise NotFound()
        ended = cases.unlink(db, actor, row.id, reason, hub.now())
        return f"/visits/{visit_id}?done={'unlinked' if ended.unlinked_at else 'pending'}"

    return change(request, hub, actor, visit_id, work, form, errors, field="unlink_reason")


@router.post("/visits/{visit_id}/papers")
def attach(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Scans of the visit."""
    with hub.database.read() as db:
        access.load_visit(db, actor, visit_id, Right.RECEIVE, now=hub.now())
    return uploads.take(request, hub, actor, form, "visit", visit_id, f"/visits/{visit_id}")


def change(
    request: Request, hub: Hub, actor: Actor, visit_id: str, work: Callable[[Session, Visit], str],
    form: Mapping[str, Any], errors: Mapping[str, str] | None = None, field: str = "",
) -> Response:  # fmt: skip
    """Run one step of the visit in one transaction; a refusal shows the page again with what was typed."""
    found = dict(errors or {})
    if not found:
        try:
            with hub.database.write() as db:
                visit = access.load_visit(db, actor, visit_id, Right.RECEIVE, now=hub.now())
                target = work(db, visit)
            hub.stir()
            return go(target)
        except NotFound:
            raise
        except RoomsError as error:
            if error.code.startswith(("storage.", "database.")):
                raise
            found = refusals(error, i18n.language_of(request), field)
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        return visit_page(request, hub, db, actor, visit, form=form, errors=found)


def identities(content: Mapping[str, Any], language: str) -> list[list[tuple[str, str]]]:
    """An opened vault entry as labelled lines, one list per person."""
    words = {
        "name": N_("Họ và tên"),
        "address": N_("Địa chỉ"),
        "phone": N_("Điện thoại"),
        "identity_number": N_("Số giấy tờ"),
        "identity_issued": N_("Ngày cấp, nơi cấp"),
        "birth_year": N_("Năm sinh"),
        "petitioner": N_("Người viết đơn"),
    }
    people = content.get("persons", [content])
    return [
        [(i18n.translate(word, language), str(one[key])) for key, word in words.items() if one.get(key)]
        for one in people
        if isinstance(one, Mapping)
    ]


def sessions_of(db: Session, actor: Actor, visit: Visit, hub: Hub) -> list[ReceptionSession]:
    """The visit's sessions that the actor may read, newest first."""
    rows = db.scalars(
        select(ReceptionSession)
        .where(ReceptionSession.visit_id == visit.id)
        .order_by(ReceptionSession.created_at.desc())
    )
    found = []
    for row in rows:
        try:
            found.append(access.load_session(db, actor, row.id, now=hub.now()))
        except RoomsError:
            continue
    return found


def case_link(db: Session, actor: Actor, visit: Visit, hub: Hub, language: str) -> tuple[MatchView | None, str]:
    """The case the visit belongs to now, if the actor sees it, and the id of the link."""
    case_id = cases.case_of(db, "visit", visit.id)
    if case_id is None:
        return None, ""
    try:
        case: Case = access.load_case(db, actor, case_id, now=hub.now())
    except RoomsError:
        return None, ""
    row = db.scalars(
        select(CaseLink).where(
            CaseLink.case_id == case_id, CaseLink.object_id == visit.id, CaseLink.unlinked_at.is_(None)
        )
    ).first()
    return lists.match_view(db, case, (), language), row.id if row else ""


def person_line(one: VisitPerson, language: str) -> str:
    """A person as one line of the register."""
    name = i18n.translate(N_("Không cung cấp"), language) if one.withheld else one.name
    role = i18n.translate(labels.PERSON_ROLE[one.role], language) if one.role != "citizen" else ""
    born = str(one.birth_year) if one.birth_year else ""
    return formats.joined([name, role, born, one.address, one.phone], ", ")


def facts_of(db: Session, visit: Visit, language: str) -> list[tuple[str, str]]:
    """The register's columns with their labels; empty ones are left out by the template."""
    site = db.get(Site, visit.site_id)
    said = {
        N_("Người được tiếp"): "\n".join(person_line(one, language) for one in visit.persons),
        N_("Giấy tờ tùy thân"): "\n".join(
            formats.joined([one.identity_number, one.identity_issued], ", ")
            for one in visit.persons
            if one.identity_number and not visit.restricted
        ),
        N_("Số người"): str(visit.people_count),
        N_("Loại việc"): i18n.translate(labels.KIND.get(str(visit.kind or ""), ""), language),
        N_("Lĩnh vực"): i18n.translate(labels.FIELD.get(str(visit.field or ""), ""), language),
        N_("Nội dung"): visit.content,
        N_("Yêu cầu, đề nghị"): visit.demand,
        N_("Cơ quan đã giải quyết"): visit.previous_body,
        N_("Vụ việc đang ở đâu"): i18n.translate(labels.MATTER_STATUS[visit.matter_status], language),
        N_("Hình thức tiếp"): i18n.translate(labels.FORM[visit.form], language),
        N_("Người tiếp"): formats.joined([visit.officer_name, site.name if site else ""], ", "),
        N_("Hướng xử lý"): i18n.translate(labels.OUTCOME.get(str(visit.outcome or ""), ""), language),
        N_("Kết luận"): visit.outcome_text,
        N_("Cơ quan nhận, được giao"): visit.outcome_body,
        N_("Hẹn trả lời"): formats.day(visit.answer_due),
        N_("Căn cứ từ chối"): i18n.translate(labels.REFUSAL.get(str(visit.refusal_ground or ""), ""), language),
        N_("Thông báo từ chối"): visit.refusal_notice,
        N_("Theo dõi kết quả"): visit.follow_up,
        N_("Ghi chú"): visit.note,
    }
    return [(i18n.translate(label, language), value) for label, value in said.items()]


def visit_page(
    request: Request, hub: Hub, db: Session, actor: Actor, visit: Visit, *, form: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None, identities: list[list[tuple[str, str]]] | None = None,
) -> Response:  # fmt: skip
    """The page of a visit."""
    now, language = hub.now(), i18n.language_of(request)
    may_receive = allowed(db, actor, visit.site_id, Right.RECEIVE, now) and visit.closed_at is None
    sessions = sessions_of(db, actor, visit, hub)
    live = next((one for one in sessions if one.state in LIVE), None)
    case, link_id = case_link(db, actor, visit, hub, language)
    number = lists.visit_number(visit)
    heading = i18n.translate(N_("Lượt tiếp số %(number)s"), language) % {"number": number or "–"}
    if visit.training_space_id is not None:
        heading = i18n.translate(N_("Lượt tiếp thử"), language)
    offer = may_receive and not visit.restricted
    context = VisitPage(
        visit=visit,
        heading=heading,
        who=lists.who_of(visit, language),
        summary=formats.joined(
            [heading, lists.what_of(visit, language), formats.stamp(visit.registered_at or visit.started_at)]
        ),
        facts=facts_of(db, visit, language),
        papers=lists.papers_of(db, "visit", visit.id),
        petitions=petitions.of_visit(db, actor, visit.id, now, language),
        may_receive=may_receive,
        sittings=lists.open_sittings(db, actor, now, language, training=visit.training_space_id is not None)
        if offer and live is None
        else (),
        session=live,
        sessions=[session_row(one, language) for one in sessions],
        case=case,
        link_id=link_id,
        similar=lists.suggestions(db, actor, visit.id, now, language) if offer and case is None else (),
        may_open_vault=visit.restricted and may_open_vault(db, actor, visit, now),
        identities=identities or (),
        form=form or {},
        errors=errors or {},
        max_upload=min(hub.config.max_upload, MAX_PAPER),
    )
    chrome = frame(db, request, actor, "/register", training=visit.training_space_id is not None)
    return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def may_open_vault(db: Session, actor: Actor, visit: Visit, now: datetime) -> bool:
    """Whether the actor may see the identities; no role at a site gives that, only one's own denunciations do."""
    try:
        access.load_visit(db, actor, visit.id, Right.OPEN_VAULT, now=now)
    except (NotFound, Forbidden):
        return False
    return True


def session_row(session: ReceptionSession, language: str) -> RowView:
    """A session in a short list; a finished one opens the replay."""
    url = f"/room/{session.id}" if session.state in LIVE else f"/replay/{session.id}"
    return RowView(
        session.id,
        url,
        who=i18n.translate(N_("Phiên %(number)s"), language) % {"number": lists.session_number(session)},
        word=i18n.translate(labels.SESSION_STATE[session.state], language),
        tone=labels.SESSION_TONE[session.state],
        at=session.started_at or session.created_at,
    )
