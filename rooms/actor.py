"""Who acts: a user with roles and grants as they stand at one moment, or the system itself."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from rooms.words import Role


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that is valid now at a site; it reaches down the site's branch."""

    site_id: str
    role: Role


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant that is neither expired nor revoked. ``right`` is an access.Right value."""

    object_kind: str
    object_id: str
    right: str
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Read once per request with people.actor_of. ``user_id`` is None for the system."""

    user_id: str | None
    name: str
    login: str
    memberships: tuple[HeldRole, ...] = ()
    grants: tuple[HeldGrant, ...] = ()
    system: bool = False

    def has_role(self, *roles: Role) -> bool:
        """Whether the actor holds one of the roles anywhere."""
        return self.system or any(held.role in roles for held in self.memberships)

    def sites_with(self, *roles: Role) -> tuple[str, ...]:
        """Sites at which the actor holds one of the roles (any role when none is named)."""
        return tuple(dict.fromkeys(held.site_id for held in self.memberships if not roles or held.role in roles))


SYSTEM = Actor(user_id=None, name="Điểm Cầu", login="", system=True)
"""The hub itself: command line on the data folder, worker, relay reports. It may do everything; audit says so."""
