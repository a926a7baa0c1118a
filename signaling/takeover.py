"""Becoming a session's owner: take the epoch, hear the relay, write what it kept, and only then build the room.

The epoch comes first: from then on neither the database nor the relay takes anything of the owner before us. What that
one had the relay keep while the database was away has taken effect, so the log must have it before the room is rebuilt
from the log: a microphone that was muted then stays muted (design 2).
"""

from __future__ import annotations

import logging

from media import messages as r
from signaling.errors import Unavailable
from signaling.loading import Loaded
from signaling.relays import RelayPool
from signaling.state import Event
from signaling.store import Store

log = logging.getLogger(__name__)

TRIES = 3


async def takeover(store: Store, pool: RelayPool, session: str, epoch: int) -> tuple[Loaded, list[Event]]:
    """The session as it stands, ours from now on if its epoch is still this one, and what a relay had kept for it.

    Waits for the session's relay until it is linked or known to be dead. Raises NotFound, StaleEpoch, Unavailable.
    """
    loaded = await store.run(store.take, session, epoch)
    news: list[Event] = []
    if loaded.locked:
        return loaded, news
    if loaded.relay:
        await pool.until_known(loaded.relay)
    for relay in dict.fromkeys([loaded.relay, *pool.keeping(session)]):
        kept = await _read(pool, relay, session, loaded.epoch)
        if kept:
            loaded, written = await store.run(store.recover, session, loaded.epoch, kept)
            log.warning("session %s: a relay kept %d events, %d of them were new", session, len(kept), len(written))
            news += written
            last = max(one.number for one in kept)
            pool.send(relay, r.ForgetKept(session=session, epoch=loaded.epoch, number=last))
    return loaded, news


async def _read(pool: RelayPool, relay: str, session: str, epoch: int) -> tuple[r.KeptEvent, ...]:
    """What a relay keeps; nothing from one that is not there or whose disk cannot be read."""
    for _ in range(TRIES):
        try:
            return await pool.read_kept(relay, session, epoch)
        except Unavailable as error:
            if error.code == "owner.moved":
                raise
            log.error("session %s: kept events cannot be read: %s", session, error.code)
            await pool.until_known(relay)
    return ()
