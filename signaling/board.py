"""What a device on the hub channel may see: sites with presence, queue, running sessions, alerts, its own ring.

Built in a thread from the database and a snapshot of what is live; every list is cut to what the actor may see, by the
same functions that pages use (design 7). The shapes are in docs/protocol.md under ``hub_state``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from rooms import access, sites, visits
from rooms import sessions as rows
from rooms.actor import Actor
from rooms.models import Device, Room
from rooms.words import Role
from signaling.state import RoomState, Stage, recording, standing_alarms
from signaling.store import actor_of, moment
from signaling.views import PSEUDONYM, Labels, asked

VIETNAM = dt.timezone(dt.timedelta(hours=7))
"""The country has one zone and no summer time; days of sites and duty are local ones."""


@dataclass(frozen=True, slots=True)
class Present:
    """A device on the hub channel. ``sites``: where it counts as present; ``room`` "" for one that is not enrolled."""

    device: str
    user: str
    sites: tuple[str, ...] = ()
    room: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs somebody now. ``kind``: technical, security, medical, record."""

    alert: str
    kind: str
    site: str
    utc: float
    text: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that this app runs, as far as the board needs it."""

    state: RoomState
    labels: Labels
    visit: str
    recording: bool
    alarms: tuple[str, ...]
    lines: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is live at one moment."""

    utc: float
    present: tuple[Present, ...]
    alerts: tuple[Alert, ...]
    live: Mapping[str, LiveSession]


def live_session(state: RoomState, labels: Labels, visit: str, lines: Mapping[str, str], now: float) -> LiveSession:
    """A room as the board needs it."""
    return LiveSession(state, labels, visit, recording(state, now), standing_alarms(state, now), dict(lines))


def place_of(db: Session, user: str, device: str, now: float) -> tuple[tuple[str, ...], str]:
    """The sites a device is present at, and its room: the room of an enrolled device, else the user's own sites."""
    row = db.get(Device, device)
    if row is not None and row.retired_at is None:
        room = db.get(Room, row.room_id)
        if room is not None:
            return (room.site_id,), room.id
    if not user:
        return (), ""
    held = actor_of(db, user, now).sites_with(Role.SITE_OFFICER, Role.OPERATOR, Role.CLERK)
    return held, ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one account may see now."""

    sites: tuple[dict[str, Any], ...]
    queue: tuple[dict[str, Any], ...]
    sessions: tuple[dict[str, Any], ...]
    alerts: tuple[dict[str, Any], ...]


def see(db: Session, user: str, device_sites: tuple[str, ...], snapshot: Snapshot) -> Seen:
    """The lists for one account; a room's device without an account sees its own site only."""
    now = moment(snapshot.utc)
    if not user:
        return Seen((), (), (), ())
    actor = actor_of(db, user, snapshot.utc)
    tree = sites.list_tree(db, actor, now.astimezone(VIETNAM).date())
    if not actor.has_role(Role.OPERATOR):
        tree = [row for row in tree if row.site.id in device_sites]  # a desk needs no board
    operated = access.sites_with(db, actor, access.Right.OPERATE, now)
    return Seen(
        sites=tuple(_site(row, snapshot) for row in tree),
        queue=tuple(_queue(db, actor, now)),
        sessions=tuple(_sessions(db, actor, now, snapshot)),
        alerts=tuple(as_body(one) for one in snapshot.alerts if one.site in operated),
    )


def _site(row: sites.TreeRow, snapshot: Snapshot) -> dict[str, Any]:
    here = [one for one in snapshot.present if row.site.id in one.sites]
    busy = [
        session
        for session, live in snapshot.live.items()
        if any(p.site == row.site.id and p.state == "joined" for p in live.state.participants)
    ]
    return {
        "site": row.site.id,
        "name": row.site.name,
        "short_name": row.site.short_name,
        "kind": row.site.kind.value,
        "depth": row.depth,
        "parent": row.parent_id or "",
        "present": bool(here),
        "rooms": sorted({one.room for one in here if one.room}),
        "devices": len(here),
        "in_session": bool(busy),
        "line": _worst(row.site.id, snapshot),
    }


