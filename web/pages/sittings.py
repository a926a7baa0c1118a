"""Lịch tiếp: open and planned sittings, opening one, inviting sites. And the same for citizens, without a log-in."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from itertools import groupby
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, sittings
from rooms.access import Right
from rooms.actor import SYSTEM, Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Site, Sitting
from rooms.words import ReceiverRole, ReceptionForm, Role
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, labels, lists
from web.pages.contexts_sittings import DayOfSittings, NoticePage, PublicPage, ScheduleRow, SittingsPage
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusals, site_options, text_of

router = APIRouter()

OPENERS = (Role.OPERATOR, Role.SITE_OFFICER)
ATTENDS = "attends"
"""The form's word for a site that takes part in every visit; without it a site only sends its own citizens."""


@router.get("/sittings")
def show(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The schedule as far as the actor may see it."""
    return sittings_page(request, hub, actor)


@router.post("/sittings")
def open_sitting(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Open a sitting now, or plan one."""
    language = i18n.language_of(request)
    errors = {}
    if not text_of(form, "chair_name", 200):
        errors["chair_name"] = i18n.translate(N_("Ghi người chủ trì."), language)
    planned = planned_at(text_of(form, "day", 10), text_of(form, "time", 5))
    if planned is None and (text_of(form, "day", 10) or text_of(form, "time", 5)):
        errors["day"] = i18n.translate(N_("Ghi cả ngày và giờ, hoặc để trống cả hai."), language)
    elif planned is not None and planned < hub.now():
        errors["day"] = i18n.translate(N_("Thời điểm này đã qua."), language)
    if not errors:
        try:
            with hub.database.write() as db:
                make(db, hub, actor, form, planned)
            hub.stir()
            return go(f"/sittings?done={'planned' if planned else 'opened'}")
        except NotFound:
            raise
        except RoomsError as error:
            errors = refusals(error, language, "chair_name")
    return sittings_page(request, hub, actor, form, errors)


def make(db: Session, hub: Hub, actor: Actor, form: Any, planned: datetime | None) -> Sitting:
    """The sitting of a valid form, with its invited sites."""
    kind, receiver = text_of(form, "form", 32), text_of(form, "receiver_role", 32)
    sitting = sittings.open_sitting(
        db, actor, text_of(form, "site", 24), hub.now(),
        form=ReceptionForm(kind) if kind in set(ReceptionForm) else ReceptionForm.REGULAR,
        receiver_role=ReceiverRole(receiver) if receiver in set(ReceiverRole) else ReceiverRole.OFFICER,
        chair_name=text_of(form, "chair_name", 200), chair_title=text_of(form, "chair_title", 200),
        subject=text_of(form, "subject", 500), planned_at=planned,
    )  # fmt: skip
    for chosen in form.getlist("invite"):
        site, _, way = chosen.partition(" ") if isinstance(chosen, str) else ("", "", "")
        if site and site != sitting.site_id:
            sittings.invite_site(db, actor, sitting.id, site, hub.now(), attends=way == ATTENDS)
    return sitting


def planned_at(day: str, clock: str) -> datetime | None:
    """A local day and hour as a moment; None when either is missing or makes no sense."""
    on = formats.parse_day(day)
    written = re.fullmatch(r"(\d{1,2})(?:[:h.](\d{2})?)?", clock.strip().lower())
    if on is None or written is None or int(written[1]) > 23 or int(written[2] or 0) > 59:
        return None
    return datetime.combine(on, time(int(written[1]), int(written[2] or 0)), tzinfo=formats.LOCAL)


@router.post("/sittings/{sitting_id}/invite")
def invite(sitting_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Invite a further site, or change how an invited one takes part."""
    attends = text_of(form, "takes_part", 16) == ATTENDS
    with hub.database.write() as db:
        sittings.invite_site(db, actor, sitting_id, text_of(form, "site", 24), hub.now(), attends=attends)
    return go("/sittings?done=invited")


@router.post("/sittings/{sitting_id}/close")
def close(sitting_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """End a sitting."""
    try:
        with hub.database.write() as db:
            sittings.close_sitting(db, actor, sitting_id, hub.now())
        hub.stir()
    except (NotFound, Forbidden):
        raise
    except RoomsError as error:
        return sittings_page(request, hub, actor, {}, refusals(error, i18n.language_of(request)))
    return go("/sittings?done=ended")


def sittings_page(
    request: Request, hub: Hub, actor: Actor, form: Any = None, errors: dict[str, str] | None = None
) -> Response:
    """The page of the schedule."""
    now, language = hub.now(), i18n.language_of(request)
    typed: dict[str, Any] = {}
    if form:
        typed = {key: text_of(form, key) for key in form if key != "invite"}
        typed["invite"] = [one for one in form.getlist("invite") if isinstance(one, str)] if errors else []
    with hub.database.read() as db:
        options = site_options(db, actor, now)
        own = {one: options[one] for one in actor.sites_with(*OPENERS) if one in options}
        context = SittingsPage(
            days=by_day(
                db,
                [one for one in sittings.list_open(db, actor, now) if one.training_space_id is None],
                actor,
                now,
                language,
            ),
            own_sites=own,
            all_sites=options,
            form=typed,
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/sittings")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def by_day(db: Session, found: list[Sitting], actor: Actor | None, now: datetime, language: str) -> list[DayOfSittings]:
    """Sittings grouped by local day, earliest first."""

    def moment(sitting: Sitting) -> datetime:
        return sitting.planned_at or sitting.opened_at or now

    def day_of(sitting: Sitting) -> date:
        return formats.local(moment(sitting)).date()

    rows = sorted(found, key=moment)
    return [
        DayOfSittings(day, [schedule_row(db, one, actor, now, language) for one in group])
        for day, group in groupby(rows, key=day_of)
    ]


def schedule_row(db: Session, sitting: Sitting, actor: Actor | None, now: datetime, language: str) -> ScheduleRow:
    """A sitting of the schedule; ``actor`` None: as citizens see it."""
    view = lists.sitting_view(db, sitting, language)
    form = i18n.translate(labels.FORM[sitting.form], language)
    return ScheduleRow(
        id=sitting.id,
        time=view.time,
        place=view.place,
        chair=view.chair,
        detail=formats.joined([form, sitting.subject, *invited_lines(db, sitting, actor, language)]),
        word=view.word,
        tone=view.tone,
        may_run=actor is not None and may_run(db, actor, sitting, now),
    )


def invited_lines(db: Session, sitting: Sitting, actor: Actor | None, language: str) -> list[str]:
    """The invited sites; staff also read how each takes part."""
    if actor is None:
        lines = [(N_("Điểm cầu tham gia: %(names)s"), lists.invited_names(db, sitting))]
    else:
        lines = [
            (N_("Cùng dự mọi lượt: %(names)s"), lists.invited_names(db, sitting, attends=True)),
            (N_("Gửi công dân: %(names)s"), lists.invited_names(db, sitting, attends=False)),
        ]
    return [i18n.translate(line, language) % {"names": ", ".join(names)} for line, names in lines if names]


def may_run(db: Session, actor: Actor, sitting: Sitting, now: datetime) -> bool:
    """Whether the actor may invite sites to a sitting and end it."""
    try:
        access.load_sitting(db, actor, sitting.id, Right.OPERATE, now=now)
    except RoomsError:
        return False
    return True


@router.get("/public")
def public(request: Request, hub: HubDep) -> Response:
    """The schedule for citizens. Names no visit and no citizen; training does not show."""
    now, language = hub.now(), i18n.language_of(request)
    today = formats.local(now).date()
    with hub.database.read() as db:
        found = [one for one in sittings.list_open(db, SYSTEM, now) if one.training_space_id is None]
        places = [
            site
            for site in db.scalars(select(Site).where(Site.valid_from <= today))
            if site.valid_to is None or site.valid_to > today
        ]
        context = PublicPage(now, by_day(db, found, None, now, language), sorted_places(places))
        return page(request, context)


def sorted_places(places: list[Site]) -> list[Site]:
    """Central first, then by level, then in Vietnamese order."""
    levels = ("central", "province", "agency", "district", "commune")
    return sorted(places, key=lambda one: (levels.index(one.kind.value), formats.sort_key(one.name)))


@router.get("/public/notice")
def notice(request: Request) -> Response:
    """Notice of recording in plain words."""
    return page(request, NoticePage())
