"""Who saw what: all looks at a file and what is in it, and who looked while something stood in a file where it did not
belong (design 1: links are events; what was seen through a wrong one is listed)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access, filed, people
from rooms.access import Right
from rooms.errors import RoomsError
from rooms.models import AuditEntry, CaseLink

LOOKS = (
    "case.viewed", "recording.viewed", "recording.opened", "minutes.viewed", "paper.opened", "paper.downloaded",
    "page.printed", "package.exported", "extract.viewed", "extract.downloaded", "delivery.downloaded",
    "delivery.handed", "vault.opened",
)  # fmt: skip
"""Actions by which somebody saw something or took it with them."""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Somebody who looked while a link stood. ``times``: how often; ``may_still``: they may see it today, too."""

    user_id: str | None
    times: int
    last: dt.datetime
    may_still: bool


def ids_of_case(db: Session, case_id: str) -> list[str]:
    """All whose looks belong to a file: what is in it now, what once was, and files joined to it."""
    cases = filed.with_joined(db, [case_id])
    found = set(filed.of_case(db, case_id).everything())
    for row in db.scalars(sa.select(CaseLink).where(CaseLink.case_id.in_(cases), CaseLink.unlinked_at.is_(None))):
        found.add(row.object_id)
    return sorted(found)


def ids_of_session(db: Session, session_id: str) -> list[str]:
    """A session with its minutes and papers."""
    return sorted(filed.gathered(db, (), (), [session_id], ()).everything())


def entries(db: Session, ids: Iterable[str], *, only_looks: bool, limit: int) -> list[AuditEntry]:
    """Entries of the log about these objects, newest first; the caller has loaded what they are about."""
    query = sa.select(AuditEntry).where(AuditEntry.object_id.in_(list(ids)))
    if only_looks:
        query = query.where(AuditEntry.action.in_(LOOKS))
    return list(db.scalars(query.order_by(AuditEntry.id.desc()).limit(limit)))


def meanwhile(db: Session, link: CaseLink, now: dt.datetime) -> list[Meanwhile]:
    """Who looked at what a link held, between its beginning and its end; most recent first."""
    since = link.confirmed_at or link.linked_at
    query = (
        sa.select(AuditEntry.user_id, sa.func.count(), sa.func.max(AuditEntry.at))
        .where(
            AuditEntry.object_id.in_(filed.of_link(db, link).everything()), AuditEntry.action.in_(LOOKS),
            AuditEntry.at >= since, AuditEntry.at <= (link.unlinked_at or now),
        )
        .group_by(AuditEntry.user_id)
    )  # fmt: skip
    found = [
        Meanwhile(user_id, count, last, _may(db, user_id, link, now)) for user_id, count, last in db.execute(query)
    ]
    return sorted(found, key=lambda one: one.last, reverse=True)


def _may(db: Session, user_id: str | None, link: CaseLink, now: dt.datetime) -> bool:
    if user_id is None:
        return True
    try:
        reader = people.actor_of(db, user_id, now)
        access.load_owner(db, reader, link.object_kind, link.object_id, Right.READ, now)
    except RoomsError:
        return False
    return True
