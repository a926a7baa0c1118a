"""What changes the make-up of a file: the second person's confirmation, taking out, moving, joining. Nothing of it is
erased; both files show the trace (design 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter
from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, cases, custodians, links, people
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid, NotFound, RoomsError
from rooms.fold import fold
from rooms.models import Case, CaseLink, Petition, ReceptionSession, User, Visit
from rooms.words import CaseState, LinkPending
from web import i18n
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import formats, lists
from web.pages.contexts_files import FileRights, HeldLink, PendingView
from web.pages.viewer import FormDep, go, refusal, text_of

router = APIRouter()

NUMBER = re.compile(r"(\d{2})\s*[./-]\s*([^\W\d_]{1,4})\s*[./-]\s*0*(\d{1,6})")
"""26.LN.0317 as people type it."""


def name_of(db: Session, user_id: str | None) -> str:
    """A user's name; the hub itself where there is none."""
    user = db.get(User, user_id) if user_id else None
    return user.name if user else "Điểm Cầu"


def label_of(db: Session, actor: Actor, kind: str, object_id: str, now: datetime, language: str) -> str:
    """What a link speaks of, in words; only its kind where the reader may not see it."""
    words = {"visit": N_("Lượt tiếp"), "session": N_("Phiên tiếp trực tuyến"), "petition": N_("Đơn")}
    word = i18n.translate(words.get(kind, N_("Hồ sơ")), language)
    try:
        thing = access.load_owner(db, actor, kind, object_id, Right.READ, now)
    except RoomsError:
        return word
    if isinstance(thing, Visit):
        number = lists.visit_number(thing)
        day = formats.day(thing.registered_at or thing.started_at)
        return formats.joined([f"{word} {number}".strip(), day, lists.who_of(thing, language)])
    if isinstance(thing, ReceptionSession):
        return formats.joined([f"{word} {lists.session_number(thing)}", formats.day(thing.created_at)])
    if isinstance(thing, Petition):
        number = f"{thing.number}/{thing.year}" if thing.number else ""
        return formats.joined([f"{word} {number}".strip(), formats.day(thing.received_on), thing.petitioner])
    if isinstance(thing, Case):
        return formats.joined([f"{word} {lists.case_number(db, thing)}", lists.shorten(thing.title, 80)])
    return word


def rights_of(db: Session, actor: Actor, case: Case, now: datetime) -> FileRights:
    """What the reader may do with the file."""
    held = access.rights_on(db, actor, access.subject_of(db, case), now)
    return FileRights(
        link=bool(held & {Right.RECEIVE, Right.ARCHIVE}) and case.state is not CaseState.MERGED,
        merge=bool(held & {Right.RECEIVE, Right.ARCHIVE}),
        grant=people.may_grant(db, actor, "case", case.id, now),
        looks=bool(held & {Right.ARCHIVE, Right.APPROVE}),
        custody=custodians.may_keep(db, actor, case, now) or custodians.may_second(db, actor, case, now),
    )


def pending_of(db: Session, actor: Actor, case: Case, now: datetime, language: str) -> list[PendingView]:
    """Links of the file, ends of links and joinings that wait for a second person, on either side of them."""
    held = access.rights_on(db, actor, access.subject_of(db, case), now)
    second = bool(held & {Right.ARCHIVE, Right.APPROVE})
    waiting = select(CaseLink).where(
        or_(CaseLink.case_id == case.id, (CaseLink.object_kind == "case") & (CaseLink.object_id == case.id)),
        CaseLink.pending != LinkPending.NONE, CaseLink.unlinked_at.is_(None),
    )  # fmt: skip
    found = []
    for row in db.scalars(waiting.order_by(CaseLink.linked_at)):
        ending = row.pending is LinkPending.UNLINK
        asked = row.unlink_asked_by if ending else row.linked_by
        own = asked == actor.user_id
        other = row.case_id if row.case_id != case.id else other_half(db, row)
        found.append(
            PendingView(
                row.id, label_of(db, actor, row.object_kind, row.object_id, now, language),
                row.unlink_reason if ending else row.reason, name_of(db, asked), None if ending else row.linked_at,
                ending, own, second and not own, second or own, row.object_kind == "case", row.case_id,
                label_of(db, actor, "case", other, now, language) if other else "",
            )
        )  # fmt: skip
    return found


def other_half(db: Session, row: CaseLink) -> str:
    """Of a move: the other file, into which or out of which the same second person's word takes it."""
    named = CaseLink.id == row.replaces_id if row.replaces_id else CaseLink.replaces_id == row.id
    return db.scalar(select(CaseLink.case_id).where(named, CaseLink.pending != LinkPending.NONE)) or ""


def held_links(db: Session, actor: Actor, case: Case, now: datetime, language: str) -> list[HeldLink]:
    """What belongs to the file now and may be taken out or moved."""
    return [
        HeldLink(
            row.id,
            label_of(db, actor, row.object_kind, row.object_id, now, language),
            links.is_locked(db, row.object_kind, row.object_id),
        )
        for row in cases.links_of(db, actor, case.id, now)
        if row.unlinked_at is None and row.pending is LinkPending.NONE and row.object_kind != "case"
    ]


