"""What leaves the house: a citizen's copy of one session, a hand-over package of a whole file; and its minutes.

A citizen's copy holds what that citizen said and heard, and only papers of their own visit: documents that other
points showed, and papers of others, cannot be chosen at all. What the citizen's own point recorded by itself while it
had no hub goes with its recording; what other points recorded so the citizen never heard, and it stays out. What was
chosen is written down when it is asked for; the worker looks at rights again when it builds, because they may have
changed in between.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit, custodians, extracts, filed, jobs, orders
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid, NotFound, WrongState
from rooms.files import FileStore
from rooms.models import (
    Case,
    Delivery,
    Extract,
    Minutes,
    Package,
    Paper,
    Participant,
    Petition,
    ReceptionSession,
    Visit,
)
from rooms.orders import OrderForm
from rooms.words import DeliveryKind, DeliveryState, ExtractState, Medium, MinutesState

KIND = "deliver"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may go into a copy. ``kind``: extract, lane, minutes, paper; ``id``: of a lane its name."""

    kind: str
    id: str

    @property
    def name(self) -> str:
        """As a form sends it."""
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class HandOver:
    """The act of handing over, as typed."""

    receiver: str
    medium: str
    place: str
    giver: str
    giver_title: str = ""
    receiver_paper: str = ""
    medium_label: str = ""


def choices(db: Session, session: ReceptionSession) -> list[Choice]:
    """All that may go into the citizen's copy of a session; the caller has loaded it for the actor."""
    own = own_points(db, session.id)
    recorded = extracts.lanes_of(db, session.id)
    fit = {lane.name for lane in recorded if lane.kind == "point" or lane.participant_id in own}
    made = [
        Choice("extract", row.id)
        for row in extracts.of_session(db, session.id)
        if row.state is ExtractState.READY and set(row.lanes) <= fit
    ]
    lanes = [Choice("lane", lane.name) for lane in recorded if lane.name in fit]
    frozen = sa.select(Minutes.id).where(Minutes.session_id == session.id, Minutes.state == MinutesState.FROZEN)
    minutes = list(db.scalars(frozen))
    papers = [Choice("paper", one) for one in _own_papers(db, session, minutes)]
    return [*made, *lanes, *(Choice("minutes", one) for one in minutes), *papers]


def own_points(db: Session, session_id: str) -> set[str]:
    """The participants of a session where its citizen sat."""
    here = sa.and_(Participant.session_id == session_id, Participant.receives_visit.is_(True))
    return set(db.scalars(sa.select(Participant.id).where(here)))


def _own_papers(db: Session, session: ReceptionSession, minutes: Sequence[str]) -> list[str]:
    """Papers handed in at the visit itself, and those of its session and minutes."""
    owners = [("session", session.id), *(("minutes", one) for one in minutes)]
    if session.visit_id is not None:
        owners.append(("visit", session.visit_id))
        handed = sa.select(Petition.id).where(Petition.visit_id == session.visit_id)
        owners += [("petition", one) for one in db.scalars(handed)]
    named = sa.or_(*(sa.and_(Paper.owner_kind == kind, Paper.owner_id == name) for kind, name in owners))
    found = sa.select(Paper.id).where(named, Paper.withdrawn_at.is_(None), Paper.destroyed_at.is_(None))
    return list(db.scalars(found.order_by(Paper.added_at, Paper.id)))


def ask_copy(
    db: Session, actor: Actor, session_id: str, chosen: Sequence[str], order: OrderForm, reason: str, now: dt.datetime
) -> Delivery:
    """Ask for a citizen's copy under an order. ``chosen``: names of choices.

    Raises NotFound, Forbidden, WrongState unless the record is locked and there, Invalid (delivery.nothing,
    delivery.not_citizens for what does not belong to this citizen, custody.reason_missing, order.*).
    """
    session = access.load_recording(db, actor, session_id, now=now)
    custodians.need(custodians.may_copy(db, actor, session, now))
    package = db.scalar(sa.select(Package).where(Package.session_id == session_id))
    if package is None or package.disposed_at is not None:
        raise WrongState("session", session.state.value)
    there = {one.name: one for one in choices(db, session)}
    if not chosen:
        raise Invalid("delivery.nothing", "Choose what goes into the copy.", field="contents")
    if any(name not in there for name in chosen):
        raise Invalid("delivery.not_citizens", "This does not belong into this citizen's copy.", field="contents")
    words = custodians.need_reason(reason, session.restricted)
    paper = orders.record(db, actor, "session", session_id, order, now)
    row = Delivery(kind=DeliveryKind.COPY, session_id=session_id, order_id=paper.id, reason=words[:2000])
    row.contents = [{"kind": one.kind, "id": one.id} for name, one in there.items() if name in chosen]
    return _ask(db, actor, row, now)


