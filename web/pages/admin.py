"""The administrator's pages: sites, rooms and devices; people and roles; duty; health; rules. Each dangerous action
says what it does and asks once (in the template)."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import keeping, people, policy, reconcile, relays, sites
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import AuditEntry, Device, Job, Membership, Relay, Room, Site, User
from rooms.words import DeviceKind, Role, SiteKind
from web import devices, i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, labels
from web.pages.contexts import RowView
from web.pages.contexts_admin import (
    AdminDutyPage,
    AdminHealthPage,
    AdminPeoplePage,
    AdminRulesPage,
    AdminSitesPage,
    DutyRow,
    PersonRow,
    ProfileView,
    RelayRow,
    RoleView,
    RuleView,
    SecretView,
    SiteRow,
    TileView,
)
from web.pages.reconciliation import share
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusals, site_options, text_of

router = APIRouter()

SURE = {
    "design": (N_("quyết định của hệ thống"), "info"),
    "plan": (N_("theo kế hoạch"), "good"),
    "law": (N_("theo văn bản"), "good"),
    "found": (N_("đã đọc trên trang công khai"), "good"),
    "memory": (N_("theo trí nhớ, cần kiểm tra"), "warn"),
    "inference": (N_("suy ra, cần kiểm tra"), "warn"),
}


def administrator(actor: Actor) -> None:
    """Raises Forbidden for anyone who administers nothing."""
    if not actor.has_role(Role.ADMIN):
        raise Forbidden()


@router.get("/admin")
def admin(actor: ActorDep) -> Response:
    """The first of the pages."""
    administrator(actor)
    return go("/admin/sites")


# --- sites, rooms, devices -------------------------------------------------------------------------------------------


@router.get("/admin/sites")
def show_sites(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Sites as they stand today."""
    return sites_page(request, hub, actor)