def find_case(db: Session, actor: Actor, text: str, now: datetime, language: str) -> Case:
    """The file with a number as it stands on paper (26.LN.0317). Raises Invalid where the reader sees none."""
    written = NUMBER.search(text)
    if written:
        query = select(Case).where(
            access.readable(db, actor, Case, now), Case.year == 2000 + int(written[1]), Case.number == int(written[3])
        )
        for case in db.scalars(query.limit(200)):
            if fold(lists.case_number(db, case).split(".")[1]) == fold(written[2]):  # 26.TU.0001 finds 26.TƯ.0001
                return case
    raise Invalid("case.number", i18n.translate(N_("Không thấy hồ sơ có số này, ví dụ 26.LN.0317."), language))


@router.post("/cases/{case_id}/links/{link_id}/confirm")
def confirm(case_id: str, link_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The second person confirms a link or its end."""

    def work(db: Session) -> str:
        of_case(db, case_id, link_id)
        row = cases.confirm_link(db, actor, link_id, hub.now())
        if row.object_kind == "case":
            return f"/cases/{case_id}?done={'unmerged' if row.unlinked_at else 'merged'}"
        return f"/cases/{case_id}?done={'unlinked' if row.unlinked_at else 'linked'}"

    return change(request, hub, actor, case_id, work, "", {})


@router.post("/cases/{case_id}/links/{link_id}/reject")
def reject(case_id: str, link_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """The second person refuses, or who asked takes it back."""

    def work(db: Session) -> str:
        of_case(db, case_id, link_id)
        cases.reject_link(db, actor, link_id, text_of(form, "reject_reason", 500), hub.now())
        return f"/cases/{case_id}?done=rejected"

    return change(request, hub, actor, case_id, work, f"reject_reason-{link_id}", form)


@router.post("/cases/{case_id}/links/{link_id}")
def move(case_id: str, link_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Take something out of the file, or move it to another one; with a reason."""
    language, reason = i18n.language_of(request), text_of(form, "link_reason", 500)
    target = text_of(form, "target", 40)

    def work(db: Session) -> str:
        of_case(db, case_id, link_id)
        if not target:
            ended = cases.unlink(db, actor, link_id, reason, hub.now())
            return f"/cases/{case_id}?done={'unlinked' if ended.unlinked_at else 'pending'}"
        into = find_case(db, actor, target, hub.now(), language)
        made = cases.move(db, actor, link_id, into.id, reason, hub.now())
        waits = made.pending is LinkPending.LINK
        return f"/cases/{case_id}?done=pending" if waits else f"/cases/{into.id}?done=moved"

    return change(request, hub, actor, case_id, work, f"link_reason-{link_id}", form)


@router.post("/cases/{case_id}/merge")
def merge(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Join this file to another one (ghép hồ sơ)."""
    language = i18n.language_of(request)

    def work(db: Session) -> str:
        into = find_case(db, actor, text_of(form, "into", 40), hub.now(), language)
        joined = cases.merge(db, actor, case_id, into.id, text_of(form, "merge_reason", 500), hub.now())
        waits = joined.state is not CaseState.MERGED
        return f"/cases/{case_id}?done=pending" if waits else f"/cases/{into.id}?done=merged"

    return change(request, hub, actor, case_id, work, "into", form)


@router.post("/cases/{case_id}/unmerge")
def unmerge(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Take the joining back; the file is as it was."""

    def work(db: Session) -> str:
        case = cases.unmerge(db, actor, case_id, text_of(form, "unmerge_reason", 500), hub.now())
        return f"/cases/{case_id}?done={'pending' if case.state is CaseState.MERGED else 'unmerged'}"

    return change(request, hub, actor, case_id, work, "unmerge_reason", form)


def of_case(db: Session, case_id: str, link_id: str) -> CaseLink:
    """The link, if it is one of this file. Raises NotFound."""
    row = db.get(CaseLink, link_id)
    if row is None or row.case_id != case_id:
        raise NotFound()
    return row


def change(
    request: Request, hub: Hub, actor: Actor, case_id: str, work: Callable[[Session], str], field: str, form: object
) -> Response:
    """Run one step in one transaction; a refusal shows the file again with its sentence beside ``field``."""
    from web.pages.cases import case_page  # the page shows these forms, so it imports this module

    try:
        with hub.database.write() as db:
            access.load_case(db, actor, case_id, now=hub.now())
            target = work(db)
        return go(target)
    except NotFound:
        raise
    except RoomsError as error:
        if error.code.startswith(("storage.", "database.")):
            raise
        name = "merge_reason" if field == "into" and error.code == "case.reason_missing" else field
        return case_page(request, hub, actor, case_id, form, {name: refusal(error, i18n.language_of(request))})
