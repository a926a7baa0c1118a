"""The hub channel (``/ws/hub``): who is present where, the queue, running sessions, alerts, rings, calls for help.

One socket per device, the newest wins. Everything is sent again as a whole, at most once a second, and only to those
for whom something changed; what an account may see is worked out by ``signaling.board``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from rooms.errors import NotFound, RoomsError, TicketRefused
from rooms.ids import new_id
from rooms.words import TicketKind
from signaling import devicemessages as d
from signaling import messages as m
from signaling.board import (
    Alert,
    LiveSession,
    Present,
    Seen,
    Snapshot,
    as_body,
    live_session,
    place_of,
    rings_for,
    see,
)
from signaling.connection import SILENT_S, Connection
from signaling.deskrequests import Desk, DeskRequests, RoomUrl
from signaling.errors import (
    NotAllowed,
    ProtocolError,
    SignalingError,
    Translate,
    Unavailable,
    english,
)
from signaling.host import SessionHost, as_signaling_error
from signaling.neighbours import Neighbours
from signaling.pages import DEVICE, HELLO_S, close_code
from signaling.sessions import Sessions
from signaling.sockets import Socket, SocketClosed
from signaling.store import Store

log = logging.getLogger(__name__)

EVERY_S = 1.0
SLOW_FACTOR = 5.0
"""The next refresh waits at least this many times as long as the last one took: many officers on a small machine."""

LISTEN_S = 2.0
"""How often other apps are asked what has changed there."""

REFRESH_S = 15.0
"""Queue and sites also change without us hearing of it (another app, the desk's pages)."""

ALERT_S = 30 * 60.0
MAX_ALERTS = 100


class HubChannel:
    """All devices on the hub channel of this app."""

    def __init__(
        self,
        store: Store,
        sessions: Sessions,
        clock: Callable[[], float],
        room_url: RoomUrl = lambda session: f"/room/{session}",
        every_s: float = EVERY_S,
    ) -> None:
        self._sessions, self._store, self._clock = sessions, store, clock
        self._room_url, self._every_s = room_url, every_s
        self._desks: dict[str, Desk] = {}
        self._alerts: list[Alert] = []
        self._wake = asyncio.Event()
        self._changes = 0
        self._life = new_id()  # a version of before our restart is never ours
        self._neighbours = Neighbours(sessions.peers, sessions.operations, self._told)
        self._requests = DeskRequests(store, sessions, clock, lambda: self._snapshot(clock()), self._noted, room_url)
        self._task: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Begin to send."""
        self._sessions.watchers.append(self._session_changed)
        self._task = asyncio.create_task(self._run(), name="hub-channel")
        self._listener = asyncio.create_task(self._listen(), name="hub-neighbours")

    async def stop(self) -> None:
        """Close all sockets."""
        self._stopping = True
        for task in (self._task, self._listener):
            if task is not None:
                task.cancel()
        for desk in self._desks.values():
            desk.connection.close(m.CLOSE_AGAIN, "hub stops")
        await asyncio.gather(*(desk.connection.finish() for desk in self._desks.values()), return_exceptions=True)
        if self._task is not None:
            await asyncio.wait([self._task])

    def dirty(self) -> None:
        """Something that devices may see has changed (a visit was queued, a sitting opened)."""
        self._changes += 1
        self._wake.set()

    def presence_of(self, site: str) -> str:
        """ "ready" when a device is present at the site, "ringing" while it is called, else "offline"."""
        others = self._neighbours.snapshots()
        rooms = [host.state for host in list(self._sessions.hosts.values())]
        rooms += [live.state for other in others for live in other.live.values()]
        if any(ring.site == site for room in rooms for ring in room.rings):
            return "ringing"
        here = [desk.present for desk in list(self._desks.values())]
        here += [one for other in others for one in other.present]
        return "ready" if any(site in one.sites for one in here) else "offline"

    def alerts_now(self) -> list[dict[str, Any]]:
        """Calls for help of the last half hour; the caller shows only what its reader may see."""
        others = [alert for other in self._neighbours.snapshots() for alert in other.alerts]
        return [as_body(alert) for alert in [*self._alerts, *others]]

    def _session_changed(self, host: SessionHost) -> None:
        self._call(host.session, host.loaded.visit, host.state.state)
        self.dirty()

    def _call_who_waits(self, snapshot: Snapshot) -> None:
        """The session of a visit may have been opened at another app."""
        if any(desk.waits_for for desk in self._desks.values()):
            for session, live in snapshot.live.items():
                self._call(session, live.visit, live.state.state)

    def _call(self, session: str, visit: str, state: str) -> None:
        if visit and state in ("open", "running"):
            for desk in self._desks.values():
                if desk.waits_for == visit:
                    desk.waits_for = ""
                    desk.connection.send(d.Called(session=session, url=self._room_url(session)))

    def _noted(self, alert: Alert | None) -> None:
        """A device asked for help, or waits for a visit: others see it."""
        if alert is not None:
            self._alerts.append(alert)
        self.dirty()

    async def _listen(self) -> None:
        """Hear of the other apps."""
        while not self._sessions.peers.alone:
            await asyncio.sleep(LISTEN_S)
            if await self._neighbours.listen():
                self._wake.set()

    # --- sending -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation that comes with the wake-up.
                async with asyncio.timeout(REFRESH_S):
                    await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            try:
                await self.refresh()
            except (SignalingError, RoomsError) as error:
                log.warning("hub channel: %s", error)
            except Exception:
                log.exception("hub channel: refresh failed")
            await asyncio.sleep(max(self._every_s, SLOW_FACTOR * (loop.time() - began)))

    async def refresh(self) -> None:
        """Send every device what it may see, if that changed."""
        now = self._clock()
        loop_now = asyncio.get_running_loop().time()
        for desk in list(self._desks.values()):
            if loop_now - desk.connection.heard > SILENT_S:
                desk.connection.close(m.CLOSE_AGAIN, "silent")
        self._alerts = [alert for alert in self._alerts if now - alert.utc < ALERT_S][-MAX_ALERTS:]
        desks = list(self._desks.values())
        if not desks:
            return
        snapshot = self._snapshot(now)
        self._call_who_waits(snapshot)
        states = await self._store.run(self._states, [desk.present for desk in desks], snapshot)
        for desk in desks:
            state = states.get(desk.present.device)
            if state is not None:
                self._send(desk, state)

    @staticmethod
    def _send(desk: Desk, state: d.HubState) -> None:
        if desk.last is not None and _same(desk.last, state):
            return
        desk.last = state
        desk.connection.send(state)

    def _snapshot(self, now: float) -> Snapshot:
        return self._neighbours.with_others(self._own(now))

    def _told(self) -> tuple[str, Snapshot]:
        return f"{self._life}.{self._changes}", self._own(self._clock())

    def _own(self, now: float) -> Snapshot:
        """What this app knows by itself."""
        live: dict[str, LiveSession] = {
            host.session: live_session(host.state, host.labels, host.loaded.visit, host.lines.words, now)
            for host in list(self._sessions.hosts.values())
        }
        return Snapshot(now, tuple(desk.present for desk in self._desks.values()), tuple(self._alerts), live)

    def _states(self, presents: list[Present], snapshot: Snapshot) -> dict[str, d.HubState]:
        """In a thread: one look per account, however many devices it has."""
        seen: dict[tuple[str, tuple[str, ...]], Seen] = {}
        states = {}
        with self._store.database.read() as db:
            for present in presents:
                key = (present.user, present.sites)
                if key not in seen:
                    try:
                        seen[key] = see(db, present.user, present.sites, snapshot)
                    except NotFound:
                        seen[key] = Seen((), (), (), ())  # the account was shut
                mine = seen[key]
                states[present.device] = d.HubState(
                    utc=snapshot.utc,
                    sites=mine.sites,
                    queue=mine.queue,
                    sessions=mine.sessions,
                    alerts=mine.alerts,
                    ring=rings_for(db, snapshot, present),
                )
        return states

    # --- a device ----------------------------------------------------------------------------------------------------

    async def serve(self, socket: Socket, translate: Translate = english) -> None:
        """Serve ``/ws/hub`` until the socket ends."""
        desk: Desk | None = None
        try:
            async with asyncio.timeout(HELLO_S):
                present = await self._present(socket)
            if self._stopping:
                raise Unavailable("owner.moved")
            connection = Connection(socket, present.device, m.encode, asyncio.get_running_loop().time())
            connection.start()
            desk = Desk(connection, present, translate)
            old = self._desks.get(present.device)
            self._desks[present.device] = desk
            if old is not None:
                old.connection.close(m.CLOSE_REPLACED, "replaced")
            self.dirty()
            await self._read_until_closed(desk)
        except SocketClosed:
            pass
        except (SignalingError, RoomsError, TimeoutError) as error:
            told = (
                as_signaling_error(error)
                if not isinstance(error, TimeoutError)
                else ProtocolError("protocol.hello_first")
            )
            with contextlib.suppress(SocketClosed):
                frame = m.Error(code=told.code, message=translate(told.code, told.message, told.values))
                await socket.send_text(m.encode(frame))
            await socket.close(close_code(told), told.code)
        finally:
            if desk is not None:
                if self._desks.get(desk.present.device) is desk:
                    del self._desks[desk.present.device]
                self.dirty()
                await desk.connection.finish()

    async def _present(self, socket: Socket) -> Present:
        try:
            message = d.decode_from_device(await socket.receive_text())
        except m.BadMessage as error:
            raise ProtocolError(error.code) from error
        if not isinstance(message, d.Present):
            raise ProtocolError("protocol.hello_first")
        if message.version != m.PROTOCOL_VERSION:
            raise ProtocolError("protocol.version")
        if not DEVICE.fullmatch(message.device):
            raise ProtocolError("message.malformed")
        try:
            return await self._store.run(self._redeem, message)
        except TicketRefused as error:
            raise NotAllowed() from error

    def _redeem(self, message: d.Present) -> Present:
        now = self._clock()
        seat = self._store.redeem(message.token, TicketKind.HUB, now)
        if seat.device not in ("", message.device):
            raise NotAllowed()
        with self._store.database.read() as db:
            sites, room = place_of(db, seat.user, message.device, now)
        return Present(message.device, seat.user, sites, room)

    async def _read_until_closed(self, desk: Desk) -> None:
        reader = asyncio.create_task(self._read(desk), name="hub-reader")
        writer = asyncio.create_task(desk.connection.closed(), name="hub-writer")
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            writer.cancel()
            results = await asyncio.gather(reader, writer, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _read(self, desk: Desk) -> None:
        loop = asyncio.get_running_loop()
        while True:
            frame = await desk.connection.socket.receive_text()
            desk.connection.heard = loop.time()
            if not desk.connection.bucket.take(loop.time()):
                self._say(desk, SignalingError("flood"), "")
                desk.connection.close(m.CLOSE_FLOOD, "flood")
                return
            try:
                message = d.decode_from_device(frame)
            except m.BadMessage as error:
                self._say(desk, ProtocolError(error.code), "")
                continue
            try:
                await self._requests.handle(desk, message)
            except (SignalingError, RoomsError) as error:
                self._say(desk, as_signaling_error(error), getattr(message, "req", ""))
            except Exception:
                log.exception("hub channel: %s failed", type(message).__name__)
                self._say(desk, SignalingError("internal"), getattr(message, "req", ""))

    @staticmethod
    def _say(desk: Desk, error: SignalingError, req: str) -> None:
        sentence = desk.translate(error.code, error.message, error.values)
        desk.connection.send(m.Error(code=error.code, message=sentence, req=req))


def _same(old: d.HubState, new: d.HubState) -> bool:
    """Whether nothing but the time differs; pages count waiting seconds themselves."""
    strip = [{k: v for k, v in one.items() if k != "waits_s"} for one in old.queue]
    other = [{k: v for k, v in one.items() if k != "waits_s"} for one in new.queue]
    rest = (old.sites, old.sessions, old.alerts, old.ring) == (new.sites, new.sessions, new.alerts, new.ring)
    return strip == other and rest


__all__ = ["HubChannel"]
