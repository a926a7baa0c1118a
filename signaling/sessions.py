"""All sessions of this app: finds or builds a session's host, lets time pass in it, and acts in the hub's own name."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from media import messages as r
from rooms import access, seats, visits
from rooms import sessions as rows
from rooms.actor import Actor
from rooms.errors import RoomsError, StaleEpoch
from rooms.ids import new_id
from rooms.models import Participant as Row
from signaling import messages as m
from signaling.commands import HUB, Ask, Connect, GiveButtons, Locked
from signaling.errors import (
    Refusal,
    RequestRefused,
    SignalingError,
    Unavailable,
)
from signaling.host import HostOptions, SessionHost
from signaling.nextvisit import NextVisit
from signaling.pages import Pages
from signaling.relaynews import RelayNews
from signaling.relays import RelayPool
from signaling.requests import Requests, settle
from signaling.state import Event
from signaling.store import Seat, Store, actor_of, moment
from signaling.takeover import takeover

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Sessions taken over at the same time: most of that time they wait for their relay."""


class Sessions:
    """The sessions that this app owns.

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
        self.requests = Requests(self)
        self.pages = Pages(self)
        self.next_visit = NextVisit(self)
        self._loading: dict[str, asyncio.Lock] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._few = asyncio.Semaphore(AT_ONCE)
        self._chores: set[asyncio.Task[Any]] = set()
        pool.listener = RelayNews(self)

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to take over the sessions that are live or wait for their lock, and to tick.

        Each waits for its relay, which may keep events of the owner before us; relays come once we are serving.
        """
        try:
            sessions = await self.store.run(self.store.unfinished_sessions)
        except Unavailable:
            log.error("the database is away; sessions are taken over as their pages come")
            sessions = []
        for session in sessions:
            self.chore(self._take_over_at_start(session))
        self._ticker = asyncio.create_task(self._tick(), name="sessions-ticker")

    async def _take_over_at_start(self, session: str) -> None:
        async def take() -> None:
            async with self._few:
                await self.host(session)

        with contextlib.suppress(RoomsError):
            await settle(take)

    async def stop(self) -> None:
        """Close all pages' sockets; media goes on."""
        self.pages.turn_everybody_away()
        if self._ticker is not None:
            self._ticker.cancel()
        for chore in list(self._chores):
            chore.cancel()
        for host in self.hosts.values():
            host.audience.close_all(m.CLOSE_AGAIN, "hub stops")
        await self.pages.finish()
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
                loaded, news = await takeover(self.store, self.pool, session)
            except StaleEpoch as error:
                raise Unavailable("owner.moved") from error
            host = SessionHost(loaded, self.store, self.pool, self.clock, self._options, self._changed, self._forget)
            host.requests = self.requests
            self.hosts[session] = host
            await host.start()
            if host.relay and not host.loaded.locked:
                await host.carrier.settle()
            self._finish(host, news)
            return host

    def _finish(self, host: SessionHost, news: Sequence[Event]) -> None:
        """What follows a recovered event outside the session, and was in the memory of its owner of before."""
        for event in news:
            if event.kind == "restricted.denunciation":
                by = str(event.body.get("by", ""))
                seat = Seat(host.session, by, user=host.loaded.users.get(by, ""))
                self.went_to_denunciation(host, seat, str(event.body.get("participant", "")))

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
        host.audience.send_states()
        host.audience.close_all(m.CLOSE_ENDED, "locked")
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
