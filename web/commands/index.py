"""Commands about the index of lookup."""

from __future__ import annotations

import asyncio
from typing import Any

from rooms import indexing
from web.hub import Hub


async def rebuild(hub: Hub) -> dict[str, Any]:
    """Make it anew; how many entries of each kind there are."""

    def work() -> dict[str, Any]:
        with hub.database.write() as db:
            return dict(indexing.rebuild(db))

    return await asyncio.to_thread(work)
