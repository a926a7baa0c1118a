"""Lưu giữ, trích xuất, bàn giao: one page per record and per file for all that happens after the lock, and the list of
what waits for somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rooms import access, custodians, deliveries, disposals, extracts, holds, jobs, recordings, retention
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, NotFound, RoomsError
from rooms.models import Case, CaseLink, Delivery, Disposal, Extract, Hold, Order, ReceptionSession
from rooms.words import DeliveryKind, DisposalState, LinkPending, Role
from web.deps import ActorDep, HubDep
from web.hub import Hub
from web.i18n import N_, language_of
from web.pages import casefile, formats
from web.pages import custodywords as words
from web.pages.contexts_custody import (
    ClassRow,
    CustodyPage,
    DisposalRow,
    HoldRow,
    KeepingPage,
    MadeRow,
    RetentionView,
)
from web.pages.custodywords import say
from web.pages.render import page
from web.pages.viewer import FormDep, flash_of, frame, go, text_of

router = APIRouter()

KINDS = ("session", "case")
KEEPERS = (Role.RECORDS, Role.COMPETENT, Role.SITE_OFFICER)


@router.get("/custody")
def waiting(request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """What waits for a second person, and the classes of retention with their sources."""
    if not actor.has_role(*KEEPERS) and not actor.grants:
        raise Forbidden()
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        going, asked = disposals.waiting(db, actor, now)
        context = KeepingPage(
            disposals=[disposal_row(db, actor, row, now, language) for row in going],
            holds=[
                (casefile.label_of(db, actor, row.object_kind, row.object_id, now, language),
                 f"/custody/{row.object_kind}/{row.object_id}", hold_row(db, actor, row, now))
                for row in asked
            ],
            links=pending_links(db, actor, now, language),
            classes=[
                ClassRow(
                    say(words.RETENTION[one.key], language), words.years_of(one, language), one.source,
                    say(words.SURE[one.sure], language), formats.day(one.valid_from),
                )
                for one in retention.classes(db, now)
            ],
        )  # fmt: skip
        return page(request, context, chrome=frame(db, request, actor, "/custody"), flash=flash_of(request))


def pending_links(db: Session, actor: Actor, now: datetime, language: str) -> list[tuple[str, str]]:
    """Files in which a link, its end or a joining waits for a second person."""
    places = access.sites_with(db, actor, Right.ARCHIVE, now) | access.sites_with(db, actor, Right.APPROVE, now)
    query = (
        select(Case)
        .join(CaseLink, CaseLink.case_id == Case.id)
        .where(
            CaseLink.pending != LinkPending.NONE, CaseLink.unlinked_at.is_(None), Case.site_id.in_(places),
            access.readable(db, actor, Case, now),
        )
        .distinct()
    )  # fmt: skip
    return [
        (casefile.label_of(db, actor, "case", one.id, now, language), f"/cases/{one.id}")
        for one in db.scalars(query.limit(100))
    ]


@router.get("/custody/jobs/{kind}/{key}")
def progress(kind: str, key: str, request: Request, hub: HubDep, actor: ActorDep) -> JSONResponse:
    """How far an extract, delivery or disposal is, for who may see it."""
    language = language_of(request)
    with hub.database.read() as db:
        loaders: dict[str, Callable[..., Any]] = {
            extracts.KIND: extracts.load, deliveries.KIND: deliveries.load, "dispose": disposals.load,
        }  # fmt: skip
        if kind not in loaders:
            raise NotFound()
        loaders[kind](db, actor, key, hub.now())
        job = jobs.newest(db, kind, key)
        if job is None:
            raise NotFound()
        over = job.state.value not in ("queued", "running")
        percent = round(job.progress * 100)
        return JSONResponse({"over": over, "percent": percent, "word": words.job_word(job, language)})


@router.get("/custody/{kind}/{object_id}")
def show(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep) -> Response:
    """The page of one record or file."""
    return custody_page(request, hub, actor, kind, object_id)


@router.post("/custody/{kind}/{object_id}/retention")
def give_class(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Give it a class of retention."""

    def work(db: Session) -> None:
        key, reason = text_of(form, "retention", 32), text_of(form, "retention_reason", 500)
        retention.give(db, actor, kind, object_id, key, reason, hub.now())

    return change(request, hub, actor, kind, object_id, form, work, "classed", "retention")


