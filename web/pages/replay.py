"""Xem lại: the record of a session on one time line, with its minutes, events, gaps and proof."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import access, audit, cases, custodians, derived, extracts, minutes, people, recordings, signing, verifier
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound
from rooms.models import Case, Job, Minutes, Package, Participant, ReceptionSession, Site
from rooms.models import Gap as GapRow
from rooms.words import ExtractState, JobState, SessionState
from web import i18n, timelines
from web.api.recordings import log_look
from web.deps import ActorDep, HubDep
from web.i18n import N_
from web.lanes import REASONS, Gap, card_of, filled, first_moment
from web.pages import custodywords, formats, lists, reasons
from web.pages.contexts import Context
from web.pages.render import page
from web.pages.viewer import frame
from web.pages.viewer import go as go_to

router = APIRouter()

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
class Cut:
    """An extract that was made: seconds on the line, what it is in words, its page."""

    start: float
    end: float
    words: str
    url: str


@dataclass(frozen=True)
class OwnFile:
    """What a point recorded by itself, as a file to take along. ``span``: on the clock of the wall."""

    name: str
    span: str
    length: int
    url: str


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
    cuts: tuple[Cut, ...] = ()
    own_files: tuple[OwnFile, ...] = ()


@router.get("/replay/{session_id}")
def replay(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The replay page; the look is logged."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        session = access.load_recording(db, actor, session_id, now=now)
        if not reasons.is_given(request, session, now):
            return go_to(f"/replay/{session_id}/reason")
        files = recordings.replay_of(db, actor, session_id, now)
        line = timelines.of_session(db, session, files)
        voices = timelines.voices_of(hub.files, files, line.zero)
        case = case_shown(db, actor, session_id, now)
        frozen = minutes_frozen(db, session_id)
        cuts = cuts_of(db, session_id, line, language)
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
            data=data_of(db, session, line, voices, cuts, language),
            proof=proof_of(db, session, line, language),
            minutes_chip=i18n.translate(N_("Đã chốt") if frozen else N_("Chưa chốt"), language) if files else "",
            minutes_tone="good" if frozen else "warn",
            facts=facts_of(db, session, language),
            cuts=cuts,
            own_files=own_files(line),
        )
        chrome = frame(db, request, actor, "/cases", training=session.training_space_id is not None)
    if context.data["state"] == "making":
        with hub.database.write() as db:  # removed for their age, or never made: the originals are there
            derived.ask_replay(db, access.load_recording(db, actor, session_id, now=now), now)
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


def data_of(
    db: Session,
    session: ReceptionSession,
    line: timelines.TimeLine,
    voices: timelines.Voices,
    cuts: Sequence[Cut],
    language: str,
) -> dict[str, Any]:
    """What web/static/js/pages/replay.js gets: seconds from ``zero_utc``, which is the first recorded moment."""
    points = [point_of(lane, voices, language) for lane in line.lanes]
    return {
        "session": session.id,
        "state": "ready" if points else "recording" if session.state in ALIVE else waiting_for(db, session),
        "zero_utc": line.zero,
        "length": line.length,
        "points": points,
        "names": {one.id: one.name for one in line.people},
        "first": first_moment(points),
        "lines": lines_of(db, session.id, line.zero, line.length),
        "events": [{"at": round(at, 3), "kind": kind, "body": public(body)} for at, kind, body in line.log],
        "held": [said(gap, language) for gap in line.held],
        "cuts": [{"start": one.start, "end": one.end, "words": one.words} for one in cuts if one.end > one.start],
    }


def waiting_for(db: Session, session: ReceptionSession) -> str:
    """Why there is nothing to replay: files are still being made, could not be made, or nothing was recorded."""
    if not session.part:
        return "none"
    newest = select(Job).where(Job.kind == "replay", Job.key == session.id).order_by(Job.created_at.desc()).limit(1)
    job = db.scalars(newest).first()
    return "failed" if job is not None and job.state in (JobState.FAILED, JobState.CANCELLED) else "making"


def public(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the page needs of an event: whose it is and what was answered; no reasons."""
    return {key: body[key] for key in ("participant", "answer") if key in body}


