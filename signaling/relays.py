"""The app's end of the relay links: who is linked, what they are asked, what they report, and when one is dead.

A relay dials in, proves its key, and stays (design 2). Its reports are stored in order, each exactly once, before they
are acknowledged; while the database is away they wait, here and in the relay's outbox. A link that is lost is not
yet a dead relay: media outlives signaling. It is dead when its process is known to be gone, when it comes back with
another ``boot`` (then all its peers are gone), or when nothing is heard of it for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from media import messages as r
from rooms import relays as relay_rows
from signaling.errors import Unavailable
from signaling.messages import CLOSE_AGAIN, CLOSE_NOT_ALLOWED, CLOSE_PROTOCOL, CLOSE_REPLACED
from signaling.questions import Questions
from signaling.relaylink import Disk, Link, shake_hands
from signaling.sockets import Socket, SocketClosed
from signaling.store import Store, moment

log = logging.getLogger(__name__)

ANSWER_S = 8.0
"""A relay answers an offer in milliseconds; a hung one must not keep a page waiting for long."""

KEEP_S = 2.0
"""A relay's disk syncs in milliseconds; whoever asked for something is told soon when it does not."""

SILENT_S = 7.0
"""A relay sends ``quality`` every 2 s; a link this silent is a link to a hung process or a broken line."""

SEEN_EVERY_S = 60.0
"""How often it is written down that a relay is there: the worker, which has no link, looks there."""

MAX_WAITING_REPORTS = 5000


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """``gone_s``: after a lost link, when the process cannot be looked at. ``hung_s``: when it is there but silent.
    ``seen_s``: how often a linked relay is noted in the database. ``max_source_bps``, ``max_viewer_bps``: ceilings that
    relays are told, 0: their own."""

    gone_s: float = 5.0
    hung_s: float = 30.0
    silent_s: float = SILENT_S
    retry_s: float = 1.0
    answer_s: float = ANSWER_S
    keep_s: float = KEEP_S
    seen_s: float = SEEN_EVERY_S
    max_source_bps: int = 0
    max_viewer_bps: int = 0


class RelayListener(Protocol):
    """Who acts on what relays say: the sessions."""

    async def relay_up(self, relay: str, restarted: bool) -> None:
        """A relay is linked. ``restarted``: its process is new, the peers of the old one are gone."""

    async def relay_dead(self, relay: str) -> None:
        """A relay is confirmed dead."""

    async def report(self, relay: str, report: r.Report) -> None:
        """Store a report and act on it. Raises Unavailable to be called again with the same report."""

    def offered(self, relay: str, offer: r.SubscribeOffer) -> None:
        """An offer for a subscribe leg."""

    def layers(self, relay: str, layers: r.Layers) -> None:
        """Which layers of a page's source are wanted."""

    def crosstalk(self, relay: str, crosstalk: r.Crosstalk) -> None:
        """Which rooms hear each other."""

    def speaks(self, relay: str, speaker: r.Speaker) -> None:
        """Who speaks."""

    def measured(self, relay: str, quality: r.Quality) -> None:
        """Line quality."""


