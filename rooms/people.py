"""Users, passwords (argon2id), roles, grants."""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from rooms import access, audit, logins
from rooms.access import Right
from rooms.actor import Actor, HeldGrant, HeldRole
from rooms.db import Database
from rooms.errors import Forbidden, Invalid, LoginRefused, NotFound
from rooms.models import Grant, Membership, User
from rooms.words import Role

MIN_PASSWORD = 10
MAX_PASSWORD = 256  # bounds the work that a stranger can make argon2 do
FREE_FAILURES = 5
"""Wrong passwords without waiting; then the wait doubles from 2 s up to MAX_WAIT. Never a lock for good: that would
let anyone shut an officer out (engineering 4.3)."""
MAX_WAIT = dt.timedelta(minutes=15)

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_hasher = PasswordHasher()
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$UngbTyrcOhXRYzY1DSKFLQ$Hfq/z2V2K3xdHTYq2p6v0kbhjPVPKTnCoxN8Hcq/YwE"
"""A hash that no password fits: unknown names take as long as known ones."""


def fold_login(login: str) -> str:
    """Log-in names do not tell capitals apart."""
    return login.strip().lower()


def actor_of(db: Session, user_id: str, now: dt.datetime) -> Actor:
    """The user as an actor, with what is valid at ``now``. Raises NotFound for unknown or inactive users."""
    user = db.get(User, user_id)
    if user is None or not user.active:
        raise NotFound()
    roles = db.scalars(
        sa.select(Membership)
        .where(
            Membership.user_id == user_id,
            Membership.valid_from <= now,
            sa.or_(Membership.valid_to.is_(None), Membership.valid_to > now),
        )
        .order_by(Membership.valid_from, Membership.id)
    )
    grants = db.scalars(
        sa.select(Grant).where(Grant.user_id == user_id, Grant.expires_at > now, Grant.revoked_at.is_(None))
    )
    return Actor(
        user_id=user.id,
        name=user.name,
        login=user.login,
        memberships=tuple(HeldRole(row.site_id, row.role) for row in roles),
        grants=tuple(HeldGrant(row.object_kind, row.object_id, row.right, row.expires_at) for row in grants),
    )


def _need_admin(actor: Actor) -> None:
    if not actor.has_role(Role.ADMIN):
        raise Forbidden()


def _may_manage(db: Session, actor: Actor, user_id: str, now: dt.datetime) -> User:
    """A user the administrator looks after: all the user's roles lie in the administrator's branch."""
    user = db.get(User, user_id)
    if user is None:
        raise NotFound()
    if actor.system:
        return user
    _need_admin(actor)
    own = access.sites_with(db, actor, Right.ADMIN, now)
    if any(row.site_id not in own for row in db.scalars(sa.select(Membership).where(Membership.user_id == user_id))):
        raise NotFound()
    return user


