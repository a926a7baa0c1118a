"""The relay that carries one session: which one it is, what it is told, and what follows when it comes or goes.

The relay gets the session's whole desired state whenever that has changed (design 2); a lost relay is waited for
until it is known to be dead, then the session goes to another one under a higher epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from media import messages as r
from signaling import messages as m
from signaling.commands import Interrupted, RelayGone
from signaling.desired import desired
from signaling.relays import RelayPool
from signaling.state import RoomState

if TYPE_CHECKING:
    from signaling.host import SessionHost


class Carrier:
    """``relay``: its id, "" while there is none. ``wanted`` gives the state that the relay is to make so."""

    def __init__(self, host: SessionHost, relay: str, pool: RelayPool, wanted: Callable[[], RoomState]) -> None:
        self._host, self._pool, self._wanted = host, pool, wanted
        self.relay = relay
        self._version = 0
        self._sent: r.Desired | None = None

    async def find(self, dead: str = "") -> None:
        """Settle on a relay. A live one is kept; a lost one is waited for until it is known to be dead."""
        session = self._host.session
        waits = self.relay and self.relay != dead and not self._pool.is_linked(self.relay)
        if waits:
            self._pool.keep(session, self.relay)
            await self._pool.expect(self.relay)
            return
        choice = self._pool.place(session, preferred=self.relay, avoid=dead)
        if choice and choice != self.relay:
            await self._move_to(choice)
        elif not choice and dead:
            self.relay = ""
        self.tell(again=True)

    async def _move_to(self, relay: str) -> None:
        """Carry the session to another relay, under a higher epoch: the old one, should it live, must let go."""
        host, moved = self._host, bool(self.relay)
        async with host.lock:
            if moved:
                host.epoch = await host.store.run(host.store.next_epoch, host.session, host.epoch)
                self._version, self._sent = 0, None
            await host.store.run(host.store.set_relay, host.session, host.epoch, relay)
            self.relay = relay

    def tell(self, again: bool = False) -> None:
        """Send the desired state if it changed (or ``again``)."""
        wanted = desired(self._wanted(), self._host.epoch, self._version)
        if self._sent is not None and wanted == msgspec.structs.replace(self._sent, version=self._version):
            if not again:
                return
        self._version += 1
        wanted = msgspec.structs.replace(wanted, version=self._version)
        self._sent = wanted
        if self.relay:
            self._pool.send(self.relay, wanted)
        if wanted.state == "closed":
            self._pool.forget(self._host.session)

    async def settle(self) -> None:
        """The room was just built: act on what its relay did before there was anybody to tell."""
        host = self._host
        if not self._pool.is_linked(self.relay):
            await self._interrupted()
            await self.dead(self.relay)
        elif self._pool.restarted(self.relay) and host.session not in self._pool.sessions_on(self.relay):
            await self._interrupted()
            await host.feed(RelayGone())

    async def _interrupted(self) -> None:
        """Hub and relay are both new: the session was left unfinished, by a power cut for one."""
        await self._host.feed(Interrupted(self._host.loaded.last_utc))

    async def up(self, relay: str, restarted: bool) -> None:
        """A relay is linked (again)."""
        state = self._host.state.state
        if state == "locked":
            return
        if relay != self.relay:
            if not self.relay and state != "closed":
                await self.find()
                self._reopen_legs("relay found")
            return
        if restarted:
            await self._host.feed(RelayGone())
        if self._host.state.state != "closed":
            self._pool.place(self._host.session, preferred=relay)
        self.tell(again=True)
        if restarted:
            self._reopen_legs("relay restarted")

    def ask_for_journals(self, relay: str) -> None:
        """``relay`` is linked and once wrote journals of this session that nobody closed, but does not carry it (it
        died, with its disk perhaps): it says which of them it has, and the lock does not wait for the others."""
        if relay == self.relay:
            return  # it was told when it came up
        if not self.relay and self._host.state.state == "closed":
            self.relay = relay
            self.tell(again=True)
            return
        self._pool.send(relay, desired(replace(self._host.state, state="closed"), self._host.epoch, 1))

    async def dead(self, relay: str) -> None:
        """The relay is confirmed dead: go on with another one, at once if there is one."""
        if relay != self.relay or self._host.state.state in ("closed", "locked"):
            return
        await self._host.feed(RelayGone())
        await self.find(dead=relay)
        if self.relay:
            self._reopen_legs("relay dead")

    def let_go(self, relay: str, epoch: int) -> None:
        """A relay still carries this session though it is not ours any more: have it close the journals there."""
        old = desired(replace(self._host.state, state="closed"), self._host.epoch, 1)
        if relay != self.relay and epoch < self._host.epoch:
            self._pool.send(relay, old)

    def _reopen_legs(self, reason: str) -> None:
        self._host.audience.to_inside(m.RelayLost(reason=reason))

    def close_legs(self, before: RoomState) -> None:
        """Peers that had media in the session and have none any more."""
        state = self._host.state
        kept = {one.peer for one in state.connected()}
        for one in before.connected():
            if one.peer and one.peer not in kept and state.state not in ("closed", "locked"):
                self._pool.send(self.relay, r.ClosePeer(peer=one.peer))
