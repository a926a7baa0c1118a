"""Users, passwords, roles, grants."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Session

from rooms.access import Right
from rooms.actor import Actor
from rooms.models import Grant, Membership, User
from rooms.words import Role


def actor_of(db: Session, user_id: str, now: dt.datetime) -> Actor:
    """The user as an actor, with what is valid at ``now``. Raises NotFound for unknown or inactive users."""
    raise NotImplementedError


def add_user(
    db: Session, actor: Actor, login: str, name: str, now: dt.datetime, *, title: str = "", phone: str = "",
    password: str = "", must_change: bool = False,
) -> User:  # fmt: skip
    """A new user. Raises Forbidden, Invalid (user.login_taken, user.bad_login, password.too_short)."""
    raise NotImplementedError


def set_password(
    db: Session, actor: Actor, user_id: str, password: str, now: dt.datetime, *, must_change: bool = False
) -> None:
    """Set a password (own, or as administrator); ends the user's other log-ins. Raises Forbidden, Invalid."""
    raise NotImplementedError


def check_password(db: Session, login: str, password: str, now: dt.datetime) -> User | None:
    """The user if name and password are right, else None. Needs a write transaction (it counts failures).

    Raises LoginRefused login.slow_down while the account waits after failures (values: seconds).
    """
    raise NotImplementedError


def set_active(db: Session, actor: Actor, user_id: str, active: bool, now: dt.datetime) -> None:
    """Open or shut an account; shutting ends its log-ins. Raises Forbidden, NotFound."""
    raise NotImplementedError


def list_users(db: Session, actor: Actor, now: dt.datetime) -> list[User]:
    """Users that the administrator looks after (those with a role in the own branch, and those with none)."""
    raise NotImplementedError


def add_membership(db: Session, actor: Actor, user_id: str, site_id: str, role: Role, now: dt.datetime) -> Membership:
    """Give a role at a site. Raises Forbidden unless the actor administers that site."""
    raise NotImplementedError


def end_membership(db: Session, actor: Actor, membership_id: str, now: dt.datetime) -> None:
    """End a role. Raises Forbidden, NotFound."""
    raise NotImplementedError


def grant(
    db: Session, actor: Actor, user_id: str, object_kind: str, object_id: str, right: Right, reason: str,
    expires_at: dt.datetime, now: dt.datetime,
) -> Grant:  # fmt: skip
    """Give one right on one object. The actor must hold it (by APPROVE or ARCHIVE there); reason and end are needed."""
    raise NotImplementedError


def revoke(db: Session, actor: Actor, grant_id: str, now: dt.datetime) -> None:
    """End a grant before its time. Raises Forbidden, NotFound."""
    raise NotImplementedError
