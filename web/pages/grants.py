"""Quyền truy cập: a right on one file, session, sitting, visit or duty place for somebody whose role does not reach it
(inspectors, departments), with reason and end (design 7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, people, sittings
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Grant, Site, Sitting, User
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import casefile, formats
from web.pages.contexts_files import GrantRow, GrantsPage
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusal, site_options, text_of

router = APIRouter()

RIGHTS = {
    "read": N_("Xem"),
    "replay": N_("Xem và xem lại bản ghi"),
    "write": N_("Xem và ghi biên bản"),
    "operate": N_("Xem và điều hành phiên"),
    "open_vault": N_("Xem và mở danh tính được giữ bí mật"),
}
PLACES = {"case": "/cases/", "session": "/replay/", "visit": "/visits/"}
USUAL = timedelta(days=30)


@router.get("/grants")
def overview(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """What the reader gave, and what was given to them."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        query = select(Grant).where(or_(Grant.granted_by == actor.user_id, Grant.user_id == actor.user_id))
        rows = [grant_row(db, actor, one, now, language, True) for one in db.scalars(ordered(query))]
        heading = i18n.translate(N_("Quyền đã cấp và được cấp"), language)
        context = GrantsPage("", "", heading, "/", rows, False, places_of(db, actor, now, language))
        return page(request, context, chrome=frame(db, request, actor, "/grants"), flash=flash_of(request))


@router.get("/grants/place")
def place(actor: ActorDep, of: str = "") -> Response:
    """From the choice of a duty place or sitting to its rights."""
    kind, _, object_id = of.partition(":")
    if kind not in ("site", "sitting") or not object_id.isalnum():
        raise NotFound()
    return go(f"/grants/{kind}/{object_id}")


def places_of(db: Session, actor: Actor, now: datetime, language: str) -> dict[str, str]:
    """Sites and open sittings on which the reader may give rights."""
    own = access.sites_with(db, actor, Right.APPROVE, now)
    found = {
        f"sitting:{one.id}": place_name(db, actor, "sitting", one.id, now, language)
        for one in sittings.list_open(db, actor, now)
        if one.site_id in own and one.training_space_id is None
    }
    options = site_options(db, actor, now)
    return {**found, **{f"site:{one}": name for one, name in options.items() if one in own}}


