"""The websockets of a session's pages: the handshake, reading what they ask, answering, turning away.

Who may come in is decided by the ticket of the first message; where the page sits from then on is in ``Page``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from rooms.errors import RoomsError, TicketRefused
from rooms.words import TicketKind
from signaling import messages as m
from signaling.connection import Connection
from signaling.errors import NotAllowed, ProtocolError, SignalingError, Translate, Unavailable, english
from signaling.host import SessionHost, as_signaling_error
from signaling.sockets import Socket, SocketClosed
from signaling.store import Seat

if TYPE_CHECKING:
    from signaling.sessions import Sessions

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


class Pages:
    """All pages of this app, by device."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._store, self._clock = sessions.store, sessions.clock
        self._pages: dict[str, Page] = {}
        self._grace: dict[str, tuple[float, Seat]] = {}
        self._stopping = False

    def of_device(self, device: str) -> Page | None:
        """The page on this device."""
        return self._pages.get(device)

    def on(self, host: SessionHost) -> list[Page]:
        """The pages that sit in a session now."""
        return [page for page in self._pages.values() if page.host is host]

    def turn_everybody_away(self) -> None:
        """From now on nobody comes in: the hub stops."""
        self._stopping = True

    async def finish(self) -> None:
        """Wait until all sockets are written out and closed."""
        pages = [page.connection.finish() for page in self._pages.values()]
        await asyncio.gather(*pages, return_exceptions=True)

    async def serve(self, session: str, socket: Socket, translate: Translate = english, local: bool = False) -> None:
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
        now = self._clock()
        self._grace = {secret: kept for secret, kept in self._grace.items() if kept[0] > now - GRACE_S}
        kept = self._grace.get(hello.token)
        if kept is not None and kept[1].device == hello.device and kept[1].session == session:
            return kept[1]
        try:
            seat = await self._store.run(self._store.redeem, hello.token, TicketKind.PAGE, now)
        except TicketRefused as error:
            raise NotAllowed() from error
        if seat.session != session or not seat.participant or seat.device not in ("", hello.device):
            raise NotAllowed()
        seat = replace(seat, device=hello.device)
        self._grace[hello.token] = (now, seat)
        return seat

    async def _enter(self, seat: Seat) -> SessionHost:
        host = await self._sessions.host(seat.session)
        if host.state.state == "locked":
            raise NotAllowed("session.over")
        if host.state.find(seat.participant) is None:
            await host.refresh()
        return host

    async def _sit(self, page: Page, last_event: int) -> None:
        resume = await self._store.run(self._store.issue_resume, page.seat, self._clock())
        await page.host.audience.attach(page.connection, page.seat, resume, last_event)
        # Only now the older socket goes: the participant was never without one, and the log stays quiet.
        old = self._pages.get(page.seat.device)
        self._pages[page.seat.device] = page
        if old is not None:
            old.connection.close(m.CLOSE_REPLACED, "replaced")

    async def _stand_up(self, page: Page) -> None:
        if self._pages.get(page.seat.device) is page:
            del self._pages[page.seat.device]
        await page.host.audience.detach(page.connection, page.seat.participant)

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
            await self._sessions.requests.handle(page.host, page.seat, page.connection, message)
        except (SignalingError, RoomsError) as error:
            self._say(page, as_signaling_error(error), req)
        except Exception:
            log.exception("session %s: %s failed", page.host.session, type(message).__name__)
            self._say(page, SignalingError("internal"), req)

    @staticmethod
    def _say(page: Page, error: SignalingError, req: str) -> None:
        sentence = page.translate(error.code, error.message, error.values)
        page.connection.send(m.Error(code=error.code, message=sentence, req=req))


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
