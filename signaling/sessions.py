"""All sessions of this app: finds or builds a session's host, lets time pass in it, and acts in the hub's own name."""

from __future__ import annotations

import asyncio
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
from rooms.errors import NotFound, RoomsError, StaleEpoch
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
from signaling.owners import Elsewhere, NoPeers, Operations, Peers
from signaling.pages import Pages
from signaling.relaynews import RelayNews
from signaling.relays import RelayPool
from signaling.requests import Requests, settle
from signaling.state import Event
from signaling.store import Seat, Standing, Store, actor_of, moment
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
        peers: Peers | None = None,
    ) -> None:
        self.store, self.pool, self.clock = store, pool, clock
        self.hosts: dict[str, SessionHost] = {}
        self.watchers: list[Callable[[SessionHost], None]] = []
        self.peers: Peers = peers or NoPeers()
        self.operations = Operations(self.peers)
        self._vault = vault
        self._options = options or HostOptions()
        self.requests = Requests(self)
        self.pages = Pages(self)
        self.next_visit = NextVisit(self)
        self._loading: dict[str, asyncio.Lock] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._waiting = False
        self._taking: set[str] = set()
        self._few = asyncio.Semaphore(AT_ONCE)
        self._chores: set[asyncio.Task[Any]] = set()
        self.news = RelayNews(self)
        pool.listener = self.news
        for name, operation in (
            ("command", self._command), ("take_over", self._give_buttons), ("ring", self._ring),
            ("admit_visit", self._admit_visit), ("participant_added", self._participant_added),
        ):  # fmt: skip
            self.operations.add(name, operation)

    # --- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to take over the sessions that are live or wait for their lock, and to tick.

        Each waits for its relay, which may keep events of the owner before us; relays come once we are serving.
        """
        await self._look_for_orphans()
        self._ticker = asyncio.create_task(self._tick(), name="sessions-ticker")
        self._watch = asyncio.create_task(self._watch_for_orphans(), name="sessions-orphans")

    async def _watch_for_orphans(self) -> None:
        """The sessions of an app that died go on here, or at another one: whoever is first."""
        while True:
            await asyncio.sleep(self._options.orphans_s)
            try:
                if not self.peers.alone or self._waiting:
                    await self._look_for_orphans()
            except Exception:
                log.exception("the sessions of other apps cannot be looked at")

    async def _look_for_orphans(self) -> None:
        """Begin to take over every unfinished session whose owner does not live. Waits for none of them.

        One that nobody owns yet was just opened: among several apps it is left to the one that opened it.
        """
        try:
            unfinished = await self.store.run(self.store.unfinished_sessions)
            owners = await self.store.run(self.store.owners, [one for one in unfinished if one not in self.hosts])
            self._waiting = False
            others = set(owners.values()) - {"", self.store.owner}
            living = {owner for owner in others if await self.peers.address_of(owner)}
            if not self.peers.alone:
                living.add("")
            for session, owner in owners.items():
                if owner not in living and session not in self._taking:
                    self._taking.add(session)
                    self.chore(self._take_over(session))
        except Unavailable:
            self._waiting = True
            log.error("the database is away; sessions are taken over as their pages come, or when it is back")

    async def _take_over(self, session: str) -> None:
        try:
            async with self._few:
                await self.host(session)
        except (SignalingError, RoomsError) as error:
            self._waiting |= isinstance(error, Unavailable) and not isinstance(error, Elsewhere)
            log.warning("session %s: not taken over: %s", session, error)
        finally:
            self._taking.discard(session)

    async def stop(self) -> None:
        """Close all pages' sockets; media goes on."""
        self.pages.turn_everybody_away()
        for task in (self._ticker, self._watch):
            if task is not None:
                task.cancel()
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
        """The host of a session; built from the log if this app has none. Raises NotFound, Unavailable, and Elsewhere
        while another app owns the session."""
        async with self._loading.setdefault(session, asyncio.Lock()):
            host = self.hosts.get(session)
            if host is not None and not host.deposed:
                return host
            standing = await self.store.run(self.store.standing, session)
            await self._leave_to_the_living(standing)
            try:
                loaded, news = await takeover(self.store, self.pool, session, standing.epoch)
            except StaleEpoch as error:
                raise Unavailable("owner.moved") from error
            host = SessionHost(loaded, self.store, self.pool, self.clock, self._options, self._changed, self._forget)
            host.requests = self.requests
            self.hosts[session] = host
            await host.start()
            if loaded.relay and not loaded.locked:  # a new session had no relay that could have done anything yet
                await host.carrier.settle()
            self._finish(host, news)
            return host

    async def _leave_to_the_living(self, standing: Standing) -> None:
        """Raises Elsewhere if the session's owner is another app that lives."""
        if not standing.locked and standing.owner not in ("", self.store.owner):
            address = await self.peers.address_of(standing.owner)
            if address:
                raise Elsewhere(standing.owner, address)

    async def whereabouts(self, session: str) -> Elsewhere | None:
        """The living app that owns a session, None if that is this one, or will be. Raises NotFound, Unavailable."""
        host = self.hosts.get(session)
        if self.peers.alone or (host is not None and not host.deposed):
            return None
        try:
            await self._leave_to_the_living(await self.store.run(self.store.standing, session))
        except Elsewhere as there:
            return there
        return None

    async def host_of_report(self, session: str) -> SessionHost | None:
        """The host to which a relay's report belongs, None when the session is over. Raises Unavailable, Elsewhere."""
        try:
            if session in self.hosts or not (await self.store.run(self.store.standing, session)).locked:
                return await self.host(session)
        except NotFound:
            pass
        return None

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

    # Each is carried out where the session's owner is (``signaling.owners``).

    async def command(self, session: str, message: m.FromPage) -> None:
        """Carry out a request in the hub's own name (command line, board). Raises RequestRefused and others."""
        await self.operations.do("command", session=session, frame=msgspec.json.encode(message).decode())

    async def _command(self, session: str, frame: str) -> None:
        message = m.decode_from_page(frame)
        host = await self.host(session)
        await host.submit(Ask(HUB, message, id=new_id()))
        if isinstance(message, m.Ring):
            await host.refresh()  # the name of the place that is rung

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
        await self.operations.do("take_over", session=session, user=user)

    async def _give_buttons(self, session: str, user: str) -> None:
        host, mine = await self._seat_of(session, user, seats.to_operate)
        await host.submit(GiveButtons(mine))

    async def ring(self, session: str, site: str, user: str) -> None:
        """Ring a site into the session, from the board. Raises RequestRefused, NotFound, Forbidden."""
        await self.operations.do("ring", session=session, site=site, user=user)

    async def _ring(self, session: str, site: str, user: str) -> None:
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
        await self.operations.do("admit_visit", session=session, user=user)

    async def _admit_visit(self, session: str, user: str) -> None:
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
        await self.operations.do("participant_added", session=session, participant=participant)

    async def _participant_added(self, session: str, participant: str) -> None:
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
