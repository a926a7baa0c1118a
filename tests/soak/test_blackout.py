"""Half a minute without a line: the relay stopped sending long ago (RFC 7675), Chromium gave up; media is back all the
same, without a hand being lifted. And new ports one after the other: media does not wait for Chromium's next check,
which comes after up to 2.5 s. Outside CI for their length."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

import pytest

from tests.browser.blackouts import BACK_S, cut_room

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


async def test_long_cuts(tmp_path: Path) -> None:
    async with cut_room(tmp_path, "blackout-long") as room:
        made = [one["made"] for one in await room.totals()]
        assert await room.cut(8) <= BACK_S
        await room.settle()
        assert [one["made"] for one in await room.totals()] == made, "the connections are those of the beginning"
        for seconds in (30, 8, 31):
            assert await room.cut(seconds) <= BACK_S
            await room.settle()


async def test_new_ports(tmp_path: Path) -> None:
    draw = random.Random(1)
    async with cut_room(tmp_path, "new-ports") as room:
        made = [one["made"] for one in await room.totals()]
        took = []
        for _ in range(12):
            took.append(await room.rebound())
            await asyncio.sleep(3 + 3 * draw.random())  # anywhere between two checks
            await room.settle()
        sys.stdout.write(f"\nback by a new port after {', '.join(f'{one:.2f}' for one in took)} s\n")
        assert max(took) <= BACK_S, took
        assert [one["made"] for one in await room.totals()] == made, "the connections are those of the beginning"
