"""What happens to a record after its lock: orders, extracts, copies that leave the house, holds, disposal."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, ref, text
from rooms.words import DeliveryKind, DeliveryState, DisposalState, ExtractState, Medium


class Order(Base):
    """Somebody with the competence ordered an extract, a copy or a hand-over: who, number, day, purpose.

    ``sha256`` is over these words: a signed supplement names it, so that they cannot be changed unseen afterwards.
    """

    __tablename__ = "custody_order"

    id: Mapped[str] = id_column()
    object_kind: Mapped[str] = mapped_column(sa.String(16))  # session, case
    object_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    issuer: Mapped[str] = text()
    issuer_title: Mapped[str] = text()
    number: Mapped[str] = text()
    dated: Mapped[dt.date]
    purpose: Mapped[str] = text()
    sha256: Mapped[str] = mapped_column(sa.String(64))
    recorded_at: Mapped[dt.datetime]
    recorded_by: Mapped[str | None] = ref("user", index=False)


class Extract(Base):
    """A stretch of a locked record, made under an order; a signed supplement once it is there. UNIX seconds.

    ``lanes``: "<participant>:<kind>" of what was chosen (point, screen, document). ``files``: name, lane, media type,
    length, SHA-256, and the moments that each file really holds.
    """

    __tablename__ = "extract"

    id: Mapped[str] = id_column()
    session_id: Mapped[str] = ref("session")
    order_id: Mapped[str] = ref("custody_order", index=False)
    supplement_id: Mapped[str | None] = ref("supplement", index=False)
    from_utc: Mapped[float] = mapped_column(sa.Float(53))
    to_utc: Mapped[float] = mapped_column(sa.Float(53))
    lanes: Mapped[list[str]] = mapped_column(default=list)
    reason: Mapped[str] = text()  # asked for restricted sessions
    state: Mapped[ExtractState] = mapped_column(default=ExtractState.MAKING)
    error: Mapped[str] = text()  # stable code
    files: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str | None] = ref("user", index=False)
    made_at: Mapped[dt.datetime | None]


class Delivery(Base):
    """A ZIP that leaves the house: a citizen's copy of one session, or a whole file handed over to another body.

    ``contents``: what was chosen, by kind and id. ``sums_sha256``: of the list of hashes in it, which can still be
    checked on a stick when the ZIP itself is gone.
    """

    __tablename__ = "delivery"

    id: Mapped[str] = id_column()
    kind: Mapped[DeliveryKind]
    session_id: Mapped[str | None] = ref("session")
    case_id: Mapped[str | None] = ref("case")
    order_id: Mapped[str | None] = ref("custody_order", index=False)
    reason: Mapped[str] = text()
    contents: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    state: Mapped[DeliveryState] = mapped_column(default=DeliveryState.MAKING)
    error: Mapped[str] = text()
    path: Mapped[str] = text()  # relative to the file store
    length: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    sums_sha256: Mapped[str] = mapped_column(sa.String(64), default="")
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str | None] = ref("user", index=False)
    made_at: Mapped[dt.datetime | None]
    receiver: Mapped[str] = text()  # the pseudonym when restricted
    receiver_paper: Mapped[str] = text()  # identity or introduction paper shown; empty when restricted
    giver: Mapped[str] = text()
    giver_title: Mapped[str] = text()
    medium: Mapped[Medium | None]
    medium_label: Mapped[str] = text()
    place: Mapped[str] = text()
    handed_at: Mapped[dt.datetime | None]
    handed_by: Mapped[str | None] = ref("user", index=False)
    removed_at: Mapped[dt.datetime | None]  # the hub's own ZIP


class Hold(Base):
    """Nothing of the object may be disposed of until a second person lifts this (đình chỉ tiêu hủy)."""

    __tablename__ = "hold"

    id: Mapped[str] = id_column()
    object_kind: Mapped[str] = mapped_column(sa.String(16))  # session, case
    object_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    basis: Mapped[str] = text()  # the paper it rests on
    reason: Mapped[str] = text()
    placed_at: Mapped[dt.datetime]
    placed_by: Mapped[str | None] = ref("user", index=False)
    lift_reason: Mapped[str] = text()
    lift_asked_at: Mapped[dt.datetime | None]
    lift_asked_by: Mapped[str | None] = ref("user", index=False)
    lifted_at: Mapped[dt.datetime | None]
    lifted_by: Mapped[str | None] = ref("user", index=False)


class RetentionMark(Base):
    """The class of retention that somebody gave to a file or to a record that belongs to none."""

    __tablename__ = "retention_mark"

    object_kind: Mapped[str] = mapped_column(sa.String(16), primary_key=True)
    object_id: Mapped[str] = mapped_column(sa.String(24), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(32))
    reason: Mapped[str] = text()
    set_at: Mapped[dt.datetime]
    set_by: Mapped[str | None] = ref("user", index=False)


class Disposal(Base):
    """The end of a record: proposed, approved by a second person, carried out, certified. The row stays for ever.

    ``inventory``: every file that is destroyed, written down before the first one goes. ``certificate``: canonical
    JSON, ``signature`` over it (hex).
    """

    __tablename__ = "disposal"

    id: Mapped[str] = id_column()
    object_kind: Mapped[str] = mapped_column(sa.String(16))  # session, case
    object_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    basis: Mapped[str] = text()
    reason: Mapped[str] = text()
    state: Mapped[DisposalState] = mapped_column(default=DisposalState.PROPOSED)
    proposed_at: Mapped[dt.datetime]
    proposed_by: Mapped[str | None] = ref("user", index=False)
    decided_at: Mapped[dt.datetime | None]
    decided_by: Mapped[str | None] = ref("user", index=False)
    decision: Mapped[str] = text()  # words of who approved or refused
    error: Mapped[str] = text()
    inventory: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    destroyed_at: Mapped[dt.datetime | None]
    certificate: Mapped[str] = text()
    signature: Mapped[str] = mapped_column(sa.String(128), default="")
    key_id: Mapped[str] = mapped_column(sa.String(64), default="")
