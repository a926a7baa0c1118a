"""Xem lại: the record of a session on one time line, with its minutes, events, gaps and proof."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import access, audit, cases, custodians, minutes, people, recordings, sessions, signing, verifier
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import Case, Gap, Minutes, Package, Participant, ReceptionSession, ReplayFile, Site
from rooms.words import SessionState
from web import i18n
from web.api.recordings import log_look
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.pages import formats, lists, reasons
from web.pages.contexts import Context
from web.pages.render import page
from web.pages.viewer import frame
from web.pages.viewer import go as go_to

router = APIRouter()

LOST = frozenset({"line_lost", "device_off", "relay_died"})
"""Reasons of a gap that mean "the point was away"; all others read "not recorded"."""

SHORTEST_GAP_S = 0.5  # between two files of the same point less than this is seen by nobody
EDGE_S = 1.5
"""Points begin and end a little apart; so short a hole at the beginning or the end is no fault and is not shown."""
ALIVE = (SessionState.PLANNED, SessionState.OPEN, SessionState.RUNNING, SessionState.SUSPENDED)


@dataclass(frozen=True)
class Proof:
    """What may be said about the record's integrity. ``tone``: good, warn, info; texts are translated."""

    tone: str
    chip: str
    text: str
    notes: tuple[str, ...] = ()
    package_url: str = ""


@dataclass(frozen=True)
class ReplayPage(Context):
    """``data``: for web/static/js/pages/replay.js. ``facts``: pairs of label and value beside the player.
    ``may_looks``, ``may_grant``: the reader may see who has looked, and give rights on this session."""

    template: ClassVar[str] = "pages/replay.html"
    session: str = ""
    number: str = ""
    heading: str = ""
    place: str = ""
    may_looks: bool = False
    may_grant: bool = False
    may_custody: bool = False
    case_url: str = ""
    case_label: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    proof: Proof = field(default_factory=lambda: Proof("info", "", ""))
    minutes_chip: str = ""
    minutes_tone: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@router.get("/replay/{session_id}")
