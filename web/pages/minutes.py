"""Biên bản written at the desk (TCD_20), for a visit received in person: sections, lines, freezing. In the room the
panel beside the picture does the same over the session's socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, minutes
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Visit
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, lists, prints
from web.pages.contexts_files import LineForm, MinutesPage, SectionForm
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusal, text_of

router = APIRouter()

TALL = frozenset({"content", "opinions", "conclusion"})
NAMES = {
    "opening": N_("Thời gian, địa điểm"),
    "receivers": N_("Người tiếp công dân, thành phần tham dự"),
    "persons": N_("Công dân được tiếp"),
    "content": N_("Nội dung trình bày"),
    "demand": N_("Yêu cầu, đề nghị"),
    "evidence": N_("Thông tin, tài liệu, bằng chứng cung cấp"),
    "opinions": N_("Ý kiến của thành phần tham dự"),
    "conclusion": N_("Kết luận của người chủ trì"),
    "citizen_opinion": N_("Ý kiến của công dân"),
    "closing": N_("Kết thúc"),
}
"""Sections by key; the titles on paper are Vietnamese in any language of the screen."""


def device_of(request: Request) -> str:
    """The device that writes: the pen belongs to a person at a device."""
    return str(request.scope.get("device", ""))


@router.get("/visits/{visit_id}/minutes/edit")
def edit(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The form; the first look of somebody who may write makes and prefills it."""
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=hub.now())
        may_write = Right.WRITE in access.rights_on(db, actor, access.subject_of(db, visit), hub.now())
        there = prints.existing(db, visit_id=visit_id)
    if there is None:
        if not may_write:
            raise Forbidden()
        with hub.database.write() as db:
            minutes.prefill(db, actor, hub.now(), visit_id=visit_id)
    return minutes_page(request, hub, actor, visit_id)