@router.post("/custody/{kind}/{object_id}/holds")
def hold(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Hold it."""

    def work(db: Session) -> None:
        basis, reason = text_of(form, "hold_basis", 500), text_of(form, "hold_reason", 2000)
        holds.place(db, actor, kind, object_id, basis, reason, hub.now())

    return change(request, hub, actor, kind, object_id, form, work, "held", "hold_reason")


@router.post("/custody/{kind}/{object_id}/holds/{hold_id}/{step}")
def lift(
    kind: str, object_id: str, hold_id: str, step: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep
) -> Response:  # fmt: skip
    """Ask that a hold be lifted (``ask``), lift it (``lift``) or let it stand (``keep``)."""

    def work(db: Session) -> None:
        row = db.get(Hold, hold_id)
        if row is None or (row.object_kind, row.object_id) != (kind, object_id) or step not in ("ask", "lift", "keep"):
            raise NotFound()
        if step == "ask":
            holds.ask_to_lift(db, actor, hold_id, text_of(form, "lift_reason", 2000), hub.now())
        else:
            holds.decide_lift(db, actor, hold_id, step == "lift", hub.now())

    done = {"ask": "pending", "lift": "lifted", "keep": "kept"}.get(step, "")
    return change(request, hub, actor, kind, object_id, form, work, done, f"lift_reason-{hold_id}")


@router.post("/custody/{kind}/{object_id}/disposals")
def propose(kind: str, object_id: str, request: Request, hub: HubDep, actor: ActorDep, form: FormDep) -> Response:
    """Propose its disposal."""

    def work(db: Session) -> None:
        basis, reason = text_of(form, "basis", 500), text_of(form, "disposal_reason", 2000)
        disposals.propose(db, actor, kind, object_id, basis, reason, hub.now())

    return change(request, hub, actor, kind, object_id, form, work, "pending", "disposal_reason")


@router.post("/custody/{kind}/{object_id}/disposals/{disposal_id}/{step}")
def decide(
    kind: str, object_id: str, disposal_id: str, step: str, request: Request, hub: HubDep, actor: ActorDep,
    form: FormDep,
) -> Response:  # fmt: skip
    """Approve (the worker then destroys), refuse or withdraw."""

    def work(db: Session) -> None:
        row = db.get(Disposal, disposal_id)
        if row is None or (row.object_kind, row.object_id) != (kind, object_id):
            raise NotFound()
        if step == "withdraw":
            disposals.withdraw(db, actor, disposal_id, hub.now())
        elif step in ("approve", "refuse"):
            said = text_of(form, "decision", 2000)
            disposals.decide(db, actor, disposal_id, step == "approve", said, hub.now())
            if step == "approve":
                payload = {"disposal": disposal_id}
                jobs.enqueue(db, "dispose", payload, hub.now(), key=disposal_id, created_by=actor.user_id)
        else:
            raise NotFound()

    done = {"approve": "approved", "refuse": "not-approved", "withdraw": "withdrawn"}.get(step, "")
    return change(request, hub, actor, kind, object_id, form, work, done, f"decision-{disposal_id}")


def change(
    request: Request, hub: Hub, actor: Actor, kind: str, object_id: str, form: FormData,
    work: Callable[[Session], None], done: str, field: str,
) -> Response:  # fmt: skip
    """One step in one transaction; a refusal shows the page again beside ``field``."""
    need_kind(kind)
    try:
        with hub.database.write() as db:
            work(db)
    except RoomsError as error:
        errors = words.refused(error, language_of(request), field)
        return custody_page(request, hub, actor, kind, object_id, form, errors)
    return go(f"/custody/{kind}/{object_id}?done={done}")


def need_kind(kind: str) -> None:
    """Raises NotFound for what has no such page."""
    if kind not in KINDS:
        raise NotFound()


def custody_page(
    request: Request, hub: Hub, actor: Actor, kind: str, object_id: str, form: FormData | None = None,
    errors: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    """The page, for who may keep, copy or be the second person. Raises NotFound, Forbidden."""
    need_kind(kind)
    now, language = hub.now(), language_of(request)
    with hub.database.read() as db:
        thing = custodians.load(db, actor, kind, object_id, now)
        keep = custodians.may_keep(db, actor, thing, now)
        second = custodians.may_second(db, actor, thing, now)
        copy = kind == "session" and custodians.may_copy(db, actor, thing, now)
        custodians.need(keep or second or copy)
        package = recordings.package_of(db, object_id) if kind == "session" else None
        there = package is not None and package.disposed_at is None
        kept = retention.of(db, thing, now)
        context = CustodyPage(
            kind=kind, object_id=object_id, heading=casefile.label_of(db, actor, kind, object_id, now, language),
            sub=thing.title if kind == "case" and not thing.restricted else "",
            back_url=f"/cases/{object_id}" if kind == "case" else f"/replay/{object_id}",
            extracts=extract_rows(db, actor, thing, now, language),
            deliveries=delivery_rows(db, thing, language),
            may_extract=there and custodians.may_extract(db, actor, thing, now),
            may_deliver=(there and copy) if kind == "session" else keep,
            may_keep=keep, may_second=second, restricted=thing.restricted,
            retention=retention_view(kept, language),
            classes={one.key: words.RETENTION[one.key] for one in retention.classes(db, now)},
            holds=[hold_row(db, actor, row, now) for row in holds.of(db, kind, object_id)],
            disposals=[disposal_row(db, actor, row, now, language) for row in disposals.of(db, kind, object_id)],
            obstacles=obstacle_words(db, thing, now, language),
            gone_at=package.disposed_at if package is not None else None,
            records=records_of(db, actor, thing, now, language),
            form=form or {}, errors=errors or {},
        )  # fmt: skip
        training = getattr(thing, "training_space_id", None) is not None
        chrome = frame(db, request, actor, "/custody", training=training)
        return page(request, context, chrome=chrome, flash=flash_of(request), status=422 if errors else 200)


def records_of(
    db: Session, actor: Actor, thing: Case | ReceptionSession, now: datetime, language: str
) -> list[tuple[str, str]]:
    """The records of a file, each with its own page."""
    if not isinstance(thing, Case):
        return []
    return [
        (casefile.label_of(db, actor, "session", one.session_id, now, language), f"/custody/session/{one.session_id}")
        for one in recordings.list_for_case(db, actor, thing.id, now)
    ]


def extract_rows(
    db: Session, actor: Actor, thing: Case | ReceptionSession, now: datetime, language: str
) -> list[MadeRow]:
    """Extracts, for who may see the record."""
    if isinstance(thing, Case) or Right.REPLAY not in custodians.rights(db, actor, thing, now):
        return []
    return [extract_row(db, row, language) for row in extracts.of_session(db, thing.id)]


def extract_row(db: Session, row: Extract, language: str) -> MadeRow:
    """An extract in a list."""
    word, tone = words.STATE[row.state.value]
    points = ", ".join(words.lane_name(db, one, language) for one in row.lanes)
    what = formats.joined([words.span_of(row.from_utc, row.to_utc), points])
    order = words.order_line(db.get(Order, row.order_id), language)
    by = words.by(db, row.created_by)
    return MadeRow(f"/extracts/{row.id}", what, order, say(word, language), tone, row.created_at, by)


def delivery_rows(db: Session, thing: Case | ReceptionSession, language: str) -> list[MadeRow]:
    """Copies of a record, or hand-overs of a file and of the files it is in."""
    rows = deliveries.of(db, case_id=thing.id) if isinstance(thing, Case) else deliveries.of(db, session_id=thing.id)
    return [delivery_row(db, row, language) for row in rows]


def delivery_row(db: Session, row: Delivery, language: str) -> MadeRow:
    """A delivery in a list."""
    word, tone = words.STATE[row.state.value]
    name = N_("Bản sao cho công dân") if row.kind is DeliveryKind.COPY else N_("Gói bàn giao hồ sơ")
    what = formats.joined([say(name, language), row.receiver])
    order = words.order_line(db.get(Order, row.order_id) if row.order_id else None, language)
    by = words.by(db, row.created_by)
    return MadeRow(f"/deliveries/{row.id}", what, order, say(word, language), tone, row.created_at, by)


def retention_view(kept: retention.Kept, language: str) -> RetentionView:
    """How long, and how sure that is."""
    if kept.cls.years is None:
        until = say(N_("Vĩnh viễn"), language)
    elif kept.until is None:
        until = say(N_("Tính từ cuối năm kết thúc vụ việc"), language)
    else:
        until = say(N_("Đến hết %(day)s"), language, day=formats.day(kept.until))
    return RetentionView(
        say(words.RETENTION[kept.cls.key], language), words.years_of(kept.cls, language), until, kept.cls.source,
        say(words.SURE[kept.cls.sure], language), kept.reason, kept.cls.key,
    )  # fmt: skip


def hold_row(db: Session, actor: Actor, row: Hold, now: datetime) -> HoldRow:
    """A hold, and what the reader may do about it."""
    thing = db.get_one(Case if row.object_kind == "case" else ReceptionSession, row.object_id)
    asked = row.lift_asked_at is not None and row.lifted_at is None
    own = row.lift_asked_by == actor.user_id
    second = custodians.may_second(db, actor, thing, now)  # type: ignore[arg-type]
    return HoldRow(
        row.id, row.basis, row.reason, row.placed_at, words.by(db, row.placed_by), row.lifted_at,
        words.by(db, row.lifted_by) if row.lifted_at else "", words.by(db, row.lift_asked_by) if asked else "",
        row.lift_reason, own, asked and second and not own,
    )  # fmt: skip


def disposal_row(db: Session, actor: Actor, row: Disposal, now: datetime, language: str) -> DisposalRow:
    """A disposal, and what the reader may do about it."""
    thing: Any = db.get_one(Case if row.object_kind == "case" else ReceptionSession, row.object_id)
    word, tone = words.DISPOSAL[row.state.value]
    own = row.proposed_by == actor.user_id
    open_ = row.state is DisposalState.PROPOSED
    second = custodians.may_second(db, actor, thing, now)
    error = say(words.OBSTACLE[row.error], language, day="") if row.error in words.OBSTACLE else ""
    done = row.state is DisposalState.DONE
    going = row.state in (DisposalState.APPROVED, DisposalState.RUNNING)
    return DisposalRow(
        row.id, row.basis, row.reason, say(word, language), tone, row.proposed_at, words.by(db, row.proposed_by),
        words.by(db, row.decided_by) if row.decided_by else "", row.decision, error,
        f"/disposals/{row.id}/certificate" if done else "", own, open_ and second and not own,
        row.state in (DisposalState.PROPOSED, DisposalState.APPROVED),
        f"/custody/jobs/dispose/{row.id}" if going else "",
        casefile.label_of(db, actor, row.object_kind, row.object_id, now, language),
        f"/custody/{row.object_kind}/{row.object_id}",
    )  # fmt: skip


def obstacle_words(db: Session, thing: Case | ReceptionSession, now: datetime, language: str) -> list[str]:
    """Why it may not be disposed of now; each reason once."""
    found: dict[str, None] = {}
    for one in disposals.obstacles(db, thing, now):
        found[say(words.OBSTACLE[one.code], language, day=formats.day(one.until))] = None
    return list(found)
