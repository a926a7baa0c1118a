"""Runs one session on the app that owns it: commands one after the other, events written before their effects.

The room's rules are in ``signaling.room``; this carries them out. Every effect follows from the state: the relay gets
the desired state when it has changed, pages get events and the state as each may see it. What cannot be written
because the database is away is kept and tried again if it simply happened, or if it only restricts (then the relay is
told at once, see ``signaling.kept``), and refused otherwise; media goes on untouched either way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from media import messages as r
from rooms.errors import RoomsError, StaleEpoch
from signaling import messages as m
from signaling.commands import (
    Anchor,
    Ask,
    Command,
    Connect,
    Disconnect,
    Open,
    Quality,
    RelayGone,
    Reported,
    RingNext,
    Tick,
)
from signaling.connection import SILENT_S, Connection
from signaling.desired import desired
from signaling.errors import Refusal, RequestRefused, SignalingError, Unavailable
from signaling.kept import MAX_KEPT, Kept, restrained
from signaling.quality import Fold, word_of, worst
from signaling.relays import RelayPool
from signaling.room import decide, fold
from signaling.rules import may
from signaling.state import Event, Participant, RoomState
from signaling.store import Extra, Loaded, Seat, Store, Written
from signaling.views import Labels, Volatile, view, visible_body

if TYPE_CHECKING:
    from signaling.requests import Requests

log = logging.getLogger(__name__)

STATE_EVERY_S = 0.1
"""States of one room are sent at most this often: a burst of changes is one message."""

ANCHOR_EVERY_S = 10.0
MAX_MISSED = 300
"""Events that a page gets when it comes (back); what is older is in the state, and in the file."""

WEAK_LOSS = 0.05
WEAK_RTT_S = 0.4


@dataclass(frozen=True, slots=True)
class HostOptions:
    """``ring_s``: how long each one rung has, before the next is. Other times for tests."""

    ring_s: float = 30.0
    silent_s: float = SILENT_S
    tick_s: float = 1.0
    state_every_s: float = STATE_EVERY_S
    check_lock_s: float = 3.0


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
        self.relay = loaded.relay
        self.minutes: dict[str, Any] = {}
        self.connections: dict[str, Connection] = {}
        self.seats: dict[str, Seat] = {}
        self.store, self.pool, self.clock, self.options = store, pool, clock, options
        self.requests: Requests | None = None
        self.deposed = False
        self.hands: frozenset[str] = frozenset()
        self.lines: dict[str, str] = {}
        self._heard_lines: dict[str, str] = {}
        self._seen_lines: dict[str, Fold] = {}
        self.started = asyncio.get_running_loop().time()
        self._on_change, self._on_deposed = on_change, on_deposed
        self._lock = asyncio.Lock()
        self._version = 0
        self._sent: r.Desired | None = None
        self._pending: deque[Command] = deque()
        self._kept: deque[Kept] = deque()
        self._ahead: list[tuple[float, Ask]] = []
        self._state_timer: asyncio.TimerHandle | None = None
        self._last_state = 0.0
        self._last_anchor = 0.0
        self._last_lock_check = 0.0
        self._recording = False

    # --- beginning and end -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let the log know of participants that only have a row, and tell the relay what is wanted."""
        if self.loaded.locked:
            return  # all that may still come is the event that says so
        if self.state.state == "planned":
            await self.feed(Open(chat=self.loaded.chat))
        for add in self.loaded.missing:
            await self.feed(add)
        for one in self.state.participants:
            # Nobody is connected to this app yet; who was, shows as lost until the page is back.
            if one.state in ("joined", "waiting") and one.kind == "page" and one.participant not in self.connections:
                await self.feed(Disconnect(one.participant))
        if self.state.state not in ("closed", "locked"):
            await self.find_relay()

    async def refresh(self) -> None:
        """Read names and new participants again."""
        loaded = await self.store.run(self.store.reload, self.session, self.epoch)
        self.labels, self.loaded = loaded.labels, loaded
        for add in loaded.missing:
            if self.state.find(add.participant) is None:
                await self.feed(add)
        self.dirty()

    def close_connections(self, code: int, reason: str) -> None:
        """Close every page's socket."""
        for connection in self.connections.values():
            connection.close(code, reason)

    def end(self) -> None:
        """Nothing more is sent."""
        if self._kept:
            log.error("session %s: %d events could not be written and are lost", self.session, self.unsaved)
            self._kept.clear()
        if self._state_timer is not None:
            self._state_timer.cancel()
            self._state_timer = None

    # --- commands ----------------------------------------------------------------------------------------------------

    async def submit(self, command: Command, extra: Extra | None = None) -> Written:
        """Carry out a command. Raises RequestRefused, Unavailable, RoomsError; then nothing was changed.

        One that only restricts reaches the relay before this waits for anything, and is kept while the database is
        away (``unsaved``).
        """
        ahead = self._restrain(command) if extra is None else None
        try:
            async with self._lock:
                if ahead is not None and self._kept:
                    return self._keep(*ahead)  # the database is known to be away: behind what waits already
                try:
                    await self._write_pending()
                    return await self._carry_out(command, extra, ahead[0] if ahead else None)
                except Unavailable as error:
                    if ahead is None or error.code != "db.away":
                        raise
                    return self._keep(*ahead)
        finally:
            if ahead is not None:
                self._ahead.remove(ahead)
                self.tell_relay()

    def _restrain(self, command: Command) -> tuple[float, Ask] | None:
        """Let a command that only restricts take effect on the relay now."""
        if not isinstance(command, Ask) or self.deposed:
            return None
        now = self.clock()
        if restrained(self._ahead_state(), command, now) is None:
            return None
        ahead = (now, command)
        self._ahead.append(ahead)
        self.tell_relay()
        return ahead

    def _ahead_state(self) -> RoomState:
        """The state with the restrictions that are on their way into the log."""
        state = self.state
        for now, ask in self._ahead:
            state = restrained(state, ask, now) or state
        return state

    def _keep(self, now: float, ask: Ask) -> Written:
        """The database is away: fold the events here and write them later."""
        decision = decide(self.state, ask, now)
        if isinstance(decision, Refusal):
            raise RequestRefused(decision)
        if len(self._kept) >= MAX_KEPT:
            raise Unavailable("db.away")
        events, first = tuple(decision), self.state.number + 1
        written = Written(ask, first, events, fold(self.state, events))
        if events:
            self._kept.append(Kept(self.state, events, written.state))
            log.warning("session %s: the database is away, %d events wait", self.session, self.unsaved)
        self.adopt(written)
        return written

    @property
    def unsaved(self) -> int:
        """Events that have taken effect and are not in the database yet."""
        return sum(len(kept.events) for kept in self._kept)

    async def check(self, ask: Ask) -> None:
        """Raises RequestRefused unless the request is allowed; for requests that lead to no event."""
        async with self._lock:
            decision = decide(self.state, ask, self.clock())
        if isinstance(decision, Refusal):
            raise RequestRefused(decision)

    async def feed(self, command: Command) -> None:
        """Something happened. Kept and tried again while the database is away."""
        async with self._lock:
            try:
                await self._write_pending()
                await self._carry_out(command, None)
            except Unavailable:
                if not isinstance(command, (Tick, Quality)):
                    self._pending.append(command)
            except RequestRefused as refused:
                log.info("session %s: %s refused: %s", self.session, type(command).__name__, refused.code)

    async def _write_pending(self) -> None:
        await self._write_kept()
        while self._pending:
            try:
                await self._carry_out(self._pending[0], None)
            except RequestRefused:
                pass  # the room has moved on
            self._pending.popleft()

    async def _write_kept(self) -> None:
        while self._kept:
            try:
                await self.store.run(self.store.keep, self.epoch, self._kept[0])
            except StaleEpoch as error:
                self.depose()
                raise Unavailable("owner.moved") from error
            except RoomsError:
                log.exception("session %s: kept events are refused by the log; the room is built anew", self.session)
                self.depose()
                raise Unavailable("owner.moved") from None
            self._kept.popleft()
            self.dirty()

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
            Connect(participant, self.seats[participant].device)
            for event in written.events
            if event.kind in ("participant.admitted", "ring.answered")
            and (participant := str(event.body.get("participant", ""))) in self.connections
        ]

    def adopt(self, written: Written) -> None:
        """Events are in the log: now their effects."""
        if not written.events:
            return
        before, self.state = self.state, written.state
        for number, event in enumerate(written.events, written.first):
            self._broadcast_event(number, event)
        self.tell_relay()
        self._close_legs(before)
        self.dirty()
        self._dismiss(before)
        self._on_change(self)

    def depose(self) -> None:
        """Another app owns the session now."""
        if not self.deposed:
            self.deposed = True
            log.warning("session %s: owned by another app now", self.session)
            self.close_connections(m.CLOSE_AGAIN, "owner moved")
            self._on_deposed(self)

    # --- relay -------------------------------------------------------------------------------------------------------

    async def find_relay(self, dead: str = "") -> None:
        """Settle on a relay. A live one is kept; a lost one is waited for until it is known to be dead."""
        waits = self.relay and self.relay != dead and not self.pool.is_linked(self.relay)
        if waits:
            self.pool.keep(self.session, self.relay)
            await self.pool.expect(self.relay)
            return
        choice = self.pool.place(self.session, preferred=self.relay, avoid=dead)
        if choice and choice != self.relay:
            await self._move_to(choice)
        elif not choice and dead:
            self.relay = ""
        self.tell_relay(again=True)

    async def _move_to(self, relay: str) -> None:
        """Carry the session to another relay, under a higher epoch: the old one, should it live, must let go."""
        moved = bool(self.relay)
        async with self._lock:
            if moved:
                self.epoch = await self.store.run(self.store.next_epoch, self.session, self.epoch)
                self._version, self._sent = 0, None
            await self.store.run(self.store.set_relay, self.session, self.epoch, relay)
            self.relay = relay

    def tell_relay(self, again: bool = False) -> None:
        """Send the desired state if it changed (or ``again``)."""
        wanted = desired(self._ahead_state(), self.epoch, self._version)
        if self._sent is not None and wanted == msgspec.structs.replace(self._sent, version=self._version):
            if not again:
                return
        self._version += 1
        wanted = msgspec.structs.replace(wanted, version=self._version)
        self._sent = wanted
        if self.relay:
            self.pool.send(self.relay, wanted)
        if wanted.state == "closed":
            self.pool.forget(self.session)

    async def relay_up(self, relay: str, restarted: bool) -> None:
        """A relay is linked (again)."""
        if self.state.state == "locked":
            return
        if relay != self.relay:
            if not self.relay and self.state.state != "closed":
                await self.find_relay()
                self._reopen_legs("relay found")
            return
        if restarted:
            await self.feed(RelayGone())
        if self.state.state != "closed":
            self.pool.place(self.session, preferred=relay)
        self.tell_relay(again=True)
        if restarted:
            self._reopen_legs("relay restarted")

    async def relay_dead(self, relay: str) -> None:
        """The relay is confirmed dead: go on with another one, at once if there is one."""
        if relay != self.relay or self.state.state in ("closed", "locked"):
            return
        await self.feed(RelayGone())
        await self.find_relay(dead=relay)
        if self.relay:
            self._reopen_legs("relay dead")

    def let_go(self, relay: str, epoch: int) -> None:
        """A relay still carries this session though it is not ours any more: have it close the journals there."""
        old = desired(replace(self.state, state="closed"), self.epoch, 1)
        if relay != self.relay and epoch < self.epoch:
            self.pool.send(relay, old)

    def _reopen_legs(self, reason: str) -> None:
        for participant, connection in self.connections.items():
            one = self.state.find(participant)
            if one is not None and one.connected:
                connection.send(m.RelayLost(reason=reason))

    def _close_legs(self, before: RoomState) -> None:
        """Peers that had media in the session and have none any more."""
        kept = {one.peer for one in self.state.connected()}
        for one in before.connected():
            if one.peer and one.peer not in kept and self.state.state not in ("closed", "locked"):
                self.pool.send(self.relay, r.ClosePeer(peer=one.peer))

    async def report(self, relay: str, report: r.Report) -> None:
        """Store a report with its events. Raises Unavailable while the database is away."""
        body = msgspec.to_builtins(report.body)
        track = (report.session or self.session, str(body.pop("type")), body)
        ours = relay == self.relay or not self.relay
        state = self.state if ours else None
        async with self._lock:
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
            if one.peer == down.peer and one.participant not in self.connections and one.state == "joined":
                await self.feed(Disconnect(one.participant))

    # --- pages -------------------------------------------------------------------------------------------------------

    async def attach(self, connection: Connection, seat: Seat, resume: str, last_event: int) -> None:
        """A page is here. Raises RequestRefused, Unavailable."""
        before = self.state.number
        await self.submit(Connect(seat.participant, seat.device))
        if self.requests is not None and not self.minutes and self.sees_minutes(seat.participant):
            await self.requests.read_minutes(self)
        missed = await self._missed(min(last_event, before))
        # From here to the welcome nothing waits: the page misses no event and gets none before its welcome.
        old = self.connections.get(seat.participant)
        self.connections[seat.participant] = connection
        self.seats[seat.participant] = seat
        if old is not None and old is not connection:
            old.close(m.CLOSE_REPLACED, "replaced")
        now = self.clock()
        connection.send(
            m.Welcome(
                version=m.PROTOCOL_VERSION,
                participant=seat.participant,
                resume=resume,
                utc=now,
                may=may(self.state, seat.participant, now),
                session=self.view_for(seat.participant),
                minutes=self.minutes if self.sees_minutes(seat.participant) else {},
                last_event=self.state.number,
            )
        )
        for number, event in missed:
            self._send_event(connection, seat.participant, number, event)
        self.dirty()

    async def _missed(self, since: int) -> list[tuple[int, Event]]:
        """Events after ``since`` (the newest of them) up to the present state."""
        while True:
            first = max(since, self.state.number - MAX_MISSED)
            missed = await self.store.run(self.store.events_since, self.session, first)
            if first + len(missed) >= self.state.number:
                return missed

    async def detach(self, connection: Connection, participant: str) -> None:
        """A page is gone; if it was the newest one of its participant, its line is lost."""
        if self.connections.get(participant) is connection:
            del self.connections[participant]
            self.hands = self.hands - {participant}
            self._seen_lines.pop(participant, None)
            if not self.deposed:
                await self.feed(Disconnect(participant))
            self.dirty()

    def sees_minutes(self, participant: str) -> bool:
        """Minutes are the officials' business until they are read back."""
        one = self.state.find(participant)
        return one is not None and one.admitted and not one.restricted and (one.role != "viewer" or one.writes)

    def view_for(self, participant: str) -> m.SessionView:
        """The session as one participant sees it now."""
        volatile = Volatile(hands=self.hands, lines=self.lines, unsaved=self.unsaved)
        return view(self.state, participant, self.labels, self.clock(), volatile)

    def dirty(self) -> None:
        """Send the state to all pages, soon."""
        if self._state_timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._last_state + self.options.state_every_s - loop.time())
            self._state_timer = loop.call_later(wait, self.send_states)

    def send_states(self) -> None:
        """Send the state to all pages now."""
        if self._state_timer is not None:
            self._state_timer.cancel()
        self._state_timer = None
        self._last_state = asyncio.get_running_loop().time()
        now = self.clock()
        for participant, connection in self.connections.items():
            connection.send(m.State(session=self.view_for(participant), may=may(self.state, participant, now)))

    def send_minutes(self) -> None:
        """The minutes changed."""
        for participant, connection in self.connections.items():
            if self.sees_minutes(participant):
                connection.send(m.MinutesState(minutes=self.minutes))

    def to_inside(self, message: m.ToPage) -> None:
        """A message to everybody who has media in the session."""
        for participant, connection in self.connections.items():
            one = self.state.find(participant)
            if one is not None and one.connected:
                connection.send(message)

    def _broadcast_event(self, number: int, event: Event) -> None:
        for participant, connection in self.connections.items():
            self._send_event(connection, participant, number, event)

    def _send_event(self, connection: Connection, participant: str, number: int, event: Event) -> None:
        body = visible_body(self.state, participant, event)
        if body is not None:
            at_s = max(0.0, event.utc - self.state.opened_utc)
            connection.send(m.Event(number=number, utc=event.utc, at_s=round(at_s, 3), kind=event.kind, body=body))

    def _dismiss(self, before: RoomState) -> None:
        """Who was removed gets the last state and is shown out."""
        for one in self.state.participants:
            old = before.find(one.participant)
            connection = self.connections.get(one.participant)
            if connection is None or old is None or old.state == one.state:
                continue
            if one.state in ("removed", "left"):
                connection.send(m.State(session=self.view_for(one.participant), may=()))
                connection.close(m.CLOSE_ENDED if one.state == "left" else m.CLOSE_NOT_ALLOWED, one.state)

    # --- volatile ----------------------------------------------------------------------------------------------------

    def measured(self, quality: r.Quality) -> None:
        """Line quality of the session's legs; pages hear of it when a word changes."""
        for leg in quality.legs:
            one = self._by_peer(leg.peer)
            if one is None or leg.leg != "publish":
                continue
            weak = leg.loss > WEAK_LOSS or leg.rtt_s > WEAK_RTT_S
            self._heard_lines[one.participant] = "weak" if weak else "good"
            self._show_line(one.participant)

    async def seen(self, participant: str, figures: m.Seen) -> None:
        """What a page measured of its own line: a word for all, and now and then an event."""
        one = self.state.find(participant)
        if one is None or not one.connected or self.state.state not in ("open", "running", "suspended"):
            return
        now = self.clock()
        line = self._seen_lines.setdefault(participant, Fold())
        word = word_of(figures, self._gets_pictures(participant))
        body = line.take(figures, word, now)
        self._show_line(participant, word)
        if body is not None:
            await self.feed(Quality(participant, body))

    def _gets_pictures(self, participant: str) -> bool:
        """Whether somebody sends pictures to this participant as the session stands."""
        wanted = desired(self.state, 0, 0)
        mine = next((one for one in wanted.members if one.participant == participant), None)
        if mine is None or wanted.state != "running":
            return False
        senders = {
            one.participant
            for one in self.state.connected()
            if any(source != "mic" and source not in one.muted for source, _ in one.live)
        } - {participant}
        return bool(senders if mine.receives is None else senders & set(mine.receives))

    def _show_line(self, participant: str, seen: str = "") -> None:
        if not seen and participant in self._seen_lines:
            seen = self._seen_lines[participant].word
        word = worst(self._heard_lines.get(participant, ""), seen)
        if self.lines.get(participant) != word:
            self.lines[participant] = word
            self.dirty()
            self._on_change(self)

    def _by_peer(self, peer: str) -> Participant | None:
        return next((one for one in self.state.participants if one.peer == peer), None)

    # --- time --------------------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Called about once a second."""
        loop_now = asyncio.get_running_loop().time()
        for connection in list(self.connections.values()):
            if loop_now - connection.heard > self.options.silent_s:
                connection.close(m.CLOSE_AGAIN, "silent")
                asyncio.get_running_loop().create_task(connection.socket.close(m.CLOSE_AGAIN, "silent"))
        if self._pending or self._kept or self.state.state == "running":
            await self.feed(Tick())
        now = self.clock()
        for ring in self.state.rings:
            if ring.stage != "phone" and now - ring.since >= self.options.ring_s:
                await self.feed(RingNext(ring.ring))
        await self._anchor(loop_now)
        self._watch_recording()

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
            self.dirty()
            self._on_change(self)

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
