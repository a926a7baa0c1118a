"""Reception points in a dated tree, their rooms, devices and duty roster (design 1)."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from rooms.models.base import Base, id_column, ref, text
from rooms.words import DeviceKind, SiteKind


class Site(Base):
    """A reception point. It exists from ``valid_from`` up to, not including, ``valid_to`` (None: still)."""

    __tablename__ = "site"

    id: Mapped[str] = id_column()
    code: Mapped[str] = mapped_column(sa.String(32), index=True)  # official code of the unit, not unique over time
    name: Mapped[str] = text()  # "Điểm cầu huyện Lục Ngạn"
    short_name: Mapped[str] = text()  # "Lục Ngạn": on tiles and chips
    kind: Mapped[SiteKind]
    address: Mapped[str] = text()
    phone: Mapped[str] = text()
    body: Mapped[str] = text()  # issuing body on printed pages: "UBND huyện Lục Ngạn"
    place: Mapped[str] = text()  # place name of date lines: "Lục Ngạn"
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date | None]
    search: Mapped[str] = text()


class SiteParent(Base):
    """``site`` stands under ``parent`` from ``valid_from`` up to, not including, ``valid_to``."""

    __tablename__ = "site_parent"

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    parent_id: Mapped[str] = ref("site")
    valid_from: Mapped[dt.date]
    valid_to: Mapped[dt.date | None]


class SiteSuccessor(Base):
    """When ``site`` ended, ``successor`` took over a part of it; ``takes_files``: also its files and their rights."""

    __tablename__ = "site_successor"
    __table_args__ = (sa.UniqueConstraint("site_id", "successor_id"),)

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    successor_id: Mapped[str] = ref("site")
    on: Mapped[dt.date]
    takes_files: Mapped[bool] = mapped_column(default=False)
    note: Mapped[str] = text()


class Room(Base):
    """A room of a site."""

    __tablename__ = "room"

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    name: Mapped[str] = text()
    phone: Mapped[str] = text()
    active: Mapped[bool] = mapped_column(default=True)


class Device(Base):
    """A device enrolled in a room. Its secret lives in a cookie; only the hash is here."""

    __tablename__ = "device"

    id: Mapped[str] = id_column()
    room_id: Mapped[str] = ref("room")
    kind: Mapped[DeviceKind]
    name: Mapped[str] = text()
    secret_hash: Mapped[str] = mapped_column(sa.String(64), unique=True)
    enrolled_at: Mapped[dt.datetime]
    enrolled_by: Mapped[str | None] = ref("user")
    retired_at: Mapped[dt.datetime | None]
    last_seen_at: Mapped[dt.datetime | None]


class DutyEntry(Base):
    """Who is on duty at a site (lịch trực). ``rank`` 0 is the duty officer, 1 the substitute."""

    __tablename__ = "duty_entry"

    id: Mapped[str] = id_column()
    site_id: Mapped[str] = ref("site")
    user_id: Mapped[str | None] = ref("user")
    name: Mapped[str] = text()
    title: Mapped[str] = text()
    phone: Mapped[str] = text()
    rank: Mapped[int] = mapped_column(default=0)
    starts_on: Mapped[dt.date]
    ends_on: Mapped[dt.date | None]  # inclusive; None: until further notice


class DeviceCheck(Base):
    """A test of camera, microphone and speaker, kept per device and day."""

    __tablename__ = "device_check"

    id: Mapped[str] = id_column()
    device: Mapped[str] = mapped_column(sa.String(64), index=True)  # enrolled device id or the page's device id
    site_id: Mapped[str | None] = ref("site")
    user_id: Mapped[str | None] = ref("user")
    on: Mapped[dt.date] = mapped_column(index=True)
    at: Mapped[dt.datetime]
    camera: Mapped[str] = mapped_column(sa.String(32))  # ok, black, frozen, none, skipped
    microphone: Mapped[str] = mapped_column(sa.String(32))  # ok, silent, clipping, none, skipped
    speaker: Mapped[str] = mapped_column(sa.String(32))  # ok, not_heard, skipped
    passed: Mapped[bool]
    note: Mapped[str] = text()
