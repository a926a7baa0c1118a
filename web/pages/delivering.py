"""Bản sao cho công dân, gói bàn giao hồ sơ: what goes in and under whose order, the ZIP, the act of handing over and
its minutes; and the certificate of what was disposed of. Prints are always Vietnamese."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from rooms import access, custodians, deliveries, disposals, extracts
from rooms.actor import Actor
from rooms.deliveries import Choice, HandOver
from rooms.errors import RoomsError, WrongState
from rooms.models import Case, Delivery, Extract, Order, Paper, Participant, ReceptionSession, Site, User, Visit
from rooms.orders import OrderForm
from rooms.words import DeliveryKind, DeliveryState, DisposalState
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_, language_of
from web.pages import casefile, formats, lists, prints
from web.pages import custodywords as words
from web.pages.contexts_custody import CertificatePrint, ChoiceRow, DeliveryForm, DeliveryPage, HandoverPrint
from web.pages.custodywords import say
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, text_of
from web.ranges import RangeFile

router = APIRouter()

DISC = 4_700_000_000
"""Bytes of a single-layer DVD."""
KIND = {
    "extract": N_("Trích xuất"), "lane": N_("Ghi âm, ghi hình cả phiên"), "minutes": N_("Biên bản"),
    "paper": N_("Giấy tờ của công dân"), "visit": N_("Lượt tiếp"), "petition": N_("Đơn"),
    "session": N_("Bản ghi đã khóa của phiên"), "case": N_("Diễn biến hồ sơ"),
}  # fmt: skip


@router.get("/sessions/{session_id}/copy")
def ask_copy(session_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The form of a citizen's copy."""
    return copy_form(request, hub, actor, session_id, {})


