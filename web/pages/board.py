"""Bảng điều hành: who waits, what runs, which points are there, what is wrong. The page swaps its parts by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import anyio.from_thread
from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, keeping, reconcile, search, sessions, sites, sittings, visits
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Conflict, Forbidden, WrongState
from rooms.models import Participant, ReceptionSession, Site, Sitting, Visit
from rooms.words import ParticipantRole, RecordMode, Role, SessionState, SittingState, VisitState
from signaling.state import standing_alarms
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.hub import running as live_part
from web.i18n import N_
from web.pages import formats, labels, lineviews, lists
from web.pages.contexts import CheckView
from web.pages.contexts_board import AlertView, BoardPage, BoardPart, LineView, QueueView, RunningView, SiteView
from web.pages.interrupted import interruptions
from web.pages.reconciliation import share
from web.pages.render import page
from web.pages.viewer import FormDep, allowed, flash_of, frame, go, point_of, text_of

router = APIRouter()
T = TypeVar("T")

RUNNING = (SessionState.OPEN, SessionState.RUNNING, SessionState.SUSPENDED)
DONE = (VisitState.CONCLUDED, VisitState.CLOSED)
RECORD_TONE = {"off": "off", "sound": "warn", "full": "good"}
COPIES_LATE_S = 10.0
ALARM_AFTER = timedelta(minutes=30)
"""A visit that waits longer than this is an alert of its own."""


@router.get("/board")
def show(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The board of an operator."""
    operator(actor)
    with hub.database.read() as db:
        context = BoardPage(**parts(request, hub, db, actor))
        return page(request, context, chrome=frame(db, request, actor, "/board"), flash=flash_of(request))


@router.get("/board/live")
def live(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The parts that change."""
    operator(actor)
    with hub.database.read() as db:
        return page(request, BoardPart(**parts(request, hub, db, actor)))


@router.post("/board/admit")
def admit(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Open the session of a waiting visit, let its point in, and go to the room; the log names this operator."""
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, text_of(form, "visit", 24), Right.OPERATE, now=hub.now())
        visit_id, session_id = visit.id, running_session(db, visit.id)
        point = point_of(db, request, actor, hub.now())
        site = point.id if point is not None and allowed(db, actor, point.id, Right.OPERATE, hub.now()) else ""
    if not session_id:
        try:
            session_id = act(live_part(hub.sessions).open_visit, visit_id, actor.user_id or "", site)
        except (Conflict, WrongState):
            with hub.database.read() as db:  # a colleague was faster
                session_id = running_session(db, visit_id)
            if not session_id:
                raise
    else:
        act(live_part(hub.sessions).admit_visit, session_id, actor.user_id or "")
    hub.stir()
    return go(f"/room/{session_id}")