def ask_handover(db: Session, actor: Actor, case_id: str, order: OrderForm, reason: str, now: dt.datetime) -> Delivery:
    """Ask for the hand-over package of a file, under an order: all in it that the actor may see.

    Raises NotFound, Forbidden, Invalid (delivery.nothing, custody.reason_missing, order.*).
    """
    case = access.load_case(db, actor, case_id, now=now)
    custodians.need(custodians.may_keep(db, actor, case, now))
    words = custodians.need_reason(reason, case.restricted)
    paper = orders.record(db, actor, "case", case_id, order, now)
    row = Delivery(kind=DeliveryKind.HANDOVER, case_id=case_id, order_id=paper.id, reason=words[:2000])
    row.contents = [{"kind": kind, "id": name} for kind, name in file_contents(db, actor, case, now)]
    if not any(one["kind"] != "case" for one in row.contents):
        raise Invalid("delivery.nothing", "There is nothing in this file yet.", field="contents")
    return _ask(db, actor, row, now)


def file_contents(db: Session, actor: Actor, case: Case, now: dt.datetime) -> list[tuple[str, str]]:
    """What of a file goes over: each thing only if the actor may see it, a record only if they may take it out."""
    held = filed.of_case(db, case.id)
    found: list[tuple[str, str]] = [("case", case.id)]
    models: tuple[tuple[str, Any, Sequence[str]], ...] = (
        ("visit", Visit, held.visits), ("petition", Petition, held.petitions),
        ("session", ReceptionSession, held.sessions),
    )  # fmt: skip
    seen: set[str] = {case.id}
    for kind, model, ids in models:
        query = sa.select(model).where(model.id.in_(ids), access.readable(db, actor, model, now))
        for thing in db.scalars(query):
            if kind == "session" and not custodians.may_extract(db, actor, thing, now):
                continue
            found.append((kind, thing.id))
            seen.add(thing.id)
    for minutes in db.scalars(sa.select(Minutes).where(Minutes.id.in_(held.minutes))):
        if {minutes.session_id, minutes.visit_id} & seen:
            found.append(("minutes", minutes.id))
            seen.add(minutes.id)
    for paper in db.scalars(sa.select(Paper).where(Paper.id.in_(held.papers))):
        if paper.owner_id in seen and paper.withdrawn_at is None and paper.destroyed_at is None:
            found.append(("paper", paper.id))
    return found


def _ask(db: Session, actor: Actor, row: Delivery, now: dt.datetime) -> Delivery:
    row.state, row.created_at, row.created_by = DeliveryState.MAKING, now, actor.user_id
    db.add(row)
    db.flush()
    jobs.enqueue(db, KIND, {"delivery": row.id}, now, key=row.id, max_attempts=3, created_by=actor.user_id)
    log(db, actor, "delivery.asked", row, now, reason=row.reason)
    return row


def log(db: Session, actor: Actor, action: str, row: Delivery, now: dt.datetime, *, reason: str = "") -> None:
    """In the file or at the session it is about; a hand-over at each record in it, too."""
    detail = {"delivery": row.id, "kind": row.kind.value}
    about = ("case", row.case_id) if row.case_id else ("session", row.session_id)
    audit.log(db, actor, action, about[0], str(about[1]), now, reason=reason, detail=detail)
    for one in row.contents:
        if one["kind"] == "session" and one["id"] != about[1]:
            audit.log(db, actor, action, "session", one["id"], now, reason=reason, detail=detail)


def load(db: Session, actor: Actor, delivery_id: str, now: dt.datetime) -> tuple[Delivery, Case | ReceptionSession]:
    """A delivery and what it is about, for who may prepare such a one. Raises NotFound, Forbidden."""
    row = db.get(Delivery, delivery_id)
    if row is None:
        raise NotFound()
    if row.session_id is not None:
        session = access.load_recording(db, actor, row.session_id, now=now)
        custodians.need(custodians.may_copy(db, actor, session, now))
        return row, session
    case = access.load_case(db, actor, row.case_id or "", now=now)
    custodians.need(custodians.may_keep(db, actor, case, now))
    return row, case


def of(db: Session, *, session_id: str = "", case_id: str = "") -> list[Delivery]:
    """Deliveries of a session or file, newest first; the caller has loaded it."""
    named = Delivery.session_id == session_id if session_id else Delivery.case_id == case_id
    return list(db.scalars(sa.select(Delivery).where(named).order_by(Delivery.created_at.desc(), Delivery.id)))


