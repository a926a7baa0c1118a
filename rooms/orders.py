"""Orders (quyết định, lệnh, văn bản đồng ý) under which a record is extracted, copied or handed over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rooms import audit
from rooms.actor import Actor
from rooms.errors import Invalid
from rooms.localtime import local_date
from rooms.manifest import canonical, sha256_hex
from rooms.models import Order

MOST = 500


@dataclass(frozen=True, slots=True)
class OrderForm:
    """Who ordered it, the paper's number and day, and what for; as typed."""

    issuer: str
    number: str
    dated: dt.date | None
    purpose: str
    issuer_title: str = ""


def record(db: Session, actor: Actor, kind: str, object_id: str, form: OrderForm, now: dt.datetime) -> Order:
    """Write an order down. The caller has checked that the actor may carry it out.

    Raises Invalid order.incomplete (``values['field']``: issuer, number, dated, purpose), order.future.
    """
    for name in ("issuer", "number", "dated", "purpose"):
        value = getattr(form, name)
        if value is None or (isinstance(value, str) and not value.strip()):
            raise Invalid("order.incomplete", "Say who ordered it, number, date and purpose.", field=name)
    assert form.dated is not None
    if form.dated > local_date(now):
        raise Invalid("order.future", "The order is dated in the future.", field="dated")
    words = {
        "issuer": form.issuer.strip()[:MOST], "issuer_title": form.issuer_title.strip()[:MOST],
        "number": form.number.strip()[:MOST], "purpose": form.purpose.strip()[:2000],
    }  # fmt: skip
    stated = {**words, "dated": form.dated.isoformat(), "object": object_id}
    row = Order(object_kind=kind, object_id=object_id, dated=form.dated, sha256=sha256_hex(canonical(stated)), **words)
    row.recorded_at, row.recorded_by = now, actor.user_id
    db.add(row)
    db.flush()
    audit.log(db, actor, "order.recorded", kind, object_id, now, detail={"order": row.id})
    return row