def _worst(site: str, snapshot: Snapshot) -> str:
    """The worst line word of a site in its sessions: lost, sound_only, weak, good, or ""."""
    words = set()
    for live in snapshot.live.values():
        out = {participant for participant, _ in live.state.outages}
        for one in live.state.participants:
            if one.site == site and one.admitted:
                words.add(
                    "lost" if one.state == "lost" or one.participant in out else live.lines.get(one.participant, "")
                )
    return next((word for word in ("lost", "sound_only", "weak", "good") if word in words), "")


def _queue(db: Session, actor: Actor, now: dt.datetime) -> Iterable[dict[str, Any]]:
    for visit in visits.queue(db, actor, now):
        since = visit.queued_at.timestamp() if visit.queued_at is not None else now.timestamp()
        yield {
            "visit": visit.id,
            "site": visit.site_id,
            "number": visit.queue_number,
            "kind": visit.kind.value if visit.kind is not None else "",
            "people": visit.people_count,
            "restricted": visit.restricted,
            "priority": bool(visit.priority),
            "since_utc": since,
            "waits_s": max(0.0, round(now.timestamp() - since, 1)),
            "place": visits.place_in_queue(db, visit),
        }


def _sessions(db: Session, actor: Actor, now: dt.datetime, snapshot: Snapshot) -> Iterable[dict[str, Any]]:
    for row in rows.list_readable(db, actor, now):
        live = snapshot.live.get(row.id)
        if live is None or live.state.state in ("closed", "locked"):
            continue
        state, labels = live.state, live.labels
        yield {
            "session": row.id,
            "visit": live.visit,
            "number": labels.number,
            "title": labels.title,
            "state": state.state,
            "record": state.record,
            "recording": live.recording,
            "record_since_utc": state.record_since_utc,
            "opened_utc": state.opened_utc,
            "started_utc": state.started_utc,
            "operator": labels.names.get(state.operator, ""),
            "restricted": state.restricted,
            "alarms": list(live.alarms),
            "waiting": sum(1 for p in state.participants if p.state == "waiting"),
            "participants": [
                {
                    "participant": p.participant,
                    "name": PSEUDONYM if p.restricted else labels.names.get(p.participant, ""),
                    "site": "" if p.restricted else p.site,
                    "state": p.state,
                    "line": live.lines.get(p.participant, ""),
                }
                for p in state.participants
                if p.state not in ("removed", "left")
            ],
            "rings": [_ring(db, r.ring, r.site, r.stage, r.since, labels, now) for r in state.rings],
        }


def _ring(
    db: Session, ring: str, site: str, stage: Stage, since: float, labels: Labels, now: dt.datetime
) -> dict[str, Any]:
    """A ring as the caller sees it: who is asked now, and in the end the number to dial."""
    duty = sites.duty_of(db, site, now.astimezone(VIETNAM).date())
    who, phone = asked(stage, [(one.name, one.phone) for one in duty])
    return {
        "ring": ring,
        "site": site,
        "name": labels.sites.get(site, ""),
        "stage": stage,
        "since_utc": since,
        "who": who,
        "phone": phone,
    }


def as_body(one: Alert) -> dict[str, Any]:
    """An alert as pages get it."""
    return {
        "alert": one.alert,
        "kind": one.kind,
        "site": one.site,
        "utc": one.utc,
        "text": one.text,
        "session": one.session,
    }


def rings_for(db: Session, snapshot: Snapshot, me: Present) -> dict[str, Any] | None:
    """The ring that this device is to sound now: first the duty officer's devices, then everybody's at the site."""
    day = moment(snapshot.utc).astimezone(VIETNAM).date()
    for session, live in snapshot.live.items():
        for ring in live.state.rings:
            if ring.site not in me.sites or ring.stage == "phone":
                continue
            on_duty = {entry.user_id for entry in sites.duty_of(db, ring.site, day)[:1] if entry.user_id}
            here = {one.user for one in snapshot.present if ring.site in one.sites}
            if ring.stage == "duty" and on_duty & here and me.user not in on_duty:
                continue
            return {
                "ring": ring.ring,
                "session": session,
                "site": ring.site,
                "stage": ring.stage,
                "since_utc": ring.since,
                "title": live.labels.title,
                "from": live.labels.names.get(live.state.operator, ""),
            }
    return None