def point_of(lane: timelines.Lane, voices: timelines.Voices, language: str) -> dict[str, Any]:
    """A lane: the segments of one point's face, screen or document camera, what it said, and the gaps."""
    return {
        "participant": lane.participant.id,
        "key": lane.key,
        "name": name_of(lane, language),
        "paper": lane.is_paper,
        "segments": [
            {
                "start": one.start,
                "end": one.end,
                "url": f"/api/replay/{one.file.id}",
                "mime": one.file.mime,
                "kind": "full" if one.has_picture else "sound",
            }
            for one in lane.segments
        ],
        "gaps": [said(gap, language) for gap in lane.gaps],
        "fills": [{"start": start, "end": end} for start, end in lane.fills],
        "talk": []
        if lane.kind != "point"
        else [[round(a, 2), round(b, 2)] for a, b in voices.talk.get(lane.participant.id, ())],
    }


def name_of(lane: timelines.Lane, language: str) -> str:
    """What the lane is called; what a point recorded by itself says so."""
    if lane.kind != "take":
        return lane.participant.name
    return f"{lane.participant.name} · {i18n.translate(N_('ghi tại điểm cầu'), language)}"


def said(gap: Gap, language: str) -> dict[str, float | str]:
    """A gap with its sentence."""
    return {**gap, "words": i18n.translate(card_of(str(gap["reason"])), language)}


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


def proof_of(db: Session, session: ReceptionSession, line: timelines.TimeLine, language: str) -> Proof:
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
    notes = tuple(gap_note(db, gap, line, language) for gap in gaps_of(db, session.id))
    url = f"/api/sessions/{session.id}/package"
    if session.complete is False:
        return Proof("warn", say(N_("Đã khóa, có khoảng trống")), text, notes, url)
    return Proof("good", say(N_("Đã khóa, ký số")), text, notes, url)


def gaps_of(db: Session, session_id: str) -> list[GapRow]:
    """Gaps in time order."""
    return list(db.scalars(select(GapRow).where(GapRow.session_id == session_id).order_by(GapRow.from_utc).limit(20)))


def gap_note(db: Session, gap: GapRow, line: timelines.TimeLine, language: str) -> str:
    """A gap in a sentence: who, why, how long, when; and one for what the point recorded of it by itself."""
    row = db.get(Participant, gap.participant_id) if gap.participant_id else None
    name = row.name if row else i18n.translate(N_("Cả phiên"), language)
    text = i18n.translate(N_("Khoảng trống: %(name)s, %(reason)s, %(span)s lúc %(time)s."), language)
    moment = dt.datetime.fromtimestamp(gap.from_utc, dt.UTC)
    reason = i18n.translate(REASONS.get(gap.reason, REASONS["unknown"]), language)
    span = formats.span(gap.to_utc - gap.from_utc, language)
    said = text % {"name": name, "reason": reason, "span": span, "time": formats.clock(moment)}
    own_lanes = (lane for lane in line.lanes if lane.kind == "take" and lane.participant.id == gap.participant_id)
    takes = [(one.start, one.end) for lane in own_lanes for one in lane.segments]
    lost: Gap = {"start": gap.from_utc - line.zero, "end": gap.to_utc - line.zero, "kind": "lost"}
    own = sum(end - start for start, end in filled([lost], takes))
    if not own:
        return said
    more = i18n.translate(N_("Điểm cầu đã tự ghi %(span)s trong khoảng này."), language)
    return f"{said} {more % {'span': formats.span(own, language)}}"


def cuts_of(db: Session, session_id: str, line: timelines.TimeLine, language: str) -> tuple[Cut, ...]:
    """The extracts that were made of this record, in the order of their beginnings; the caller has loaded it."""
    words = i18n.translate(N_("Đã trích xuất %(span)s"), language)
    found = []
    for one in extracts.of_session(db, session_id):
        start, end = max(0.0, one.from_utc - line.zero), min(line.length, one.to_utc - line.zero)
        if one.state is ExtractState.READY:
            span = f"{custodywords.wall(one.from_utc)} – {custodywords.wall(one.to_utc)}"
            cut = Cut(round(start, 3), round(end, 3), words % {"span": span}, f"/extracts/{one.id}")
            found.append(cut)
    return tuple(sorted(found, key=lambda cut: (cut.start, cut.end)))


def own_files(line: timelines.TimeLine) -> tuple[OwnFile, ...]:
    """What points recorded by themselves, in the order of the lanes."""
    return tuple(
        OwnFile(
            lane.participant.name,
            f"{custodywords.wall(line.zero + one.start)} – {custodywords.wall(line.zero + one.end)}",
            one.file.length,
            f"/api/replay/{one.file.id}",
        )
        for lane in line.lanes
        if lane.kind == "take"
        for one in lane.segments
    )


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
