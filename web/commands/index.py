"""Commands about the index of lookup."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rooms import indexing
from web.hub import Hub

STEPS_S, ALONE_S = 2.0, 20.0
"""How long one request works, in short transactions, before whoever asked can tell how far it is; without a hub that
runs, every request opens the folder anew, so it works for longer."""


async def rebuild(hub: Hub, place: str = "") -> dict[str, Any]:
    """Some steps of making it anew: what was looked at and mended, by kind, and the place to go on from."""

    def work() -> dict[str, Any]:
        seen: dict[str, int] = {}
        mended, until = 0, time.monotonic() + (STEPS_S if hub.sessions else ALONE_S)
        at = place
        while True:
            with hub.database.write() as db:
                step = indexing.rebuild_step(db, at)
            seen[step.kind] = seen.get(step.kind, 0) + step.seen
            mended, at = mended + step.mended, step.place
            if not at or time.monotonic() > until:
                return {"place": at, "seen": seen, "mended": mended}

    return await asyncio.to_thread(work)
