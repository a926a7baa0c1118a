"""The pages of one session: who is connected, what each of them is sent, and when.

Sending never waits (``signaling.connection``); states are sent as they are at that moment, a burst of changes once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from signaling import messages as m
from signaling.commands import Connect, Disconnect
from signaling.connection import Connection
from signaling.rules import may
from signaling.state import Event, RoomState
from signaling.store import Seat
from signaling.views import Volatile, sees_all, view, visible_body

if TYPE_CHECKING:
    from signaling.host import SessionHost

MAX_MISSED = 300
"""Events that a page gets when it comes (back); what is older is in the state, and in the file."""


class Audience:
    """Connections by participant. ``seats``: who sits there; ``hands``: raised ones; ``minutes``: as shown."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self.connections: dict[str, Connection] = {}
        self.seats: dict[str, Seat] = {}
        self.hands: frozenset[str] = frozenset()
        self.minutes: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last_state = 0.0

    # --- coming and going --------------------------------------------------------------------------------------------

    async def attach(self, connection: Connection, seat: Seat, resume: str, last_event: int) -> None:
        """A page is here. Raises RequestRefused, Unavailable."""
        host = self._host
        before = host.state.number
        await host.submit(Connect(seat.participant, seat.device))
        if host.requests is not None and not self.minutes and self.sees_minutes(seat.participant):
            await host.requests.read_minutes(host)
        missed = await self._missed(min(last_event, before))
        # From here to the welcome nothing waits: the page misses no event and gets none before its welcome.
        old = self.connections.get(seat.participant)
        self.connections[seat.participant] = connection
        self.seats[seat.participant] = seat
        if old is not None and old is not connection:
            old.close(m.CLOSE_REPLACED, "replaced")
        now = host.clock()
        connection.send(
            m.Welcome(
                version=m.PROTOCOL_VERSION,
                participant=seat.participant,
                resume=resume,
                utc=now,
                may=may(host.state, seat.participant, now),
                session=self.view_for(seat.participant),
                minutes=self.minutes if self.sees_minutes(seat.participant) else {},
                last_event=host.state.number,
                take=self._grant(seat.participant, now),
            )
        )
        for number, event in missed:
            self._send_event(connection, seat.participant, number, event)
        self.dirty()

    def _grant(self, participant: str, now: float) -> m.TakeGrant | None:
        """Who only looks on has nothing to record."""
        one = self._host.state.find(participant)
        if one is None or one.role == "viewer" or one.restricted:
            return None
        return self._host.options.grant(self._host.session, participant, now)

    async def _missed(self, since: int) -> list[tuple[int, Event]]:
        """Events after ``since`` (the newest of them) up to the present state."""
        host = self._host
        while True:
            first = max(since, host.state.number - MAX_MISSED)
            missed = await host.store.run(host.store.events_since, host.session, first)
            if first + len(missed) >= host.state.number:
                return missed

    async def detach(self, connection: Connection, participant: str) -> None:
        """A page is gone; if it was the newest one of its participant, its line is lost."""
        if self.connections.get(participant) is connection:
            del self.connections[participant]
            self.hands = self.hands - {participant}
            self._host.lines.forget(participant)
            if not self._host.deposed:
                await self._host.feed(Disconnect(participant))
            self.dirty()

    def close_all(self, code: int, reason: str) -> None:
        """Close every page's socket."""
        for connection in self.connections.values():
            connection.close(code, reason)

    def close_silent(self, now: float, silent_s: float) -> None:
        """Close the sockets of pages that have said nothing for ``silent_s`` (``now``: the loop's time)."""
        for connection in list(self.connections.values()):
            if now - connection.heard > silent_s:
                connection.close(m.CLOSE_AGAIN, "silent")
                asyncio.get_running_loop().create_task(connection.socket.close(m.CLOSE_AGAIN, "silent"))

    def dismiss(self, before: RoomState) -> None:
        """Who was removed gets the last state and is shown out."""
        for one in self._host.state.participants:
            old = before.find(one.participant)
            connection = self.connections.get(one.participant)
            if connection is None or old is None or old.state == one.state:
                continue
            if one.state in ("removed", "left"):
                connection.send(m.State(session=self.view_for(one.participant), may=()))
                connection.close(m.CLOSE_ENDED if one.state == "left" else m.CLOSE_NOT_ALLOWED, one.state)

    # --- what they are sent ------------------------------------------------------------------------------------------

    def sees_minutes(self, participant: str) -> bool:
        """Minutes are the officials' business until they are read back."""
        one = self._host.state.find(participant)
        return one is not None and one.admitted and not one.restricted and (one.role != "viewer" or one.writes)

    def view_for(self, participant: str) -> m.SessionView:
        """The session as one participant sees it now."""
        host = self._host
        volatile = Volatile(hands=self.hands, lines=host.lines.words, narrow=host.lines.narrow, unsaved=host.unsaved)
        return view(host.state, participant, host.labels, host.clock(), volatile)

    def dirty(self) -> None:
        """Send the state to all pages, soon."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._last_state + self._host.options.state_every_s - loop.time())
            self._timer = loop.call_later(wait, self.send_states)

    def send_states(self) -> None:
        """Send the state to all pages now."""
        self.end()
        self._last_state = asyncio.get_running_loop().time()
        now = self._host.clock()
        for participant, connection in self.connections.items():
            connection.send(m.State(session=self.view_for(participant), may=may(self._host.state, participant, now)))

    def send_minutes(self) -> None:
        """The minutes changed."""
        for participant, connection in self.connections.items():
            if self.sees_minutes(participant):
                connection.send(m.MinutesState(minutes=self.minutes))

    def to_operators(self, message: m.ToPage) -> None:
        """A message to those who see all of the session."""
        for participant, connection in self.connections.items():
            if sees_all(self._host.state.find(participant)):
                connection.send(message)

    def to_inside(self, message: m.ToPage) -> None:
        """A message to everybody who has media in the session."""
        for participant, connection in self.connections.items():
            one = self._host.state.find(participant)
            if one is not None and one.connected:
                connection.send(message)

    def tell(self, number: int, event: Event) -> None:
        """An event of the log, to everybody who may see it."""
        for participant, connection in self.connections.items():
            self._send_event(connection, participant, number, event)

    def _send_event(self, connection: Connection, participant: str, number: int, event: Event) -> None:
        state = self._host.state
        body = visible_body(state, participant, event)
        if body is not None:
            at_s = max(0.0, event.utc - state.opened_utc)
            connection.send(m.Event(number=number, utc=event.utc, at_s=round(at_s, 3), kind=event.kind, body=body))

    def end(self) -> None:
        """No state is sent any more that was on its way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