@router.post("/grants/{grant_id}/revoke")
def revoke(grant_id: str, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """End a right now."""
    with hub.database.write() as db:
        people.revoke(db, actor, grant_id, hub.now())
        row = db.get(Grant, grant_id)
        kind, object_id = (row.object_kind, row.object_id) if row else ("", "")
    return go("/grants?done=revoked" if text_of(form, "overview", 1) else f"/grants/{kind}/{object_id}?done=revoked")


@router.get("/grants/{kind}/{object_id}")
def show(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The rights on one object."""
    return grants_page(request, hub, actor, kind, object_id)


@router.post("/grants/{kind}/{object_id}")
def give(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Give a right until the end of a day."""
    language = i18n.language_of(request)
    day = formats.parse_day(text_of(form, "expires", 10))
    right = text_of(form, "right", 32)
    errors = {}
    if day is None:
        errors["expires"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    if not text_of(form, "user", 24):
        errors["user"] = i18n.translate(N_("Chọn người được cấp quyền."), language)
    if not text_of(form, "reason", 500):
        errors["reason"] = i18n.translate(N_("Ghi lý do cấp quyền."), language)
    if not errors and day is not None:
        try:
            with hub.database.write() as db:
                people.grant(
                    db, actor, text_of(form, "user", 24), kind, object_id,
                    Right(right) if right in RIGHTS else Right.READ, text_of(form, "reason", 500),
                    formats.day_start(day) + timedelta(days=1), hub.now(),
                )  # fmt: skip
            return go(f"/grants/{kind}/{object_id}?done=granted")
        except (NotFound, Forbidden):
            raise
        except RoomsError as error:
            field = {"grant.expired": "expires", "grant.right": "right"}.get(error.code, "reason")
            errors = {field: refusal(error, language)}
    return grants_page(request, hub, actor, kind, object_id, form, errors)


def ordered(query: Select[Any]) -> Select[Any]:
    """Live ones first, newest first."""
    return query.order_by(Grant.revoked_at.is_not(None), Grant.granted_at.desc()).limit(300)


def grant_row(db: Session, actor: Actor, one: Grant, now: datetime, language: str, named: bool = False) -> GrantRow:
    """One right in words."""
    if one.revoked_at is not None:
        word, tone = N_("Đã thu hồi"), "off"
    elif one.expires_at <= now:
        word, tone = N_("Hết hạn"), "off"
    else:
        word, tone = N_("Đang có hiệu lực"), "good"
    return GrantRow(
        id=one.id,
        who=casefile.name_of(db, one.user_id),
        right=i18n.translate(RIGHTS.get(one.right, one.right), language),
        reason=one.reason,
        until=one.expires_at - timedelta(seconds=1),
        by=casefile.name_of(db, one.granted_by),
        at=one.granted_at,
        word=i18n.translate(word, language),
        tone=tone,
        live=tone == "good" and one.user_id != actor.user_id,
        where=place_name(db, actor, one.object_kind, one.object_id, now, language) if named else "",
        url=PLACES.get(one.object_kind, "") + one.object_id if named and one.object_kind in PLACES else "",
    )


def place_name(db: Session, actor: Actor, kind: str, object_id: str, now: datetime, language: str) -> str:
    """What a right is given on."""
    if kind == "site":
        site = db.get(Site, object_id)
        return site.name if site else ""
    if kind == "sitting":
        sitting = db.get(Sitting, object_id)
        site = db.get(Site, sitting.site_id) if sitting else None
        day = formats.day((sitting.planned_at or sitting.opened_at) if sitting else None)
        where = formats.place(site.name) if site else ""
        return formats.joined([i18n.translate(N_("Buổi tiếp"), language), day, where])
    return casefile.label_of(db, actor, kind, object_id, now, language)


def grants_page(
    request: Request, hub: Hub, actor: Actor, kind: str, object_id: str, form: object = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page of one object's rights; only for who may give them."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        access.load_owner(db, actor, kind, object_id, Right.READ, now)
        if not people.may_grant(db, actor, kind, object_id, now):
            raise Forbidden()
        query = select(Grant).where(Grant.object_kind == kind, Grant.object_id == object_id)
        typed = {name: text_of(form, name, 500) for name in ("user", "right", "expires", "reason")} if form else {}  # type: ignore[arg-type]
        typed.setdefault("expires", formats.day(now + USUAL))
        context = GrantsPage(
            kind,
            object_id,
            place_name(db, actor, kind, object_id, now, language),
            PLACES[kind] + object_id if kind in PLACES else "/grants",
            [grant_row(db, actor, one, now, language) for one in db.scalars(ordered(query))],
            True,
            {},
            users(db, actor),
            {key: word for key, word in RIGHTS.items() if key != "open_vault" or restricted(db, kind, object_id)},
            typed,
            errors or {},
        )
        chrome = frame(db, request, actor, "/cases")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def restricted(db: Session, kind: str, object_id: str) -> bool:
    """Whether the object is a denunciation."""
    model = access.OWNERS.get(kind)
    return bool(getattr(db.get(model, object_id), "restricted", False)) if model else False


def users(db: Session, actor: Actor) -> dict[str, str]:
    """Everybody with a log-in but the reader, by the Vietnamese order of given names."""
    found = [one for one in db.scalars(select(User).where(User.active.is_(True))) if one.id != actor.user_id]
    found.sort(key=lambda one: formats.sort_key(" ".join(reversed(one.name.split()))))
    return {one.id: formats.joined([one.name, one.title, one.login], ", ") for one in found}
