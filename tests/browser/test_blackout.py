"""The line of a real room is cut and comes back, and a router gives clients new ports: media is back without a hand
being lifted. Longer cuts are played by ``make soak``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.browser.blackouts import BACK_S, cut_room

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.mark.long
async def test_short_cuts_and_a_new_port(tmp_path: Path) -> None:
    async with cut_room(tmp_path, "blackout") as room:
        made = [one["made"] for one in await room.totals()]
        for seconds in (1, 3):
            assert await room.cut(seconds) <= BACK_S
            await room.settle()
            await asyncio.sleep(1)
        assert [one["made"] for one in await room.totals()] == made, "the connections are those of the beginning"

        assert await room.rebound() <= BACK_S
        await room.settle()
        assert [one["made"] for one in await room.totals()] == made
