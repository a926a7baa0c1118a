"""What signaling keeps in the database: the session's log and, in the same transaction, the rows that mirror it.

Everything here is synchronous and runs in a thread (``run``): no database call ever happens in the event loop.
``commit`` is the one way by which events come into being: it decides, appends and mirrors in one transaction, and
only when that has succeeded does the caller fold the events and carry out their effects (design 2).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from media.messages import KeptEvent
from rooms import people, recordings, sessions, tickets
from rooms.actor import SYSTEM, Actor
from rooms.db import Database
from rooms.errors import NotFound, RoomsError, StaleEpoch, StorageFailed
from rooms.models import Package, ReceptionSession
from rooms.models import Participant as ParticipantRow
from rooms.words import ParticipantState, RecordMode, SessionState, TicketKind
from signaling.commands import Ask, Command, Late
from signaling.errors import Refusal, RequestRefused, Unavailable
from signaling.kept import Kept, as_late, recovered
from signaling.loading import ALL, Loaded, as_event, load
from signaling.room import decide, fold
from signaling.state import Event, RoomState

P = ParamSpec("P")
R = TypeVar("R")

RESUME_TTL = dt.timedelta(hours=12)
"""How long a page may come back with the token of its welcome: longer than any sitting."""

Extra = Callable[[Session, RoomState], Command]
"""Runs inside the transaction before the decision, for what must be stored together with the events (the words of a
line, the names of people); gives the command with the ids it made."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Whom a ticket stands for. ``resource`` is the peer id of WHIP and WHEP; ``user`` "" for a room's device;
    ``local``: the client is on this machine, so that loopback addresses are of use to it."""

    session: str
    participant: str
    device: str = ""
    user: str = ""
    resource: str = ""
    local: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Whose a session is: the app of its last epoch ("" before the first), and whether it is over for good."""

    owner: str
    epoch: int
    locked: bool


@dataclass(frozen=True, slots=True)
class Written:
    """Events that are in the log now, with the number of the first."""

    command: Command
    first: int
    events: tuple[Event, ...]
    state: RoomState


def moment(utc: float) -> dt.datetime:
    """UNIX seconds as a moment."""
    return dt.datetime.fromtimestamp(utc, dt.UTC)