@router.post("/visits/{visit_id}/minutes/edit")
def save(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Save the sections that were changed; then freeze, where that button was pressed."""
    freeze = text_of(form, "go", 16) == "freeze"

    def work(db: Session, minutes_id: str) -> str:
        for one in minutes.view(db, minutes_id)["sections"]:
            text, base = text_of(form, one["key"]), text_of(form, f"{one['key']}-version", 9)
            if one["key"] not in form or text == one["text"]:
                continue
            version = int(base) if base.isdecimal() else one["version"]
            minutes.save_section(db, actor, minutes_id, one["key"], text, version, hub.now(), device=device_of(request))
        if freeze:
            minutes.freeze(db, actor, minutes_id, hub.now())
        return "frozen" if freeze else "saved"

    return change(request, hub, actor, visit_id, work, form, "content")


@router.post("/visits/{visit_id}/minutes/lines")
def add_line(visit_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A line said at this moment, or another text for one that is there (an empty one strikes it out)."""
    line = text_of(form, "line", 24)
    speaker, text = text_of(form, "speaker", 200), text_of(form, "text")

    def work(db: Session, minutes_id: str) -> str:
        if line:
            minutes.correct_line(
                db, actor, minutes_id, line, text, hub.now(), speaker=speaker, device=device_of(request)
            )
        else:
            minutes.add_line(db, actor, minutes_id, text, hub.now(), speaker=speaker, device=device_of(request))
        return "saved#lines"

    return change(request, hub, actor, visit_id, work, form, "text")


@router.post("/visits/{visit_id}/minutes/take")
def take(visit_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """ "Nhận quyền ghi"."""

    def work(db: Session, minutes_id: str) -> str:
        minutes.take(db, actor, minutes_id, device_of(request), hub.now())
        return "taken"

    return change(request, hub, actor, visit_id, work, {}, "")


def change(
    request: Request, hub: Hub, actor: Actor, visit_id: str, work: Callable[[Session, str], str],
    form: Mapping[str, Any], field: str,
) -> Response:  # fmt: skip
    """Run one step in one transaction; a refusal shows the form again with what was typed."""
    try:
        with hub.database.write() as db:
            access.load_visit(db, actor, visit_id, Right.WRITE, now=hub.now())
            found = prints.existing(db, visit_id=visit_id)
            minutes_id = found or minutes.prefill(db, actor, hub.now(), visit_id=visit_id).id
            done = work(db, minutes_id)
        return go(f"/visits/{visit_id}/minutes/edit?done={done}")
    except (NotFound, Forbidden):
        raise
    except RoomsError as error:
        if error.code.startswith(("storage.", "database.")):
            raise
        errors = {field: refusal(error, i18n.language_of(request))}
        return minutes_page(request, hub, actor, visit_id, {name: text_of(form, name) for name in form}, errors)


def minutes_page(
    request: Request, hub: Hub, actor: Actor, visit_id: str, form: Mapping[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page: the form while it is a draft, the text once it is frozen."""
    now, language = hub.now(), i18n.language_of(request)
    with hub.database.read() as db:
        visit = access.load_visit(db, actor, visit_id, now=now)
        shown = minutes.view(db, prints.existing(db, visit_id=visit_id) or "")
        frozen = shown["state"] == "frozen"
        rights = access.rights_on(db, actor, access.subject_of(db, visit), now)
        context = MinutesPage(
            visit=visit,
            heading=heading_of(visit, language),
            who=lists.who_of(visit, language),
            sections=sections_of(shown, visit, frozen, form or {}, errors or {}, language),
            lines=[line_form(one, visit) for one in shown["lines"]],
            frozen=frozen,
            frozen_at=moment(shown["frozen_utc"]),
            may_write=Right.WRITE in rights and not frozen,
            writer=writer_of(shown, actor, device_of(request), now),
            online=prints.session_of(db, visit_id) is not None,
            form=form or {},
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/register", training=visit.training_space_id is not None)
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def heading_of(visit: Visit, language: str) -> str:
    """Lượt tiếp số 15/2026; a test visit has no number."""
    if visit.training_space_id is not None:
        return i18n.translate(N_("Lượt tiếp thử"), language)
    return i18n.translate(N_("Lượt tiếp số %(number)s"), language) % {"number": lists.visit_number(visit) or "–"}


def sections_of(
    shown: Mapping[str, Any], visit: Visit, frozen: bool, form: Mapping[str, str], errors: Mapping[str, str],
    language: str,
) -> list[SectionForm]:  # fmt: skip
    """The sections with what was typed; the conclusion of the desk stands in where nothing else does."""
    found = []
    for one in shown["sections"]:
        text = one["text"]
        if one["key"] == "conclusion" and not text and not frozen:
            text = visit.outcome_text
        found.append(
            SectionForm(
                one["key"], i18n.translate(NAMES.get(one["key"], one["title"]), language),
                form.get(one["key"], text), one["version"], 6 if one["key"] in TALL else 3, errors.get(one["key"], ""),
            )
        )  # fmt: skip
    return found


def writer_of(shown: Mapping[str, Any], actor: Actor, device: str, now: datetime) -> str:
    """Who holds the pen, where that is somebody else, or the same person at another device."""
    lease = shown["lease_until_utc"]
    mine = shown["writer"] == actor.user_id and shown["writer_device"] in ("", device)
    return str(shown["writer_name"]) if lease and lease > now.timestamp() and not mine else ""


def line_form(one: Mapping[str, Any], visit: Visit) -> LineForm:
    """A line with its corrections; the time is that of the wall, or of the session where there was one."""
    at = one["at_s"]
    when = formats.timecode(at) if at is not None else formats.clock(moment(one["at_utc"]))
    return LineForm(
        one["id"], when, one["speaker"], one["text"], bool(one["struck"]), [old["text"] for old in one["history"]]
    )


def moment(utc: float | None) -> datetime | None:
    """UNIX seconds as a moment."""
    return datetime.fromtimestamp(utc, formats.LOCAL) if utc is not None else None
