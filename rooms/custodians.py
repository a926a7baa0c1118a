"""Who may take something out of a locked record, hold it, or propose its end; one place for all of custody.

Ordinary records: the records officer (ARCHIVE, with REPLAY for what is to be seen or taken out); a citizen's copy also
the officer of the receiving site, who hands it over. Restricted ones (denunciations): only who may open the identity
(OPEN_VAULT), and only with a reason (design 6, 7). A second person is somebody else with ARCHIVE or APPROVE; for
restricted records somebody else who may open the identity, or holds APPROVE or ARCHIVE on the very object.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from rooms import access
from rooms.access import Right
from rooms.actor import Actor
from rooms.errors import Forbidden, Invalid
from rooms.models import Case, ReceptionSession


def load(db: Session, actor: Actor, kind: str, object_id: str, now: dt.datetime) -> Any:
    """A session or case for the actor. Raises NotFound."""
    if kind == "case":
        return access.load_case(db, actor, object_id, now=now)
    return access.load_session(db, actor, object_id, now=now)


def rights(db: Session, actor: Actor, thing: Any, now: dt.datetime) -> frozenset[Right]:
    """All rights of the actor on it."""
    return access.rights_on(db, actor, access.subject_of(db, thing), now)


def may_extract(db: Session, actor: Actor, session: ReceptionSession, now: dt.datetime) -> bool:
    """Whether the actor may make extracts of a record."""
    held = rights(db, actor, session, now)
    return {Right.OPEN_VAULT if session.restricted else Right.ARCHIVE, Right.REPLAY} <= held


def may_copy(db: Session, actor: Actor, session: ReceptionSession, now: dt.datetime) -> bool:
    """Whether the actor may prepare a citizen's copy and hand it over."""
    held = rights(db, actor, session, now)
    if session.restricted:
        return {Right.OPEN_VAULT, Right.REPLAY} <= held
    return Right.REPLAY in held and not held.isdisjoint({Right.ARCHIVE, Right.RECEIVE})


def may_keep(db: Session, actor: Actor, thing: Case | ReceptionSession, now: dt.datetime) -> bool:
    """Whether the actor may hold, class, propose to dispose of, or hand over a file or record."""
    held = rights(db, actor, thing, now)
    return Right.ARCHIVE in held or (thing.restricted and Right.OPEN_VAULT in held)


def may_second(db: Session, actor: Actor, thing: Case | ReceptionSession, now: dt.datetime) -> bool:
    """Whether the actor may be the second person for it."""
    held = rights(db, actor, thing, now)
    return not held.isdisjoint({Right.ARCHIVE, Right.APPROVE}) or (thing.restricted and Right.OPEN_VAULT in held)


def need(allowed: bool) -> None:
    """Raises Forbidden."""
    if not allowed:
        raise Forbidden()


def need_second(db: Session, actor: Actor, thing: Any, first: str | None, now: dt.datetime) -> None:
    """Raises Forbidden, custody.same_person for the one who asked."""
    need(may_second(db, actor, thing, now))
    if first == actor.user_id and not actor.system:
        raise Forbidden("custody.same_person", "A second person has to confirm this.")


def need_reason(reason: str, needed: bool = True, field: str = "reason") -> str:
    """The reason, trimmed. Raises Invalid custody.reason_missing."""
    if needed and not reason.strip():
        raise Invalid("custody.reason_missing", "Please give the reason.", field=field)
    return reason.strip()
