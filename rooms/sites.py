"""Sites in the dated tree, rooms, devices, duty roster, presets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Device, DutyEntry, Room, Site
from rooms.words import DeviceKind, SiteKind


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A site in the order of the tree, ``depth`` 0 at the top."""

    site: Site
    depth: int
    parent_id: str | None


def load_preset(db: Session, name: str, now: dt.datetime) -> int:
    """Load presets/<name>.json (e.g. "Bắc Giang 2024"): sites, rooms, duty. Twice is harmless; how many sites are new.

    Raises Invalid preset.unknown.
    """
    raise NotImplementedError


def list_tree(db: Session, actor: Actor, on: dt.date) -> list[TreeRow]:
    """Sites the actor may read as they stood on ``on``, parents before children."""
    raise NotImplementedError


def add_site(
    db: Session, actor: Actor, code: str, name: str, kind: SiteKind, parent_id: str | None, valid_from: dt.date,
    now: dt.datetime,
) -> Site:  # fmt: skip
    """A new site below ``parent_id``. Raises Forbidden, Invalid (site.dates, site.parent)."""
    raise NotImplementedError


def end_site(
    db: Session, actor: Actor, site_id: str, on: dt.date, successors: Sequence[str], now: dt.datetime, *,
    files_to: str | None = None,
) -> None:  # fmt: skip
    """A site ends before ``on``; ``successors`` take over, ``files_to`` (one of them) also its files."""
    raise NotImplementedError


def add_room(db: Session, actor: Actor, site_id: str, name: str, now: dt.datetime, *, phone: str = "") -> Room:
    """A new room. Raises Forbidden, NotFound."""
    raise NotImplementedError


def rooms_of(db: Session, site_id: str) -> list[Room]:
    """Active rooms of a site."""
    raise NotImplementedError


def enroll_device(
    db: Session, actor: Actor, room_id: str, kind: DeviceKind, name: str, now: dt.datetime
) -> tuple[Device, str]:
    """Enrol this device in a room; gives the device and the secret for its long-lived cookie."""
    raise NotImplementedError


def device_by_secret(db: Session, secret: str, now: dt.datetime) -> Device | None:
    """The enrolled device that holds this cookie, unless retired."""
    raise NotImplementedError


def retire_device(db: Session, actor: Actor, device_id: str, now: dt.datetime) -> None:
    """A device is gone or lost: its cookie stops working."""
    raise NotImplementedError


def duty_of(db: Session, site_id: str, on: dt.date) -> list[DutyEntry]:
    """Who is on duty: duty officer first, then substitutes; one-day entries before standing ones."""
    raise NotImplementedError


def set_duty(
    db: Session, actor: Actor, site_id: str, rank: int, name: str, phone: str, starts_on: dt.date,
    ends_on: dt.date | None, now: dt.datetime, *, user_id: str | None = None, title: str = "",
) -> DutyEntry:  # fmt: skip
    """Add a roster entry."""
    raise NotImplementedError
