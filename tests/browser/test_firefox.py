"""Firefox ESR as a reception point in the real room page, with Chromium at the operator's desk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.support import MAIN_PICTURE, READER, Seat, chromium, sit_down, totals, until
from tests.browser.test_room import OPERATOR, World, start, world_in
from tests.support.firefox import Firefox, firefox

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A hub."""
    with world_in(tmp_path_factory.mktemp("firefox") / "data") as world:
        yield world


@pytest.mark.long
async def test_a_point_with_firefox_sees_hears_and_is_recorded(world: World, tmp_path: Path) -> None:
    session = world.open_session()
    async with chromium() as browser, firefox(tmp_path) as officer:
        operator = await sit_down(browser, OPERATOR)
        await asyncio.gather(
            operator.log_in(world.hub.url, "operator", world.passwords["operator"]),
            officer.log_in(world.hub.url, "officer", world.passwords["officer"]),
        )
        await operator.page.goto(f"{world.hub.url}/room/{session}")
        await officer.goto(f"{world.hub.url}/room/{session}")
        await officer.sees("overlay-waiting")
        await operator.press("admit")
        await operator.press("admit-one")
        await operator.page.keyboard.press("Escape")
        await until(lambda: shows_operator(officer), 20, "the operator's picture moves in Firefox")
        await until(lambda: advances(operator), 20, "Firefox's picture moves at the operator")
        await start(operator)  # "ĐANG GHI HÌNH" stands only when every expected track is on the disk
        seen, heard = await asyncio.gather(grown(officer), grown(operator))
        for one in (seen, heard):
            assert one["framesDecoded"] >= 10, (seen, heard)
            assert one["totalAudioEnergy"] > 0, (seen, heard)
            assert one["concealedSamples"] < 0.1 * one["totalSamplesReceived"], (seen, heard)
        assert operator.errors == []


async def grown(at: Firefox | Seat, seconds: float = 3.0) -> dict[str, float]:
    """What the totals of getStats gained."""
    before = totals(await at.stats())
    await asyncio.sleep(seconds)
    after = totals(await at.stats())
    return {key: after[key] - before[key] for key in after}


async def advances(seat: Seat) -> bool:
    """Whether pictures were decoded within half a second."""
    return (await grown(seat, 0.5))["framesDecoded"] > 0


async def shows_operator(page: Firefox) -> bool:
    """Whether Firefox shows the operator's own camera, and a newer picture at every look."""
    look = f"selector => {READER}.read(document.querySelector(selector))"
    seen = [await page.run(look, MAIN_PICTURE)]
    await asyncio.sleep(0.4)
    seen.append(await page.run(look, MAIN_PICTURE))
    if not all(one and one["valid"] and one["ident"] == OPERATOR for one in seen):
        return False
    return bool(0 < (seen[1]["count"] - seen[0]["count"]) & 0xFFFF < 100)
