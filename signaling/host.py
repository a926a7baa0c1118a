"""Runs one session on the app that owns it: commands one after the other, events written before their effects.

The room's rules are in ``signaling.room``; this carries them out. Every effect follows from the state: the relay gets
the desired state when it has changed, pages get events and the state as each may see it. What cannot be written
because the database is away is tried again later if it simply happened; what only restricts and some further requests
take effect without it, their events kept by the relay (``signaling.keeping``); the rest is refused. Media goes on
untouched in any case.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from media import messages as r
from rooms.errors import RoomsError, StaleEpoch
from signaling import messages as m
from signaling import recordwatch
from signaling.audience import Audience
from signaling.carrier import Carrier
from signaling.commands import (
    Abandoned,
    Anchor,
    Ask,
    Command,
    Connect,
    Disconnect,
    DiskRoom,
    Measured,
    Open,
    Quality,
    Reported,
    RingNext,
    Tick,
)
from signaling.connection import SILENT_S
from signaling.errors import Refusal, RequestRefused, SignalingError, Unavailable
from signaling.keeping import Keeping
from signaling.kept import let_through, restrained
from signaling.lines import Lines
from signaling.loading import Loaded
from signaling.relays import RelayPool
from signaling.room import decide
from signaling.state import REOPEN_S, RoomState
from signaling.store import Extra, Store, Written
from signaling.views import Labels

if TYPE_CHECKING:
    from signaling.requests import Requests

log = logging.getLogger(__name__)

STATE_EVERY_S = 0.1
"""States of one room are sent at most this often: a burst of changes is one message."""

ANCHOR_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class HostOptions:
    """``ring_s``: how long each one rung has, before the next is. ``orphans_s``: how often is looked for sessions of
    dead apps. ``grant``: with what a participant's page may record without the hub. ``floor_s``: no record starts with
    room for less. A session that a starting hub found unfinished is closed when nobody was there for ``abandoned_s``,
    any other one after ``empty_s``. Other times for tests."""

    ring_s: float = 30.0
    silent_s: float = SILENT_S
    tick_s: float = 1.0
    state_every_s: float = STATE_EVERY_S
    check_lock_s: float = 3.0
    orphans_s: float = 2.0
    grant: Callable[[str, str, float], m.TakeGrant | None] = lambda session, participant, utc: None
    floor_s: float = 7200.0
    abandoned_s: float = REOPEN_S
    empty_s: float = 4 * 3600.0


class SessionHost:
    """One session. Created and started by ``signaling.sessions``."""

    def __init__(
        self,
        loaded: Loaded,
        store: Store,
        pool: RelayPool,
        clock: Callable[[], float],
        options: HostOptions,
        on_change: Callable[[SessionHost], None] = lambda host: None,
        on_deposed: Callable[[SessionHost], None] = lambda host: None,
    ) -> None:
        self.session = loaded.session
        self.loaded = loaded
        self.state: RoomState = loaded.state
        self.epoch = loaded.epoch
        self.labels: Labels = loaded.labels
        self.store, self.pool, self.clock, self.options = store, pool, clock, options
        self.requests: Requests | None = None
        self.deposed = False
        self.audience = Audience(self)
        self.lines = Lines(self)
        self.carrier = Carrier(self, loaded.relay, pool, self._ahead_state)
        self.keeping = Keeping(self)
        self.lock = asyncio.Lock()
        self._on_change, self._on_deposed = on_change, on_deposed
        self._pending: deque[Command] = deque()
        self._ahead: list[tuple[float, Ask]] = []
        self._last_anchor = 0.0
        self._last_lock_check = 0.0
        self._recording = False
        self._empty_since: tuple[float, float] | None = None  # on the loop's clock, and UTC

    # --- beginning and end -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let the log know of participants that only have a row, and tell the relay what is wanted."""
        if self.loaded.locked:
            return  # all that may still come is the event that says so
        if self.state.state == "planned":
            await self.feed(Open(chat=self.loaded.chat))
        for add in self.loaded.missing:
            await self.feed(add)
        here = self.audience.connections
        for one in self.state.participants:
            # Nobody is connected to this app yet; who was, shows as lost until the page is back.
            if one.state in ("joined", "waiting") and one.kind == "page" and one.participant not in here:
                await self.feed(Disconnect(one.participant))
        if self.state.state not in ("closed", "locked"):
            await self.carrier.find()

    async def refresh(self) -> None:
        """Read names and new participants again."""
        loaded = await self.store.run(self.store.reload, self.session, self.epoch)
        self.labels, self.loaded = loaded.labels, loaded
        for add in loaded.missing:
            if self.state.find(add.participant) is None:
                await self.feed(add)
        self.audience.dirty()

    def end(self) -> None:
        """Nothing more is sent."""
        self.keeping.end()
        self.audience.end()

    # --- commands ----------------------------------------------------------------------------------------------------

    async def submit(self, command: Command, extra: Extra | None = None) -> Written:
        """Carry out a command. Raises RequestRefused, Unavailable, RoomsError; then nothing was changed.

        One that only restricts reaches the relay before this waits for anything. While the database is away, it and
        what is ``let_through`` take effect without it (``signaling.keeping``).
        """
        now = self.clock()
        self._refuse_without_room(command)
        ahead = self._restrain(command, now) if extra is None else None
        try:
            async with self.lock:
                if self.keeping.unsaved and (instead := self._instead(command, extra, ahead)):
                    return await instead(command, now)  # the database is known to be away: behind what waits already
                try:
                    await self._write_pending()
                    return await self._carry_out(command, extra, now if ahead is not None else None)
                except Unavailable as error:
                    instead = self._instead(command, extra, ahead)
                    if instead is None or error.code != "db.away":
                        raise
                    return await instead(command, now)
        finally:
            if ahead is not None:
                self._ahead.remove(ahead)
                self.carrier.tell()

    def _refuse_without_room(self, command: Command) -> None:
        """No record starts with less room on the disk than its floor (issue 4). Raises RequestRefused."""
        mode = ""
        if isinstance(command, Ask) and isinstance(command.message, (m.Start, m.SetRecord)):
            mode = command.message.record if self.state.record == "off" else ""
        elif isinstance(command, Ask) and isinstance(command.message, m.Resume) and self.state.state == "closed":
            mode = self.state.record
        left = self._room_left_s(mode, is_recorded=False) if mode and mode != "off" else None
        if left is not None and left < self.options.floor_s:
            raise RequestRefused(Refusal("record.no_room", {"minutes": int(left // 60)}))

    def _room_left_s(self, mode: str, is_recorded: bool) -> float | None:
        """For how long the relay's disk has room; None while that is not known."""
        disk = self.pool.disk(self.relay)
        if disk is None or disk.free < 0:
            return None
        return recordwatch.left_s(disk.free, disk.written_bps, recordwatch.planned_bps(self.state, mode), is_recorded)

    def _instead(
        self, command: Command, extra: Extra | None, ahead: tuple[float, Ask] | None
    ) -> Callable[[Command, float], Awaitable[Written]] | None:
        """What is done with a command while the database is away, None if it has to wait."""
        if ahead is not None:
            return self.keeping.hold
        if extra is None and isinstance(command, Ask) and let_through(self.state, command):
            return self.keeping.commit
        return None

    def _restrain(self, command: Command, now: float) -> tuple[float, Ask] | None:
        """Let a command that only restricts take effect on the relay now."""
        if not isinstance(command, Ask) or self.deposed:
            return None
        if restrained(self._ahead_state(), command, now) is None:
            return None
        ahead = (now, command)
        self._ahead.append(ahead)
        self.carrier.tell()
        return ahead

    def _ahead_state(self) -> RoomState:
        """The state with the restrictions that are on their way into the log."""
        state = self.state
        for now, ask in self._ahead:
            state = restrained(state, ask, now) or state
        return state

    @property
    def unsaved(self) -> int:
        """Events that have taken effect and are not in the database yet."""
        return self.keeping.unsaved

    async def check(self, ask: Ask) -> None:
        """Raises RequestRefused unless the request is allowed; for requests that lead to no event."""
        async with self.lock:
            decision = decide(self.state, ask, self.clock())
        if isinstance(decision, Refusal):
            raise RequestRefused(decision)

    async def feed(self, command: Command) -> None:
        """Something happened. Kept and tried again while the database is away."""
        now = self.clock()
        async with self.lock:
            try:
                await self._feed(command, now)
            except Unavailable:
                if not isinstance(command, (Tick, Quality, Measured, DiskRoom, Abandoned)):
                    self._pending.append(command)
            except RequestRefused as refused:
                log.info("session %s: %s refused: %s", self.session, type(command).__name__, refused.code)

    async def _feed(self, command: Command, now: float) -> None:
        leaves = isinstance(command, Disconnect)
        if self.unsaved and leaves:
            await self.keeping.hold(command, now)  # in its place among what waits already
            return
        try:
            await self._write_pending()
            await self._carry_out(command, None, now if leaves else None)
        except Unavailable as error:
            if not leaves or error.code != "db.away":
                raise
            await self.keeping.hold(command, now)

    async def _write_pending(self) -> None:
        await self.keeping.write()
        while self._pending:
            try:
                await self._carry_out(self._pending[0], None)
            except RequestRefused:
                pass  # the room has moved on
            self._pending.popleft()

    async def _carry_out(self, command: Command, extra: Extra | None, at: float | None = None) -> Written:
        if self.deposed:
            raise Unavailable("owner.moved")
        now = at if at is not None else self.clock()
        try:
            written = await self.store.run(self.store.commit, self.state, self.epoch, command, now, extra)
        except StaleEpoch as error:
            self.depose()
            raise Unavailable("owner.moved") from error
        self.adopt(written)
        for follow in self._followers(written):
            await self._carry_out(follow, None)
        return written

    def _followers(self, written: Written) -> list[Command]:
        """Who is admitted and already here is in."""
        return [
            Connect(participant, self.audience.seats[participant].device)
            for event in written.events
            if event.kind in ("participant.admitted", "ring.answered")
            and (participant := str(event.body.get("participant", ""))) in self.audience.connections
        ]

    def adopt(self, written: Written) -> None:
        """Events are in the log: now their effects."""
        if not written.events:
            return
        before, self.state = self.state, written.state
        for number, event in enumerate(written.events, written.first):
            self.audience.tell(number, event)
        self.carrier.tell()
        self.carrier.close_legs(before)
        self.audience.dirty()
        self.audience.dismiss(before)
        self._on_change(self)

    def changed(self) -> None:
        """Something that pages or the board see is different."""
        self.audience.dirty()
        self._on_change(self)

    def depose(self) -> None:
        """Another app owns the session now."""
        if not self.deposed:
            self.deposed = True
            log.warning("session %s: owned by another app now", self.session)
            self.audience.close_all(m.CLOSE_AGAIN, "owner moved")
            self._on_deposed(self)

    @property
    def relay(self) -> str:
        """The relay that carries the session, "" while there is none."""
        return self.carrier.relay

    async def report(self, relay: str, report: r.Report) -> None:
        """Store a report with its events. Raises Unavailable while the database is away."""
        body = msgspec.to_builtins(report.body)
        track = (report.session or self.session, str(body.pop("type")), body)
        ours = relay == self.relay or not self.relay
        state = self.state if ours else None
        async with self.lock:
            await self._write_pending()
            now = self.clock()
            try:
                written = await self.store.run(
                    self.store.report, relay, report.number, self.state if state is not None else None, self.epoch,
                    Reported(report), now, track,
                )  # fmt: skip
            except StaleEpoch as error:
                self.depose()
                raise Unavailable("owner.moved") from error
            if written is not None and state is not None:
                self.adopt(written)
        if isinstance(report.body, r.PeerDown):
            await self._control_less_gone(report.body)

    async def _control_less_gone(self, down: r.PeerDown) -> None:
        """A WHIP or WHEP client has no socket: its leg is all there is of it."""
        for one in self.state.participants:
            if one.peer == down.peer and one.participant not in self.audience.connections and one.state == "joined":
                await self.feed(Disconnect(one.participant))

    # --- time --------------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Called about once a second."""
        loop_now = asyncio.get_running_loop().time()
        self.audience.close_silent(loop_now, self.options.silent_s)
        if self._pending or self.unsaved or self.state.state == "running":
            await self.feed(Tick(self.loaded.break_s))
        await self._watch_room()
        await self._watch_people(loop_now)
        now = self.clock()
        for ring in self.state.rings:
            if ring.stage != "phone" and now - ring.since >= self.options.ring_s:
                await self.feed(RingNext(ring.ring))
        await self._anchor(loop_now)
        await self.lines.log(loop_now)
        self._watch_recording()

    async def _watch_room(self) -> None:
        if self.state.state == "running" and self.state.record != "off":
            left = self._room_left_s(self.state.record, is_recorded=True)
            if left is not None and recordwatch.decide_room(
                self.state, room := DiskRoom(left, self.options.floor_s), self.clock()
            ):
                await self.feed(room)

    async def _watch_people(self, loop_now: float) -> None:
        """Close what everybody left, in the end: every session locks."""
        is_empty = self.state.state in ("open", "running", "suspended") and recordwatch.is_empty(self.state)
        if not is_empty:
            self._empty_since = None
            return
        if self._empty_since is None:
            self._empty_since = (loop_now, self.clock())
        was_interrupted = self.state.interrupted_utc is not None
        limit = self.options.abandoned_s if was_interrupted else self.options.empty_s
        if loop_now - self._empty_since[0] >= limit:
            log.warning("session %s: nobody came back, closed", self.session)
            await self.feed(Abandoned(self._empty_since[1]))

    async def _anchor(self, loop_now: float) -> None:
        recorded = self.state.state == "running" and self.state.record != "off"
        offset = self.pool.offset(self.relay)
        if recorded and offset is not None and loop_now - self._last_anchor >= ANCHOR_EVERY_S:
            self._last_anchor = loop_now
            await self.feed(Anchor(self.relay, offset))

    def _watch_recording(self) -> None:
        """``recording`` also changes by time alone: pages must not show a record that is none."""
        from signaling.state import recording

        now_recording = recording(self.state, self.clock())
        if now_recording != self._recording:
            self._recording = now_recording
            self.changed()

    async def look_for_lock(self) -> str | None:
        """The manifest's hash if a closed session was locked meanwhile (by the worker); then its room is over."""
        loop_now = asyncio.get_running_loop().time()
        if self.state.state != "closed" or loop_now - self._last_lock_check < self.options.check_lock_s:
            return None
        self._last_lock_check = loop_now
        return await self.store.run(self.store.locked_as, self.session)

    async def ask(self, by: str, message: m.FromPage, id: str = "", extra: Extra | None = None) -> Written:
        """A request on behalf of a participant or of the hub."""
        return await self.submit(Ask(by, message, id=id), extra)


def as_signaling_error(error: Exception) -> SignalingError:
    """What a page is told when ``error`` came up while its request was carried out."""
    if isinstance(error, SignalingError):
        return error
    if isinstance(error, RoomsError):
        return SignalingError(error.code, error.message, **error.values)
    return SignalingError("internal")
