"""A session as the database has it: the room folded from its log, and what is not in the log (names, seats, wishes)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from rooms import numbers, sessions, settings, sites
from rooms.localtime import local_date
from rooms.models import Participant as ParticipantRow
from rooms.models import ReceptionSession, SessionEvent, Site
from rooms.words import ParticipantState, RecordMode, SessionState
from signaling.commands import Add
from signaling.room import fold
from signaling.state import Event, RoomState
from signaling.views import Labels

ALL = 1_000_000
"""More events than any session has."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A session as the database has it. ``missing``: participants with a row that the log does not know yet.
    ``locked``: the package is made, whatever the log says (its last event follows the lock). ``break_s``: how long a
    break of the record may last before the chair is asked. ``last_utc``: of the log's last event."""

    session: str
    epoch: int
    state: RoomState
    relay: str
    visit: str
    sitting: str
    site: str
    record_wanted: RecordMode
    chat: bool
    labels: Labels
    missing: tuple[Add, ...] = ()
    visit_points: frozenset[str] = field(default_factory=frozenset)
    users: dict[str, str] = field(default_factory=dict)
    locked: bool = False
    break_s: float = 60.0
    last_utc: float = 0.0


def as_event(row: SessionEvent) -> Event:
    """A row of the log."""
    return Event(row.kind, row.utc, row.body)


def load(db: Session, row: ReceptionSession, epoch: int, now: dt.datetime) -> Loaded:
    """The room as its log tells it, with the names around it."""
    log = [as_event(event) for event in sessions.events_since(db, row.id, 0, limit=ALL)]
    state = fold(RoomState(session=row.id), log)
    rows = list(row.participants)
    return Loaded(
        session=row.id,
        epoch=epoch,
        state=state,
        relay=row.relay_id or "",
        visit=row.visit_id or "",
        sitting=row.sitting_id or "",
        site=row.site_id or "",
        record_wanted=row.record_wanted,
        chat=row.chat,
        labels=_labels(db, row, rows, state, now),
        missing=tuple(_as_add(one) for one in rows if state.find(one.id) is None),
        visit_points=frozenset(one.id for one in rows if one.receives_visit),
        users={one.id: one.user_id for one in rows if one.user_id},
        locked=row.state is SessionState.LOCKED,
        last_utc=log[-1].utc if log else now.timestamp(),
        break_s=float(settings.rule(db, "record_break_s", now)),
    )


def _as_add(row: ParticipantRow) -> Add:
    publishes = tuple(source for source in ("mic", "camera", "screen", "document") if source in row.publish)
    return Add(
        participant=row.id,
        role=row.role.value,
        site=row.site_id or "",
        admitted=row.state in (ParticipantState.ADMITTED, ParticipantState.JOINED),
        publishes=publishes,
        writes=row.writes,
    )


def _labels(
    db: Session, row: ReceptionSession, rows: list[ParticipantRow], state: RoomState, now: dt.datetime
) -> Labels:
    rung = {ring.site for ring in state.rings}
    today = local_date(now)
    return Labels(
        number=numbers.session_number(row),
        title=row.title,
        chair=row.chair,
        training=row.training_space_id is not None,
        names={one.id: one.name for one in rows},
        people={one.id: tuple(_person(p) for p in one.people if p.left_at is None) for one in rows},
        sites={site: found.name for site in rung if (found := db.get(Site, site)) is not None},
        duty={site: tuple((one.name, one.phone) for one in sites.duty_of(db, site, today)) for site in rung},
    )


def _person(row: Any) -> dict[str, str]:
    return {
        "label": row.label,
        "name": row.name,
        "capacity": row.capacity,
        "title": row.title,
        "notice": row.notice,
    }
