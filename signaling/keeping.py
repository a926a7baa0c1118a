"""What one session does while the database is away: events take effect, are kept by the relay, and written later.

An event is committed when the database has it or, while that is away, when the session's relay has synced it
(design 2). Requests that are ``let_through`` wait for that; what only restricts does not depend on it, because a slow
disk must never keep a microphone open: should the relay not sync it either, it is kept here and offered again.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from media import messages as r
from rooms.errors import RoomsError, StaleEpoch
from signaling.commands import Command, Late
from signaling.errors import Refusal, RequestRefused, Unavailable
from signaling.kept import MAX_KEPT, Kept, for_relay
from signaling.room import decide, fold
from signaling.store import Written

if TYPE_CHECKING:
    from signaling.host import SessionHost

log = logging.getLogger(__name__)

AGAIN_S = 5.0
"""How often events that the relay did not sync are offered to it again."""


class Keeping:
    """Events that have taken effect and are not in the database, oldest first. Called under the host's lock."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host
        self._kept: deque[Kept] = deque()
        self._synced = 0
        self._offered_at = 0.0

    @property
    def unsaved(self) -> int:
        """Events that have taken effect and are not in the database yet."""
        return sum(len(kept.events) for kept in self._kept)

    async def hold(self, command: Command, now: float) -> Written:
        """Carry out what must hold in any case; the relay syncs its events if it can. Raises RequestRefused,
        Unavailable (too much is kept already, or owner.moved)."""
        written = self._decide(command, now)
        if written.events:
            try:
                await self._sync()
            except Unavailable as error:
                self._unless_moved(error)
                log.warning("session %s: the relay does not keep events: %s", self._host.session, error.code)
            self._host.adopt(written)
        return written

    async def commit(self, command: Command, now: float) -> Written:
        """Carry out what the relay has synced first. Raises RequestRefused, Unavailable; then nothing was changed."""
        written = self._decide(command, now)
        if written.events:
            try:
                await self._sync()
            except Unavailable as error:
                self._kept.pop()
                self._unless_moved(error)
                self._take_back(written.first - 1)
                raise Unavailable("db.away") from error
            self._host.adopt(written)
        return written

    async def write(self) -> None:
        """Write what is kept. Raises Unavailable."""
        host = self._host
        while self._kept:
            try:
                await host.store.run(host.store.keep, host.epoch, self._kept[0])
            except StaleEpoch as error:
                host.depose()
                raise Unavailable("owner.moved") from error
            except RoomsError:
                log.exception("session %s: kept events are refused by the log; the room is built anew", host.session)
                host.depose()
                raise Unavailable("owner.moved") from None
            except Unavailable:
                await self._offer_again()
                raise
            written = self._kept.popleft()
            if not self._kept:
                self._forget(written.after.number)
            host.audience.dirty()

    async def compare(self, relay: str) -> None:
        """A relay linked and keeps events of this session: offer ours again, note what others left. Raises
        Unavailable."""
        host = self._host
        async with host.lock:
            if host.deposed:
                return
            if self._kept and relay == host.relay:
                self._synced = 0
                await self._sync()
            ours = {number for kept in self._kept for number in range(kept.before.number + 1, kept.after.number + 1)}
            found = await host.pool.read_kept(relay, host.session, host.epoch)
        others = tuple(one for one in found if one.epoch < host.epoch or one.number not in ours)
        if others:
            await host.submit(Late(), host.store.late(host.session, others))
            for epoch in {one.epoch for one in others}:
                last = max(one.number for one in others if one.epoch == epoch)
                host.pool.send(relay, r.ForgetKept(session=host.session, epoch=epoch, number=last))

    def end(self) -> None:
        """The host ends: what the relay has synced is written by the next owner, the rest is lost."""
        left = sum(len(kept.events) for kept in self._kept if kept.after.number > self._synced)
        if self.unsaved > left:
            log.warning("session %s: %d events are left with the relay", self._host.session, self.unsaved - left)
        if left:
            log.error("session %s: %d events could not be written and are lost", self._host.session, left)
        self._kept.clear()

    # --- with the relay ----------------------------------------------------------------------------------------------

    def _decide(self, command: Command, now: float) -> Written:
        """Decide, and put the events at the end of what is kept."""
        state = self._host.state
        decision = decide(state, command, now)
        if isinstance(decision, Refusal):
            raise RequestRefused(decision)
        if len(self._kept) >= MAX_KEPT:
            raise Unavailable("db.away")
        events = tuple(decision)
        written = Written(command, state.number + 1, events, fold(state, events))
        if events:
            self._kept.append(Kept(state, events, written.state))
            log.warning("session %s: the database is away, %d events wait", self._host.session, self.unsaved)
        return written

    async def _sync(self) -> None:
        """Have the relay keep everything that it has not synced yet. Raises Unavailable."""
        host = self._host
        after = max(self._synced, self._kept[0].before.number)
        events = tuple(
            for_relay(host.epoch, number, event)
            for kept in self._kept
            for number, event in enumerate(kept.events, kept.before.number + 1)
            if number > after
        )
        if events:
            self._offered_at = host.clock()
            await host.pool.keep_events(host.relay, host.session, host.epoch, after, events)
            self._synced = events[-1].number

    async def _offer_again(self) -> None:
        waiting = self._kept and self._kept[-1].after.number > self._synced
        if waiting and self._host.clock() - self._offered_at >= AGAIN_S:
            try:
                await self._sync()
            except Unavailable as error:
                self._unless_moved(error)

    def _unless_moved(self, error: Unavailable) -> None:
        """The relay knows a later owner: this one has no say any more."""
        if error.code == "owner.moved":
            self._host.depose()
            raise error

    def _take_back(self, number: int) -> None:
        """The relay may have synced after all what nobody was told: everything after ``number`` did not happen."""
        host = self._host
        if host.pool.may_keep(host.relay):
            none = r.KeepEvents(
                req=host.pool.next_request(), session=host.session, epoch=host.epoch, after=number, events=()
            )
            host.pool.send(host.relay, none)

    def _forget(self, number: int) -> None:
        """The database has everything up to ``number``."""
        host = self._host
        self._synced = 0
        if host.pool.may_keep(host.relay):
            host.pool.send(host.relay, r.ForgetKept(session=host.session, epoch=host.epoch, number=number))
