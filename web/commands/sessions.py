"""Commands about sessions. What happens live goes through the session's host (signaling), so that it is in the log."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from rooms import access, package, recordings, sessions, tickets
from rooms.actor import SYSTEM
from rooms.errors import Conflict, NotFound
from rooms.models import Gap, Participant, ReceptionSession, SessionEvent, Track
from rooms.words import ParticipantRole, ParticipantState, RecordMode, SessionState, TicketKind
from web.hub import Hub, running


def stamp(moment: datetime | None) -> str | None:
    """A moment for JSON."""
    return moment.isoformat(timespec="seconds") if moment else None


async def open_session(hub: Hub, name: str, record: bool = False) -> dict[str, Any]:
    """Open a plain session; with ``record`` it starts at once, recording sound and picture."""
    if record:
        running(hub.sessions)  # before anything is made

    def work() -> str:
        with hub.database.write() as db:
            return sessions.open_plain(db, SYSTEM, name, hub.now()).id

    session_id = await asyncio.to_thread(work)
    if record:
        await running(hub.sessions).command_start(session_id, RecordMode.FULL.value)
    return {"id": session_id, "state": SessionState.RUNNING.value if record else SessionState.OPEN.value}


async def close_session(hub: Hub, session: str, lock: bool = False) -> dict[str, Any]:
    """Close a session; with ``lock`` the 15 minutes are skipped."""
    await running(hub.sessions).command_close(session, lock)
    return await show_session(hub, session)


async def list_sessions(hub: Hub) -> dict[str, Any]:
    """Newest first."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            rows = sessions.list_readable(db, SYSTEM, hub.now(), limit=200)
            return {"sessions": [
                {"id": row.id, "state": row.state.value, "title": row.title, "opened": stamp(row.opened_at),
                 "closed": stamp(row.closed_at), "locked": row.locked_at is not None}
                for row in rows
            ]}  # fmt: skip

    return await asyncio.to_thread(work)


async def show_session(hub: Hub, session: str) -> dict[str, Any]:
    """All that the row, its tracks, gaps and log tell."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            return describe(db, access.load_session(db, SYSTEM, session, now=hub.now()))

    return await asyncio.to_thread(work)


def describe(db: Session, row: ReceptionSession) -> dict[str, Any]:
    """A session as one JSON object."""
    tracks = db.scalars(select(Track).where(Track.session_id == row.id).order_by(Track.part, Track.file)).all()
    gaps = db.scalars(select(Gap).where(Gap.session_id == row.id).order_by(Gap.from_utc)).all()
    return {
        "id": row.id,
        "state": row.state.value,
        "record": row.record.value,
        "locked": row.locked_at is not None,
        "complete": row.complete,
        "lost_s": row.lost_s,
        "lock_error": row.lock_error,
        "opened": stamp(row.opened_at),
        "started": stamp(row.started_at),
        "closed": stamp(row.closed_at),
        "outages": outages(db, row.id),
        "gaps": [
            {"participant": gap.participant_id, "source": gap.source, "from": gap.from_utc, "to": gap.to_utc,
             "reason": gap.reason}
            for gap in gaps
        ],
        "tracks": [
            {"participant": track.participant_id, "source": track.source, "part": track.part, "file": track.file,
             "state": track.state.value, "length": track.length, "packets": track.packets,
             "first_utc": track.first_utc, "last_utc": track.last_utc}
            for track in tracks
        ],
        "participants": [
            {"id": one.id, "role": one.role.value, "state": one.state.value} for one in row.participants
        ],
    }  # fmt: skip


def outages(db: Session, session_id: str) -> list[dict[str, Any]]:
    """The log's outages, each with start and end (None while it lasts), in order."""
    query = select(SessionEvent).where(
        SessionEvent.session_id == session_id, SessionEvent.kind.in_(("outage.started", "outage.ended"))
    )
    found: list[dict[str, Any]] = []
    for event in db.scalars(query.order_by(SessionEvent.number)):
        if event.kind == "outage.started":
            found.append({"from": event.utc, "to": None, **event.body})
        elif found and found[-1]["to"] is None:
            found[-1]["to"] = event.utc
    return found


async def make_token(
    hub: Hub, session: str, publish: str | None = None, subscribe: str | None = None, hours: int = 12
) -> dict[str, Any]:
    """A WHIP token for a new participant, or a WHEP token for watching one."""
    kind = TicketKind.WHIP if publish is not None else TicketKind.WHEP

    def work() -> tuple[str, str, str]:
        now = hub.now()
        with hub.database.write() as db:
            row = access.load_session(db, SYSTEM, session, now=now)
            if row.state in (SessionState.CLOSED, SessionState.LOCKED):
                raise Conflict("session.wrong_state", "This session is over.")
            target = _participant(db, row, publish, subscribe, now)
            ticket, secret = tickets.issue(
                db, kind, now, timedelta(hours=hours), session_id=row.id, participant_id=target
            )
            return target, ticket.resource, secret

    target, _resource, secret = await asyncio.to_thread(work)
    if publish is not None and hub.sessions is not None:
        await hub.sessions.participant_added(session, target)
    return {"token": secret, "participant": target, "url": f"{hub.config.base_url}/{kind.value}/{target}"}


def _participant(db: Session, row: ReceptionSession, publish: str | None, subscribe: str | None, now: datetime) -> str:
    if publish is not None:
        added = sessions.add_participant(
            db, row.id, publish, now, role=ParticipantRole.GUEST, state=ParticipantState.ADMITTED
        )
        return added.id
    found = db.get(Participant, subscribe)
    if found is None or found.session_id != row.id:
        raise NotFound("participant.unknown", "There is no such participant in this session.")
    return found.id


async def export(hub: Hub, session: str, output: str, replay: bool = False) -> dict[str, Any]:
    """Write the canonical ZIP of a locked package to ``output``."""

    def work() -> dict[str, Any]:
        target = Path(output)
        with hub.database.write() as db:
            row, folder = recordings.package_path(db, SYSTEM, hub.files, session, hub.now())
            path = row.path
        hub.files.at_hand(path)
        length = package.export_zip(folder, target, derived=replay)
        with target.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"file": str(target), "length": length, "sha256": digest}

    return await asyncio.to_thread(work)