def sites_page(
    request: Request, hub: Hub, actor: Actor, form: Any = None, errors: dict[str, str] | None = None
) -> Response:
    """The page of sites."""
    administrator(actor)
    now, language = hub.now(), i18n.language_of(request)
    on = formats.local(now).date()
    with hub.database.read() as db:
        tree = sites.list_tree(db, actor, on)
        names = {row.site.id: row.site.short_name or row.site.name for row in tree}
        rooms = {
            room.id: f"{names[room.site_id]} · {room.name}"
            for room in db.scalars(select(Room).where(Room.active.is_(True)))
            if room.site_id in names
        }
        device = db.get(Device, str(request.scope.get("device", "")))
        rows = [
            SiteRow(
                row.site.id,
                row.site.name,
                row.depth,
                row.site.kind.value,
                row.site.address,
                rooms_line(db, row.site.id, language),
                row.site.valid_from,
            )
            for row in tree
        ]
        context = AdminSitesPage(
            on=on,
            sites=rows,
            options={row.site.id: row.site.name for row in tree},
            rooms=dict(sorted(rooms.items(), key=lambda one: formats.sort_key(one[1]))),
            device_name=f"{device.name} ({rooms.get(device.room_id, '')})" if device and not device.retired_at else "",
            form=typed(form),
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/admin")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def typed(form: Any) -> dict[str, str]:
    """The text fields of a refused form."""
    return {key: text_of(form, key, 500) for key in form} if form else {}


def rooms_line(db: Session, site_id: str, language: str) -> str:
    """Rooms and number of devices."""
    names = [room.name for room in sites.rooms_of(db, site_id)]
    query = select(func.count()).select_from(Device).join(Room, Device.room_id == Room.id)
    count = int(db.scalar(query.where(Room.site_id == site_id, Device.retired_at.is_(None))) or 0)
    text = i18n.translate(N_("%(count)d thiết bị"), language) % {"count": count}
    return formats.joined([", ".join(names), text if count else ""])


@router.post("/admin/sites")
def add_site(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A new site."""
    language = i18n.language_of(request)
    since = formats.parse_day(text_of(form, "valid_from", 10))
    kind = text_of(form, "kind", 32)
    errors = {}
    if not text_of(form, "name", 200):
        errors["name"] = i18n.translate(N_("Ghi tên điểm cầu."), language)
    if since is None:
        errors["valid_from"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    if not errors and since is not None:
        try:
            with hub.database.write() as db:
                sites.add_site(
                    db, actor, text_of(form, "code", 32), text_of(form, "name", 200),
                    SiteKind(kind) if kind in set(SiteKind) else SiteKind.COMMUNE, text_of(form, "parent", 24) or None,
                    since, hub.now(),
                )  # fmt: skip
            return go("/admin/sites?done=added")
        except RoomsError as error:
            errors = refusals(error, language, "name")
    return sites_page(request, hub, actor, form, errors)


@router.post("/admin/rooms")
def add_room(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A new room."""
    name = text_of(form, "room_name", 200)
    if not name:
        text = i18n.translate(N_("Ghi tên phòng."), i18n.language_of(request))
        return sites_page(request, hub, actor, form, {"room_name": text})
    with hub.database.write() as db:
        sites.add_room(db, actor, text_of(form, "site", 24), name, hub.now(), phone=text_of(form, "room_phone", 40))
    return go("/admin/sites?done=added")


@router.post("/admin/devices")
def enroll(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Bind this browser to a room: its device cookie becomes the enrolled device's secret."""
    kind = text_of(form, "device_kind", 32)
    with hub.database.write() as db:
        _device, secret = sites.enroll_device(
            db, actor, text_of(form, "room", 24), DeviceKind(kind) if kind in set(DeviceKind) else DeviceKind.DESK,
            text_of(form, "device_name", 100) or i18n.translate(labels.DEVICE_KIND["desk"], "vi"), hub.now(),
        )  # fmt: skip
    answer = go("/admin/sites?done=device")
    answer.headers.append("set-cookie", devices.enrolled_cookie(hub.config, secret))
    return answer


# --- people ----------------------------------------------------------------------------------------------------------


@router.get("/admin/people")
def show_people(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Users with their roles."""
    return people_page(request, hub, actor)


def people_page(
    request: Request, hub: Hub, actor: Actor, form: Any = None, errors: dict[str, str] | None = None,
    secret: SecretView | None = None,
) -> Response:  # fmt: skip
    """The page of people."""
    administrator(actor)
    now = hub.now()
    with hub.database.read() as db:
        users = sorted(people.list_users(db, actor, now), key=lambda one: formats.sort_key(one.name.split()[-1:][0]))
        context = AdminPeoplePage(
            people=[person_row(db, one, hub) for one in users],
            user_options={one.id: f"{one.name} ({one.login})" for one in users if one.active},
            site_options=site_options(db, actor, now),
            secret=secret,
            form=typed(form),
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/admin")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def person_row(db: Session, user: User, hub: Hub) -> PersonRow:
    """A user with the roles that are valid now."""
    held = db.scalars(select(Membership).where(Membership.user_id == user.id, Membership.valid_to.is_(None)))
    roles = []
    for one in held:
        site = db.get(Site, one.site_id)
        roles.append(RoleView(one.id, one.role.value, (site.short_name or site.name) if site else ""))
    return PersonRow(user.id, user.name, user.login, user.title, user.active, roles)


def new_password() -> str:
    """A password that can be read out: four groups of letters and digits without lookalikes."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


@router.post("/admin/people")
def add_person(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A new user with a password of the moment, shown once."""
    administrator(actor)
    language = i18n.language_of(request)
    login, name, password = text_of(form, "login", 64), text_of(form, "name", 200), new_password()
    if not name:
        return people_page(request, hub, actor, form, {"name": i18n.translate(N_("Ghi họ và tên."), language)})
    try:
        with hub.database.write() as db:
            people.add_user(
                db, actor, login, name, hub.now(), title=text_of(form, "title", 200), phone=text_of(form, "phone", 40),
                password=password, must_change=True,
            )  # fmt: skip
    except RoomsError as error:
        return people_page(request, hub, actor, form, refusals(error, language, "login"))
    return people_page(request, hub, actor, secret=SecretView(login, password))


@router.post("/admin/people/{user_id}/password")
def reset_password(user_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """A new password of the moment; the user's log-ins end."""
    administrator(actor)
    password = new_password()
    with hub.database.write() as db:
        people.set_password(db, actor, user_id, password, hub.now(), must_change=True)
        user = db.get(User, user_id)
        login = user.login if user else ""
    return people_page(request, hub, actor, secret=SecretView(login, password))


@router.post("/admin/people/{user_id}/active")
def set_active(user_id: str, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Shut or open an account."""
    administrator(actor)
    with hub.database.write() as db:
        people.set_active(db, actor, user_id, bool(text_of(form, "active", 1)), hub.now())
    return go("/admin/people?done=saved")


@router.post("/admin/memberships")
def add_membership(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Give a role at a site."""
    administrator(actor)
    role = text_of(form, "role", 32)
    if role not in set(Role):
        raise NotFound()
    try:
        with hub.database.write() as db:
            people.add_membership(
                db, actor, text_of(form, "user", 24), text_of(form, "site", 24), Role(role), hub.now()
            )
    except NotFound:
        raise
    except RoomsError as error:
        return people_page(request, hub, actor, form, refusals(error, i18n.language_of(request), "site"))
    return go("/admin/people?done=saved")


@router.post("/admin/memberships/{membership_id}/end")
def end_membership(membership_id: str, hub: HubDep, actor: ActorDep) -> Response:
    """End a role."""
    administrator(actor)
    with hub.database.write() as db:
        people.end_membership(db, actor, membership_id, hub.now())
    return go("/admin/people?done=saved")


# --- duty ------------------------------------------------------------------------------------------------------------


@router.get("/admin/duty")
def show_duty(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Who is on duty today."""
    return duty_page(request, hub, actor)


def duty_page(
    request: Request, hub: Hub, actor: Actor, form: Any = None, errors: dict[str, str] | None = None
) -> Response:
    """The page of the duty roster."""
    administrator(actor)
    now = hub.now()
    on = formats.local(now).date()
    with hub.database.read() as db:
        tree = sites.list_tree(db, actor, on)
        users = people.list_users(db, actor, now)
        context = AdminDutyPage(
            on=on,
            rows=[duty_row(db, row.site, on) for row in tree],
            options={row.site.id: row.site.name for row in tree},
            user_options={one.id: f"{one.name} ({one.login})" for one in users if one.active},
            form=typed(form),
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/admin")
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def duty_row(db: Session, site: Site, on: Any) -> DutyRow:
    """Duty officer and substitute of a site."""
    entries = sites.duty_of(db, site.id, on)

    def line(rank: int) -> str:
        found = next((one for one in entries if one.rank == rank), None)
        return formats.joined([found.name, found.phone], ", ") if found else ""

    return DutyRow(site.name, line(0), line(1))


@router.post("/admin/duty")
def set_duty(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Add a roster entry."""
    administrator(actor)
    language = i18n.language_of(request)
    since, until = (formats.parse_day(text_of(form, name, 10)) for name in ("starts_on", "ends_on"))
    errors = {}
    if not text_of(form, "name", 200):
        errors["name"] = i18n.translate(N_("Ghi họ và tên."), language)
    if not text_of(form, "phone", 40):
        errors["phone"] = i18n.translate(N_("Ghi số điện thoại: dùng khi không ai nhận chuông."), language)
    if since is None:
        errors["starts_on"] = i18n.translate(N_("Ngày không hợp lệ, ví dụ 30/11/2026."), language)
    elif until is not None and until < since:
        errors["ends_on"] = i18n.translate(N_("Ngày kết thúc trước ngày bắt đầu."), language)
    if errors or since is None:
        return duty_page(request, hub, actor, form, errors)
    with hub.database.write() as db:
        sites.set_duty(
            db, actor, text_of(form, "site", 24), 1 if text_of(form, "rank", 1) == "1" else 0,
            text_of(form, "name", 200), text_of(form, "phone", 40), since, until, hub.now(),
            user_id=text_of(form, "user", 24) or None,
        )  # fmt: skip
    return go("/admin/duty?done=saved")


# --- health, rules ---------------------------------------------------------------------------------------------------


@router.get("/admin/health")
def show_health(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Relays, jobs, disk, audit."""
    administrator(actor)
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        linked = set(hub.relays.linked()) if hub.relays is not None else set()
        found = relays.list_active(db)
        context = AdminHealthPage(
            now=now,
            tiles=tiles(db, hub, len(linked), language),
            relays=[relay_row(one, one.id in linked, language) for one in found],
            jobs=[job_row(one, language) for one in db.scalars(select(Job).order_by(Job.created_at.desc()).limit(12))],
            audit=[
                audit_row(db, one, language)
                for one in db.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(30))
            ],
        )
        return page(request, context, chrome=frame(db, request, actor, "/admin"))


def tiles(db: Session, hub: Hub, linked: int, language: str) -> list[TileView]:
    """The figures at the top."""
    usage = shutil.disk_usage(hub.config.data)
    free = usage.free / usage.total if usage.total else 0.0
    space = (
        (N_("đủ chỗ"), "good")
        if free > 0.15
        else (N_("sắp hết chỗ"), "warn")
        if free > 0.05
        else (N_("gần đầy"), "bad")
    )
    running = len(hub.sessions.hosts) if hub.sessions is not None else 0
    relay = (N_("đang nối"), "good") if linked else (N_("chưa có máy chủ nào nối"), "bad")

    def said(label: str) -> str:
        return i18n.translate(label, language)

    return [
        TileView(said(N_("Máy chủ tiếp sóng đang nối")), str(linked), said(relay[0]), relay[1]),
        TileView(said(N_("Phiên máy này đang giữ")), str(running)),
        TileView(said(N_("Ổ đĩa còn trống")), formats.size(usage.free), said(space[0]), space[1]),
        TileView(said(N_("Chạy từ")), formats.stamp(hub.started)),
        *record_tiles(db, said),
    ]


def record_tiles(db: Session, said: Callable[[str], str]) -> list[TileView]:
    """Share of complete records as of last night, and how the file store fares where there is one."""
    found = []
    report, store = reconcile.latest(db), keeping.state_of(db)
    if report is not None:
        whole = report.complete == report.sessions
        found.append(TileView(said(N_("Bản ghi đầy đủ")), share(report), f"{report.complete}/{report.sessions}",
                              "good" if whole else "warn"))  # fmt: skip
    if store is not None:
        word, tone = (N_("không nhận tệp"), "bad") if store.code else (N_("bình thường"), "good")
        found.append(TileView(said(N_("Tệp chờ gửi vào kho")), str(store.waiting), said(word), tone))
    return found


def relay_row(relay: Relay, linked: bool, language: str) -> RelayRow:
    """A relay."""
    word, tone = (N_("Đang nối"), "good") if linked else (N_("Mất liên lạc"), "bad")
    addresses = ", ".join(str(one) for one in relay.addresses)
    return RelayRow(relay.name or relay.id[:8], addresses, relay.seen_at, i18n.translate(word, language), tone)


JOB_WORDS = {
    "queued": (N_("Đang đợi"), "info"),
    "running": (N_("Đang làm"), "info"),
    "done": (N_("Xong"), "good"),
    "failed": (N_("Hỏng"), "bad"),
    "cancelled": (N_("Đã hủy"), "off"),
}
JOB_KINDS = {
    "lock": N_("Khóa và ký số bản ghi"),
    "replay": N_("Tạo tệp xem lại"),
    "compose": N_("Dựng một tệp hình"),
    "sound": N_("Dựng tệp âm thanh"),
    "expire": N_("Dọn tệp cũ"),
    "reconcile": N_("Đối chiếu hằng đêm"),
    "reindex": N_("Làm lại chỉ mục tra cứu"),
    "remux": N_("Tạo tệp xem lại"),
    "extract": N_("Trích xuất"),
    "deliver": N_("Bản sao, bàn giao"),
    "dispose": N_("Tiêu hủy"),
}


def job_row(job: Job, language: str) -> RowView:
    """A job."""
    word, tone = JOB_WORDS[job.state.value]
    return RowView(
        job.id, "", who=job.error[:200], what=i18n.translate(JOB_KINDS.get(job.kind, job.kind), language),
        word=i18n.translate(word, language), tone=tone, number=f"{round(100 * job.progress)} %", at=job.created_at,
    )  # fmt: skip


def audit_row(db: Session, entry: AuditEntry, language: str) -> RowView:
    """One line of the audit log: who, what, on which kind of object. Ids stay opaque."""
    user = db.get(User, entry.user_id) if entry.user_id else None
    who = user.name if user else i18n.translate(N_("Hệ thống"), language)
    return RowView(
        str(entry.id), "", who=who, what=formats.joined([entry.action, entry.object_id[:8], entry.reason]), at=entry.at
    )


@router.get("/admin/rules")
def show_rules(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The dated rules with their sources."""
    administrator(actor)
    on = formats.local(hub.now()).date()
    profiles = [
        ProfileView(
            one.name,
            one.holds(on),
            [
                RuleView(name, str(rule.value), rule.source, *SURE.get(rule.sure, (rule.sure, "plain")))
                for name, rule in one.rules.items()
            ],
        )
        for one in reversed(policy.profiles())
    ]
    with hub.database.read() as db:
        return page(request, AdminRulesPage(profiles), chrome=frame(db, request, actor, "/admin"))