def _hash(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise Invalid("password.too_short", f"A password has at least {MIN_PASSWORD} characters.", least=MIN_PASSWORD)
    if len(password) > MAX_PASSWORD:
        raise Invalid("password.too_long", "This password is too long.", most=MAX_PASSWORD)
    return _hasher.hash(password)


def add_user(
    db: Session, actor: Actor, login: str, name: str, now: dt.datetime, *, title: str = "", phone: str = "",
    password: str = "", must_change: bool = False,
) -> User:  # fmt: skip
    """A new user. Raises Forbidden, Invalid (user.login_taken, user.bad_login, password.too_short)."""
    _need_admin(actor)
    login = fold_login(login)
    if not _LOGIN.fullmatch(login):
        raise Invalid("user.bad_login", "A user name has letters a-z, digits, dots, dashes.", field="login")
    if db.scalar(sa.select(User.id).where(User.login == login)) is not None:
        raise Invalid("user.login_taken", "This user name is already taken.", field="login")
    if not name.strip():
        raise Invalid("user.name_missing", "The name is missing.", field="name")
    user = User(login=login, name=name.strip(), title=title, phone=phone, must_change_password=must_change)
    user.password_hash = _hash(password) if password else ""
    user.created_at = now
    db.add(user)
    db.flush()
    audit.log(db, actor, "user.added", "user", user.id, now)
    return user


def by_login(db: Session, login: str) -> User | None:
    """The user with a log-in name."""
    return db.scalar(sa.select(User).where(User.login == fold_login(login)))


def set_password(
    db: Session, actor: Actor, user_id: str, password: str, now: dt.datetime, *, must_change: bool = False
) -> None:
    """Set a password (own, or as administrator); ends the user's log-ins. Raises Forbidden, NotFound, Invalid."""
    user = db.get(User, user_id) if actor.user_id == user_id else _may_manage(db, actor, user_id, now)
    if user is None:
        raise NotFound()
    user.password_hash = _hash(password)
    user.must_change_password = must_change
    user.failed_logins = 0
    user.blocked_until = None
    logins.remove_all(db, user_id)
    audit.log(db, actor, "user.password_set", "user", user_id, now)


def _fits(stored: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD:
        return False
    try:
        return _hasher.verify(stored or _NOBODY, password) and bool(stored)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _stored_hash(db: Session, login: str, now: dt.datetime) -> str:
    """The hash to compare with, "" for nobody. Raises LoginRefused login.slow_down."""
    user = by_login(db, login)
    if user is not None and user.blocked_until is not None and user.blocked_until > now:
        wait = max(1, round((user.blocked_until - now).total_seconds()))
        raise LoginRefused("login.slow_down", "Too many failed attempts. Please wait.", seconds=wait)
    return user.password_hash if user is not None and user.active else ""


def _count(db: Session, login: str, fits: bool, now: dt.datetime) -> User | None:
    user = db.scalar(sa.select(User).where(User.login == fold_login(login)).with_for_update())
    if user is None:
        return None
    if fits:
        user.failed_logins, user.blocked_until, user.last_login_at = 0, None, now
        return user
    user.failed_logins += 1
    over = user.failed_logins - FREE_FAILURES
    if over >= 0:
        user.blocked_until = now + min(dt.timedelta(seconds=2.0 ** min(over + 1, 20)), MAX_WAIT)
    return None


def check_password(db: Session, login: str, password: str, now: dt.datetime) -> User | None:
    """The user if name and password are right, else None. Needs a write transaction (it counts failures).

    Prefer ``log_in``, which does not hold the writer while argon2 works. Raises LoginRefused login.slow_down while
    the account waits after failures (values: seconds).
    """
    return _count(db, login, _fits(_stored_hash(db, login, now), password), now)


def log_in(database: Database, login: str, password: str, now: dt.datetime) -> User | None:
    """check_password in three steps: read, compare outside any transaction (some 50 ms), count."""
    with database.read() as db:
        stored = _stored_hash(db, login, now)
    fits = _fits(stored, password)
    with database.write() as db:
        return _count(db, login, fits, now)


def set_active(db: Session, actor: Actor, user_id: str, active: bool, now: dt.datetime) -> None:
    """Open or shut an account; shutting ends its log-ins. Raises Forbidden, NotFound."""
    user = _may_manage(db, actor, user_id, now)
    user.active = active
    if not active:
        logins.remove_all(db, user_id)
    audit.log(db, actor, "user.opened" if active else "user.shut", "user", user_id, now)


def set_language(db: Session, actor: Actor, language: str) -> None:
    """Keep the actor's own language, "vi" or "en". Raises Invalid user.language."""
    if language not in ("vi", "en"):
        raise Invalid("user.language", "There is no such language.")
    user = db.get(User, actor.user_id) if actor.user_id else None
    if user is not None:
        user.language = language


def list_users(db: Session, actor: Actor, now: dt.datetime) -> list[User]:
    """Users that the administrator looks after (all roles in the own branch, or none), by name."""
    _need_admin(actor)
    users = sa.select(User).order_by(User.name, User.login)
    if not actor.system:
        own = access.sites_with(db, actor, Right.ADMIN, now)
        outside = sa.select(Membership.user_id).where(Membership.site_id.not_in(own))
        users = users.where(User.id.not_in(outside))
    return list(db.scalars(users))


def memberships_of(db: Session, user_id: str, now: dt.datetime) -> list[Membership]:
    """Roles of a user that are valid now."""
    valid = sa.or_(Membership.valid_to.is_(None), Membership.valid_to > now)
    return list(db.scalars(sa.select(Membership).where(Membership.user_id == user_id, valid)))


def add_membership(db: Session, actor: Actor, user_id: str, site_id: str, role: Role, now: dt.datetime) -> Membership:
    """Give a role at a site; twice is harmless. Raises Forbidden unless the actor administers that site, NotFound."""
    access.load_site(db, actor, site_id, Right.ADMIN, now=now)
    if db.get(User, user_id) is None:
        raise NotFound()
    for held in memberships_of(db, user_id, now):
        if (held.site_id, held.role) == (site_id, role):
            return held
    row = Membership(user_id=user_id, site_id=site_id, role=role, valid_from=now, created_by=actor.user_id)
    db.add(row)
    db.flush()
    audit.log(db, actor, "role.given", "user", user_id, now, detail={"site": site_id, "role": role.value})
    return row


def end_membership(db: Session, actor: Actor, membership_id: str, now: dt.datetime) -> None:
    """End a role. Raises Forbidden, NotFound."""
    row = db.get(Membership, membership_id)
    if row is None:
        raise NotFound()
    access.load_site(db, actor, row.site_id, Right.ADMIN, now=now)
    row.valid_to = now
    audit.log(db, actor, "role.ended", "user", row.user_id, now, detail={"site": row.site_id, "role": row.role.value})


GRANTABLE = frozenset({Right.READ, Right.WRITE, Right.REPLAY, Right.OPERATE, Right.OPEN_VAULT})


def may_grant(db: Session, actor: Actor, object_kind: str, object_id: str, now: dt.datetime) -> bool:
    """Whether the actor may give grants on an object: the competent person above it; for a restricted one only the
    competent person or officer of the receiving site itself."""
    if actor.system:
        return True
    try:
        thing = access.load_owner(db, actor, object_kind, object_id, Right.READ, now)
    except NotFound:
        model = access.OWNERS.get(object_kind)
        thing = db.get(model, object_id) if model is not None else None
        if thing is None or not getattr(thing, "restricted", False):
            return False
    if getattr(thing, "restricted", False):
        return thing.site_id in actor.sites_with(Role.COMPETENT, Role.SITE_OFFICER)
    return Right.APPROVE in access.rights_on(db, actor, access.subject_of(db, thing), now)


def grant(
    db: Session, actor: Actor, user_id: str, object_kind: str, object_id: str, right: Right, reason: str,
    expires_at: dt.datetime, now: dt.datetime,
) -> Grant:  # fmt: skip
    """Give one right on one object (site, sitting, visit, session, case, petition), with reason and end.

    Raises NotFound, Forbidden, Invalid (grant.reason_missing, grant.expired, grant.right).
    """
    if not may_grant(db, actor, object_kind, object_id, now):
        access.load_owner(db, actor, object_kind, object_id, Right.READ, now)
        raise Forbidden()
    if db.get(User, user_id) is None:
        raise NotFound()
    if not reason.strip():
        raise Invalid("grant.reason_missing", "Please give the reason.", field="reason")
    if expires_at <= now:
        raise Invalid("grant.expired", "The end must lie in the future.", field="expires_at")
    if right not in GRANTABLE:
        raise Invalid("grant.right", "This right cannot be given for a single object.", field="right")
    row = Grant(user_id=user_id, object_kind=object_kind, object_id=object_id, right=right.value)
    row.reason, row.granted_by, row.granted_at, row.expires_at = reason.strip(), actor.user_id, now, expires_at
    db.add(row)
    db.flush()
    audit.log(db, actor, "grant.given", object_kind, object_id, now, reason=reason, detail={"user": user_id})
    return row


def revoke(db: Session, actor: Actor, grant_id: str, now: dt.datetime) -> None:
    """End a grant before its time. Raises Forbidden, NotFound."""
    row = db.get(Grant, grant_id)
    if row is None:
        raise NotFound()
    if actor.user_id != row.granted_by and not may_grant(db, actor, row.object_kind, row.object_id, now):
        raise NotFound()
    row.revoked_at, row.revoked_by = now, actor.user_id
    audit.log(db, actor, "grant.revoked", row.object_kind, row.object_id, now, detail={"user": row.user_id})
