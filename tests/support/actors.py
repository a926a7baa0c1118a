"""alice owns the site, bob works above it, charlie is a stranger; and the others of a reception."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms.actor import Actor
from rooms.models import Site
from rooms.words import Role, SiteKind
from tests.support.factories import add_actor, add_site


@dataclass(frozen=True)
class World:
    """Central over two provinces; one district below the first, one below the second."""

    central: Site
    province: Site
    district: Site
    other_province: Site
    other_district: Site
    alice: Actor  # reception officer at the district
    bob: Actor  # operator at the province above it
    charlie: Actor  # reception officer at the other district
    oscar: Actor  # operator at the central office
    clara: Actor  # clerk at the district
    dora: Actor  # competent person at the province
    ivan: Actor  # inspector at the central office
    rita: Actor  # records officer at the province
    adam: Actor  # administrator at the central office


def build_world(db: Session) -> World:
    """Make the sites and the people."""
    central = add_site(db, "TW", SiteKind.CENTRAL)
    province = add_site(db, "P1", SiteKind.PROVINCE, central)
    district = add_site(db, "D1", SiteKind.DISTRICT, province)
    other_province = add_site(db, "P2", SiteKind.PROVINCE, central)
    other_district = add_site(db, "D2", SiteKind.DISTRICT, other_province)
    return World(
        central, province, district, other_province, other_district,
        alice=add_actor(db, "alice", (district, Role.SITE_OFFICER)),
        bob=add_actor(db, "bob", (province, Role.OPERATOR)),
        charlie=add_actor(db, "charlie", (other_district, Role.SITE_OFFICER)),
        oscar=add_actor(db, "oscar", (central, Role.OPERATOR)),
        clara=add_actor(db, "clara", (district, Role.CLERK)),
        dora=add_actor(db, "dora", (province, Role.COMPETENT)),
        ivan=add_actor(db, "ivan", (central, Role.INSPECTOR)),
        rita=add_actor(db, "rita", (province, Role.RECORDS)),
        adam=add_actor(db, "adam", (central, Role.ADMIN)),
    )  # fmt: skip


def as_seen(db: Session, world: World) -> World:
    """A world that was made in another transaction, with its sites as rows of this one."""
    parts: dict[str, Any] = {}
    for field in fields(world):
        one = getattr(world, field.name)
        parts[field.name] = db.get_one(Site, sa.inspect(one).identity[0]) if isinstance(one, Site) else one
    return World(**parts)