class RelayPool:
    """All relays of the hub, as far as they are linked to this app."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        options: RelayOptions | None = None,
        is_alive: Callable[[str, int], bool | None] = lambda relay, pid: None,
    ) -> None:
        self.listener: RelayListener | None = None
        self._store = store
        self._clock = clock
        self._options = options or RelayOptions()
        self._is_alive = is_alive
        self._links: dict[str, Link] = {}
        self._boots: dict[str, str] = {}
        self._mourning: dict[str, asyncio.Task[None]] = {}
        self._questions = Questions(self.send)
        self._carried: dict[str, str] = {}
        self._changed = asyncio.Event()

    # --- what the sessions use ---------------------------------------------------------------------------------------

    def linked(self) -> list[str]:
        """Relays that are linked now."""
        return list(self._links)

    def sessions_on(self, relay: str) -> dict[str, int]:
        """Sessions (and their epochs) that the relay said it carries when it linked."""
        link = self._links.get(relay)
        return dict(link.hello.sessions) if link is not None else {}

    def is_linked(self, relay: str) -> bool:
        """Whether this relay is linked now."""
        return relay in self._links

    def offset(self, relay: str) -> float | None:
        """The relay's clock minus ours, in seconds; None while unknown."""
        link = self._links.get(relay)
        return link.offset_s if link is not None else None

    def disk(self, relay: str) -> Disk | None:
        """The relay's disk as it last said, None before it did or while it is not linked."""
        link = self._links.get(relay)
        return link.disk if link is not None else None

    def place(self, session: str, preferred: str = "", avoid: str = "") -> str:
        """Choose a relay for a session: the one it is on if that is linked, else the least loaded; "" for none."""
        if preferred in self._links and preferred != avoid:
            choice = preferred
        else:
            counts = {relay: 0 for relay in self._links if relay != avoid}
            for relay in self._carried.values():
                if relay in counts:
                    counts[relay] += 1
            choice = min(counts, key=lambda one: (counts[one], self._links[one].cpu, one), default="")
        if choice:
            self._carried[session] = choice
        return choice

    def keep(self, session: str, relay: str) -> None:
        """The session stays on ``relay`` though it is not linked now (it may well run)."""
        self._carried[session] = relay

    def forget(self, session: str) -> None:
        """The session needs no relay any more."""
        self._carried.pop(session, None)

    def send(self, relay: str, message: r.ToRelay) -> bool:
        """Queue a message; False while the relay is not linked."""
        link = self._links.get(relay)
        if link is None:
            return False
        link.outbox.put_nowait(message)
        return True

    def next_request(self) -> str:
        """A fresh request id."""
        return self._questions.next()

    async def ask(self, relay: str, message: r.PublishOffer | r.SubscribeStart | r.ViewOffer) -> r.Answer:
        """Ask and wait. Raises Unavailable (relay.none, relay.away, relay.timeout) and RequestRefused."""
        answer = await self._questions.ask(relay, message, self._options.answer_s)
        assert isinstance(answer, r.Answer)
        return answer

    def may_keep(self, relay: str) -> bool:
        """Whether this relay is linked and can keep events while the database is away."""
        link = self._links.get(relay)
        return link is not None and link.hello.kept is not None

    async def keep_events(
        self, relay: str, session: str, epoch: int, after: int, events: tuple[r.KeptEvent, ...]
    ) -> None:
        """Have events kept; they are on the relay's disk when this returns. Raises Unavailable (owner.moved when the
        relay knows a later owner)."""
        if not self.may_keep(relay):
            raise Unavailable("relay.away")
        keep = r.KeepEvents(req=self.next_request(), session=session, epoch=epoch, after=after, events=events)
        await self._questions.ask(relay, keep, self._options.keep_s)

    async def read_kept(self, relay: str, session: str, epoch: int) -> tuple[r.KeptEvent, ...]:
        """What this relay keeps for a session, by epoch and number; lower epochs can leave nothing there any more.
        Raises Unavailable."""
        if not self.may_keep(relay):
            return ()
        question = r.ReadKept(req=self.next_request(), session=session, epoch=epoch)
        answer = await self._questions.ask(relay, question, self._options.answer_s)
        assert isinstance(answer, r.KeptEvents)
        return answer.events

    def keeping(self, session: str) -> list[str]:
        """Linked relays that said, when they linked, that they keep events of this session."""
        return [relay for relay, link in self._links.items() if session in (link.hello.kept or ())]

    def kept_on(self, relay: str) -> list[str]:
        """The sessions of which this relay keeps events."""
        link = self._links.get(relay)
        return list(link.hello.kept or ()) if link is not None else []

    def restarted(self, relay: str) -> bool:
        """Whether this relay's process is new since its link of before: the peers of the old one are gone."""
        link = self._links.get(relay)
        return link is not None and link.restarted

    async def until_known(self, relay: str) -> bool:
        """Wait until this relay is linked (True) or known to be dead (False)."""
        await self.expect(relay)
        while relay not in self._links and relay in self._mourning:
            self._changed.clear()
            await self._changed.wait()
        return relay in self._links

    async def expect(self, relay: str) -> None:
        """A session runs on ``relay`` and nothing is linked: begin to wait for it, as if its link were lost."""
        if relay and relay not in self._links and relay not in self._mourning:
            self._mourn(relay, 0)

    async def until_linked(self, timeout_s: float) -> bool:
        """Wait for any relay."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self._links:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Close all links; the relays dial again elsewhere or later."""
        for task in self._mourning.values():
            task.cancel()
        self._mourning.clear()
        self._changed.set()
        for link in list(self._links.values()):
            await link.socket.close(CLOSE_AGAIN, "app stops")

    # --- a link ------------------------------------------------------------------------------------------------------

    async def serve(self, socket: Socket) -> None:
        """Run one relay's link until it ends."""
        try:
            ceilings = self._options.max_source_bps, self._options.max_viewer_bps
            link = await shake_hands(socket, self._store, self._clock, ceilings)
        except (r.LinkError, TimeoutError):
            await socket.close(CLOSE_PROTOCOL, "protocol")
            return
        except Unavailable:
            await socket.close(CLOSE_AGAIN, "database")
            return
        except SocketClosed:
            return
        if link is None:
            await socket.close(CLOSE_NOT_ALLOWED, "key")
            return
        await self._run(link)

    async def _run(self, link: Link) -> None:
        old = self._links.get(link.relay)
        if old is not None:
            await old.socket.close(CLOSE_REPLACED, "newer link")
        before = self._boots.setdefault(link.relay, link.boot_before)
        link.restarted = bool(before) and before != link.hello.boot
        self._boots[link.relay] = link.hello.boot
        self._links[link.relay] = link
        mourning = self._mourning.pop(link.relay, None)
        if mourning is not None:
            mourning.cancel()
        self._changed.set()
        log.info("relay %s linked, restarted=%s", link.relay, link.restarted)
        tasks = [
            asyncio.create_task(self._write(link), name="relay-writer"),
            asyncio.create_task(self._read(link), name="relay-reader"),
            asyncio.create_task(self._store_reports(link), name="relay-reports"),
            asyncio.create_task(self._watch(link), name="relay-watch"),
            asyncio.create_task(self._note_seen(link), name="relay-seen"),
        ]
        try:
            if self.listener is not None:
                await self.listener.relay_up(link.relay, link.restarted)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            self._lost(link)
            await link.socket.close(CLOSE_AGAIN, "link ends")
            for result in results:
                if isinstance(result, Exception) and not isinstance(result, (SocketClosed, r.LinkError)):
                    log.error("relay link failed: %s", link.relay, exc_info=result)

    def _lost(self, link: Link) -> None:
        if self._links.get(link.relay) is not link:
            return
        del self._links[link.relay]
        self._questions.lost(link.relay)
        log.warning("relay %s: link lost", link.relay)
        self._mourn(link.relay, link.hello.pid)

    def _mourn(self, relay: str, pid: int) -> None:
        task = asyncio.create_task(self._wait_for(relay, pid), name="relay-mourning")
        self._mourning[relay] = task

    async def _wait_for(self, relay: str, pid: int) -> None:
        """A link is lost: is the relay dead? Cancelled when it comes back."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            alive = self._is_alive(relay, pid) if pid else None
            limit = 0.0 if alive is False else self._options.hung_s if alive else self._options.gone_s
            left = since + limit - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(min(left, 0.25))
        self._mourning.pop(relay, None)
        for session, carrier in list(self._carried.items()):
            if carrier == relay:
                del self._carried[session]
        self._changed.set()
        log.error("relay %s is dead", relay)
        if self.listener is not None:
            await self.listener.relay_dead(relay)

    async def _write(self, link: Link) -> None:
        while True:
            await link.socket.send_text(r.encode(await link.outbox.get()))

    async def _watch(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = link.heard + self._options.silent_s - loop.time()
            if left <= 0:
                break
            await asyncio.sleep(left)
        log.warning("relay %s says nothing", link.relay)

    async def _note_seen(self, link: Link) -> None:
        while True:
            await asyncio.sleep(self._options.seen_s)
            with contextlib.suppress(Unavailable):
                await self._store.run(self._write_seen, link)

    def _write_seen(self, link: Link) -> None:
        hello = link.hello
        with self._store.database.write() as db:
            if relay_rows.get(db, link.relay) is None:
                raise r.LinkError("relay was retired")
            now = moment(self._clock())
            relay_rows.seen(db, link.relay, now, boot=hello.boot, pid=hello.pid, addresses=hello.addresses)

    async def _read(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        while True:
            message = r.decode_to_app(await link.socket.receive_text())
            link.heard = loop.time()
            if isinstance(message, r.Report):
                if link.reports.qsize() >= MAX_WAITING_REPORTS:
                    raise r.LinkError("more reports than can be stored")  # they stay in the relay's outbox
                link.reports.put_nowait(message)
            else:
                self._take(link, message)

    def _take(self, link: Link, message: r.ToApp) -> None:
        listener = self.listener
        match message:
            case r.Answer() | r.KeptEvents() | r.Refused():
                self._questions.answered(message)
            case r.SubscribeOffer() if listener is not None:
                listener.offered(link.relay, message)
            case r.Layers() if listener is not None:
                listener.layers(link.relay, message)
            case r.Crosstalk() if listener is not None:
                listener.crosstalk(link.relay, message)
            case r.Speaker() if listener is not None:
                listener.speaks(link.relay, message)
            case r.Quality():
                link.cpu = message.cpu
                link.offset_s = message.utc - self._clock()
                link.disk = Disk(message.spool_free, message.written_bps, message.copies_late_s)
                if listener is not None:
                    listener.measured(link.relay, message)
            case r.AskTime():
                link.outbox.put_nowait(r.TimeIs(mono=message.mono, utc=self._clock()))
            case r.Hello():
                raise r.LinkError("hello twice")

    async def _store_reports(self, link: Link) -> None:
        while True:
            report = await link.reports.get()
            while True:
                try:
                    if self.listener is not None:
                        await self.listener.report(link.relay, report)
                    break
                except Unavailable:
                    await asyncio.sleep(self._options.retry_s)
            link.outbox.put_nowait(r.Ack(number=report.number))
