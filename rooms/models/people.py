"""Users, their roles at sites, grants, log-ins and tickets."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, ref, text
from rooms.words import Role, TicketKind


class User(Base):
    """A person with a log-in. ``login`` is folded to lower case."""

    __tablename__ = "user"

    id: Mapped[str] = id_column()
    login: Mapped[str] = mapped_column(sa.String(64), unique=True)
    name: Mapped[str] = text()
    title: Mapped[str] = text()  # chức vụ
    phone: Mapped[str] = text()
    language: Mapped[str] = mapped_column(sa.String(8), default="vi")
    password_hash: Mapped[str] = text()  # argon2id; empty: cannot log in
    must_change_password: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[dt.datetime | None]
    last_login_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]


class Membership(Base):
    """A role at a site. It reaches down the site's branch of the dated tree (design 7)."""

    __tablename__ = "membership"

    id: Mapped[str] = id_column()
    user_id: Mapped[str] = ref("user")
    site_id: Mapped[str] = ref("site")
    role: Mapped[Role]
    valid_from: Mapped[dt.datetime]
    valid_to: Mapped[dt.datetime | None]
    created_by: Mapped[str | None] = ref("user", index=False)


class Grant(Base):
    """One right on one object for one user, with reason and end. ``right`` is an access.Right value."""

    __tablename__ = "access_grant"

    id: Mapped[str] = id_column()
    user_id: Mapped[str] = ref("user")
    object_kind: Mapped[str] = mapped_column(sa.String(16))  # site, sitting, visit, session, case, petition
    object_id: Mapped[str] = mapped_column(sa.String(24), index=True)
    right: Mapped[str] = mapped_column(sa.String(32))
    reason: Mapped[str] = text()
    granted_by: Mapped[str | None] = ref("user", index=False)
    granted_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    revoked_at: Mapped[dt.datetime | None]
    revoked_by: Mapped[str | None] = ref("user", index=False)


class LoginSession(Base):
    """A server-side log-in session; ``id`` is the SHA-256 of the cookie's value, ``data`` belongs to the web layer."""

    __tablename__ = "login_session"

    id: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user_id: Mapped[str | None] = ref("user")
    data: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)


class Ticket(Base):
    """A bearer secret for one purpose; the row holds its SHA-256. WHIP and WHEP tickets work until they expire."""

    __tablename__ = "ticket"

    secret_hash: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    kind: Mapped[TicketKind]
    resource: Mapped[str] = mapped_column(sa.String(24))  # opaque id in WHIP/WHEP addresses; the peer id there
    session_id: Mapped[str | None] = ref("session")
    participant_id: Mapped[str | None] = ref("participant")
    device: Mapped[str] = mapped_column(sa.String(64), default="")
    user_id: Mapped[str | None] = ref("user")
    issued_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    redeemed_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class TrainingSpace(Base):
    """A space for test sessions (phiên thử): no numbers, no counters, gone after ``expires_at``."""

    __tablename__ = "training_space"

    id: Mapped[str] = id_column()
    name: Mapped[str] = text()
    site_id: Mapped[str] = ref("site")
    created_by: Mapped[str | None] = ref("user", index=False)
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