def open_zip(db: Session, actor: Actor, files: FileStore, delivery_id: str, now: dt.datetime) -> tuple[Delivery, Any]:
    """The ZIP for download, logged; needs a write transaction. Raises NotFound, Forbidden, WrongState."""
    row, _ = load(db, actor, delivery_id, now)
    if row.state not in (DeliveryState.READY, DeliveryState.HANDED) or row.removed_at is not None:
        raise WrongState("delivery", row.state.value)
    path = files.path_of(row.path)
    log(db, actor, "delivery.downloaded", row, now)
    return row, path


def hand_over(db: Session, actor: Actor, delivery_id: str, form: HandOver, now: dt.datetime) -> Delivery:
    """Write down that it was handed over: by whom, to whom, on what, where. The receiver of a restricted record stays
    under the pseudonym. Raises NotFound, Forbidden, WrongState, Invalid delivery.incomplete (``values['field']``).
    """
    row, thing = load(db, actor, delivery_id, now)
    if row.state is not DeliveryState.READY:
        raise WrongState("delivery", row.state.value)
    for name in ("receiver", "giver", "place", "medium"):
        if not getattr(form, name).strip() and not (name == "receiver" and thing.restricted):
            raise Invalid("delivery.incomplete", "Say who gave, who received, where and on what.", field=name)
    if form.medium not in set(Medium):
        raise Invalid("delivery.incomplete", "Say who gave, who received, where and on what.", field="medium")
    row.receiver = pseudonym(db, thing) if thing.restricted else form.receiver.strip()[:200]
    row.receiver_paper = "" if thing.restricted else form.receiver_paper.strip()[:200]
    row.giver, row.giver_title = form.giver.strip()[:200], form.giver_title.strip()[:200]
    row.medium, row.medium_label, row.place = (
        Medium(form.medium),
        form.medium_label.strip()[:200],
        form.place.strip()[:500],
    )
    row.state, row.handed_at, row.handed_by = DeliveryState.HANDED, now, actor.user_id
    log(db, actor, "delivery.handed", row, now)
    db.flush()
    return row


def pseudonym(db: Session, thing: Case | ReceptionSession) -> str:
    """How the person of a restricted record is called."""
    if isinstance(thing, Case):
        return thing.pseudonym
    visit = db.get(Visit, thing.visit_id) if thing.visit_id else None
    return visit.pseudonym if visit is not None else ""


def cancel(db: Session, actor: Actor, delivery_id: str, now: dt.datetime) -> Delivery:
    """Ask that it be given up; at once while it waits. Raises NotFound, Forbidden, WrongState once it is there."""
    row, _ = load(db, actor, delivery_id, now)
    if row.state is not DeliveryState.MAKING:
        raise WrongState("delivery", row.state.value)
    if jobs.cancel_by_key(db, KIND, row.id, now):
        give_up(db, row.id, DeliveryState.CANCELLED)
    log(db, actor, "delivery.cancelled", row, now)
    return row


# --- the worker's side -----------------------------------------------------------------------------------------------


def to_make(db: Session, actor: Actor, delivery_id: str, now: dt.datetime) -> Delivery:
    """What is to be built, its rights asked again for who asked for it. Raises NotFound, Forbidden, WrongState."""
    row, thing = load(db, actor, delivery_id, now)
    if row.state is not DeliveryState.MAKING:
        raise WrongState("delivery", row.state.value)
    if isinstance(thing, Case):
        there = set(file_contents(db, actor, thing, now))
    else:
        there = {(one.kind, one.id) for one in choices(db, thing)}
    if not {(one["kind"], one["id"]) for one in row.contents} <= there:
        raise Forbidden("delivery.changed", "What was chosen is not there any more, or not open any more.")
    return row


def finish(db: Session, delivery_id: str, made: Mapping[str, Any], now: dt.datetime) -> Delivery:
    """The ZIP is there: ``made`` has path, length, sha256, sums_sha256. Raises WrongState when it was cancelled."""
    row = db.get_one(Delivery, delivery_id, with_for_update=True)
    if row.state is not DeliveryState.MAKING:
        raise WrongState("delivery", row.state.value)
    row.path, row.length, row.sha256 = made["path"], made["length"], made["sha256"]
    row.sums_sha256, row.state, row.made_at, row.error = made["sums_sha256"], DeliveryState.READY, now, ""
    db.flush()
    return row


def give_up(db: Session, delivery_id: str, state: DeliveryState, code: str = "") -> None:
    """It failed for good, or was cancelled."""
    row = db.get(Delivery, delivery_id, with_for_update=True)
    if row is not None and row.state is DeliveryState.MAKING:
        row.state, row.error = state, code[:200]
        db.flush()


def extract_rows(db: Session, row: Delivery) -> list[Extract]:
    """The extracts that were chosen."""
    ids = [one["id"] for one in row.contents if one["kind"] == "extract"]
    return list(db.scalars(sa.select(Extract).where(Extract.id.in_(ids)).order_by(Extract.from_utc)))