@router.post("/sessions/{session_id}/copy")
def make_copy(session_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Record the order and ask for the copy."""
    chosen = [str(one) for one in form.getlist("contents")]

    def ask(db: Session, order: OrderForm, reason: str) -> Delivery:
        return deliveries.ask_copy(db, actor, session_id, chosen, order, reason, hub.now())

    row, errors = words.under_order(hub, form, language_of(request), "contents", ask)
    if row is not None:
        return go(f"/deliveries/{row.id}")
    return copy_form(request, hub, actor, session_id, form, errors)


def copy_form(
    request: Request, hub: Hub, actor: Actor, session_id: str, form: Mapping[str, Any] | FormData,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """What may go in: of this citizen only. Everything but whole recordings is ticked where extracts were made."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        session = access.load_recording(db, actor, session_id, now=now)
        custodians.need(custodians.may_copy(db, actor, session, now))
        there = deliveries.choices(db, session)
        ticked = {str(one) for one in form.getlist("contents")} if isinstance(form, FormData) else usual(there)
        context = DeliveryForm(
            True, f"/sessions/{session_id}/copy", say(N_("Bản sao cho công dân"), language),
            casefile.label_of(db, actor, "session", session_id, now, language), f"/custody/session/{session_id}",
            [choice_row(db, one, one.name in ticked, language) for one in there], (), session.restricted, form,
            errors or {}, words.own_recordings(db, session_id, language, lambda point: not point.receives_visit),
        )  # fmt: skip
        chrome = frame(db, request, actor, "/custody", training=session.training_space_id is not None)
        return page(request, context, chrome=chrome, status=422 if errors else 200)


def usual(there: Sequence[Choice]) -> set[str]:
    """Minutes, and the extracts or, where none were made, the recordings."""
    media = "extract" if any(one.kind == "extract" for one in there) else "lane"
    return {one.name for one in there if one.kind in ("minutes", media)}


def choice_row(db: Session, one: Choice, on: bool, language: str) -> ChoiceRow:
    """A choice in words."""
    label, detail = contents_words(db, one.kind, one.id, language)
    return ChoiceRow(one.name, one.kind, label, detail, on)


def contents_words(db: Session, kind: str, object_id: str, language: str) -> tuple[str, str]:
    """What a part of a delivery is."""
    name = say(KIND.get(kind, kind), language)
    if kind == "lane":
        return words.lane_name(db, object_id, language), formats.joined([name, own_words(db, object_id, language)])
    if kind == "extract":
        row = db.get(Extract, object_id)
        return (name, words.span_of(row.from_utc, row.to_utc)) if row else (name, "")
    if kind == "paper":
        paper = db.get(Paper, object_id)
        return (paper.title or name, formats.size(paper.length)) if paper else (name, "")
    if kind == "session":
        session = db.get(ReceptionSession, object_id)
        return name, lists.session_number(session) if session else ""
    if kind == "visit":
        visit = db.get(Visit, object_id)
        return name, lists.visit_number(visit) if visit else ""
    return name, ""


def own_words(db: Session, lane: str, language: str) -> str:
    """What the citizen's own point recorded by itself goes with its face and voice."""
    participant, _, kind = lane.partition(":")
    point = db.get(Participant, participant)
    if kind != extracts.FACE or point is None or not point.receives_visit:
        return ""
    held = words.own_recordings(db, point.session_id, language, lambda one: one.id == participant)
    return say(N_("kèm bản ghi từ điểm cầu"), language) if held else ""


@router.get("/cases/{case_id}/handover")
def ask_handover(case_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The form of a hand-over package."""
    return handover_form(request, hub, actor, case_id, {})


@router.post("/cases/{case_id}/handover")
def make_handover(case_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Record the order and ask for the package."""

    def ask(db: Session, order: OrderForm, reason: str) -> Delivery:
        return deliveries.ask_handover(db, actor, case_id, order, reason, hub.now())

    row, errors = words.under_order(hub, form, language_of(request), "number", ask)
    if row is not None:
        return go(f"/deliveries/{row.id}")
    return handover_form(request, hub, actor, case_id, form, errors)


def handover_form(
    request: Request, hub: Hub, actor: Actor, case_id: str, form: Mapping[str, Any] | FormData,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """What will go over: all in the file that the reader may see."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        case = access.load_case(db, actor, case_id, now=now)
        custodians.need(custodians.may_keep(db, actor, case, now))
        parts = deliveries.file_contents(db, actor, case, now)
        context = DeliveryForm(
            False, f"/cases/{case_id}/handover", say(N_("Gói bàn giao hồ sơ"), language),
            casefile.label_of(db, actor, "case", case_id, now, language), f"/custody/case/{case_id}", (),
            counted(parts, language), case.restricted, form, errors or {},
        )  # fmt: skip
        chrome = frame(db, request, actor, "/custody", training=case.training_space_id is not None)
        return page(request, context, chrome=chrome, status=422 if errors else 200)


def counted(parts: Sequence[tuple[str, str]], language: str) -> list[str]:
    """How many of each kind."""
    kinds = [kind for kind, _ in parts]
    return [f"{say(KIND[kind], language)}: {kinds.count(kind)}" for kind in dict.fromkeys(kinds) if kind != "case"]


@router.get("/deliveries/{delivery_id}")
def show(delivery_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """One delivery."""
    return delivery_page(request, hub, actor, delivery_id, {})


def delivery_page(
    request: Request, hub: Hub, actor: Actor, delivery_id: str, form: Mapping[str, Any] | FormData,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """How far it is, the download, the form of handing over."""
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        row, thing = deliveries.load(db, actor, delivery_id, now)
        copy = row.kind is DeliveryKind.COPY
        word, tone = words.STATE[row.state.value]
        about = ("session", row.session_id) if copy else ("case", row.case_id)
        there = row.removed_at is None
        context = DeliveryPage(
            id=row.id, copy=copy,
            heading=say(N_("Bản sao cho công dân") if copy else N_("Gói bàn giao hồ sơ"), language),
            sub=casefile.label_of(db, actor, about[0], str(about[1]), now, language),
            back_url=f"/custody/{about[0]}/{about[1]}", word=say(word, language), tone=tone,
            order=db.get(Order, row.order_id) if row.order_id else None, contents=contents_of(db, row, language),
            length=row.length, sha256=row.sha256, sums_sha256=row.sums_sha256, discs=-(-row.length // DISC),
            restricted=thing.restricted, receiver=receiver_of(db, row, thing),
            facts=facts_of(row, language), ready=row.state is DeliveryState.READY and there,
            handed=row.state is DeliveryState.HANDED,
            signed_url=f"/sessions/{row.session_id}/signed" if copy else "",
            error=words.refusal_of(row.error, language),
            job=words.job_view(db, deliveries.KIND, row.id, f"/deliveries/{row.id}/cancel", language)
            if row.state is DeliveryState.MAKING else None,
            form=form or {"giver": actor.name, "giver_title": user_title(db, actor), "place": place_of(db, thing)},
            errors=errors or {},
        )  # fmt: skip
        chrome = frame(db, request, actor, "/custody", training=thing.training_space_id is not None)
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def contents_of(db: Session, row: Delivery, language: str) -> list[str]:
    """What is in it, line by line; of a whole file how many of each kind."""
    if row.kind is DeliveryKind.HANDOVER:
        return counted([(one["kind"], one["id"]) for one in row.contents], language)
    session = db.get(ReceptionSession, row.session_id) if row.session_id else None
    number = lists.session_number(session) if session is not None else ""
    which = say(N_("Phiên %(number)s"), language, number=number)
    parts = (contents_words(db, one["kind"], one["id"], language) for one in row.contents)
    return [formats.joined([which, *part]) for part in parts]


def receiver_of(db: Session, row: Delivery, thing: Case | ReceptionSession) -> str:
    """Who will receive it, as far as the register tells; of a restricted record only the pseudonym."""
    if row.receiver:
        return row.receiver
    if thing.restricted:
        return deliveries.pseudonym(db, thing)
    visit = db.get(Visit, thing.visit_id) if isinstance(thing, ReceptionSession) and thing.visit_id else None
    return visit.persons[0].name if visit is not None and visit.persons else ""


def facts_of(row: Delivery, language: str) -> list[tuple[str, str]]:
    """The act of handing over."""
    if row.handed_at is None or row.medium is None:
        return []
    said = (
        (N_("Bàn giao lúc"), formats.stamp(row.handed_at)),
        (N_("Người giao"), formats.joined([row.giver, row.giver_title])),
        (N_("Người nhận"), formats.joined([row.receiver, row.receiver_paper])),
        (N_("Phương tiện"), formats.joined([say(words.MEDIUM[row.medium.value], language), row.medium_label])),
        (N_("Nơi bàn giao"), row.place),
    )
    return [(say(label, language), value) for label, value in said if value]


def user_title(db: Session, actor: Actor) -> str:
    """The reader's office."""
    user = db.get(User, actor.user_id) if actor.user_id else None
    return user.title if user is not None else ""


def place_of(db: Session, thing: Case | ReceptionSession) -> str:
    """Where it is handed over, mostly."""
    site = db.get(Site, thing.site_id) if thing.site_id else None
    return site.name if site is not None else ""


@router.post("/deliveries/{delivery_id}/cancel")
def cancel(delivery_id: str, hub: HubDep, actor: ActorDep) -> Response:
    """Give it up."""
    with hub.database.write() as db:
        deliveries.cancel(db, actor, delivery_id, hub.now())
    return go(f"/deliveries/{delivery_id}?done=cancelled")


@router.post("/deliveries/{delivery_id}/handed")
def handed(delivery_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Write down that it was handed over."""
    language = language_of(request)
    said = HandOver(
        receiver=text_of(form, "receiver", 200), receiver_paper=text_of(form, "receiver_paper", 200),
        medium=text_of(form, "medium", 8), medium_label=text_of(form, "medium_label", 200),
        place=text_of(form, "place", 500), giver=text_of(form, "giver", 200),
        giver_title=text_of(form, "giver_title", 200),
    )  # fmt: skip
    try:
        with hub.database.write() as db:
            deliveries.hand_over(db, actor, delivery_id, said, hub.now())
    except RoomsError as error:
        return delivery_page(request, hub, actor, delivery_id, form, words.refused(error, language, "receiver"))
    return go(f"/deliveries/{delivery_id}?done=handed")


@router.get("/api/deliveries/{delivery_id}/zip")
def download(delivery_id: str, hub: HubDep, actor: ActorDep) -> Response:
    """The ZIP; every download is logged, its name is opaque."""
    with hub.database.write() as db:
        row, path = deliveries.open_zip(db, actor, hub.files, delivery_id, hub.now())
        name = f"{row.id}.zip"
    return RangeFile(path, "application/zip", name)


@router.get("/deliveries/{delivery_id}/minutes")
def minutes(delivery_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Biên bản bàn giao dữ liệu, to be printed and signed; what is not known yet stays as dots."""
    now = hub.now()
    with hub.database.read() as db:
        row, thing = deliveries.load(db, actor, delivery_id, now)
        if row.state not in (DeliveryState.READY, DeliveryState.HANDED):
            raise WrongState("delivery", row.state.value)
        site = db.get(Site, thing.site_id) if thing.site_id else None
        order = db.get(Order, row.order_id) if row.order_id else None
        at = row.handed_at or now
        context = HandoverPrint(
            **paper_head(db, site, at, "Số: ……/BB-TCD", f"/deliveries/{delivery_id}"),
            copy=row.kind is DeliveryKind.COPY, begins=prints.when(at), where=row.place or place_of(db, thing),
            giver=row.giver or actor.name, giver_title=row.giver_title or user_title(db, actor),
            receiver=receiver_of(db, row, thing), receiver_paper=row.receiver_paper,
            order_line=words.order_line(order, "vi"), purpose=order.purpose if order else "",
            medium=formats.joined([words.MEDIUM[row.medium.value] if row.medium else "", row.medium_label]),
            contents=contents_of(db, row, "vi"), length=f"{row.length} byte ({formats.size(row.length)})",
            sha256=row.sha256, sums_sha256=row.sums_sha256, restricted=thing.restricted,
        )  # fmt: skip
        return page(request, context, chrome=frame(db, request, actor, "/custody"))


def paper_head(db: Session, site: Site | None, at: datetime, number: str, back: str) -> dict[str, Any]:
    """Head of a printed form of custody."""
    if site is not None:
        return {**prints.head(db, site, at, number), "back_url": back}
    on = formats.local(at).date()
    return {"parent_body": "", "body": "", "number_line": number, "place": "", "on": on, "back_url": back}


@router.get("/disposals/{disposal_id}/certificate")
def certificate(disposal_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """Biên bản tiêu hủy: printed from the signed certificate."""
    with hub.database.read() as db:
        row, thing = disposals.load(db, actor, disposal_id, hub.now())
        if row.state is not DisposalState.DONE or row.destroyed_at is None:
            raise WrongState("disposal", row.state.value)
        said = json.loads(row.certificate)
        site = db.get(Site, thing.site_id) if thing.site_id else None
        back = f"/custody/{row.object_kind}/{row.object_id}"
        context = CertificatePrint(
            **paper_head(db, site, row.destroyed_at, "Số: ……/BB-TH", back),
            about=casefile.label_of(db, actor, row.object_kind, row.object_id, hub.now(), "vi"),
            basis=row.basis, reason=row.reason,
            proposed=f"{words.by(db, row.proposed_by)}, {formats.stamp(row.proposed_at)}",
            approved=f"{words.by(db, row.decided_by)}, {formats.stamp(row.decided_at)}",
            destroyed=prints.when(row.destroyed_at),
            total=f"{said['total']['files']} tệp, {said['total']['bytes']} byte",
            rows=[(one["what"], one["path"], str(one["length"]), one["sha256"]) for one in said["files"]],
            sha256=hashlib.sha256(row.certificate.encode()).hexdigest(), key_id=row.key_id,
            json_url=f"/api/disposals/{row.id}/certificate.json",
        )  # fmt: skip
        return page(request, context, chrome=frame(db, request, actor, "/custody"))


@router.get("/api/disposals/{disposal_id}/{name}")
def certificate_file(disposal_id: str, name: str, hub: HubDep, actor: ActorDep) -> Response:
    """The certificate's bytes (certificate.json) or its signature (certificate.sig), to be checked outside."""
    with hub.database.read() as db:
        row, _ = disposals.load(db, actor, disposal_id, hub.now())
        if row.state is not DisposalState.DONE or name not in ("certificate.json", "certificate.sig"):
            raise WrongState("disposal", row.state.value)
        data = row.certificate.encode() if name.endswith("json") else bytes.fromhex(row.signature)
    kind = "application/json" if name.endswith("json") else "application/octet-stream"
    return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
