"""Small made-up worlds for tests of the domain."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from sqlalchemy.orm import Session

from rooms import people, sites, visits
from rooms.actor import SYSTEM, Actor
from rooms.models import Case, Site, Visit
from rooms.vault import Vault
from rooms.visits import PersonForm, VisitForm
from rooms.words import PetitionKind, Role, SiteKind

NOW = dt.datetime(2026, 11, 23, 2, 0, tzinfo=dt.UTC)
"""Nine in the morning in Hà Nội, a Monday."""

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(40) + b"IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(40) + b"\xff\xd9"


def add_site(
    db: Session, code: str, kind: SiteKind = SiteKind.DISTRICT, parent: Site | None = None, **more: Any
) -> Site:
    """A site that exists since 2014; its name is made from the code."""
    since = more.pop("valid_from", dt.date(2014, 7, 1))
    parent_id = parent.id if parent else None
    return sites.add_site(db, SYSTEM, code, f"Điểm cầu {code}", kind, parent_id, since, NOW, short_name=code, **more)


def add_actor(db: Session, login: str, *roles: tuple[Site, Role]) -> Actor:
    """A user with roles, as an actor."""
    user = people.add_user(db, SYSTEM, login, login.capitalize(), NOW)
    for site, role in roles:
        people.add_membership(db, SYSTEM, user.id, site.id, role, NOW)
    return people.actor_of(db, user.id, NOW)


def again(db: Session, actor: Actor, now: dt.datetime = NOW) -> Actor:
    """The same user as an actor, with what changed meanwhile."""
    assert actor.user_id is not None
    return people.actor_of(db, actor.user_id, now)


def person(name: str = "Nguyễn Văn Thử", **more: Any) -> PersonForm:
    """A citizen."""
    return PersonForm(name=name, **{"address": "Thôn Mẫu, xã Ví Dụ", **more})


def form(kind: PetitionKind = PetitionKind.COMPLAINT, content: str = "Bồi thường đất", **more: Any) -> VisitForm:
    """A visit as typed, complete."""
    return VisitForm(kind=kind, content=content, persons=more.pop("persons", (person(),)), **more)


def registered(db: Session, actor: Actor, site: Site, vault: Vault, *, now: dt.datetime = NOW, **more: Any) -> Visit:
    """A visit in the register."""
    visit = visits.start(db, actor, site.id, now)
    return visits.register(db, actor, visit.id, form(**more), vault, now)


def open_case(db: Session, actor: Actor, site: Site, title: str = "Bồi thường đất Thôn Mẫu", **more: Any) -> Case:
    """A case."""
    from rooms import cases

    return cases.open_case(db, actor, site.id, title, NOW, **more)


def stream(data: bytes) -> io.BytesIO:
    """Bytes to be read in pieces."""
    return io.BytesIO(data)
