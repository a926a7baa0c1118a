"""The line of a real room is cut and comes back, and a router gives clients new ports: media is back without a hand
being lifted. Longer cuts are played by ``make soak``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.browser.blackouts import BACK_S, cut_room

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(120)]

REBOUND_S = 5.0
"""Chromium checks a way that works every 2.5 s; until then nobody can know where it went. The page's own detector comes
after 2 to 3 s. The rest is for busy machines."""


async def test_short_cuts_and_a_new_port(tmp_path: Path) -> None:
    async with cut_room(tmp_path, "blackout") as room:
        made = [one["made"] for one in await room.totals()]
        for seconds in (1, 3):
            assert await room.cut(seconds) <= BACK_S
            await room.settle()
            await asyncio.sleep(1)
        assert [one["made"] for one in await room.totals()] == made, "the connections are those of the beginning"

        before = await room.totals()
        room.line.rebind()
        began = asyncio.get_running_loop().time()
        while not await room.flows(before):
            assert asyncio.get_running_loop().time() - began < REBOUND_S
            await asyncio.sleep(0.05)
        await room.settle()
        assert [one["made"] for one in await room.totals()] == made
