"""Sổ tiếp công dân (Mẫu số 03): the register of one point over a time, printable in landscape."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, visits
from rooms.errors import NotFound
from web import i18n
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.pages import formats
from web.pages.contexts_cases import RegisterPage
from web.pages.render import page
from web.pages.viewer import frame, point_of, site_options

router = APIRouter()

LONGEST = timedelta(days=366)


@router.get("/register")
def show(request: Request, hub: HubDep, actor: ActorDep, site: str = "", since: str = "", until: str = "") -> Response:
    """The register; without dates, this month's."""
    now, language = hub.now(), i18n.language_of(request)
    today = formats.local(now).date()
    first, last = formats.parse_day(since) if since else today.replace(day=1), formats.parse_day(until) or today
    errors = {}
    if first is None or first > last or last - first > LONGEST:
        errors["since"] = i18n.translate(N_("Chọn khoảng thời gian hợp lệ, không quá một năm."), language)
        first, last = today.replace(day=1), today
    with hub.database.read() as db:
        point = point_of(db, request, actor, now)
        site_id = site or (point.id if point else "")
        if not site_id:
            raise NotFound()
        chosen = access.load_site(db, actor, site_id, now=now)
        context = RegisterPage(
            rows=visits.register_rows(db, actor, chosen.id, first, last, now),
            site_id=chosen.id,
            site_name=chosen.name,
            body=chosen.body or chosen.name,
            sites=site_options(db, actor, now),
            since=first,
            until=last,
            errors=errors,
        )
        return page(request, context, chrome=frame(db, request, actor, "/register"))
