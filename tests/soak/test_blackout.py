"""Half a minute without a line: the relay stopped sending long ago (RFC 7675), Chromium gave up; media is back all the
same, without a hand being lifted. Outside CI for its length."""

from __future__ import annotations

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
