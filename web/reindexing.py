"""The index of lookup is made anew beside all other work, when an update has changed its form."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rooms import indexing
from rooms.entries import KINDS
from web import logs
from web.hub import Hub

log = logs.get("reindexing")

ORDER = (*KINDS, "gone", "tidy")
"""What the steps look at, one after the other."""


def rebuild(hub: Hub, _payload: dict[str, Any], step: Callable[[float, str], None]) -> dict[str, Any]:
    """All of it, in short transactions; a worker that was killed begins again and finds most of it right."""
    place, mended = "", 0
    while True:
        began = time.monotonic()
        with hub.database.write() as db:
            done = indexing.rebuild_step(db, place)
        time.sleep(time.monotonic() - began)  # as long again for other writers: SQLite has one at a time
        place, mended = done.place, mended + done.mended
        step(ORDER.index(done.kind) / len(ORDER), done.kind)
        if not place:
            log.info("index rebuilt", mended=mended)
            return {"mended": mended}
