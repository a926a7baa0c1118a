"""Hôm nay: the front page of a reception point; others are sent to the page they work on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rooms import sites, visits
from rooms.words import Role, VisitState
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.pages import formats, lists
from web.pages.contexts import PointView, RowView
from web.pages.contexts_desk import TodayPage
from web.pages.render import page
from web.pages.viewer import DESK_ROLES, FILE_ROLES, flash_of, frame, go, point_of, point_view, points_of

router = APIRouter()


@router.get("/")
def today(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """What happens at this point today."""
    now, language = hub.now(), i18n.language_of(request)
    if not actor.has_role(*DESK_ROLES):
        return go("/cases" if actor.has_role(*FILE_ROLES) else "/admin" if actor.has_role(Role.ADMIN) else "/account")
    with hub.database.read() as db:
        point = point_of(db, request, actor, now)
        if point is None:
            return go("/account")
        found = [one for one in visits.list_today(db, actor, point.id, now) if one.training_space_id is None]
        drafts = [
            RowView(
                one.id, f"/desk/{one.id}", lists.who_of(one, language), lists.what_of(one, language),
                at=one.started_at, by=one.officer_name,
            )
            for one in found
            if one.state is VisitState.DRAFT
        ]  # fmt: skip
        duty = sites.duty_of(db, point.id, formats.local(now).date())
        context = TodayPage(
            today=formats.local(now).date(),
            point=point_view(db, request, point, now, presence_of(hub, point.id)),
            points=[PointView(site.id, site.name) for site in points_of(db, actor, now)],
            drafts=drafts,
            visits=[lists.visit_row(one, language) for one in found if one.state is not VisitState.DRAFT],
            sittings=lists.sittings_today(db, actor, now, language),
            duty=formats.joined([duty[0].name, duty[0].phone], ", ") if duty else "",
        )
        return page(request, context, chrome=frame(db, request, actor, "/"), flash=flash_of(request))


def presence_of(hub: Hub, site_id: str) -> str:
    """What the hub channel knows of a site, as in labels.PRESENCE; "" where it does not run."""
    known = getattr(hub.channel, "presence_of", None)
    return str(known(site_id)) if known else ""
