"""Ký biên bản, tài liệu bổ sung: who signed the minutes and how, signed scans and what else comes after the lock. "Not
signed by the citizen" is a state, not a fault (design 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, minutes, papers, recordings
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Minutes, MinutesSignature, Paper, ReceptionSession, Site, Supplement, Visit
from rooms.papers import MAX_PAPER
from rooms.words import MinutesState
from web import i18n, keeping
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_
from web.pages import casefile, formats, lists, prints, uploads
from web.pages.contexts import RowView
from web.pages.contexts_files import SignatureRow, SignedPage
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, refusal, text_of

router = APIRouter()

KINDS = {
    "signed_scan": N_("Bản quét có chữ ký"),
    "correction": N_("Bản đính chính"),
    "extract": N_("Trích xuất"),
    "order": N_("Quyết định, lệnh"),
}
BY_THE_HUB = {"from_point": N_("Bản ghi từ điểm cầu")}
"""Kinds of supplements that nobody uploads here."""
HOW = {
    "unsigned": N_("Chưa ký"),
    "paper": N_("Đã ký trên giấy"),
    "digital": N_("Đã ký số"),
    "fingerprint": N_("Đã điểm chỉ"),
    "refused": N_("Từ chối ký"),
}
TONE = {"unsigned": "info", "paper": "good", "digital": "good", "fingerprint": "good", "refused": "warn"}
PARTY = {
    "citizen": N_("Công dân"),
    "chair": N_("Người chủ trì"),
    "officer": N_("Người tiếp công dân"),
    "attendee": N_("Thành phần tham dự"),
}


@router.get("/sessions/{session_id}/signed")
def show(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Who has signed, and what was added."""
    return signed_page(request, hub, actor, session_id)


