"""Sổ đơn: the book of petitions of one point, and entering a petition from any source, alone or at a visit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, cases, petitions
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Case, Petition
from rooms.words import PetitionKind, PetitionSource
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts_files import PetitionRow, PetitionsPage
from web.pages.render import page
from web.pages.viewer import FormDep, allowed, flash_of, frame, go, point_of, refusal, site_options, text_of

router = APIRouter()

LONGEST = timedelta(days=366)
MOST = 1000


@router.get("/petitions")
def show(
    request: Request, hub: HubDep, actor: ActorDep, site: str = "", since: str = "", until: str = "", source: str = ""
) -> Response:
    """The book; without dates, this month's."""
    asked = {"site": site, "since": since, "until": until, "source": source}
    return book(request, hub, actor, asked)


@router.post("/petitions")
def add(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A petition that came by itself: by post, handed over, from another body."""
    language, site = i18n.language_of(request), text_of(form, "site", 24)
    errors = refused_fields(form, language)
    if not errors:
        try:
            with hub.database.write() as db:
                enter(db, hub, actor, site, form)
            return go(f"/petitions?site={site}&done=petition")
        except (NotFound, Forbidden):
            raise
        except RoomsError as error:
            errors = {"petition_content": refusal(error, language)}
    return book(request, hub, actor, {"site": site}, form, errors)


@router.post("/visits/{visit_id}/petitions")
def add_to_visit(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A petition handed in at a visit; it goes into the visit's file at once."""
    from web.pages.visit import visit_page  # the visit's page shows this form again when something is refused

    language = i18n.language_of(request)
    errors = refused_fields(form, language)
    if not errors:
        try:
            with hub.database.write() as db:
                visit = access.load_visit(db, actor, visit_id, Right.RECEIVE, now=hub.now())
                case_id = cases.case_of(db, "visit", visit_id) if visit.restricted == is_secret(form) else None
                enter(db, hub, actor, visit.site_id, form, visit_id=visit_id, case_id=case_id)
            return go(f"/visits/{visit_id}?done=petition")
        except (NotFound, Forbidden):
            raise
        except RoomsError as error:
            errors = {"petition_content": refusal(error, language)}
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        return visit_page(request, hub, db, actor, visit, form=form, errors=errors)


def is_secret(form: Mapping[str, Any] | FormData) -> bool:
    """Whether a denunciation was typed in, which has a file of its own."""
    return text_of(form, "petition_kind", 32) == PetitionKind.DENUNCIATION


def refused_fields(form: Mapping[str, Any] | FormData, language: str) -> dict[str, str]:
    """What is wrong with a typed petition, by field."""
    errors = {}
    dated = text_of(form, "petition_dated", 10)
    if dated and formats.parse_day(dated) is None:
        errors["petition_dated"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    if not text_of(form, "petition_content"):
        errors["petition_content"] = i18n.translate(N_("Ghi nội dung đơn."), language)
    return errors


def enter(
    db: Session, hub: Hub, actor: Actor, site_id: str, form: Mapping[str, Any] | FormData, *,
    visit_id: str | None = None, case_id: str | None = None,
) -> Petition:  # fmt: skip
    """The petition of a valid form into its book."""
    kind, source = text_of(form, "petition_kind", 32), text_of(form, "petition_source", 32)
    return petitions.add(
        db, actor, site_id, PetitionKind(kind) if kind in set(PetitionKind) else PetitionKind.COMPLAINT,
        text_of(form, "petition_content"), hub.vault, hub.now(), petitioner=text_of(form, "petitioner", 300),
        address=text_of(form, "petition_address", 300), dated=formats.parse_day(text_of(form, "petition_dated", 10)),
        source=PetitionSource(source) if source in set(PetitionSource) else PetitionSource.POST,
        visit_id=visit_id, case_id=case_id,
    )  # fmt: skip


def of_visit(db: Session, actor: Actor, visit_id: str, now: datetime, language: str) -> list[PetitionRow]:
    """The petitions handed in at a visit, as far as the reader may see them."""
    query = select(Petition).where(Petition.visit_id == visit_id, access.readable(db, actor, Petition, now))
    return [petition_row(db, actor, one, now, language) for one in db.scalars(query.order_by(Petition.created_at))]


def petition_row(db: Session, actor: Actor, one: Petition, now: datetime, language: str) -> PetitionRow:
    """A row of the book; the file only where the reader may open it."""
    file, url = "", f"/visits/{one.visit_id}" if one.visit_id else ""
    case_id = cases.case_of(db, "petition", one.id) or (
        cases.case_of(db, "visit", one.visit_id) if one.visit_id else ""
    )
    if case_id:
        try:
            case: Case = access.load_case(db, actor, case_id, now=now)
            file, url = lists.case_number(db, case), f"/cases/{case_id}"
        except RoomsError:
            file = ""
    return PetitionRow(
        number=str(one.number or "–"),
        received=one.received_on,
        petitioner=formats.joined([one.petitioner, one.address], ", "),
        kind=i18n.translate(labels.KIND[one.kind], language),
        source=i18n.translate(labels.SOURCE[one.source], language),
        content=one.content,
        file=file,
        url=url,
    )


def span_of(asked: Mapping[str, str], today: date, language: str) -> tuple[date, date, dict[str, str]]:
    """The days asked for, and what is wrong with them."""
    since, until = asked.get("since", ""), asked.get("until", "")
    first, last = formats.parse_day(since) if since else today.replace(day=1), formats.parse_day(until) or today
    if first is None or first > last or last - first > LONGEST:
        text = i18n.translate(N_("Chọn khoảng thời gian hợp lệ, không quá một năm."), language)
        return today.replace(day=1), today, {"since": text}
    return first, last, {}


def book(
    request: Request, hub: Hub, actor: Actor, asked: Mapping[str, str],
    form: Mapping[str, Any] | FormData | None = None, errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page of the book."""
    now, language = hub.now(), i18n.language_of(request)
    first, last, wrong = span_of(asked, formats.local(now).date(), language)
    source = asked.get("source", "") if asked.get("source", "") in set(PetitionSource) else ""
    with hub.database.read() as db:
        point = point_of(db, request, actor, now)
        site_id = asked.get("site") or (point.id if point else "")
        if not site_id:
            raise NotFound()
        chosen = access.load_site(db, actor, site_id, now=now)
        query = select(Petition).where(
            Petition.site_id == chosen.id, Petition.number.is_not(None), Petition.received_on.between(first, last),
            access.readable(db, actor, Petition, now),
            *([Petition.source == PetitionSource(source)] if source else []),
        )  # fmt: skip
        found = db.scalars(query.order_by(Petition.year, Petition.number).limit(MOST))
        context = PetitionsPage(
            rows=[petition_row(db, actor, one, now, language) for one in found],
            site_id=chosen.id,
            site_name=chosen.name,
            body=chosen.body or chosen.name,
            sites=site_options(db, actor, now),
            since=first,
            until=last,
            source=source,
            may_add=allowed(db, actor, chosen.id, Right.RECEIVE, now),
            form={name: text_of(form, name) for name in form} if form else {},
            errors={**wrong, **(errors or {})},
        )
        chrome = frame(db, request, actor, "/petitions")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)
