"""Hồ sơ vụ việc: the list, and one file as a time line in which everything opens in place."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, cases, recordings
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Case, CaseLink, ReceptionSession, Site
from rooms.words import CaseState, PetitionKind, Role
from web import i18n
from web.api.recordings import log_look
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import casefile, formats, labels, lists, looked, petitions, timeline, uploads
from web.pages.contexts import Item, MatchView, RowView
from web.pages.contexts_cases import CasePage, CaseRow, CasesPage, DayOfEntries
from web.pages.render import page
from web.pages.viewer import (
    FILE_ROLES,
    FormDep,
    allowed,
    flash_of,
    frame,
    go,
    refusal,
    refusals,
    site_options,
    text_of,
)

router = APIRouter()

PAGE = 50
TABS: tuple[tuple[str, str, Any], ...] = (
    ("open", N_("Đang theo dõi"), lambda: Case.state == CaseState.OPEN),
    ("due", N_("Có hẹn"), lambda: (Case.state == CaseState.OPEN) & Case.next_date.is_not(None)),
    ("crowded", N_("Đông người"), lambda: Case.crowded.is_(True)),
    ("complex", N_("Phức tạp, kéo dài"), lambda: Case.complex.is_(True) | Case.long_running.is_(True)),
    ("all", N_("Tất cả"), lambda: Case.id.is_not(None)),
)
"""Lists of matters, never of people (design 7)."""


@router.get("/cases")
def show_list(
    request: Request, hub: HubDep, actor: ActorDep, tab: str = "open", start: int = 0, site: str = "", kind: str = ""
) -> Response:
    """The files the actor may read; training has a page of its own."""
    if not actor.has_role(*FILE_ROLES) and not actor.grants:
        raise Forbidden()
    tab = tab if tab in {one[0] for one in TABS} else "open"
    start = max(0, min(start, 100_000))
    now, language = hub.now(), i18n.language_of(request)
    condition = next(one[2] for one in TABS if one[0] == tab)()
    order = (Case.next_date.asc(), Case.opened_at.desc()) if tab == "due" else (Case.opened_at.desc(),)
    kept = {"site": site[:24], "kind": kind if kind in set(PetitionKind) else ""}
    kept = {key: value for key, value in kept.items() if value}

    def url(**more: object) -> str:
        return "/cases?" + urlencode({"tab": tab, **kept, **more})

    with hub.database.read() as db:
        query = select(Case).where(
            access.readable(db, actor, Case, now), condition, Case.training_space_id.is_(None),
            *([Case.site_id == kept["site"]] if "site" in kept else []),
            *([Case.kind == PetitionKind(kept["kind"])] if "kind" in kept else []),
        )  # fmt: skip
        found = list(db.scalars(query.order_by(*order, Case.id).offset(start).limit(PAGE + 1)))
        context = CasesPage(
            tabs=[Item(label, url(tab=key), "", key == tab) for key, label, _ in TABS],
            rows=[case_row(db, one, language) for one in found[:PAGE]],
            tab=tab,
            by_grant=not actor.has_role(*(role for role in FILE_ROLES if role is not Role.INSPECTOR)),
            sites=site_options(db, actor, now),
            filters=kept,
            more_url=url(start=start + PAGE) if len(found) > PAGE else "",
            back_url=url(start=max(0, start - PAGE)) if start else "",
        )
        return page(request, context, chrome=frame(db, request, actor, "/cases"))


def case_row(db: Session, case: Case, language: str) -> CaseRow:
    """A case in the list."""
    return CaseRow(
        url=f"/cases/{case.id}",
        number=lists.case_number(db, case),
        title=case.title,
        kind=i18n.translate(labels.KIND.get(str(case.kind or ""), ""), language),
        leader=case.leader,
        next_date=case.next_date,
        word=i18n.translate(labels.CASE_STATE[case.state], language),
        tone=labels.CASE_TONE[case.state],
        marks=marks_of(case, language),
    )


def marks_of(case: Case, language: str) -> str:
    """What is said about the matter."""
    words = (
        (case.crowded, N_("Tập trung đông người")),
        (case.complex, N_("Phức tạp")),
        (case.long_running, N_("Kéo dài")),
    )
    return formats.joined(i18n.translate(word, language) for on, word in words if on)


@router.get("/cases/{case_id}")
def show(case_id: str, request: Request, hub: HubDep, actor: ActorDep, order: str = "") -> Response:
    """One file, oldest first or turned round; the look is logged."""
    answer = case_page(request, hub, actor, case_id, newest_first=order == "newest")
    log_look(hub, actor, "case.viewed", "case", case_id, case_id)
    return answer


@router.post("/cases/{case_id}")
def update(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """What is said about the matter."""
    language = i18n.language_of(request)
    due = text_of(form, "next_date", 10)
    day = formats.parse_day(due) if due else None
    errors = {}
    if not text_of(form, "title"):
        errors["title"] = i18n.translate(N_("Ghi tên vụ việc."), language)
    if due and day is None:
        errors["next_date"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    if not errors:
        try:
            with hub.database.write() as db:
                case = cases.update_case(
                    db, actor, case_id, hub.now(), title=text_of(form, "title", 300), summary=text_of(form, "summary"),
                    leader=text_of(form, "leader", 200), next_date=day, crowded=bool(text_of(form, "crowded")),
                    complex=bool(text_of(form, "complex")), long_running=bool(text_of(form, "long_running")),
                )  # fmt: skip
                if not due:
                    case.next_date = None
            return go(f"/cases/{case_id}?done=saved")
        except NotFound:
            raise
        except RoomsError as error:
            errors = refusals(error, language, "title")
    return case_page(request, hub, actor, case_id, form, errors)


@router.post("/cases/{case_id}/papers")
def attach(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Papers of the case itself."""
    with hub.database.read() as db:
        access.load_case(db, actor, case_id, Right.RECEIVE, now=hub.now())
    return uploads.take(request, hub, actor, form, "case", case_id, f"/cases/{case_id}")