@router.post("/sessions/{session_id}/signed")
def add(session_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """A scan or paper, a note of how somebody signed, or both at once."""
    language = i18n.language_of(request)
    party, how = text_of(form, "party", 16), text_of(form, "how", 16)
    file = form.get("file")
    scan = file if isinstance(file, UploadFile) and file.filename else None
    errors = {}
    if party and (party not in PARTY or how not in HOW):
        errors["how"] = i18n.translate(N_("Chọn ai ký và ký thế nào."), language)
    if scan is None and not party:
        errors["file"] = i18n.translate(N_("Chọn tệp cần bổ sung."), language)
    if not errors:
        with hub.database.read() as db:
            access.load_session(db, actor, session_id, now=hub.now())
        keeping.bring_package(hub, session_id)  # it may be in the store only, and a transaction waits for nobody
        try:
            with hub.database.write() as db:
                paper = take(db, hub, actor, session_id, form, scan) if scan is not None else None
                if party:
                    note(db, hub, actor, session_id, party, how, text_of(form, "name", 200), paper)
            return go(f"/sessions/{session_id}/signed?done={'supplemented' if scan is not None else 'signed'}")
        except (NotFound, Forbidden):
            raise
        except RoomsError as error:
            if error.code.startswith(("storage.", "database.")):
                raise
            errors = {"how" if error.code.startswith("minutes.") else "file": sentence(error, language)}
    return signed_page(request, hub, actor, session_id, form, errors)


def sentence(error: RoomsError, language: str) -> str:
    """What is read for a refusal here."""
    if error.code == "minutes.wrong_state":
        return i18n.translate(N_("Biên bản chưa chốt nên chưa ghi việc ký được."), language)
    return refusal(error, language)


def take(db: Session, hub: Hub, actor: Actor, session_id: str, form: FormData, scan: UploadFile) -> str:
    """The file, as a signed supplement once the package is locked, as a paper of the session before; its paper's id."""
    kind = text_of(form, "kind", 32)
    kind = kind if kind in KINDS else "signed_scan"
    title = text_of(form, "title", 150) or uploads.title_of(scan.filename or "")
    if recordings.package_of(db, session_id) is not None:
        row = recordings.supplement(db, actor, hub.files, session_id, kind, title, scan.file, hub.signer, hub.now())
        return row.paper_id or ""
    access.load_session(db, actor, session_id, Right.WRITE, now=hub.now())
    return papers.attach(db, actor, hub.files, "session", session_id, title, scan.file, hub.now()).id


def note(
    db: Session, hub: Hub, actor: Actor, session_id: str, party: str, how: str, name: str, paper: str | None
) -> None:
    """How a party signed. Raises Forbidden for who neither writes nor receives nor archives here."""
    session = access.load_session(db, actor, session_id, now=hub.now())
    if not may_add(db, hub, actor, session):
        raise Forbidden()
    row = minutes_of(db, session)
    if row is None:
        raise NotFound()
    minutes.sign(db, actor, row.id, party, how, hub.now(), name=name, paper_id=paper)


def may_add(db: Session, hub: Hub, actor: Actor, session: ReceptionSession) -> bool:
    """Whether the reader may add papers and note signatures."""
    held = access.rights_on(db, actor, access.subject_of(db, session), hub.now())
    return bool(held & {Right.ARCHIVE, Right.RECEIVE, Right.WRITE})


def minutes_of(db: Session, session: ReceptionSession) -> Minutes | None:
    """The session's minutes."""
    found = prints.existing(db, session_id=session.id)
    return db.get(Minutes, found) if found else None


def signatures_of(db: Session, row: Minutes | None, session: ReceptionSession, language: str) -> list[SignatureRow]:
    """Each party; who has not been noted yet stands as not signed."""
    if row is None or row.state is not MinutesState.FROZEN:
        return []
    noted = list(db.scalars(select(MinutesSignature).where(MinutesSignature.minutes_id == row.id)))
    visit = db.get(Visit, session.visit_id) if session.visit_id else None
    names = {"citizen": lists.who_of(visit, language) if visit else "", "chair": session.chair}
    found = []
    for party in ("citizen", "chair"):
        if not any(one.party == party for one in noted):
            word = i18n.translate(HOW["unsigned"], language)
            found.append(SignatureRow(i18n.translate(PARTY[party], language), names[party], word, "info", None))
    for one in noted:
        site = db.get(Site, one.site_id) if one.site_id else None
        found.append(
            SignatureRow(
                i18n.translate(PARTY.get(one.party, one.party), language),
                formats.joined([one.name or names.get(one.party, ""), site.short_name if site else ""]),
                i18n.translate(HOW[one.how], language), TONE[one.how], one.at, one.note,
                f"/api/papers/{one.paper_id}" if one.paper_id else "",
            )
        )  # fmt: skip
    return found


def supplements_of(db: Session, session_id: str, language: str) -> list[RowView]:
    """What came after the lock, in order."""
    rows = db.scalars(select(Supplement).where(Supplement.session_id == session_id).order_by(Supplement.number))
    found = []
    for one in rows:
        paper = db.get(Paper, one.paper_id) if one.paper_id else None
        word = KINDS.get(one.kind) or BY_THE_HUB.get(one.kind, one.kind)
        found.append(
            RowView(
                one.id, f"/api/papers/{one.paper_id}" if one.paper_id else "", who=paper.title if paper else "",
                what=i18n.translate(word, language), number=str(one.number),
                at=one.added_at, by=casefile.name_of(db, one.added_by),
            )
        )  # fmt: skip
    return found


def signed_page(
    request: Request, hub: Hub, actor: Actor, session_id: str, form: Mapping[str, Any] | FormData | None = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page of one session."""
    language = i18n.language_of(request)
    with hub.database.read() as db:
        session = access.load_session(db, actor, session_id, now=hub.now())
        row = minutes_of(db, session)
        rights = access.rights_on(db, actor, access.subject_of(db, session), hub.now())
        extra = supplements_of(db, session_id, language)
        shown = {one.url for one in extra}
        number = {"number": lists.session_number(session)}
        context = SignedPage(
            session=session_id,
            heading=i18n.translate(N_("Phiên %(number)s"), language) % number,
            back_url=f"/visits/{session.visit_id}" if session.visit_id else f"/replay/{session_id}",
            locked=recordings.package_of(db, session_id) is not None,
            frozen=row is not None and row.state is MinutesState.FROZEN,
            minutes_url=f"/sessions/{session_id}/minutes",
            signatures=signatures_of(db, row, session, language),
            papers=[one for one in lists.papers_of(db, "session", session_id) if one.url not in shown],
            supplements=extra,
            kinds=KINDS if Right.ARCHIVE in rights else {"signed_scan": KINDS["signed_scan"]},
            may_add=may_add(db, hub, actor, session),
            max_upload=min(hub.config.max_upload, MAX_PAPER),
            form={name: text_of(form, name, 200) for name in ("party", "how", "name", "kind", "title")} if form else {},
            errors=errors or {},
        )
        chrome = frame(db, request, actor, "/cases", training=session.training_space_id is not None)
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)
