"""What the printed minutes say: all values of the form in one dictionary, with every point and its people."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rooms import access
from rooms.actor import Actor
from rooms.models import (
    Minutes,
    MinutesSignature,
    Package,
    Participant,
    ReceptionSession,
    SessionEvent,
    Site,
    Visit,
)
from rooms.numbers import session_number
from rooms.words import LineKind


def for_print(db: Session, actor: Actor, minutes_id: str, now: dt.datetime) -> dict[str, Any]:
    """All that the printed form needs: head, persons, sections, lines, points with people and times, signatures.

    Raises NotFound.
    """
    from rooms import minutes as rows  # the form's reader and its writer know each other

    minutes = access.load_minutes(db, actor, minutes_id, now=now)
    session = db.get(ReceptionSession, minutes.session_id) if minutes.session_id else None
    visit = db.get(Visit, minutes.visit_id) if minutes.visit_id else None
    site_id = visit.site_id if visit is not None else session.site_id if session is not None else None
    view = rows.view(db, minutes_id)
    return {
        "minutes": view,
        "state": minutes.state.value,
        "head": _head(db, site_id, minutes, session, visit),
        "sections": view["sections"],
        "lines": [line for line in view["lines"] if line["kind"] == LineKind.LINE and not line["struck"]],
        "persons": [] if visit is None else [_person(row) for row in visit.persons],
        "points": [] if session is None else [_point(db, session, point) for point in session.participants],
        "signatures": _signatures(db, minutes_id),
        "record": _record(db, session),
        "copies": 2,
    }


def _head(
    db: Session, site_id: str | None, minutes: Minutes, session: ReceptionSession | None, visit: Visit | None
) -> dict[str, Any]:
    site = db.get(Site, site_id) if site_id else None
    parent_id = access.tree(db).parent(site_id, minutes.created_at.date()) if site_id else None
    parent = db.get(Site, parent_id) if parent_id else None
    return {
        "superior": parent.body if parent is not None else "",
        "body": site.body or site.name if site is not None else "",
        "place": site.place if site is not None else "",
        "site": site.name if site is not None else "",
        "address": site.address if site is not None else "",
        "visit_number": f"{visit.number:02d}/{visit.year}" if visit is not None and visit.number is not None else "",
        "session_number": session_number(session) if session is not None and session.number else "",
        "session_id": session.id if session is not None else "",
        "start": (session.opened_at if session is not None else None) or (visit.started_at if visit else None),
        "end": (session.closed_at if session is not None else None) or minutes.frozen_at,
        "frozen": minutes.frozen_at,
        "sha256": minutes.frozen_sha256,
        "online": session is not None,
        "training": bool((session or visit) and (session or visit).training_space_id),  # type: ignore[union-attr]
    }


def _person(row: Any) -> dict[str, Any]:
    names = ("name", "address", "phone", "identity_number", "identity_issued")
    return {name: getattr(row, name) for name in names} | {"role": row.role.value}


def _point(db: Session, session: ReceptionSession, point: Participant) -> dict[str, Any]:
    """A point with its people, and when it came and went by the log."""
    kinds = ("participant.joined", "participant.lost", "participant.left", "participant.removed")
    found = sa.select(SessionEvent).where(SessionEvent.session_id == session.id, SessionEvent.kind.in_(kinds))
    own = [
        event for event in db.scalars(found.order_by(SessionEvent.number)) if event.body.get("participant") == point.id
    ]
    site = db.get(Site, point.site_id) if point.site_id else None
    joined = [event.utc for event in own if event.kind == "participant.joined"]
    gone = [event.utc for event in own if event.kind != "participant.joined"]
    return {
        "id": point.id,
        "name": point.name,
        "address": site.address if site is not None else "",
        "role": point.role.value,
        "by_phone": point.by_phone,
        "receives_visit": point.receives_visit,
        "people": [
            {"name": p.name, "title": p.title, "capacity": p.capacity, "came": p.came_at, "left": p.left_at}
            for p in point.people
        ],
        "joined": _moment(joined[0]) if joined else None,
        "left": _moment(gone[-1]) if gone and (not joined or gone[-1] > joined[-1]) else session.closed_at,
        "interruptions": sum(1 for event in own if event.kind == "participant.lost"),
    }


def _moment(utc: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(utc, dt.UTC)


def _signatures(db: Session, minutes_id: str) -> list[dict[str, Any]]:
    found = sa.select(MinutesSignature).where(MinutesSignature.minutes_id == minutes_id)
    return [
        {"party": s.party, "name": s.name, "how": s.how, "note": s.note, "site_id": s.site_id, "at": s.at}
        for s in db.scalars(found.order_by(MinutesSignature.party, MinutesSignature.name))
    ]


def _record(db: Session, session: ReceptionSession | None) -> dict[str, Any]:
    package = db.scalar(sa.select(Package).where(Package.session_id == session.id)) if session is not None else None
    return {
        "id": package.id if package is not None else "",
        "manifest_sha256": package.manifest_sha256 if package is not None else "",
        "locked": package.locked_at if package is not None else None,
    }
