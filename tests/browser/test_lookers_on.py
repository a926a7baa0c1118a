"""Whoever only looks on is in everybody's list of people, in the room as Chromium shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from media.client import MediaClient
from tests.browser.story import OUTPUT
from tests.browser.support import chromium, sit_down
from tests.browser.test_room import OPERATOR, POINT, World, enter, world_in
from tests.support.whip import WhipClient, until_frames

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SIZES = ((1366, 768), (1920, 1080), (390, 844))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub with an operator and an officer."""
    with world_in(tmp_path_factory.mktemp("lookers") / "data") as world:
        yield world


@pytest.mark.long
async def test_a_device_that_watches_by_a_link_is_seen_by_the_point(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        operator, officer = await sit_down(browser, OPERATOR), await sit_down(browser, POINT)
        await enter(world, operator, officer, session)
        tile = officer.page.get_by_test_id("tile").first
        await tile.wait_for()
        me = await seat_of(world, session)
        token = await asyncio.to_thread(world.hub.ask, "token", session, "--subscribe", me)
        player = WhipClient(token, MediaClient(None))
        try:
            await player.view(me)
            await until_frames(player.media, me, 5, 20)
            for seat in (officer, operator):
                await seat.press("tab-people")
                listed = seat.page.get_by_test_id("people-point").filter(has_text="Thiết bị xem qua đường dẫn")
                await listed.wait_for()
                assert "Chỉ nghe và xem" in await listed.inner_text()
            for width, height in SIZES:
                await officer.page.set_viewport_size({"width": width, "height": height})
                await officer.page.screenshot(path=OUTPUT / f"lookers-on-{width}.png")
        finally:
            await player.close()
        assert not officer.errors and not operator.errors


async def seat_of(world: World, session: str) -> str:
    """The operator's participant."""
    shown = await asyncio.to_thread(world.hub.ask, "session", "show", session)
    return next(str(one["id"]) for one in shown["participants"] if one["role"] == "operator")
