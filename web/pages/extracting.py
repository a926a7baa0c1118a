"""Trích xuất: between which moments, which points, under whose order; then its files to play, each with the moments
that it really holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, custodians, extracts
from rooms.access import Right
from rooms.actor import Actor
from rooms.models import Extract, Order, ReceptionSession, ReplayFile, Supplement
from rooms.orders import OrderForm
from rooms.words import ExtractState
from web.api.recordings import log_look, served
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_, language_of
from web.pages import casefile, formats, reasons
from web.pages import custodywords as words
from web.pages.contexts_custody import ExtractForm, ExtractPage, MediaRow
from web.pages.custodywords import say
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, text_of

router = APIRouter()

MOMENT = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
USUAL_S = 60
"""How long an extract is when only its beginning was said."""


@router.get("/sessions/{session_id}/extract")
def ask(
    session_id: str, request: Request, hub: HubDep, actor: ActorDep, since: float = -1.0, until: float = -1.0
) -> Response:
    """The form; ``since``, ``until``: seconds on the time line of the replay page."""
    form: dict[str, Any] = {}
    if 0 <= since < 10_000_000:
        with hub.database.read() as db:
            access.load_recording(db, actor, session_id, now=hub.now())
            zero = zero_of(db, session_id)
        end = until if since < until < 10_000_000 else since + USUAL_S
        form = {"from": words.wall(zero + since), "to": words.wall(zero + end)}
    return form_page(request, hub, actor, session_id, form)


def zero_of(db: Session, session_id: str) -> float:
    """The first recorded moment, where the replay page's time line begins."""
    first = db.scalar(select(func.min(ReplayFile.start_utc)).where(ReplayFile.session_id == session_id))
    lanes = extracts.lanes_of(db, session_id)
    return float(first) if first is not None else min((one.first_utc for one in lanes), default=0.0)


