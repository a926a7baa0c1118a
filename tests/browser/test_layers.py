"""Simulcast in real Chromium: what a viewer gets follows what it shows, without a freeze; nothing is sent in vain.

Times are compared with those of the same machine while nothing switches: decoding 720p takes all of a small one.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import ViewportSize

from tests.browser.support import MAIN_PICTURE, READER, Seat, chromium, shows, sit_down, until
from tests.browser.test_room import POINT, World, enter, world

__all__ = ["world"]
pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(240)]

VIEWER = 1
LARGE, SMALL = ViewportSize(width=1600, height=1000), ViewportSize(width=390, height=500)
SWITCH_MS = 1000
"""A switch waits for the rest of the key frame and for nothing else: 0.2 s here. Encoders that start anew take a busy
machine longer; a switch that waited for a key frame to be asked for, or for a timer, would take more than this."""


async def received(seat: Seat) -> dict[str, Any]:
    """getStats of the picture that arrives."""
    pictures = [one for one in await seat.stats() if one["type"] == "inbound-rtp" and one["kind"] == "video"]
    return max(pictures, key=lambda one: one.get("framesDecoded", 0), default={})


async def sent(seat: Seat) -> dict[str, dict[str, Any]]:
    """getStats of the layers that are sent, by rid."""
    return {one["rid"]: one for one in await seat.stats() if one["type"] == "outbound-rtp" and "rid" in one}


async def is_wide(seat: Seat, width: int) -> bool:
    """Whether pictures of this width arrive."""
    return (await received(seat)).get("frameWidth") == width


async def watched(seat: Seat, seconds: float) -> dict[str, Any]:
    """Look at every frame of the large picture: see ``watch`` in reader.js."""
    found: dict[str, Any] = await seat.page.evaluate(
        f"([selector, seconds]) => {READER}.watch(document.querySelector(selector), seconds)", [MAIN_PICTURE, seconds]
    )
    return found


async def encoded(seat: Seat) -> dict[str, int]:
    """Frames encoded so far, by rid."""
    return {rid: one["framesEncoded"] for rid, one in (await sent(seat)).items()}


async def best(seat: Seat) -> int:
    """Width of the largest layer that is sent now. A machine that is too busy for all three leaves out the largest."""
    rids = await grown(seat, 0.5)
    return max((one.get("frameWidth", 0) for rid, one in (await sent(seat)).items() if rid in rids), default=0)


async def has_best(viewer: Seat, point: Seat) -> bool:
    """Whether the viewer gets the largest layer that the point sends, and there is more than the smallest."""
    width = await best(point)
    return width > 320 and await is_wide(viewer, width)


async def grown(seat: Seat, seconds: float = 1.0) -> set[str]:
    """The layers that are being encoded."""
    before = await encoded(seat)
    await asyncio.sleep(seconds)
    after = await encoded(seat)
    return {rid for rid in after if after[rid] > before[rid]}


async def test_layers_follow_the_size_of_the_tile_and_rest_when_nobody_takes_them(world: World) -> None:
    session = world.open_session()
    async with chromium() as browser:
        viewer = await sit_down(browser, VIEWER, fps=10, camera=(320, 180), **SMALL)
        point = await sit_down(browser, POINT, fps=20, camera=(1280, 720))
        await enter(world, viewer, point, session)
        await shows(viewer, POINT)
        await until(lambda: is_wide(viewer, 320), 10, "small in a small window")
        watching = asyncio.create_task(watched(viewer, 70))
        for _ in range(2):
            await viewer.page.set_viewport_size(LARGE)
            await until(partial(has_best, viewer, point), 20, "shown in the best layer there is")
            await asyncio.sleep(0.5)
            await viewer.page.set_viewport_size(SMALL)
            await until(partial(is_wide, viewer, 320), 12, "small again")
            await asyncio.sleep(0.5)
        await viewer.page.evaluate("window.enough = true")
        seen = await watching
        assert seen["back"] == 0 and seen["invalid"] == 0, seen
        falls = [before for before, after in pairwise(seen["sizes"]) if before > after == 320]
        assert len(falls) == 2, seen  # twice up and twice down
        assert seen["switch"] < max(SWITCH_MS, 2 * seen["gap"]), seen
        await until(lambda: rests(point), 15, "resting but for the smallest")
        await shows(viewer, POINT)
        assert (await received(viewer))["framesDropped"] <= (await received(viewer))["framesDecoded"] / 2
        assert viewer.errors == [] and point.errors == []


async def rests(seat: Seat) -> bool:
    """Whether only the smallest layer is encoded."""
    return await grown(seat) == {"q"}
