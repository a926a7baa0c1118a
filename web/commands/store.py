"""Commands about the file store."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import func, select

from rooms import keeping
from rooms.errors import Conflict
from rooms.models import StoredFile, StoreKey
from rooms.sealing import Sealed
from web.hub import Hub


async def show(hub: Hub) -> dict[str, Any]:
    """How the store fares: files in it, files that wait, what is wrong, outer keys and how many keys each wraps."""

    def work() -> dict[str, Any]:
        with hub.database.read() as db:
            state = keeping.state_of(db)
            files, length = db.execute(
                select(func.count(), func.coalesce(func.sum(StoredFile.length), 0)).select_from(StoredFile)
            ).one()
            wrapped = select(StoreKey.wrapped_by, func.count()).group_by(StoreKey.wrapped_by)
            keys = {str(key): int(count) for key, count in db.execute(wrapped)}
        return {
            "store": hub.config.store, "encrypted": isinstance(hub.store, Sealed), "files": int(files),
            "bytes": int(length), "waiting": state.waiting if state else 0, "problem": state.code if state else "",
            "keys": keys,
        }  # fmt: skip

    return await asyncio.to_thread(work)


async def rewrap(hub: Hub) -> dict[str, Any]:
    """Wrap every key that an older outer key wraps with the newest one; files stay as they are."""

    def work() -> dict[str, Any]:
        if not isinstance(hub.store, Sealed):
            raise Conflict("store.not_encrypted", "HUB_STORE_KEYS is not set: the store is not encrypted.")
        count = 0
        while done := hub.store.group_keys.wrap_anew():
            count += done
        return {"wrapped": count, "key": hub.store.group_keys.keys.current}

    return await asyncio.to_thread(work)