@router.post("/sessions/{session_id}/extract")
def make(session_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Record the order and ask for the extract."""
    language = language_of(request)
    with hub.database.read() as db:
        access.load_recording(db, actor, session_id, now=hub.now())
        zero = zero_of(db, session_id)
    moments = {name: moment_of(text_of(form, name, 8), zero) for name in ("from", "to")}
    told = say(N_("Ghi giờ, phút, giây, ví dụ 14:05:09."), language)
    lanes = [str(one) for one in form.getlist("lanes")]

    def ask(db: Session, order: OrderForm, reason: str) -> Extract:
        start, end = moments["from"] or 0.0, moments["to"] or 0.0
        if end < start and end + 86_400 - start < 43_200:
            end += 86_400  # over midnight
        return extracts.request(db, actor, session_id, start, end, lanes, order, reason, hub.now())

    wrong = {name: told for name, at in moments.items() if at is None}
    row, errors = words.under_order(hub, form, language, "from", ask, wrong)
    if row is not None:
        return go(f"/extracts/{row.id}")
    return form_page(request, hub, actor, session_id, form, errors)


def moment_of(text: str, zero: float) -> float | None:
    """UNIX seconds of a time of day, on the day of the record or, if that is before its beginning, the day after."""
    found = MOMENT.fullmatch(text.strip())
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        return None
    day = formats.local(datetime.fromtimestamp(zero, formats.LOCAL)).replace(hour=0, minute=0, second=0, microsecond=0)
    span = timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3] or 0))
    at = (day + span).timestamp()
    return at + 86_400 if zero - at > 43_200 else at


def form_page(
    request: Request, hub: Hub, actor: Actor, session_id: str, form: Mapping[str, Any] | FormData,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The form, for who may make extracts of the record."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        session = access.load_recording(db, actor, session_id, now=now)
        custodians.need(custodians.may_extract(db, actor, session, now))
        lanes = extracts.lanes_of(db, session_id)
        names = {one.name: words.lane_name(db, one.name, language) for one in lanes}
        chosen = [str(one) for one in form.getlist("lanes")] if isinstance(form, FormData) else list(names)
        span = words.span_of(min(one.first_utc for one in lanes), max(one.last_utc for one in lanes)) if lanes else ""
        context = ExtractForm(
            session_id, heading_of(db, actor, session, now, language), f"/custody/session/{session_id}", names, chosen,
            span, session.restricted, form, errors or {}, words.own_recordings(db, session_id, language),
        )  # fmt: skip
        chrome = frame(db, request, actor, "/custody", training=session.training_space_id is not None)
        return page(request, context, chrome=chrome, status=422 if errors else 200)


def heading_of(db: Session, actor: Actor, session: ReceptionSession, now: datetime, language: str) -> str:
    """The session in words."""
    return casefile.label_of(db, actor, "session", session.id, now, language)


@router.get("/extracts/{extract_id}")
def show(extract_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """One extract; the look is logged."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        row, session = extracts.load(db, actor, extract_id, now)
        word, tone = words.STATE[row.state.value]
        made = custodians.may_extract(db, actor, session, now)
        order = db.get(Order, row.order_id)
        supplement = db.get(Supplement, row.supplement_id) if row.supplement_id else None
        started = zero_of(db, row.session_id)
        keeper = not custodians.rights(db, actor, session, now).isdisjoint({Right.ARCHIVE, Right.APPROVE}) or made
        context = ExtractPage(
            heading=say(N_("Trích xuất"), language), sub=heading_of(db, actor, session, now, language),
            back_url=f"/custody/session/{row.session_id}" if keeper else f"/replay/{row.session_id}",
            replay_url=f"/replay/{row.session_id}#t={max(0, round(row.from_utc - started))}",
            word=say(word, language), tone=tone, order=order, ordered=words.span_of(row.from_utc, row.to_utc),
            points=[words.lane_name(db, one, language) for one in row.lanes], reason=row.reason,
            files=[media_row(db, row, one, language) for one in row.files],
            supplement=str(supplement.number) if supplement is not None else "",
            error=words.refusal_of(row.error, language),
            job=words.job_view(db, extracts.KIND, row.id, f"/extracts/{row.id}/cancel" if made else "", language)
            if row.state is ExtractState.MAKING else None,
        )  # fmt: skip
        chrome = frame(db, request, actor, "/custody", training=session.training_space_id is not None)
        answer = page(request, context, chrome=chrome, flash=flash_of(request))
        session_id = row.session_id
    log_look(hub, actor, "extract.viewed", "session", session_id, extract_id)
    return answer


def media_row(db: Session, row: Extract, file: dict[str, Any], language: str) -> MediaRow:
    """A file, and the moments that it really holds."""
    spans = [f"{words.wall(a / 1e6)} – {words.wall(b / 1e6)}" for a, b in file["reencoded_utc_us"]]
    return MediaRow(
        f"/api/extracts/{row.id}/{file['name']}", words.point_name(db, file["participant"]),
        say(words.LANE.get(file["kind"], file["kind"]), language), words.wall(file["start_utc_us"] / 1e6),
        words.wall(file["end_utc_us"] / 1e6), ", ".join(spans), file["media_type"].startswith("audio/"),
        file["length"], file["sha256"], "take" in file,
    )  # fmt: skip


@router.post("/extracts/{extract_id}/cancel")
def cancel(extract_id: str, hub: HubDep, actor: ActorDep) -> Response:
    """Give it up."""
    with hub.database.write() as db:
        row = extracts.cancel(db, actor, extract_id, hub.now())
    return go(f"/custody/session/{row.session_id}?done=cancelled")


@router.get("/api/extracts/{extract_id}/{name}")
def media(
    extract_id: str, name: str, request: Request, hub: HubDep, actor: ActorDep, download: bool = False
) -> Response:
    """A file of an extract, in pieces; every play and download is logged."""
    with hub.database.read() as db:
        row, stated, path = extracts.open_file(db, actor, extract_id, name, hub.now())
        reasons.need_given(request, access.load_recording(db, actor, row.session_id, now=hub.now()), hub.now())
        session_id, mime = row.session_id, str(stated["media_type"])
    action = "extract.downloaded" if download else "extract.viewed"
    log_look(hub, actor, action, "session", session_id, f"{extract_id}/{name}{'/d' if download else ''}")
    return served(hub, path, mime, f"{extract_id}-{name}" if download else None)
