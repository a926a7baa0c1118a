"""What relays say to the sessions of this app: who is there, what is reported, offers, who speaks, line quality."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from media import messages as r
from rooms.errors import NotFound, RoomsError
from signaling import messages as m
from signaling.commands import Tick
from signaling.desired import desired
from signaling.errors import SignalingError, Unavailable
from signaling.host import SessionHost
from signaling.owners import Elsewhere
from signaling.requests import settle

if TYPE_CHECKING:
    from signaling.sessions import Sessions

log = logging.getLogger(__name__)


class RelayNews:
    """Implements ``relays.RelayListener``."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._store, self._pool = sessions.store, sessions.pool
        sessions.operations.add("report", self._report)

    async def relay_up(self, relay: str, restarted: bool) -> None:
        """A relay is linked."""
        for host in list(self._sessions.hosts.values()):
            try:
                await host.carrier.up(relay, restarted)
            except (SignalingError, RoomsError) as error:
                log.error("session %s: relay up: %s", host.session, error)
        for session in self._pool.kept_on(relay):
            if (host_of := self._sessions.hosts.get(session)) is not None:
                self._sessions.chore(self._compare(host_of, relay))
        for session, epoch in self._pool.sessions_on(relay).items():
            await self._settle_stray(relay, session, epoch)
        self._sessions.chore(settle(lambda: self._ask_for_journals(relay)))

    async def _ask_for_journals(self, relay: str) -> None:
        """What this relay wrote and never closed, of sessions that it does not carry any more, holds up their locks."""
        for session, epoch in await self._store.run(self._store.unclosed_on, relay):
            host = self._sessions.hosts.get(session)
            if host is not None:
                host.carrier.ask_for_journals(relay)
            else:
                # Version 0: whatever the session's own app says afterwards comes later.
                self._pool.send(relay, r.Desired(session=session, epoch=epoch, version=0, state="closed", part=0))

    async def _compare(self, host: SessionHost, relay: str) -> None:
        try:
            await settle(lambda: host.keeping.compare(relay))
        except (SignalingError, RoomsError) as error:
            log.error("session %s: what relay %s kept: %s", host.session, relay, error)

    async def _settle_stray(self, relay: str, session: str, epoch: int) -> None:
        """A relay carries a session that is not on it any more, or over: it closes the journals there."""
        host = self._sessions.hosts.get(session)
        if host is not None:
            host.carrier.let_go(relay, epoch)
            return
        try:
            if await self._sessions.whereabouts(session) is not None:
                return
            loaded = await self._store.run(self._store.reload, session, epoch)
        except (NotFound, Unavailable):
            return
        if loaded.state.state in ("closed", "locked"):
            over = desired(replace(loaded.state, state="closed"), epoch, 1_000_000_000)
            self._pool.send(relay, over)

    async def relay_dead(self, relay: str) -> None:
        """A relay is confirmed dead."""
        for host in list(self._sessions.hosts.values()):
            try:
                await host.carrier.dead(relay)
            except (SignalingError, RoomsError) as error:
                log.error("session %s: relay dead: %s", host.session, error)

    async def report(self, relay: str, report: r.Report) -> None:
        """Store a report and act on it, here or where the session's owner is: the relay tells its reports to one app
        only. Raises Unavailable to be asked again."""
        try:
            await self._store_here(relay, report)
        except Elsewhere as there:
            await self._sessions.peers.call(there, "report", {"relay": relay, "frame": r.encode(report)})

    async def _report(self, relay: str, frame: str) -> None:
        report = r.decode_to_app(frame)
        assert isinstance(report, r.Report)
        await self._store_here(relay, report)

    async def _store_here(self, relay: str, report: r.Report) -> None:
        try:
            host = await self._sessions.host_of_report(report.session) if report.session else self._host_of(report)
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
        await self._store.run(self._store.report, relay, report.number, None, 0, Tick(), self._sessions.clock(), track)

    def _host_of(self, report: r.Report) -> SessionHost | None:
        """The session that has the peer of a report without one."""
        peer = getattr(report.body, "peer", "")
        return next(
            (h for h in self._sessions.hosts.values() if any(p.peer == peer for p in h.state.connected())), None
        )

    def offered(self, relay: str, offer: r.SubscribeOffer) -> None:
        """An offer for a page's subscribe leg; only lines of participants the page may see come from the relay."""
        page = self._sessions.pages.of_device(offer.peer)
        if page is not None:
            page.connection.send(m.Offer(offer=offer.offer, sdp=offer.sdp, lines=offer.lines))

    def layers(self, relay: str, layers: r.Layers) -> None:
        """Which layers of a page's source are wanted; clients without a page keep sending all."""
        page = self._sessions.pages.of_device(layers.peer)
        if page is not None:
            page.connection.send(m.Layers(source=layers.source, rids=layers.rids))

    def crosstalk(self, relay: str, crosstalk: r.Crosstalk) -> None:
        """Which rooms hear each other: for the operators, and for those it is about."""
        host = self._sessions.hosts.get(crosstalk.session)
        if host is None:
            return
        for participant, connection in host.audience.connections.items():
            one = host.state.find(participant)
            if one is not None and one.connected:
                mine = tuple(pair for pair in crosstalk.pairs if one.role == "operator" or participant in pair)
                if mine or not crosstalk.pairs:
                    connection.send(m.Crosstalk(pairs=mine))

    def speaks(self, relay: str, speaker: r.Speaker) -> None:
        """Who speaks."""
        host = self._sessions.hosts.get(speaker.session)
        if host is not None and not host.state.side_talk:
            host.audience.to_inside(m.Speaker(participant=speaker.participant))

    def measured(self, relay: str, quality: r.Quality) -> None:
        """Line quality."""
        for host in self._sessions.hosts.values():
            if host.relay == relay:
                host.lines.measured(quality)
