"""Jobs, relays, enrol tokens, audit log, settings, rule overrides, holidays, counters."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, BigId, id_column, ref, text
from rooms.words import JobState


class Job(Base):
    """Work for a worker process. Survives restarts; ``cancel_asked`` is looked at between steps."""

    __tablename__ = "job"

    id: Mapped[str] = id_column()
    kind: Mapped[str] = mapped_column(sa.String(32))
    key: Mapped[str] = mapped_column(sa.String(128), default="", index=True)  # one at a time per kind and key
    payload: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[JobState] = mapped_column(default=JobState.QUEUED, index=True)
    progress: Mapped[float] = mapped_column(default=0.0)  # 0..1
    note: Mapped[str] = text()
    attempts: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int] = mapped_column(default=5)
    run_after: Mapped[dt.datetime]
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str] = mapped_column(sa.String(64), default="")
    cancel_asked: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = text()  # code and English sentence, no personal data
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str | None] = ref("user", index=False)
    started_at: Mapped[dt.datetime | None]
    finished_at: Mapped[dt.datetime | None]


class Relay(Base):
    """An enrolled relay. ``acked``: highest report number stored. ``spool``: where its journals can be read."""

    __tablename__ = "relay"

    id: Mapped[str] = id_column()
    name: Mapped[str] = text()
    public_key: Mapped[str] = text()  # Ed25519, base64 of 32 raw bytes
    spool: Mapped[str] = text()
    boot: Mapped[str] = mapped_column(sa.String(64), default="")
    pid: Mapped[int | None]
    addresses: Mapped[list[str]] = mapped_column(default=list)
    acked: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    enrolled_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime | None]
    retired_at: Mapped[dt.datetime | None]


class EnrolToken(Base):
    """A one-time token to enrol a relay or a device; the row holds its SHA-256."""

    __tablename__ = "enrol_token"

    secret_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(16))  # relay, device
    room_id: Mapped[str | None] = ref("room", index=False)
    note: Mapped[str] = text()
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str | None] = ref("user", index=False)
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    used_for: Mapped[str] = mapped_column(sa.String(24), default="")


class AuditEntry(Base):
    """Who did or looked at what. Ids only; rows are never changed."""

    __tablename__ = "audit_entry"
    __table_args__ = (sa.Index("ix_audit_entry_object", "object_kind", "object_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    at: Mapped[dt.datetime] = mapped_column(index=True)
    user_id: Mapped[str | None] = ref("user")  # None: the system
    action: Mapped[str] = mapped_column(sa.String(64))  # "paper.opened", "vault.opened", "recording.viewed", ...
    object_kind: Mapped[str] = mapped_column(sa.String(16))
    object_id: Mapped[str] = mapped_column(sa.String(24))
    reason: Mapped[str] = text()
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Setting(Base):
    """One setting that an administrator changes while the hub runs."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[dt.datetime]
    updated_by: Mapped[str | None] = ref("user", index=False)


class RuleProfile(Base):
    """A dated profile of rules; built-in ones come from presets/rules.json, edited ones carry their source."""

    __tablename__ = "rule_profile"

    id: Mapped[str] = id_column()
    name: Mapped[str] = text()
    valid_from: Mapped[dt.date | None]  # None: since ever
    valid_to: Mapped[dt.date | None]  # exclusive; None: until further notice
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)  # rule -> {value, source, sure}
    updated_at: Mapped[dt.datetime]
    updated_by: Mapped[str | None] = ref("user", index=False)


class Holiday(Base):
    """A day off, or a working day in exchange, for clocks in working days."""

    __tablename__ = "holiday"

    on: Mapped[dt.date] = mapped_column(primary_key=True)
    name: Mapped[str] = text()
    works: Mapped[bool] = mapped_column(default=False)  # True: a day worked in exchange


class Counter(Base):
    """Last number given in a book of a site and year; numbers have no holes."""

    __tablename__ = "counter"

    site_id: Mapped[str] = ref("site", primary_key=True)
    book: Mapped[str] = mapped_column(sa.String(16), primary_key=True)  # visit, petition, case, session
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(default=0)
