"""Sites in the dated tree, rooms, devices, duty roster, presets."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, audit
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Invalid, NotFound
from rooms.fold import fold
from rooms.ids import new_secret
from rooms.logins import hashed
from rooms.models import Device, DutyEntry, Room, Site, SiteParent, SiteSuccessor
from rooms.words import DeviceKind, SiteKind

PRESETS = Path(__file__).parent / "presets"
_PRESET_FILES = {"Bắc Giang 2024": "bac-giang-2024.json"}


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A site in the order of the tree, ``depth`` 0 at the top."""

    site: Site
    depth: int
    parent_id: str | None


def preset_names() -> list[str]:
    """Names that load_preset knows."""
    return list(_PRESET_FILES)


def load_preset(db: Session, name: str, now: dt.datetime) -> int:
    """Load a preset (e.g. "Bắc Giang 2024"): sites, rooms, duty. Twice is harmless; gives how many sites are new.

    Raises Invalid preset.unknown.
    """
    file = next((file for known, file in _PRESET_FILES.items() if fold(known) == fold(name)), None)
    if file is None:
        raise Invalid("preset.unknown", "There is no such preset.")
    return import_sites(db, json.loads((PRESETS / file).read_text("utf-8")), now)


def import_sites(db: Session, data: Mapping[str, Any], now: dt.datetime) -> int:
    """Sites of a file like presets/*.json; those whose kind and code are there already stay as they are.

    Gives how many are new. Raises Invalid preset.malformed.
    """
    known = {(site.kind.value, site.code): site.id for site in db.scalars(sa.select(Site))}
    new = 0
    try:
        for row in data["sites"]:
            key = (SiteKind(row["kind"]).value, str(row["code"]))
            if key not in known:
                parent = known[tuple(row["parent"])] if row.get("parent") else None
                known[key] = _import_site(db, row, parent)
                new += 1
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("preset.malformed", f"The file of sites cannot be read: {type(error).__name__}.") from error
    db.info.pop("tree", None)
    db.flush()
    return new


def _import_site(db: Session, row: Mapping[str, Any], parent: str | None) -> str:
    valid_from = dt.date.fromisoformat(row["valid_from"])
    valid_to = dt.date.fromisoformat(row["valid_to"]) if row.get("valid_to") else None
    site = Site(
        code=str(row["code"]), name=row["name"], short_name=row["short_name"], kind=SiteKind(row["kind"]),
        address=row.get("address", ""), phone=row.get("phone", ""), body=row.get("body", ""),
        place=row.get("place", ""), valid_from=valid_from, valid_to=valid_to,
        search=fold(f"{row['name']} {row['short_name']}"),
    )  # fmt: skip
    db.add(site)
    db.flush()
    if parent is not None:
        db.add(SiteParent(site_id=site.id, parent_id=parent, valid_from=valid_from, valid_to=valid_to))
    for room in row.get("rooms", ()):
        db.add(Room(site_id=site.id, name=room["name"], phone=room.get("phone", "")))
    for rank, person in enumerate(row.get("duty", ())):
        db.add(DutyEntry(site_id=site.id, rank=rank, starts_on=valid_from, **person))
    return site.id


def list_tree(db: Session, actor: Actor, on: dt.date) -> list[TreeRow]:
    """Sites as they stood on ``on``, parents before children. Any user may read them (access.py)."""
    if not (actor.system or actor.memberships or actor.grants):
        return []
    tree = access.tree(db)
    sites = {site.id: site for site in db.scalars(sa.select(Site))}
    return [TreeRow(sites[name], depth, tree.parent(name, on)) for name, depth in tree.ordered(on)]


def add_site(
    db: Session, actor: Actor, code: str, name: str, kind: SiteKind, parent_id: str | None, valid_from: dt.date,
    now: dt.datetime, *, short_name: str = "", address: str = "", phone: str = "", body: str = "", place: str = "",
) -> Site:  # fmt: skip
    """A new site below ``parent_id``; at the top only by the system. Raises Forbidden, NotFound, Invalid site.name."""
    if parent_id is not None:
        access.load_site(db, actor, parent_id, Right.ADMIN, now=now)
    elif not actor.system:
        raise NotFound()
    if not name.strip():
        raise Invalid("site.name", "The name is missing.", field="name")
    short = short_name or name
    site = Site(
        code=code, name=name, short_name=short, kind=kind, valid_from=valid_from, address=address, phone=phone,
        body=body, place=place, search=fold(f"{name} {short}"),
    )  # fmt: skip
    db.add(site)
    db.flush()
    if parent_id is not None:
        db.add(SiteParent(site_id=site.id, parent_id=parent_id, valid_from=valid_from))
        db.flush()
    db.info.pop("tree", None)
    audit.log(db, actor, "site.added", "site", site.id, now)
    return site


def move_site(db: Session, actor: Actor, site_id: str, parent_id: str, on: dt.date, now: dt.datetime) -> None:
    """From ``on`` the site stands under another one. Raises Forbidden, NotFound, Invalid (site.circle, site.dates)."""
    site = access.load_site(db, actor, site_id, Right.ADMIN, now=now)
    access.load_site(db, actor, parent_id, Right.ADMIN, now=now)
    if site_id in access.tree(db).above(parent_id, on):
        raise Invalid("site.circle", "A site cannot stand under one of its own branch.")
    if on < site.valid_from or (site.valid_to is not None and on >= site.valid_to):
        raise Invalid("site.dates", "The site does not exist on that day.")
    for edge in db.scalars(sa.select(SiteParent).where(SiteParent.site_id == site_id)):
        if edge.valid_from >= on:
            db.delete(edge)
        elif edge.valid_to is None or edge.valid_to > on:
            edge.valid_to = on
    db.add(SiteParent(site_id=site_id, parent_id=parent_id, valid_from=on, valid_to=site.valid_to))
    db.flush()
    db.info.pop("tree", None)
    audit.log(db, actor, "site.moved", "site", site_id, now, detail={"parent": parent_id, "on": on.isoformat()})


