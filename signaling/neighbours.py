"""What the hub channel of the other apps knows: devices that are there, calls for help, sessions with their rings.

Asked from app to app every two seconds; an app answers only when something has changed. It
goes over the apps' own line and never through Redis, because it holds names of places.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from rooms.errors import RoomsError
from signaling.board import Snapshot
from signaling.errors import SignalingError
from signaling.owners import Elsewhere, Operations, Peers

log = logging.getLogger(__name__)

SNAPSHOT = "desk.snapshot"


@dataclass(slots=True)
class Heard:
    """What an app last told. ``version``: its own count of changes."""

    version: str
    snapshot: Snapshot


class Neighbours:
    """The other apps' snapshots. ``mine`` gives this app's own, with a version that changes with it."""

    def __init__(self, peers: Peers, operations: Operations, mine: Callable[[], tuple[str, Snapshot]]) -> None:
        self._peers, self._mine = peers, mine
        self._heard: dict[str, Heard] = {}
        operations.add(SNAPSHOT, self._told)

    async def _told(self, known: str) -> dict[str, Any] | None:
        version, snapshot = self._mine()
        if version == known:
            return None
        told: dict[str, Any] = msgspec.to_builtins(snapshot)
        return {"version": version, "snapshot": told}

    async def listen(self) -> bool:
        """Ask all other apps; True if any of them has something new, or is gone."""
        if self._peers.alone:
            return False
        try:
            others = await self._peers.others()
        except SignalingError as error:
            log.warning("other apps cannot be named: %s", error.code)
            return False
        news = await asyncio.gather(*(self._ask(there) for there in others))
        gone = self._heard.keys() - {there.owner for there in others}
        for owner in gone:
            del self._heard[owner]
        return bool(gone) or any(news)

    async def _ask(self, there: Elsewhere) -> bool:
        known = self._heard.get(there.owner)
        try:
            told = await self._peers.call(there, SNAPSHOT, {"known": known.version if known is not None else ""})
            if told is None:
                return False
            self._heard[there.owner] = Heard(told["version"], msgspec.convert(told["snapshot"], Snapshot))
        except (SignalingError, RoomsError, KeyError, TypeError, msgspec.ValidationError) as error:
            log.warning("app %s does not tell what it knows: %s", there.owner, type(error).__name__)
            return False
        return True

    def snapshots(self) -> list[Snapshot]:
        """What the others told last. May be called in any thread."""
        return [heard.snapshot for heard in list(self._heard.values())]

    def with_others(self, own: Snapshot) -> Snapshot:
        """This app's snapshot and what the others told."""
        others = self.snapshots()
        if not others:
            return own
        live = {session: one for other in others for session, one in other.live.items()}
        return replace(
            own,
            present=own.present + tuple(one for other in others for one in other.present),
            alerts=own.alerts + tuple(one for other in others for one in other.alerts),
            live=live | dict(own.live),
        )
