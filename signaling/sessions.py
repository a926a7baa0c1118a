"""All sessions of this app: finds or builds a session's host, serves the pages' sockets, acts on what relays say."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from media import messages as r
from rooms import access, seats, visits
from rooms import sessions as rows
from rooms.actor import Actor
from rooms.errors import NotFound, RoomsError, StaleEpoch, TicketRefused
from rooms.ids import new_id
from rooms.models import Participant as Row
from rooms.words import TicketKind
from signaling import messages as m
from signaling.commands import HUB, Ask, Command, Connect, GiveButtons, Locked, Tick
from signaling.connection import Connection
from signaling.desired import desired
from signaling.errors import (
    NotAllowed,
    ProtocolError,
    Refusal,
    RequestRefused,
    SignalingError,
    Translate,
    Unavailable,
    english,
)
from signaling.host import HostOptions, SessionHost, as_signaling_error
from signaling.relays import RelayPool
from signaling.requests import Requests, settle
from signaling.sockets import Socket, SocketClosed
from signaling.state import Participant, RoomState
from signaling.store import Seat, Store, actor_of, moment

log = logging.getLogger(__name__)

HELLO_S = 10.0
GRACE_S = 60.0
"""A ticket works once; the same device may show it again this long, in case the welcome did not reach it."""

MAX_WORKING = 4
"""Requests of one page that wait for the relay at the same time."""

DEVICE = re.compile(r"[A-Za-z0-9_-]{4,64}")


@dataclass(slots=True, eq=False)
class Page:
    """A socket after its handshake, and where it sits now; the next visit of a sitting moves it."""

    connection: Connection
    host: SessionHost
    seat: Seat
    translate: Translate


class Sessions:
    """The sessions that this app owns. Implements ``relays.RelayListener``.

    ``vault`` is handed through to ``rooms.visits.to_denunciation``.
    """

    def __init__(
        self,
        store: Store,
        pool: RelayPool,
        clock: Callable[[], float],
        vault: Any = None,
        options: HostOptions | None = None,
    ) -> None:
        self.store, self.pool, self.clock = store, pool, clock
        self.hosts: dict[str, SessionHost] = {}
        self.watchers: list[Callable[[SessionHost], None]] = []
        self._vault = vault
        self._options = options or HostOptions()
        self._requests = Requests(self)
        self._loading: dict[str, asyncio.Lock] = {}
        self._pages: dict[str, Page] = {}
        self._grace: dict[str, tuple[float, Seat]] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._chores: set[asyncio.Task[Any]] = set()
        self._stopping = False
        pool.listener = self

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take over the sessions that are live or wait for their lock, and begin to tick."""
        try:
            for session in await self.store.run(self.store.unfinished_sessions):
                with contextlib.suppress(RoomsError):
                    await self.host(session)
        except Unavailable:
            log.error("the database is away; sessions are taken over as their pages come")
        self._ticker = asyncio.create_task(self._tick(), name="sessions-ticker")

    async def stop(self) -> None:
        """Close all pages' sockets; media goes on."""
        self._stopping = True
        if self._ticker is not None:
            self._ticker.cancel()
        for chore in list(self._chores):
            chore.cancel()
        for host in self.hosts.values():
            host.close_connections(m.CLOSE_AGAIN, "hub stops")
        pages = [page.connection.finish() for page in self._pages.values()]
        await asyncio.gather(*pages, return_exceptions=True)
        for host in self.hosts.values():
            host.end()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._options.tick_s)
            for host in list(self.hosts.values()):
                try:
                    await host.tick()
                    manifest = await host.look_for_lock()
                    if manifest is not None:
                        await self._retire(host, manifest)
                except (SignalingError, RoomsError) as error:
                    log.warning("session %s: tick: %s", host.session, error)
                except Exception:
                    log.exception("session %s: tick failed", host.session)

    def chore(self, work: Any) -> None:
        """Something to be done beside the request that led to it."""
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    async def host(self, session: str) -> SessionHost:
        """The host of a session; built from the log if this app has none. Raises NotFound, Unavailable."""
        async with self._loading.setdefault(session, asyncio.Lock()):
            host = self.hosts.get(session)
            if host is not None and not host.deposed:
                return host
            try:
                loaded = await self.store.run(self.store.take, session)
            except StaleEpoch as error:
                raise Unavailable("owner.moved") from error
            host = SessionHost(loaded, self.store, self.pool, self.clock, self._options, self._changed, self._forget)
            host.requests = self._requests
            self.hosts[session] = host
            await host.start()
            return host

    def _changed(self, host: SessionHost) -> None:
        for watcher in self.watchers:
            watcher(host)

    def _forget(self, host: SessionHost) -> None:
        host.end()
        if self.hosts.get(host.session) is host:
            del self.hosts[host.session]

    async def _retire(self, host: SessionHost, manifest: str) -> None:
        """The package is made: say so, then let go of the session and of its peers."""
        await host.submit(Locked(manifest))
        host.send_states()
        host.close_connections(m.CLOSE_ENDED, "locked")
        elsewhere = {one.peer for other in self.hosts.values() if other is not host for one in other.state.connected()}
        for one in host.state.participants:
            if one.peer and one.peer not in elsewhere:
                self.pool.send(host.relay, r.ClosePeer(peer=one.peer))
        self._forget(host)
        self._changed(host)

    # --- commands of the hub itself ----------------------------------------------------------------------------------

    async def command(self, session: str, message: m.FromPage) -> SessionHost:
        """Carry out a request in the hub's own name (command line, board). Raises RequestRefused and others."""
        host = await self.host(session)
        await host.submit(Ask(HUB, message, id=new_id()))
        if isinstance(message, m.Ring):
            await host.refresh()  # the name of the place that is rung
        return host

    async def command_start(self, session: str, record: str, reason: str = "") -> None:
        """Start a session, with the notice on the account of whoever gave the command."""
        await self.command(session, m.ReadNotice(req=""))
        await self.command(
            session, msgspec.convert({"type": "start", "req": "", "record": record, "reason": reason}, m.Start)
        )

    async def command_close(self, session: str, lock: bool = False) -> None:
        """Close a session; with ``lock`` it can be locked at once."""
        await self.command(session, m.Close(req="", lock=lock))

    async def take_over(self, session: str, user: str) -> None:
        """The account takes the buttons from the board. Raises RequestRefused, NotFound, Forbidden."""
        host, mine = await self._seat_of(session, user, seats.to_operate)
        await host.submit(GiveButtons(mine))

    async def ring(self, session: str, site: str, user: str) -> None:
        """Ring a site into the session, from the board. Raises RequestRefused, NotFound, Forbidden."""

        def look() -> None:
            with self.store.database.read() as db:
                now = self.clock()
                access.load_site(db, actor_of(db, user, now), site, now=moment(now))

        await self.store.run(look)
        host, mine = await self._seat_of(session, user, seats.to_act)
        await host.submit(Ask(HUB, m.Ring(req="", site=site), id=new_id(), signed=mine))
        await host.refresh()  # the name of the place that is rung

    async def open_visit(
        self, visit: str, user: str, site: str = "", invite: tuple[str, ...] = (), chair: str = "", admit: bool = True
    ) -> str:
        """ "Mời vào phiên": open the session of a waiting visit; ``admit`` lets the visit's point in at once.

        ``site``: the operator's. Gives the session. Raises NotFound, Forbidden, WrongState, Conflict.
        """

        def work() -> str:
            with self.store.database.write() as db:
                now = self.clock()
                row = rows.open_for_visit(
                    db, actor_of(db, user, now), visit, moment(now), operator_site_id=site or None, invite=invite,
                    chair=chair,
                )  # fmt: skip
                return row.id

        session = await self.store.run(work)
        if admit:
            await self.admit_visit(session, user)
        return session

    async def admit_visit(self, session: str, user: str) -> None:
        """Let the visit's own point in, in the account's name. Raises NotFound, Forbidden, RequestRefused."""
        host, mine = await self._seat_of(session, user, seats.to_act)
        for participant in host.loaded.visit_points:
            await host.submit(Ask(HUB, m.Admit(req="", participant=participant), signed=mine))

    async def _seat_of(
        self, session: str, user: str, find: Callable[[Session, Actor, str, dt.datetime], Row]
    ) -> tuple[SessionHost, str]:
        """The session and the seat in whose name the account acts, known to the log."""
        host = await self.host(session)

        def work() -> str:
            with self.store.database.write() as db:
                now = self.clock()
                return find(db, actor_of(db, user, now), session, moment(now)).id

        mine = await self.store.run(work)
        if host.state.find(mine) is None:
            await host.refresh()
        return host, mine

    async def participant_added(self, session: str, participant: str) -> None:
        """A row was added (a token was made): let the log know."""
        host = await self.host(session)
        await host.refresh()

    # --- pages -------------------------------------------------------------------------------------------------------

    async def serve_page(
        self, session: str, socket: Socket, translate: Translate = english, local: bool = False
    ) -> None:
        """Serve ``/ws/session/{session}`` until the socket ends. ``translate`` speaks the user's language; ``local``:
        the client came over loopback."""
        connection: Connection | None = None
        page: Page | None = None
        try:
            async with asyncio.timeout(HELLO_S):
                hello = await self._hello(socket)
                seat = replace(await self._seat(hello, session), local=local)
            connection = Connection(socket, seat.device, m.encode, asyncio.get_running_loop().time())
            connection.start()
            page = Page(connection, await self._enter(seat), seat, translate)
            await self._sit(page, hello.last_event)
            if self._stopping:
                raise Unavailable("owner.moved")
            await self._serve(page)
        except SocketClosed:
            pass
        except (SignalingError, RoomsError, TimeoutError) as error:
            await self._turn_away(socket, connection, error, translate)
        except Exception as error:
            log.exception("session %s: a page's socket failed", session)
            await self._turn_away(socket, connection, error, translate)
        finally:
            if page is not None:
                await self._stand_up(page)
            if connection is not None:
                await connection.finish()

    async def _hello(self, socket: Socket) -> m.Hello:
        try:
            message = m.decode_from_page(await socket.receive_text())
        except m.BadMessage as error:
            raise ProtocolError(error.code) from error
        if not isinstance(message, m.Hello):
            raise ProtocolError("protocol.hello_first")
        if message.version != m.PROTOCOL_VERSION:
            raise ProtocolError("protocol.version")
        if not DEVICE.fullmatch(message.device):
            raise ProtocolError("message.malformed")
        return message

    async def _seat(self, hello: m.Hello, session: str) -> Seat:
        now = self.clock()
        self._grace = {secret: kept for secret, kept in self._grace.items() if kept[0] > now - GRACE_S}
        kept = self._grace.get(hello.token)
        if kept is not None and kept[1].device == hello.device and kept[1].session == session:
            return kept[1]
        try:
            seat = await self.store.run(self.store.redeem, hello.token, TicketKind.PAGE, now)
        except TicketRefused as error:
            raise NotAllowed() from error
        if seat.session != session or not seat.participant or seat.device not in ("", hello.device):
            raise NotAllowed()
        seat = replace(seat, device=hello.device)
        self._grace[hello.token] = (now, seat)
        return seat

    async def _enter(self, seat: Seat) -> SessionHost:
        host = await self.host(seat.session)
        if host.state.state == "locked":
            raise NotAllowed("session.over")
        if host.state.find(seat.participant) is None:
            await host.refresh()
        return host

    async def _sit(self, page: Page, last_event: int) -> None:
        resume = await self.store.run(self.store.issue_resume, page.seat, self.clock())
        await page.host.attach(page.connection, page.seat, resume, last_event)
        # Only now the older socket goes: the participant was never without one, and the log stays quiet.
        old = self._pages.get(page.seat.device)
        self._pages[page.seat.device] = page
        if old is not None:
            old.connection.close(m.CLOSE_REPLACED, "replaced")

    async def _stand_up(self, page: Page) -> None:
        if self._pages.get(page.seat.device) is page:
            del self._pages[page.seat.device]
        await page.host.detach(page.connection, page.seat.participant)

    async def _turn_away(
        self, socket: Socket, connection: Connection | None, error: Exception, translate: Translate
    ) -> None:
        told = (
            as_signaling_error(error) if not isinstance(error, TimeoutError) else ProtocolError("protocol.hello_first")
        )
        code = close_code(told)
        frame = m.Error(code=told.code, message=translate(told.code, told.message, told.values))
        if connection is not None:
            connection.send(frame)
            connection.close(code, told.code)
            return
        with contextlib.suppress(SocketClosed):
            await socket.send_text(m.encode(frame))
        await socket.close(code, told.code)

    async def _serve(self, page: Page) -> None:
        """Read until either side closes."""
        reader = asyncio.create_task(self._read(page), name="page-reader")
        writer = asyncio.create_task(page.connection.closed(), name="page-writer")
        try:
            await asyncio.wait([reader, writer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reader, writer):
                task.cancel()
            results = await asyncio.gather(reader, writer, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]

    async def _read(self, page: Page) -> None:
        loop = asyncio.get_running_loop()
        connection = page.connection
        working: set[asyncio.Task[None]] = set()
        try:
            while True:
                frame = await connection.socket.receive_text()
                connection.heard = loop.time()
                if not connection.bucket.take(loop.time()):
                    self._say(page, SignalingError("flood"), "")
                    connection.close(m.CLOSE_FLOOD, "flood")
                    return
                try:
                    message = m.decode_from_page(frame)
                except m.BadMessage as error:
                    self._say(page, ProtocolError(error.code), _req(frame))
                    continue
                if isinstance(message, (m.Publish, m.Subscribe)) and len(working) < MAX_WORKING:
                    task = asyncio.create_task(self._handle(page, message))
                    working.add(task)
                    task.add_done_callback(working.discard)
                else:
                    await self._handle(page, message)
        finally:
            for task in working:
                task.cancel()

    async def _handle(self, page: Page, message: m.FromPage) -> None:
        req = getattr(message, "req", "")
        try:
            await self._requests.handle(page.host, page.seat, page.connection, message)
        except (SignalingError, RoomsError) as error:
            self._say(page, as_signaling_error(error), req)
        except Exception:
            log.exception("session %s: %s failed", page.host.session, type(message).__name__)
            self._say(page, SignalingError("internal"), req)

    @staticmethod
    def _say(page: Page, error: SignalingError, req: str) -> None:
        sentence = page.translate(error.code, error.message, error.values)
        page.connection.send(m.Error(code=error.code, message=sentence, req=req))

    # --- larger steps ------------------------------------------------------------------------------------------------

    def went_to_denunciation(self, host: SessionHost, seat: Seat, participant: str) -> None:
        """The media is cut; now the visit: identities into the vault, its own file (design 7)."""
        visit = host.loaded.visit
        if not visit or participant not in host.loaded.visit_points or self._vault is None:
            return

        def work() -> None:
            with self.store.database.write() as db:
                now = self.clock()
                visits.to_denunciation(db, actor_of(db, seat.user, now), visit, self._vault, moment(now))

        self.chore(settle(lambda: self.store.run(work)))

    async def next_visit(self, host: SessionHost, seat: Seat, message: m.NextVisit) -> str:
        """Close this visit's session and go on with the sitting's next one, on the same connections.

        Sites that were rung into this visit stay behind: they were asked about this citizen, not about the next.
        """
        operator = host.state.find(host.state.operator)
        ask, opened = Ask(seat.participant, message), ""

        def extra(db: Session, state: RoomState) -> Command:
            # One transaction with the event that closes this one: never two sessions, never none.
            nonlocal opened
            actor = actor_of(db, seat.user, self.clock())
            site = operator.site if operator is not None else ""
            row = rows.open_for_visit(
                db, actor, message.visit, moment(self.clock()), operator_site_id=site or None, chair=host.labels.chair
            )
            if host.relay:
                row.relay_id = host.relay
            opened = row.id
            return ask

        await host.submit(ask, extra)
        try:
            await self._go_over(host, opened)
        except Unavailable:
            self.chore(settle(lambda: self._go_over(host, opened)))  # the pages follow when the database is back
        return opened

    async def _go_over(self, old: SessionHost, session: str) -> None:
        await self._move_pages(old, await self.host(session))

    async def _move_pages(self, old: SessionHost, new: SessionHost) -> None:
        """Pages of points that take part in both go over; a visit's own point only if it receives the next one too."""
        taken = set(new.connections)
        for page in [page for page in self._pages.values() if page.host is old]:
            here = old.state.find(page.seat.participant)
            there = _same_place(new, here, page.seat.user, taken) if here is not None and here.connected else ""
            if not there:
                continue
            taken.add(there)
            seat = replace(page.seat, session=new.session, participant=there)
            resume = await self.store.run(self.store.issue_resume, seat, self.clock())
            one = new.state.find(there)
            if one is not None and not one.admitted and there not in new.loaded.visit_points:
                await new.submit(Ask(HUB, m.Admit(req="", participant=there)))
            await old.detach(page.connection, page.seat.participant)
            page.host, page.seat = new, seat
            page.connection.send(m.Moved(session=new.session))
            try:
                await new.attach(page.connection, seat, resume, 0)
            except Unavailable:
                page.connection.close(m.CLOSE_AGAIN, "database away")  # it comes back to where it was sent

    # --- relays ------------------------------------------------------------------------------------------------------

    async def relay_up(self, relay: str, restarted: bool) -> None:
        """A relay is linked."""
        for host in list(self.hosts.values()):
            try:
                await host.relay_up(relay, restarted)
            except (SignalingError, RoomsError) as error:
                log.error("session %s: relay up: %s", host.session, error)
        for session, epoch in self.pool.sessions_on(relay).items():
            await self._settle_stray(relay, session, epoch)

    async def _settle_stray(self, relay: str, session: str, epoch: int) -> None:
        """A relay carries a session that is not on it any more, or over: it closes the journals there."""
        host = self.hosts.get(session)
        if host is not None:
            host.let_go(relay, epoch)
            return
        try:
            loaded = await self.store.run(self.store.reload, session, epoch)
        except (NotFound, Unavailable):
            return
        if loaded.state.state in ("closed", "locked"):
            over = desired(replace(loaded.state, state="closed"), epoch, 1_000_000_000)
            self.pool.send(relay, over)

    async def relay_dead(self, relay: str) -> None:
        """A relay is confirmed dead."""
        for host in list(self.hosts.values()):
            try:
                await host.relay_dead(relay)
            except (SignalingError, RoomsError) as error:
                log.error("session %s: relay dead: %s", host.session, error)

    async def report(self, relay: str, report: r.Report) -> None:
        """Store a report and act on it. Raises Unavailable to be asked again."""
        host = self._host_of(report)
        try:
            if host is not None and host.state.state != "locked":
                await host.report(relay, report)
                return
            await self._only_store(relay, report, report.session)
        except RoomsError as error:
            # A report that cannot be kept must not hold up those behind it.
            log.error("report %d of relay %s: %s", report.number, relay, error)
            await self._only_store(relay, report, "")

    async def _only_store(self, relay: str, report: r.Report, session: str) -> None:
        body = msgspec.to_builtins(report.body)
        track = (session, str(body.pop("type")), body)
        await self.store.run(self.store.report, relay, report.number, None, 0, Tick(), self.clock(), track)

    def _host_of(self, report: r.Report) -> SessionHost | None:
        if report.session:
            return self.hosts.get(report.session)
        peer = getattr(report.body, "peer", "")
        return next((h for h in self.hosts.values() if any(p.peer == peer for p in h.state.connected())), None)

    def offered(self, relay: str, offer: r.SubscribeOffer) -> None:
        """An offer for a page's subscribe leg; only lines of participants the page may see come from the relay."""
        page = self._pages.get(offer.peer)
        if page is not None:
            page.connection.send(m.Offer(offer=offer.offer, sdp=offer.sdp, lines=offer.lines))

    def speaks(self, relay: str, speaker: r.Speaker) -> None:
        """Who speaks."""
        host = self.hosts.get(speaker.session)
        if host is not None and not host.state.side_talk:
            host.to_inside(m.Speaker(participant=speaker.participant))

    def measured(self, relay: str, quality: r.Quality) -> None:
        """Line quality."""
        for host in self._on(relay):
            host.measured(quality)

    def _on(self, relay: str) -> Iterable[SessionHost]:
        return [host for host in self.hosts.values() if host.relay == relay]

    async def connect_peer(self, session: str, participant: str, peer: str) -> SessionHost:
        """A WHIP client takes its place. Raises RequestRefused, Unavailable."""
        host = await self.host(session)
        if host.state.find(participant) is None:
            await host.refresh()
        await host.submit(Connect(participant, peer))
        one = host.state.find(participant)
        if one is None or not one.connected:
            raise RequestRefused(Refusal("participant.not_admitted"))
        return host


def _same_place(new: SessionHost, here: Participant, user: str, taken: set[str]) -> str:
    """The participant of the next session that stands for this one, "" if there is none: the person's own seat, else
    a free one of the same site and role. No two pages get the same."""
    same = [
        one.participant
        for one in new.state.participants
        if here.site and one.site == here.site and one.participant not in taken
    ]
    users = new.loaded.users
    own = [name for name in same if user and users.get(name) == user]
    role = [name for name in same if (one := new.state.find(name)) is not None and one.role == here.role]
    return next(iter(own + role), "")


def close_code(error: SignalingError) -> int:
    """The code with which a socket is closed after this error."""
    if error.code == "internal":
        return m.CLOSE_AGAIN
    if error.code == "session.over":
        return m.CLOSE_ENDED
    if isinstance(error, Unavailable):
        return m.CLOSE_AGAIN
    if isinstance(error, ProtocolError):
        return m.CLOSE_PROTOCOL
    return m.CLOSE_NOT_ALLOWED


class _Req(msgspec.Struct):
    req: str = ""


_req_of = msgspec.json.Decoder(_Req)


def _req(frame: str) -> str:
    """The request id of a frame that could not be read otherwise, so that the page's request does not hang."""
    if len(frame) > m.MAX_MESSAGE:
        return ""
    try:
        return _req_of.decode(frame).req[:64]
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