def end_site(
    db: Session, actor: Actor, site_id: str, on: dt.date, successors: Sequence[str], now: dt.datetime, *,
    files_to: str | None = None,
) -> None:  # fmt: skip
    """A site ends before ``on``; ``successors`` take over, ``files_to`` (one of them) also its files.

    Raises Forbidden, NotFound, Invalid (site.dates, site.successor).
    """
    site = access.load_site(db, actor, site_id, Right.ADMIN, now=now)
    if site.valid_to is not None or on <= site.valid_from:
        raise Invalid("site.dates", "The site has ended already, or would end before it began.")
    if files_to is not None and files_to not in successors or site_id in successors:
        raise Invalid("site.successor", "Files go to one of the successors.")
    site.valid_to = on
    for edge in db.scalars(sa.select(SiteParent).where(SiteParent.site_id == site_id, SiteParent.valid_to.is_(None))):
        edge.valid_to = on
    for successor in dict.fromkeys(successors):
        access.load_site(db, actor, successor, now=now)
        db.add(SiteSuccessor(site_id=site_id, successor_id=successor, on=on, takes_files=successor == files_to))
    db.flush()
    db.info.pop("tree", None)
    audit.log(db, actor, "site.ended", "site", site_id, now, detail={"on": on.isoformat()})


def add_room(db: Session, actor: Actor, site_id: str, name: str, now: dt.datetime, *, phone: str = "") -> Room:
    """A new room. Raises Forbidden, NotFound, Invalid room.name."""
    access.load_site(db, actor, site_id, Right.ADMIN, now=now)
    if not name.strip():
        raise Invalid("room.name", "The name is missing.", field="name")
    room = Room(site_id=site_id, name=name.strip(), phone=phone)
    db.add(room)
    db.flush()
    return room


def rooms_of(db: Session, site_id: str) -> list[Room]:
    """Active rooms of a site, by name."""
    found = sa.select(Room).where(Room.site_id == site_id, Room.active.is_(True)).order_by(Room.name, Room.id)
    return list(db.scalars(found))


def enroll_device(
    db: Session, actor: Actor, room_id: str, kind: DeviceKind, name: str, now: dt.datetime
) -> tuple[Device, str]:
    """Enrol this device in a room; gives the device and the secret for its long-lived cookie.

    By an administrator, or a reception officer of the site. Raises Forbidden, NotFound.
    """
    room = db.get(Room, room_id)
    rights = access.rights_on(db, actor, access.subject_of(db, room), now) if room is not None else frozenset()
    if Right.RECEIVE not in rights:
        room = access.load_room(db, actor, room_id, Right.ADMIN, now=now)
    secret = new_secret()
    device = Device(room_id=room_id, kind=kind, name=name.strip(), secret_hash=hashed(secret))
    device.enrolled_at, device.enrolled_by = now, actor.user_id
    db.add(device)
    db.flush()
    audit.log(db, actor, "device.enrolled", "device", device.id, now, detail={"room": room_id})
    return device, secret


def device_by_secret(db: Session, secret: str, now: dt.datetime) -> Device | None:
    """The enrolled device that holds this cookie, unless retired."""
    device = db.scalar(sa.select(Device).where(Device.secret_hash == hashed(secret)))
    return device if device is not None and device.retired_at is None else None


def site_of_device(db: Session, device_id: str) -> str | None:
    """Id of the site in whose room a device stands; None for unknown and retired ones."""
    return db.scalar(
        sa.select(Room.site_id)
        .join(Device, Device.room_id == Room.id)
        .where(Device.id == device_id, Device.retired_at.is_(None))
    )


def retire_device(db: Session, actor: Actor, device_id: str, now: dt.datetime) -> None:
    """A device is gone or lost: its cookie stops working. Raises Forbidden, NotFound."""
    device = db.get(Device, device_id)
    if device is None:
        raise NotFound()
    access.load_room(db, actor, device.room_id, Right.ADMIN, now=now)
    device.retired_at = now
    audit.log(db, actor, "device.retired", "device", device_id, now)


def duty_of(db: Session, site_id: str, on: dt.date) -> list[DutyEntry]:
    """Who is on duty: duty officer first, then substitutes; within a rank the entry that began last comes first."""
    found = sa.select(DutyEntry).where(
        DutyEntry.site_id == site_id,
        DutyEntry.starts_on <= on,
        sa.or_(DutyEntry.ends_on.is_(None), DutyEntry.ends_on >= on),
    )
    return list(db.scalars(found.order_by(DutyEntry.rank, DutyEntry.starts_on.desc(), DutyEntry.id)))


def set_duty(
    db: Session, actor: Actor, site_id: str, rank: int, name: str, phone: str, starts_on: dt.date,
    ends_on: dt.date | None, now: dt.datetime, *, user_id: str | None = None, title: str = "",
) -> DutyEntry:  # fmt: skip
    """Add a roster entry. Raises Forbidden, NotFound, Invalid duty.dates."""
    access.load_site(db, actor, site_id, Right.ADMIN, now=now)
    if ends_on is not None and ends_on < starts_on:
        raise Invalid("duty.dates", "The duty would end before it begins.", field="ends_on")
    entry = DutyEntry(site_id=site_id, rank=rank, name=name, phone=phone, starts_on=starts_on, ends_on=ends_on)
    entry.user_id, entry.title = user_id, title
    db.add(entry)
    db.flush()
    return entry
