"""Commands about sites, people and keys."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import audit, people, relays, signing, sites
from rooms.actor import SYSTEM
from rooms.errors import Invalid, NotFound
from rooms.models import DailyHead, Site, User
from rooms.words import Role
from web.hub import Hub

LOCAL_TIME = ZoneInfo("Asia/Ho_Chi_Minh")


def today(hub: Hub) -> date:
    """The day in Việt Nam."""
    return hub.now().astimezone(LOCAL_TIME).date()


async def import_sites(hub: Hub, preset: str) -> dict[str, Any]:
    """Load a preset of sites."""

    def work() -> dict[str, Any]:
        with hub.database.write() as db:
            return {"preset": preset, "sites": sites.load_preset(db, preset, hub.now())}

    return await asyncio.to_thread(work)


async def list_sites(hub: Hub) -> dict[str, Any]:
    """Today's tree."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            rows = sites.list_tree(db, SYSTEM, today(hub))
            return {"sites": [
                {"id": row.site.id, "code": row.site.code, "name": row.site.name, "kind": row.site.kind.value,
                 "depth": row.depth, "parent": row.parent_id}
                for row in rows
            ]}  # fmt: skip

    return await asyncio.to_thread(work)


async def add_user(
    hub: Hub, login: str, name: str, password: str, title: str = "", roles: list[str] | None = None
) -> dict[str, Any]:
    """A user with roles, each written ``role@site`` (site id, code or "top")."""

    def work() -> dict[str, Any]:
        now = hub.now()
        with hub.database.write() as db:
            user = people.add_user(db, SYSTEM, login, name, now, title=title, password=password)
            for text in roles or []:
                role, _, place = text.partition("@")
                if role not in set(Role):
                    raise Invalid("user.bad_role", f"There is no role {role}. Roles: {', '.join(Role)}.")
                people.add_membership(db, SYSTEM, user.id, _site(db, hub, place), Role(role), now)
            return {"id": user.id, "login": user.login}

    return await asyncio.to_thread(work)


def _site(db: Session, hub: Hub, place: str) -> str:
    rows = sites.list_tree(db, SYSTEM, today(hub))
    if place == "top" and rows:
        return rows[0].site.id
    for row in rows:
        if place in (row.site.id, row.site.code):
            return row.site.id
    if db.get(Site, place) is not None:
        return place
    raise NotFound("site.unknown", f"There is no site {place}; see diemcau sites list.")


async def set_password(hub: Hub, login: str, password: str) -> dict[str, Any]:
    """Set a user's password; ends that user's log-ins."""

    def work() -> dict[str, Any]:
        with hub.database.write() as db:
            user = db.scalar(select(User).where(User.login == login.strip().lower()))
            if user is None:
                raise NotFound("user.unknown", f"There is no user {login}.")
            people.set_password(db, SYSTEM, user.id, password, hub.now())
            return {"id": user.id, "login": user.login}

    return await asyncio.to_thread(work)


async def show_keys(hub: Hub) -> dict[str, Any]:
    """Public keys, the one that signs now first."""
    known = signing.public_keys(hub.config.data / "keys")
    current = hub.signer.key_id
    ids = [current, *(key for key in known if key != current)]
    return {"current": current, "keys": [{"id": key, "pem": known[key].decode()} for key in ids if key in known]}


async def new_key(hub: Hub) -> dict[str, Any]:
    """A new key that signs from now on; every process of the hub uses it at its next signature."""

    def work() -> dict[str, Any]:
        before = hub.signer.key_id
        made = signing.create(hub.config.data / "keys")
        with hub.database.write() as db:
            audit.log(db, SYSTEM, "key.created", "key", made.key_id[:24], hub.now(), detail={"before": before})
        return {"key": made.key_id, "before": before}

    return await asyncio.to_thread(work)


async def show_heads(hub: Hub) -> dict[str, Any]:
    """The daily heads over all packages, newest first: to be published outside the hub (design 6)."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            rows = db.scalars(select(DailyHead).order_by(DailyHead.on.desc()).limit(400))
            return {"heads": [{"day": row.on.isoformat(), "packages": row.count, "head": row.head} for row in rows]}

    return await asyncio.to_thread(work)


async def enrol_relay(hub: Hub) -> dict[str, Any]:
    """A one-time token for a relay on another machine."""

    def work() -> dict[str, Any]:
        with hub.database.write() as db:
            return {"token": relays.enrol_token(db, SYSTEM, hub.now()), "url": hub.config.base_url}

    return await asyncio.to_thread(work)