@router.post("/cases/{case_id}/petitions")
def petition(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A written petition into its book and this file."""
    language = i18n.language_of(request)
    if errors := petitions.refused_fields(form, language):
        return case_page(request, hub, actor, case_id, form, errors)
    try:
        with hub.database.write() as db:
            case = access.load_case(db, actor, case_id, Right.RECEIVE, now=hub.now())
            petitions.enter(db, hub, actor, case.site_id, form, case_id=case_id)
        return go(f"/cases/{case_id}?done=petition")
    except NotFound:
        raise
    except RoomsError as error:
        return case_page(request, hub, actor, case_id, form, {"petition_content": refusal(error, language)})


def case_page(
    request: Request, hub: Hub, actor: Actor, case_id: str, form: Any = None, errors: dict[str, str] | None = None,
    *, newest_first: bool = False,
) -> Response:  # fmt: skip
    """The page of one file."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        case = access.load_case(db, actor, case_id, now=now)
        entries = timeline.entries(db, actor, case_id, now, language)
        if newest_first:
            entries.reverse()
        groups = [
            DayOfEntries(day, list(found))
            for day, found in groupby(entries, key=lambda one: formats.local(one.at).date())
        ]
        site = db.get(Site, case.site_id)
        count = sum(1 for one in entries if one.kind == "visit")
        visits = i18n.translations(language).ngettext("%(num)d lượt tiếp", "%(num)d lượt tiếp", count) % {"num": count}
        context = CasePage(
            case=case,
            number=lists.case_number(db, case),
            summary=formats.joined([lists.case_number(db, case), site.name if site else "", visits]),
            groups=groups,
            facts=facts_of(case, language),
            recordings=recording_rows(db, actor, case_id, hub, language),
            may_edit=allowed(db, actor, case.site_id, Right.RECEIVE, now) and case.state is not CaseState.MERGED,
            newest_first=newest_first,
            pending=casefile.pending_of(db, actor, case, now, language),
            links=casefile.held_links(db, actor, case, now, language),
            rights=casefile.rights_of(db, actor, case, now),
            merged_into=merged_into(db, actor, case, now, language),
            looks=looked.summary(db, "case", case.id, language),
            form=form or {},
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/cases", training=case.training_space_id is not None)
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def merged_into(db: Session, actor: Actor, case: Case, now: datetime, language: str) -> MatchView | None:
    """The file this one was joined to, with the reason; without its title where the reader may not see it."""
    if case.merged_into_id is None:
        return None
    link = db.scalars(
        select(CaseLink).where(CaseLink.object_id == case.id, CaseLink.object_kind == "case").order_by(
            CaseLink.linked_at.desc()
        )
    ).first()  # fmt: skip
    reason = link.reason if link else ""
    try:
        into: Case = access.load_case(db, actor, case.merged_into_id, now=now)
    except RoomsError:
        return MatchView("", i18n.translate(N_("hồ sơ khác"), language), "", reason)
    return MatchView(into.id, lists.case_number(db, into), into.title, reason)


def facts_of(case: Case, language: str) -> list[tuple[str, str]]:
    """What is known of the matter."""
    said = {
        N_("Loại việc"): i18n.translate(labels.KIND.get(str(case.kind or ""), ""), language),
        N_("Lĩnh vực"): i18n.translate(labels.FIELD.get(str(case.field or ""), ""), language),
        N_("Tóm tắt"): case.summary,
        N_("Lãnh đạo phụ trách"): case.leader,
        N_("Hẹn tiếp theo"): formats.day(case.next_date),
        N_("Đặc điểm"): marks_of(case, language),
        N_("Mở hồ sơ"): formats.day(case.opened_at),
    }
    return [(i18n.translate(label, language), value) for label, value in said.items()]


def session_number(db: Session, session_id: str) -> str:
    """2611-0142."""
    session = db.get(ReceptionSession, session_id)
    return lists.session_number(session) if session else session_id[:6]


def recording_rows(db: Session, actor: Actor, case_id: str, hub: Hub, language: str) -> list[RowView]:
    """The recordings of the file that the actor may see."""
    rows = []
    for one in recordings.list_for_case(db, actor, case_id, hub.now()):
        if one.complete is False:
            word, tone = N_("Thiếu một phần"), "warn"
        elif one.locked:
            word, tone = N_("Đã khóa và ký số"), "good"
        else:
            word, tone = N_("Chưa khóa"), "info"
        lost = i18n.translate(N_("mất %(seconds)s giây"), language) % {"seconds": round(one.lost_s or 0, 1)}
        rows.append(
            RowView(
                one.session_id, f"/replay/{one.session_id}" if one.tracks or one.replayable else "",
                who=i18n.translate(N_("Phiên %(number)s"), language) % {"number": session_number(db, one.session_id)},
                what=lost if one.lost_s else "", word=i18n.translate(word, language), tone=tone, at=one.started_at,
            )
        )  # fmt: skip
    return rows