class Store:
    """The database as signaling uses it. ``owner`` names this app on the sessions it owns; ``clock`` gives UTC."""

    def __init__(self, database: Database, owner: str, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.owner = owner
        self.clock = clock

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` in a thread. Raises Unavailable db.away when the database cannot be reached."""
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except StorageFailed as error:
            raise Unavailable("db.away") from error

    # --- loading -----------------------------------------------------------------------------------------------------

    def unfinished_sessions(self) -> list[str]:
        """Sessions that are open, running or suspended, then those whose log does not say yet that they were locked."""
        with self.database.read() as db:
            return [row.id for row in sessions.live(db)] + sessions.unlocked(db)

    def unclosed_on(self, relay: str) -> list[tuple[str, int]]:
        """Sessions (and their epochs) with open journals on a relay that does not carry them, or not any more."""
        with self.database.read() as db:
            return recordings.unclosed_on(db, relay)

    def standing(self, session: str) -> Standing:
        """Whose the session is. Raises NotFound."""
        with self.database.read() as db:
            row = _row(db, session)
            return Standing(row.owner or "", row.epoch, row.state is SessionState.LOCKED)

    def owners(self, sessions: Sequence[str]) -> dict[str, str]:
        """The owner of each of these sessions, "" for none."""
        found = sa.select(ReceptionSession.id, ReceptionSession.owner).where(ReceptionSession.id.in_(sessions))
        with self.database.read() as db:
            return {session: owner or "" for session, owner in db.execute(found)}

    def take(self, session: str, epoch: int) -> Loaded:
        """Become the session's owner, if its epoch is still this one, and rebuild its room from the log. Raises
        NotFound, StaleEpoch."""
        with self.database.write() as db:
            row = _row(db, session)
            if row.state is SessionState.LOCKED:
                return load(db, row, row.epoch, moment(self.clock()))
            epoch = sessions.take_epoch(db, session, self.owner, epoch)
            return load(db, row, epoch, moment(self.clock()))

    def reload(self, session: str, epoch: int) -> Loaded:
        """The session again, without taking it. Raises NotFound."""
        with self.database.read() as db:
            return load(db, _row(db, session), epoch, moment(self.clock()))

    def locked_as(self, session: str) -> str | None:
        """The hash of the signed manifest if somebody (the worker) has locked the session meanwhile, else None."""
        with self.database.read() as db:
            if _row(db, session).state is not SessionState.LOCKED:
                return None
            return db.scalar(sa.select(Package.manifest_sha256).where(Package.session_id == session)) or ""

    # --- writing -----------------------------------------------------------------------------------------------------

    def commit(self, state: RoomState, epoch: int, command: Command, now: float, extra: Extra | None = None) -> Written:
        """Decide ``command`` and write what follows. Raises RequestRefused, StaleEpoch, RoomsError, StorageFailed."""
        with self.database.write() as db:
            return write(db, state, epoch, command, now, extra)

    def keep(self, epoch: int, kept: Kept) -> None:
        """Write events that took effect while the database was away. Raises StaleEpoch, RoomsError, StorageFailed."""
        with self.database.write() as db:
            there = [
                (event.kind, event.utc) for event in sessions.events_since(db, kept.before.session, kept.before.number)
            ]
            if there == [(event.kind, event.utc) for event in kept.events]:
                return  # the connection broke after the commit, not before it
            append(db, kept.before, kept.after, epoch, kept.events, kept.events[-1].utc)

    def recover(self, session: str, epoch: int, kept: Sequence[KeptEvent]) -> tuple[Loaded, list[Event]]:
        """A new owner writes what a relay kept for the one before it; the session as it stands then, and what was
        written. Raises StaleEpoch, RoomsError, StorageFailed."""
        with self.database.write() as db:
            row = _row(db, session)
            log = [as_event(event) for event in sessions.events_since(db, session, 0, limit=ALL)]
            state = fold(RoomState(session=session), log)
            news = recovered(log, kept)
            for event in news:
                state = _append_recovered(db, state, epoch, event)
            return load(db, row, epoch, moment(self.clock())), news

    def late(self, session: str, kept: Sequence[KeptEvent]) -> Extra:
        """The command that notes what came too late, made inside the transaction: the log says what is new."""

        def extra(db: Session, state: RoomState) -> Command:
            log = [as_event(event) for event in sessions.events_since(db, session, 0, limit=ALL)]
            return Late(tuple(recovered(log, kept, in_order=False)))

        return extra

    def report(
        self, relay: str, number: int, state: RoomState | None, epoch: int, command: Command, now: float,
        track: tuple[str, str, dict[str, Any]],
    ) -> Written | None:  # fmt: skip
        """Keep one report of a relay: number, track and events together. None when it was stored before.

        ``state`` None: no room is open for it here, only the tables of the record are told.
        """
        from rooms import relays

        session, kind, body = track
        with self.database.write() as db:
            if not relays.ack(db, relay, number):
                return None
            if session and db.get(ReceptionSession, session) is not None:
                recordings.track_reported(db, relay, session, kind, body, moment(now))
            if state is None:
                return Written(command, 0, (), RoomState(session=session))
            return write(db, state, epoch, command, now, None)

    def next_epoch(self, session: str, epoch: int) -> int:
        """Raise the epoch of a session that this app owns. Raises StaleEpoch."""
        with self.database.write() as db:
            return sessions.take_epoch(db, session, self.owner, epoch)

    def set_relay(self, session: str, epoch: int, relay: str) -> None:
        """Note which relay carries the session."""
        with self.database.write() as db:
            sessions.set_relay(db, session, epoch, relay)

    # --- tickets and actors ------------------------------------------------------------------------------------------

    def redeem(self, secret: str, kind: TicketKind, now: float) -> Seat:
        """Whom this ticket admits. Raises TicketRefused."""
        with self.database.write() as db:
            row = tickets.redeem(db, secret, kind, moment(now))
            return Seat(row.session_id or "", row.participant_id or "", row.device, row.user_id or "", row.resource)

    def issue_resume(self, seat: Seat, now: float) -> str:
        """A token with which the same device may come back."""
        with self.database.write() as db:
            _, secret = tickets.issue(
                db,
                TicketKind.PAGE,
                moment(now),
                RESUME_TTL,
                session_id=seat.session,
                participant_id=seat.participant,
                device=seat.device,
                user_id=seat.user or None,
            )
            return secret

    def events_since(self, session: str, number: int) -> list[tuple[int, Event]]:
        """Events after ``number``."""
        with self.database.read() as db:
            return [(row.number, as_event(row)) for row in sessions.events_since(db, session, number)]


def actor_of(db: Session, user: str, now: float) -> Actor:
    """The account as it stands now; the hub itself for "". Raises NotFound."""
    return people.actor_of(db, user, moment(now)) if user else SYSTEM


def write(db: Session, state: RoomState, epoch: int, command: Command, now: float, extra: Extra | None) -> Written:
    """Inside a transaction: decide, append, mirror. Raises RequestRefused and what rooms raises."""
    if extra is not None:
        # Refuse before anything is stored: what ``extra`` writes belongs to a request that is allowed.
        _decided(decide(state, command, now))
        command = extra(db, state)
    events = _decided(decide(state, command, now))
    if not events:
        return Written(command, state.number + 1, (), state)
    after = fold(state, events)
    first = append(db, state, after, epoch, events, now)
    return Written(command, first, tuple(events), after)


def append(db: Session, before: RoomState, after: RoomState, epoch: int, events: Sequence[Event], now: float) -> int:
    """Inside a transaction: write events and bring the rows in line; gives the number of the first."""
    mirror(db, before, after, epoch, now)
    news = [sessions.NewEvent(kind=event.kind, utc=event.utc, body=event.body) for event in events]
    return sessions.append_events(db, after.session, epoch, news)[0].number


def _append_recovered(db: Session, state: RoomState, epoch: int, event: Event) -> RoomState:
    """One event of a relay, with its rows; only noted where the rows do not allow it any more. Raises StaleEpoch."""
    after = fold(state, [event])
    try:
        with db.begin_nested():
            append(db, state, after, epoch, [event], event.utc)
        return after
    except StaleEpoch:
        raise
    except RoomsError:
        noted = as_late(event, epoch, state.number + 1)
        append(db, state, fold(state, [noted]), epoch, [noted], event.utc)
        return fold(state, [noted])


def _decided(decision: list[Event] | Refusal) -> list[Event]:
    if isinstance(decision, Refusal):
        raise RequestRefused(decision)
    return decision


def _row(db: Session, session: str) -> ReceptionSession:
    row = db.get(ReceptionSession, session)
    if row is None:
        raise NotFound("session.unknown")
    return row


# --- rows that mirror the log, so that lists and searches need not fold it -------------------------------------------


def mirror(db: Session, before: RoomState, after: RoomState, epoch: int, now: float) -> None:
    """Bring the session's rows in line with the state after some events."""
    session, at = after.session, moment(now)
    if after.state != before.state and after.state not in ("planned", "locked"):
        row = _row(db, session)
        if row.state.value != after.state:
            sessions.set_state(db, session, epoch, SessionState(after.state), at)
    if after.lock_now and not before.lock_now:
        _row(db, session).lock_due_at = at
    if (after.record, after.part) != (before.record, before.part):
        sessions.set_record(db, session, epoch, RecordMode(after.record), after.part)
    if after.operator != before.operator:
        row_of = db.get(ParticipantRow, after.operator) if after.operator else None
        sessions.set_operator(db, session, epoch, row_of.user_id if row_of is not None else None)
    if after.restricted and not before.restricted:
        sessions.restrict(db, session, at)
    _mirror_participants(db, before, after, epoch, at)


def _mirror_participants(db: Session, before: RoomState, after: RoomState, epoch: int, at: dt.datetime) -> None:
    for one in after.participants:
        old = before.find(one.participant)
        same = old is not None and (old.state, old.peer, old.restricted) == (one.state, one.peer, one.restricted)
        if one.kind == "whep" or same:
            continue  # a WHEP viewer has a ticket, not a row
        if db.get(ParticipantRow, one.participant) is None:
            continue
        state = ParticipantState.REMOVED if one.restricted else ParticipantState(one.state)
        peer = (one.peer or "") if one.connected else ""
        sessions.set_participant(db, after.session, epoch, one.participant, at, state=state, peer=peer)
        if state is ParticipantState.REMOVED:
            tickets.revoke_for(db, one.participant, at)


def with_ids(ask: Ask, id: str = "", ids: tuple[str, ...] = ()) -> Ask:
    """The same request with the ids that were made for it."""
    return replace(ask, id=id or ask.id, ids=ids or ask.ids)
