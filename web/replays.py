"""Replay files: made from a session's journals by a process of low priority, listed in the package, removed by age.

They are a cache: whoever removes them loses nothing, the next look makes them again from the originals.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select

from rooms.models import Package, ReplayFile
from web.hub import Hub

Step = Callable[[float, str], None]


def build(hub: Hub, session_id: str, step: Step) -> dict[str, Any]:
    """Make the session's replay files, in place of older ones. Raises what media.replay and the store raise."""
    raise NotImplementedError


def list_in_package(hub: Hub, session_id: str) -> None:
    """Write the signed list of derived files of a locked package; nothing when it is not locked or has none."""


def expire(hub: Hub, before: datetime) -> int:
    """Remove replay files of locked sessions made before ``before``; how many."""
    with hub.database.read() as db:
        query = select(ReplayFile).join(Package, Package.session_id == ReplayFile.session_id)
        old = [(row.id, row.path) for row in db.scalars(query.where(ReplayFile.created_at < before))]
    for replay_id, path in old:
        with hub.database.write() as db:
            row = db.get(ReplayFile, replay_id)
            if row is not None:
                db.delete(row)
        hub.files.remove(path)
    return len(old)
