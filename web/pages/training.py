"""Phiên thử / tập huấn: test visits and sittings in a space of their own. No numbers, no counters, listed apart from
what is real, gone after seven days (design 1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, sittings, visits
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import Case, ReceptionSession, Site, Sitting, TrainingSpace, Visit
from rooms.words import Role, SittingState, VisitState
from web import i18n
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts import RowView
from web.pages.contexts_files import TrainingPage
from web.pages.render import page
from web.pages.viewer import FormDep, allowed, flash_of, frame, go, point_of, site_options, text_of
from web.pages.visit import session_row

router = APIRouter()


@router.get("/training")
def show(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """What was begun for practice at the reader's places."""
    if not actor.has_role(Role.SITE_OFFICER, Role.OPERATOR, Role.CLERK):
        raise Forbidden()
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        point = point_of(db, request, actor, now)
        options = site_options(db, actor, now)
        own = [one for one in actor.sites_with(Role.OPERATOR) if one in options]
        context = TrainingPage(
            point=point.name if point else "",
            visits=[visit_row(db, one, now, language) for one in found(db, actor, Visit, now)],
            sittings=[sitting_row(db, one, now, language) for one in found(db, actor, Sitting, now)],
            sessions=[session_row(one, language) for one in found(db, actor, ReceptionSession, now)],
            cases=[RowView(one.id, f"/cases/{one.id}", who=one.title) for one in found(db, actor, Case, now)],
            may_receive=point is not None and allowed(db, actor, point.id, Right.RECEIVE, now),
            own_sites={one: options[one] for one in own},
            all_sites=options,
        )
        chrome = frame(db, request, actor, "/training", training=True)
        return page(request, context, chrome=chrome, flash=flash_of(request))


@router.post("/training/visits")
def begin(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """A test visit at this point, through the same desk."""
    with hub.database.write() as db:
        point = point_of(db, request, actor, hub.now())
        if point is None:
            raise NotFound()
        visit = visits.start(db, actor, point.id, hub.now(), training=True)
        return go(f"/desk/{visit.id}")


@router.post("/training/sittings")
def open_sitting(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A test sitting, open at once; the chosen sites may send test visits to it."""
    now = hub.now()
    chair = text_of(form, "chair_name", 200) or i18n.translate(N_("Buổi tiếp thử"), i18n.language_of(request))
    with hub.database.write() as db:
        made = sittings.open_sitting(db, actor, text_of(form, "site", 24), now, chair_name=chair, training=True)
        for site in form.getlist("invite"):
            if isinstance(site, str) and site != made.site_id:
                sittings.invite_site(db, actor, made.id, site, now)
    return go("/training?done=opened")


@router.post("/training/sittings/{sitting_id}/close")
def close(sitting_id: str, hub: HubDep, actor: ActorDep) -> Response:
    """End a test sitting before it goes by itself."""
    with hub.database.write() as db:
        sittings.close_sitting(db, actor, sitting_id, hub.now())
    return go("/training?done=ended")


def found(db: Session, actor: Actor, model: type[Any], now: datetime) -> list[Any]:
    """The training rows of one kind that the actor may read, newest first."""
    query = select(model).where(model.training_space_id.is_not(None), access.readable(db, actor, model, now))
    moment = {Visit: Visit.started_at, Case: Case.opened_at, ReceptionSession: ReceptionSession.created_at}
    return list(db.scalars(query.order_by(moment.get(model, Sitting.opened_at).desc()).limit(100)))


def left(db: Session, space_id: str | None, now: datetime, language: str) -> str:
    """How long the space stays."""
    space = db.get(TrainingSpace, space_id) if space_id else None
    days = -((now - space.expires_at) // timedelta(days=1)) if space else 0
    if days < 2:
        return i18n.translate(N_("hết hôm nay"), language)
    return i18n.translate(N_("còn %(days)d ngày"), language) % {"days": days}


def visit_row(db: Session, visit: Visit, now: datetime, language: str) -> RowView:
    """A test visit; a draft goes on at the desk."""
    who = lists.who_of(visit, language) or i18n.translate(N_("Chưa ghi tên"), language)
    return RowView(
        visit.id, f"/desk/{visit.id}" if visit.state is VisitState.DRAFT else f"/visits/{visit.id}", who=who,
        what=formats.joined([lists.what_of(visit, language), left(db, visit.training_space_id, now, language)]),
        word=i18n.translate(labels.VISIT_STATE[visit.state], language), tone=labels.VISIT_TONE[visit.state],
        at=visit.started_at, by=visit.officer_name,
    )  # fmt: skip


def sitting_row(db: Session, sitting: Sitting, now: datetime, language: str) -> RowView:
    """A test sitting."""
    site = db.get(Site, sitting.site_id)
    names = ", ".join(lists.invited_names(db, sitting))
    return RowView(
        sitting.id, "/board" if sitting.state is SittingState.OPEN else "", who=site.name if site else "",
        what=formats.joined(
            [lists.chair_line(sitting, language), names, left(db, sitting.training_space_id, now, language)]
        ),
        word=i18n.translate(labels.SITTING_STATE[sitting.state], language),
        tone=labels.SITTING_TONE[sitting.state], at=sitting.opened_at or sitting.planned_at,
    )  # fmt: skip