def replay(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The replay page; the look is logged."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        session = access.load_recording(db, actor, session_id, now=now)
        if not reasons.is_given(request, session, now):
            return go_to(f"/replay/{session_id}/reason")
        files = recordings.replay_of(db, actor, session_id, now)
        case = case_shown(db, actor, session_id, now)
        frozen = minutes_frozen(db, session_id)
        held = access.rights_on(db, actor, access.subject_of(db, session), now)
        context = ReplayPage(
            session=session_id,
            number=lists.session_number(session),
            heading=heading_of(db, actor, session, case, now, language),
            place=place_of(db, session),
            may_looks=bool(held & {Right.ARCHIVE, Right.APPROVE}),
            may_grant=people.may_grant(db, actor, "session", session_id, now),
            may_custody=custodians.may_copy(db, actor, session, now) or bool(held & {Right.ARCHIVE, Right.APPROVE}),
            case_url=f"/cases/{case.id}" if case else "",
            case_label=lists.case_number(db, case) if case else "",
            data=data_of(db, session, files, language),
            proof=proof_of(db, session, language),
            minutes_chip=i18n.translate(N_("Đã chốt") if frozen else N_("Chưa chốt"), language) if files else "",
            minutes_tone="good" if frozen else "warn",
            facts=facts_of(db, session, language),
        )
        chrome = frame(db, request, actor, "/cases", training=session.training_space_id is not None)
    log_look(hub, actor, "recording.viewed", "session", session_id, session_id)
    return page(request, context, chrome=chrome)


@router.post("/replay/{session_id}/verify")
def verify(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> JSONResponse:
    """Check the locked package now, with every key that the hub ever signed with, by the stand-alone verifier."""
    now = hub.now()
    with hub.database.write() as db:
        row, folder = recordings.package_path(db, actor, hub.files, session_id, now)
        path = row.path
    hub.files.at_hand(path)
    result = verifier.verify(str(folder), signing.raw_keys(hub.config.data / "keys"))
    language = i18n.language_of(request)
    whole = result["result"] == "intact"
    text = N_("Nguyên vẹn, vừa kiểm tra %(time)s.") if whole else N_("Gói đã bị thay đổi. Báo ngay người quản trị.")
    shown = i18n.translate(text, language) % {"time": formats.clock(now)} if whole else i18n.translate(text, language)
    return JSONResponse({"ok": whole, "text": shown})


def heading_of(
    db: Session, actor: Actor, session: ReceptionSession, case: Case | None, now: dt.datetime, language: str
) -> str:
    """The matter, for who may read file or visit; others (points that took part) read the place only."""
    if case is not None:
        return case.title
    if session.visit_id and not session.restricted:
        try:
            visit = access.load_visit(db, actor, session.visit_id, now=now)
        except (NotFound, Forbidden):
            visit = None
        if visit is not None and visit.content:
            return lists.shorten(visit.content, 120)
    return session.title or i18n.translate(N_("Bản ghi phiên tiếp"), language)


def place_of(db: Session, session: ReceptionSession) -> str:
    """Where the session was held, shortly."""
    site = db.get(Site, session.site_id) if session.site_id else None
    return (site.short_name or site.name) if site else ""


def case_shown(db: Session, actor: Actor, session_id: str, now: dt.datetime) -> Case | None:
    """The case of the session, if this person may open it."""
    found = cases.case_of(db, "session", session_id)
    try:
        return access.load_case(db, actor, found, Right.READ, now=now) if found else None
    except (NotFound, Forbidden):
        return None


def minutes_of(db: Session, session_id: str) -> Minutes | None:
    """The session's minutes."""
    return db.scalars(select(Minutes).where(Minutes.session_id == session_id).limit(1)).first()


def minutes_frozen(db: Session, session_id: str) -> bool:
    """Whether the minutes were frozen."""
    row = minutes_of(db, session_id)
    return row is not None and row.frozen_at is not None


def data_of(db: Session, session: ReceptionSession, files: list[ReplayFile], language: str = "vi") -> dict[str, Any]:
    """The time line: seconds from ``zero_utc``, which is the first recorded moment."""
    opened = (session.opened_at or session.created_at).timestamp()
    began = session.started_at.timestamp() if session.started_at else opened
    zero = min((one.start_utc for one in files), default=began)
    end = max((one.start_utc + one.duration_s for one in files), default=zero)
    length = round(max(0.0, end - zero), 3)
    query = select(Participant).where(Participant.session_id == session.id).order_by(Participant.position)
    people = list(db.scalars(query))
    gaps = list(db.scalars(select(Gap).where(Gap.session_id == session.id)))
    from_point = i18n.translate(N_("ghi tại điểm cầu"), language)
    lanes: dict[tuple[str, str], list[ReplayFile]] = {}
    for file in files:
        lanes.setdefault((file.participant_id, file.kind), []).append(file)
    log = sessions.events_since(db, session.id, 0)
    held = pauses([(event.utc - zero, event.kind) for event in log], length)
    points = [
        point_of(one, kind, lanes[one.id, kind], gaps, held, zero, length, from_point)
        for one in people
        for kind in ("point", "take", "screen", "document")
        if (one.id, kind) in lanes
    ]
    return {
        "state": "ready" if files else "recording" if session.state in ALIVE else waiting_for(session),
        "zero_utc": zero,
        "length": length,
        "points": points,
        "names": {one.id: one.name for one in people},
        "first": first_moment(points),
        "lines": lines_of(db, session.id, zero, length),
        "events": [{"at": round(event.utc - zero, 3), "kind": event.kind, "body": public(event.body)} for event in log],
    }


def first_moment(points: list[dict[str, Any]]) -> float:
    """Where the page begins: when every point is recorded, unless that is later than EDGE_S after the first."""
    starts = [point["segments"][0]["start"] for point in points if point["segments"] and not point["paper"]]
    return max((start for start in starts if start <= EDGE_S), default=0.0)


def waiting_for(session: ReceptionSession) -> str:
    """Why there is nothing to replay: files are still being made, or nothing was recorded."""
    return "making" if session.part else "none"


def public(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the page needs of an event: whose it is and what was answered; no reasons."""
    return {key: body[key] for key in ("participant", "answer") if key in body}


def point_of(
    one: Participant,
    kind: str,
    files: list[ReplayFile],
    gaps: Iterable[Gap],
    held: list[dict[str, float | str]],
    zero: float,
    length: float,
    from_point: str = "",
) -> dict[str, Any]:
    """A lane: segments of a point's face, of what it recorded by itself, of its screen or document camera, and the gaps
    between them. ``from_point``: what the second is called."""
    segments = [
        {
            "start": round(file.start_utc - zero, 3),
            "end": round(file.start_utc - zero + file.duration_s, 3),
            "url": f"/api/replay/{file.id}",
            "kind": "sound" if file.mime.startswith("audio/") else "full",
        }
        for file in sorted(files, key=lambda file: file.start_utc)
    ]
    lost = [
        (gap.from_utc - zero, gap.to_utc - zero)
        for gap in gaps
        if gap.participant_id in ("", one.id) and gap.reason in LOST
    ]
    return {
        "participant": one.id,
        "key": one.id if kind == "point" else f"{one.id}-{kind}",
        "name": f"{one.name} · {from_point}" if kind == "take" else one.name,
        "paper": kind in ("screen", "document"),
        "segments": segments,
        "gaps": [*holes(segments, lost, length), *held] if kind == "point" else [],
    }


def holes(
    segments: list[dict[str, Any]], lost: list[tuple[float, float]], length: float
) -> list[dict[str, float | str]]:
    """The times without a segment, each called by the outage that covers most of it, else "unrecorded"."""
    found: list[dict[str, float | str]] = []
    at = 0.0
    for start, end in [*((one["start"], one["end"]) for one in segments), (length, length)]:
        covered = sum(max(0.0, min(start, to) - max(at, since)) for since, to in lost)
        kind = "lost" if covered * 2 >= start - at else "unrecorded"
        edge = kind == "unrecorded" and (at == 0.0 or start >= length)
        if start > at and start - at >= (EDGE_S if edge else SHORTEST_GAP_S):
            found.append({"start": round(at, 3), "end": round(start, 3), "kind": kind})
        at = max(at, end)
    return found


def lines_of(db: Session, session_id: str, zero: float, length: float) -> list[dict[str, Any]]:
    """Lines and bookmarks of the minutes on the time line, corrections folded in."""
    row = minutes_of(db, session_id)
    if row is None:
        return []
    found = [
        {
            "at": round(min(length, max(0.0, float(line["at_utc"]) - zero)), 3),
            "speaker": str(line.get("speaker", "")),
            "text": str(line.get("text", "")),
            "bookmark": line.get("kind") == "bookmark",
        }
        for line in minutes.view(db, row.id)["lines"]
        if not line["struck"]
    ]
    return sorted(found, key=lambda line: line["at"])


def proof_of(db: Session, session: ReceptionSession, language: str) -> Proof:
    """What is known about the package, in plain words; the fresh check is a button."""

    def say(text: str, **values: object) -> str:
        return i18n.translate(text, language) % values if values else i18n.translate(text, language)

    package = db.scalars(select(Package).where(Package.session_id == session.id)).first()
    if package is None:
        if session.state in ALIVE:
            return Proof("info", say(N_("Chưa khóa")), say(N_("Bản ghi được khóa và ký số sau khi phiên kết thúc.")))
        text = N_("Phiên còn mở lại được trong 15 phút sau khi kết thúc; sau đó bản ghi được khóa và ký số.")
        return Proof("warn", say(N_("Chưa khóa")), say(text))
    if package.disposed_at is not None:
        gone = say(N_("Bản ghi đã được tiêu hủy lúc %(time)s; biên bản tiêu hủy có mã băm của từng tệp."),
                   time=formats.stamp(package.disposed_at))  # fmt: skip
        return Proof("info", say(N_("Đã tiêu hủy")), gone)
    text = say(N_("Gói bản ghi đã khóa và ký số lúc %(time)s."), time=formats.stamp(package.locked_at))
    notes = tuple(gap_note(db, gap, language) for gap in gaps_of(db, session.id))
    url = f"/api/sessions/{session.id}/package"
    if session.complete is False:
        return Proof("warn", say(N_("Đã khóa, có khoảng trống")), text, notes, url)
    return Proof("good", say(N_("Đã khóa, ký số")), text, notes, url)


def gaps_of(db: Session, session_id: str) -> list[Gap]:
    """Gaps in time order."""
    return list(db.scalars(select(Gap).where(Gap.session_id == session_id).order_by(Gap.from_utc).limit(20)))


STOPS = {
    "session.paused": "session.resumed",
    "session.closed": "session.reopened",
    "sidetalk.started": "sidetalk.ended",
}
"""Events from which nothing is recorded until their counterpart; files run on through such times without content."""


def pauses(log: list[tuple[float, str]], length: float) -> list[dict[str, float | str]]:
    """Times of the line in which recording was held on purpose. ``log``: moment and kind of each event, in order."""
    found: list[dict[str, float | str]] = []
    since: dict[str, float] = {}
    for at, kind in log:
        for stop, go in STOPS.items():
            if kind == stop:
                since.setdefault(stop, at)
            elif kind == go and stop in since:
                found.append(clipped(since.pop(stop), at, length))
    found += [clipped(at, length, length) for at in since.values()]
    shown = (one for one in found if long_enough(float(one["start"]), float(one["end"]), length))
    return sorted(shown, key=lambda one: one["start"])


def long_enough(start: float, end: float, length: float) -> bool:
    """Whether a pause is shown; what ends the line within EDGE_S is its end, not a pause."""
    return end - start >= EDGE_S if end >= length else end > start


def clipped(start: float, end: float, length: float) -> dict[str, float | str]:
    """A gap on the line, cut to it."""
    return {"start": round(max(0.0, start), 3), "end": round(min(length, end), 3), "kind": "unrecorded"}


REASONS: dict[str, str] = {
    "line_lost": N_("mất kết nối"),
    "device_off": N_("thiết bị tắt"),
    "relay_died": N_("máy chuyển tiếp gặp sự cố"),
    "disk": N_("không ghi được xuống ổ đĩa"),
}


def gap_note(db: Session, gap: Gap, language: str) -> str:
    """A gap in one sentence: who, why, how long, when."""
    row = db.get(Participant, gap.participant_id) if gap.participant_id else None
    name = row.name if row else i18n.translate(N_("Cả phiên"), language)
    text = i18n.translate(N_("Khoảng trống: %(name)s, %(reason)s, %(span)s lúc %(time)s."), language)
    moment = dt.datetime.fromtimestamp(gap.from_utc, dt.UTC)
    reason = i18n.translate(REASONS.get(gap.reason, N_("chưa rõ nguyên nhân")), language)
    span = formats.span(gap.to_utc - gap.from_utc, language)
    return text % {"name": name, "reason": reason, "span": span, "time": formats.clock(moment)}


def facts_of(db: Session, session: ReceptionSession, language: str) -> tuple[tuple[str, str], ...]:
    """Beginning, chair, points, who has looked."""
    looks = [one for one in audit.entries_of(db, "session", session.id) if one.action == "recording.viewed"]
    seen = i18n.translate(N_("Chưa ai xem"), language)
    if looks:
        count = i18n.translate(N_("%(count)d lượt, gần nhất %(time)s"), language)
        seen = count % {"count": len(looks), "time": formats.stamp(looks[0].at)}
    points = ", ".join(
        site.short_name or site.name if (site := db.get(Site, one.site_id or "")) else one.name
        for one in session.participants
        if one.role.value != "viewer"
    )
    pairs = (
        (N_("Bắt đầu"), formats.stamp(session.started_at)),
        (N_("Kết thúc"), formats.stamp(session.closed_at)),
        (N_("Chủ trì"), session.chair),
        (N_("Điểm cầu"), points),
        (N_("Đã xem"), seen),
    )
    return tuple((i18n.translate(label, language), value) for label, value in pairs if value)
