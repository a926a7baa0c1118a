"""Legal hold (giữ lại, không tiêu hủy): by whom, why and on what paper; only a second person lifts it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import audit, custodians
from rooms.actor import Actor
from rooms.errors import Conflict, NotFound, WrongState
from rooms.models import Disposal, Hold
from rooms.words import DisposalState


def place(db: Session, actor: Actor, kind: str, object_id: str, basis: str, reason: str, now: dt.datetime) -> Hold:
    """Hold a file or record. One person is enough to hold; it costs nothing but time.

    Raises NotFound, Forbidden, Invalid custody.reason_missing, Conflict hold.too_late once it is being destroyed.
    """
    thing = custodians.load(db, actor, kind, object_id, now)
    custodians.need(custodians.may_second(db, actor, thing, now) or custodians.may_keep(db, actor, thing, now))
    words = custodians.need_reason(reason, field="hold_reason")
    going = sa.select(Disposal.id).where(
        Disposal.object_kind == kind, Disposal.object_id == object_id,
        Disposal.state.in_((DisposalState.RUNNING, DisposalState.DONE)),
    )  # fmt: skip
    if db.scalar(going.limit(1)) is not None:
        raise Conflict("hold.too_late", "It has been destroyed, or is being destroyed.")
    row = Hold(object_kind=kind, object_id=object_id, basis=basis.strip()[:500], reason=words[:2000])
    row.placed_at, row.placed_by = now, actor.user_id
    db.add(row)
    db.flush()
    audit.log(db, actor, "hold.placed", kind, object_id, now, reason=words, detail={"hold": row.id})
    return row


def ask_to_lift(db: Session, actor: Actor, hold_id: str, reason: str, now: dt.datetime) -> Hold:
    """Ask that it be lifted; it goes on until somebody else confirms. Raises NotFound, Forbidden, Invalid, WrongState
    when it was lifted, or when that is asked already."""
    row = _load(db, actor, hold_id, now)
    words = custodians.need_reason(reason, field="lift_reason")
    if row.lifted_at is not None or row.lift_asked_at is not None:
        raise WrongState("hold", "lifted" if row.lifted_at else "asked")
    row.lift_reason, row.lift_asked_at, row.lift_asked_by = words[:2000], now, actor.user_id
    audit.log(db, actor, "hold.lift_asked", row.object_kind, row.object_id, now, reason=words, detail={"hold": row.id})
    db.flush()
    return row


def decide_lift(db: Session, actor: Actor, hold_id: str, agreed: bool, now: dt.datetime) -> Hold:
    """The second person lifts it, or lets it stand. Raises NotFound, Forbidden (custody.same_person), WrongState."""
    row = _load(db, actor, hold_id, now)
    thing = custodians.load(db, actor, row.object_kind, row.object_id, now)
    if row.lift_asked_at is None or row.lifted_at is not None:
        raise WrongState("hold", "lifted" if row.lifted_at else "placed")
    if agreed:
        custodians.need_second(db, actor, thing, row.lift_asked_by, now)
        row.lifted_at, row.lifted_by = now, actor.user_id
    else:  # letting it stand needs nobody's consent, not even a second person's
        row.lift_asked_at, row.lift_asked_by, row.lift_reason = None, None, ""
    action = "hold.lifted" if agreed else "hold.kept"
    audit.log(db, actor, action, row.object_kind, row.object_id, now, detail={"hold": row.id})
    db.flush()
    return row


def _load(db: Session, actor: Actor, hold_id: str, now: dt.datetime) -> Hold:
    row = db.get(Hold, hold_id, with_for_update=True)
    if row is None:
        raise NotFound()
    thing = custodians.load(db, actor, row.object_kind, row.object_id, now)
    custodians.need(custodians.may_keep(db, actor, thing, now) or custodians.may_second(db, actor, thing, now))
    return row


def of(db: Session, kind: str, object_id: str) -> list[Hold]:
    """All holds of an object, also lifted ones, oldest first; the caller has loaded the object."""
    found = sa.select(Hold).where(Hold.object_kind == kind, Hold.object_id == object_id)
    return list(db.scalars(found.order_by(Hold.placed_at, Hold.id)))


def in_force(db: Session, objects: Sequence[tuple[str, str]]) -> list[Hold]:
    """Holds that still stand on any of these objects (kind, id)."""
    if not objects:
        return []
    named = sa.or_(*(sa.and_(Hold.object_kind == kind, Hold.object_id == name) for kind, name in objects))
    return list(db.scalars(sa.select(Hold).where(named, Hold.lifted_at.is_(None)).order_by(Hold.placed_at)))