@router.post("/board/send-back")
def send_back(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Chưa cho vào": out of the queue; the point sees it and may queue again."""
    with hub.database.write() as db:
        visit = access.load_visit(db, actor, text_of(form, "visit", 24), Right.OPERATE, now=hub.now())
        visits.unqueue(db, actor, visit.id, hub.now())
    hub.stir()
    return go("/board")


@router.post("/board/priority")
def priority(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Ưu tiên": before those who wait longer, for a reason; without one back into the ordinary order."""
    reason = text_of(form, "reason", visits.MAX_REASON)
    with hub.database.write() as db:
        visits.set_priority(db, actor, text_of(form, "visit", 24), reason, hub.now())
    hub.stir()
    return go("/board")


@router.post("/board/message")
def message(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Nhắn": a line that the waiting room shows."""
    with hub.database.write() as db:
        visit = access.load_visit(db, actor, text_of(form, "visit", 24), Right.OPERATE, now=hub.now())
        visit.draft = {**(visit.draft or {}), "_message": text_of(form, "text", 300)}
    hub.stir()
    return go("/board")


@router.post("/board/ring")
def ring(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Gọi điểm cầu": ring a further site into a running session."""
    session_id, site_id = text_of(form, "session", 24), text_of(form, "site", 24)
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, Right.OPERATE, now=hub.now())
        if session.restricted:
            raise Forbidden()
    act(live_part(hub.sessions).ring, session_id, site_id, actor.user_id or "")
    return go("/board")


@router.post("/board/take-over")
def take_over(request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """ "Nhận điều hành": take the buttons of a running session, and go to its room."""
    session_id = text_of(form, "session", 24)
    with hub.database.read() as db:
        access.load_session(db, actor, session_id, Right.OPERATE, now=hub.now())
    act(live_part(hub.sessions).take_over, session_id, actor.user_id or "")
    hub.stir()
    return go(f"/room/{session_id}")


def operator(actor: Actor) -> None:
    """Raises Forbidden for anyone who has no board."""
    if not actor.has_role(Role.OPERATOR):
        raise Forbidden()


def running_session(db: Session, visit_id: str) -> str:
    """The session of a visit that is open now, "" if there is none."""
    query = select(ReceptionSession.id).where(
        ReceptionSession.visit_id == visit_id, ReceptionSession.state.in_(RUNNING)
    )
    return db.scalars(query).first() or ""


def act(work: Callable[..., Coroutine[Any, Any, T]], *arguments: str) -> T:
    """Something that signaling does, from this worker thread."""
    return anyio.from_thread.run(work, *arguments)


def parts(request: Request, hub: Hub, db: Session, actor: Actor) -> dict[str, Any]:
    """Everything the board shows."""
    now, language = hub.now(), i18n.language_of(request)
    queue = [queue_view(db, one, now, language) for one in visits.queue(db, actor, now)]
    running = running_views(db, hub, actor, now, language)
    busy = {site for one in running for site in points_in(hub, one.id)}
    tree = site_views(db, hub, actor, now, language, busy)
    today = formats.local(now).date()
    open_now = [one for one in sittings.list_open(db, actor, now)]
    return {
        "today": today,
        "sitting_line": sitting_line(db, open_now, language),
        "alerts": [
            *alerts(db, hub, queue, running, {one.id for one in tree}, language),
            *interruptions(db, actor, now, language),
        ],
        "queue": queue,
        "running": running,
        "later": [
            lists.sitting_view(db, one, language)
            for one in open_now
            if one.state is SittingState.PLANNED and one.planned_at and formats.local(one.planned_at).date() == today
        ],
        "sites": tree,
        "online": sum(1 for one in tree if one.state != "offline"),
        "done_today": done_today(db, actor, now),
        "complete": complete_share(db),
    }


def sitting_line(db: Session, found: list[Sitting], language: str) -> str:
    """The sittings that are open now: form, place, chair."""
    lines = []
    for one in found:
        if one.state is SittingState.OPEN:
            site = db.get(Site, one.site_id)
            form = i18n.translate(labels.FORM[one.form], language)
            lines.append(
                formats.joined([form, (site.short_name or site.name) if site else "", lists.chair_line(one, language)])
            )
    return "; ".join(lines[:2]) or i18n.translate(N_("Chưa có buổi tiếp nào đang mở"), language)


def queue_view(db: Session, visit: Visit, now: datetime, language: str) -> QueueView:
    """A waiting visit. No name: the board is on a wall."""
    site = db.get(Site, visit.site_id)
    since = visit.queued_at or visit.started_at
    people = i18n.translate(N_("%(count)d người"), language) % {"count": visit.people_count}
    again = "" if visit.first_time else i18n.translate(N_("đã tiếp về vụ việc này"), language)
    number = i18n.translate(N_("Số %(number)s"), language) % {"number": visit.queue_number or "–"}
    return QueueView(
        id=visit.id,
        title=formats.joined([number, (site.short_name or site.name) if site else ""]),
        what=lists.what_of(visit, language),
        detail=formats.joined([people, again, visit.officer_name]),
        since=since.timestamp(),
        waited=(now - since).total_seconds(),
        priority=bool(visit.priority),
    )


def points_in(hub: Hub, session_id: str) -> list[str]:
    """Sites whose media is in a session now, as its host knows it."""
    host = hub.sessions.hosts.get(session_id) if hub.sessions is not None else None
    return [one.site for one in host.state.participants if one.site and one.state == "joined"] if host else []


def short_name(db: Session, participant: Participant) -> str:
    """A point's name as it fits on the board."""
    site = db.get(Site, participant.site_id) if participant.site_id else None
    return (site.short_name or site.name) if site else participant.name


def running_views(db: Session, hub: Hub, actor: Actor, now: datetime, language: str) -> list[RunningView]:
    """Sessions that run and that the actor may operate or read; restricted ones only for those who may."""
    found = []
    for session in sessions.list_readable(db, actor, now, limit=200):
        if session.state in RUNNING:
            found.append(running_view(db, hub, actor, session, now, language))
    return found


def running_view(
    db: Session, hub: Hub, actor: Actor, session: ReceptionSession, now: datetime, language: str
) -> RunningView:
    """One running session with what its host knows."""
    host = hub.sessions.hosts.get(session.id) if hub.sessions is not None else None
    state = host.state if host is not None else None
    since = getattr(state, "record_since_utc", None) if session.record is not RecordMode.OFF else None
    here = [one for one in session.participants if one.removed_at is None and one.role is not ParticipantRole.VIEWER]
    names = [short_name(db, one) for one in here]
    site = db.get(Site, session.site_id) if session.site_id else None
    number = i18n.translate(N_("Phiên %(number)s"), language) % {"number": lists.session_number(session)}
    return RunningView(
        id=session.id,
        title=formats.joined([number, (site.short_name or site.name) if site else session.title]),
        state=session.state.value,
        detail=formats.joined([", ".join(names[:4]), session.chair]),
        points=max(1, min(4, len(names))),
        record=i18n.translate(labels.RECORD[session.record], language),
        record_tone=RECORD_TONE[session.record],
        record_since=since,
        recorded=formats.timecode(now.timestamp() - since) if since else "",
        lines=line_views(state, session, language),
        figures=figures_of(db, host, here, language),
        may_take=may_take(db, state, actor, session, now),
    )


def figures_of(db: Session, host: Any, here: list[Participant], language: str) -> list[LineView]:
    """The lines of a session's points, where its host is at this app."""
    if host is None:
        return []
    connected = {one.participant for one in host.state.connected()}
    lost = frozenset(participant for participant, _ in host.state.outages)
    points = [(one.id, short_name(db, one)) for one in here if one.id in connected | lost]
    return lineviews.line_views(points, host.lines.words, lost, host.lines.points, language)


def may_take(db: Session, state: Any, actor: Actor, session: ReceptionSession, now: datetime) -> bool:
    """Whether the actor is entitled to the buttons and somebody else (or nobody) has them."""
    holder = getattr(state, "operator", "")
    mine = any(one.id == holder and one.user_id == actor.user_id for one in session.participants)
    rights = access.rights_on(db, actor, access.subject_of(db, session), now)
    return not mine and Right.OPERATE in rights


def line_views(state: Any, session: ReceptionSession, language: str) -> list[CheckView]:
    """Points whose media is away now."""
    names = {one.id: one.name for one in session.participants}
    lost = [names.get(participant, "") for participant, _ in getattr(state, "outages", ())]
    text = i18n.translate(N_("%(name)s: mất kết nối, đang kết nối lại"), language)
    return [CheckView("", text % {"name": name}, "warn") for name in lost if name]


ALARMS = {
    "disk_full": N_("không ghi được: ổ đĩa của máy chủ tiếp sóng đầy"),
    "disk_error": N_("không ghi được: ổ đĩa của máy chủ tiếp sóng lỗi"),
    "disk_stalled": N_("ổ đĩa của máy chủ tiếp sóng phản hồi quá chậm, bản ghi có thể thiếu"),
    "disk_low": N_("ổ đĩa lưu bản ghi sắp hết chỗ, bản ghi vẫn tiếp tục"),
    "not_written": N_("chưa ghi được hình hoặc tiếng của một điểm cầu"),
    "relay": N_("máy chủ tiếp sóng không trả lời"),
}


def alerts(
    db: Session, hub: Hub, queue: list[QueueView], running: list[RunningView], seen: set[str], language: str
) -> list[AlertView]:
    """What needs somebody now: faults of the record, help asked for, very long waiting."""
    found = store_alerts(db, language)
    for one in running:
        host = hub.sessions.hosts.get(one.id) if hub.sessions is not None else None
        if host is None:
            continue
        words = [ALARMS.get(a.split(":")[0], N_("bản ghi có sự cố")) for a in standing_alarms(host.state, time.time())]
        if host.state.question is not None:
            words.append(N_("gián đoạn quá mức cho phép, chờ chủ trì quyết định"))
        enter = i18n.translate(N_("Vào phiên"), language)
        for word in dict.fromkeys(words):
            found.append(AlertView(one.title + ":", i18n.translate(word, language), None, f"/room/{one.id}", enter))
    found += copies_late(hub, language)
    helps = getattr(hub.channel, "alerts_now", None)
    for one_help in helps() if helps else ():
        site = db.get(Site, str(one_help.get("site", "")))
        if site is None or site.id not in seen:
            continue
        kind = i18n.translate(HELP.get(str(one_help.get("kind", "")), N_("cần giúp")), language)
        found.append(
            AlertView(f"{site.short_name or site.name}:", formats.joined([kind, str(one_help.get("text", ""))]))
        )
    for waiting in queue:
        if waiting.waited > ALARM_AFTER.total_seconds():
            found.append(AlertView(waiting.title + ":", i18n.translate(N_("đã chờ quá 30 phút"), language)))
    return found


STORE = {
    "store.unavailable": N_("không trả lời; tệp mới được giữ trên máy này và tự gửi lại"),
    "store.refused": N_("từ chối truy cập; tệp mới được giữ trên máy này. Báo người quản trị"),
    "store.corrupted": N_("trả lại dữ liệu bị đổi; tệp gốc được giữ trên máy này và tự gửi lại"),
}


def complete_share(db: Session) -> str:
    """Share of sessions whose record is complete, as of last night; "" before the first comparison."""
    report = reconcile.latest(db)
    return share(report) if report is not None and report.sessions else ""


def store_alerts(db: Session, language: str) -> list[AlertView]:
    """The file store does not take what is new: nothing is lost yet, and somebody must know."""
    state = keeping.state_of(db)
    if state is None or not state.code:
        return []
    word = STORE.get(state.code, N_("không nhận tệp mới; tệp được giữ trên máy này và tự gửi lại"))
    return [AlertView(i18n.translate(N_("Kho tệp:"), language), i18n.translate(word, language), state.since)]


def copies_late(hub: Hub, language: str) -> list[AlertView]:
    """Copies of journals that cannot be sent: the loss of a relay's machine would cost more than its 10 s."""
    disks = [disk for relay in hub.relays.linked() if (disk := hub.relays.disk(relay))] if hub.relays else []
    late = max((disk.copies_late_s for disk in disks), default=0.0)
    if late <= COPIES_LATE_S:
        return []
    text = N_("chưa gửi được trong %(seconds)s giây; nếu mất máy chủ tiếp sóng thì mất phần này")
    return [
        AlertView(
            i18n.translate(N_("Bản sao bản ghi:"), language), i18n.translate(text, language) % {"seconds": round(late)}
        )
    ]


def moment_of(utc: object) -> datetime | None:
    """UNIX seconds as a moment."""
    return datetime.fromtimestamp(utc, formats.LOCAL) if isinstance(utc, int | float) else None


HELP = {
    "technical": N_("yêu cầu hỗ trợ kỹ thuật"),
    "security": N_("báo sự cố an ninh"),
    "medical": N_("báo sự cố y tế"),
}


def site_views(db: Session, hub: Hub, actor: Actor, now: datetime, language: str, busy: set[str]) -> list[SiteView]:
    """The sites the actor may read, with presence."""
    waiting = {one.site_id for one in visits.queue(db, actor, now)}
    known = getattr(hub.channel, "presence_of", None)
    views = []
    for row in sites.list_tree(db, actor, formats.local(now).date()):
        state = str(known(row.site.id)) if known else "offline"
        if row.site.id in busy:
            state = "in_session"
        elif state == "ready" and row.site.id in waiting:
            state = "waiting"
        state = state if state in labels.PRESENCE else "offline"
        views.append(
            SiteView(
                row.site.id, row.site.short_name or row.site.name, row.depth, state,
                i18n.translate(labels.PRESENCE[state], language), labels.PRESENCE_TONE[state],
                search.fold(f"{row.site.short_name} {row.site.name}"),
            )
        )  # fmt: skip
    return views


def done_today(db: Session, actor: Actor, now: datetime) -> int:
    """Visits concluded today at the sites the actor may read."""
    on = formats.local(now).date()
    ids = [row.site.id for row in sites.list_tree(db, actor, on)]
    query = select(func.count()).where(Visit.started_on == on, Visit.state.in_(DONE), Visit.site_id.in_(ids))
    return int(db.scalar(query.where(Visit.training_space_id.is_(None))) or 0)
