"""H.264 in layers end to end in real Chromium: published with rids, a viewer that changes its size gets the layer that
fits, the record takes the largest, and the replay plays it. Our page prefers VP8; here the browser is made to send
H.264 first. Outside CI: three encoders more."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import pytest
from playwright.async_api import Browser, Error, ViewportSize

from tests.browser.looks import REPLAYED
from tests.browser.support import READER, Seat, chromium, shows, sit_down, until
from tests.browser.test_layers import LARGE, SMALL, VIEWER, has_best, is_wide, sent, watched
from tests.browser.test_room import POINT, World, enter, start, world_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

FIRST = """(() => {
    const kind = RTCRtpTransceiver.prototype;
    const set = kind.setCodecPreferences;
    const is = (codec) => codec.mimeType.toLowerCase() === 'video/h264';
    kind.setCodecPreferences = function (codecs) {
        return set.call(this, [...codecs.filter(is), ...codecs.filter((codec) => !is(codec))]);
    };
})();"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub."""
    with world_in(tmp_path_factory.mktemp("h264") / "data") as found:
        yield found


async def codecs(seat: Seat, kind: str) -> set[str]:
    """The codecs of the pictures that the page receives or sends (``inbound-rtp``, ``outbound-rtp``)."""
    stats = await seat.stats()
    names = {one["id"]: one["mimeType"] for one in stats if one["type"] == "codec"}
    return {
        names[one["codecId"]].lower()
        for one in stats
        if one["type"] == kind and one["kind"] == "video" and one.get("codecId") in names
    }


async def seated(browser: Browser, world: World, size: ViewportSize) -> tuple[Seat, Seat, str]:
    """A viewer with a window of this size, the point that sends H.264, and their session."""
    session = world.open_session()
    viewer = await sit_down(browser, VIEWER, fps=10, camera=(320, 180), **size)
    point = await sit_down(browser, POINT, fps=15, camera=(1280, 720))
    await point.context.add_init_script(FIRST)
    await enter(world, viewer, point, session)
    await shows(viewer, POINT, within=20)
    assert await codecs(viewer, "inbound-rtp") == {"video/h264"}
    return viewer, point, session


async def test_layers_follow_the_size_of_the_tile(world: World) -> None:
    async with chromium() as browser:
        viewer, point, _ = await seated(browser, world, SMALL)
        await until(lambda: is_wide(viewer, 320), 10, "small in a small window")
        watching = asyncio.create_task(watched(viewer, 90))
        for _ in range(2):
            await viewer.page.set_viewport_size(LARGE)
            await until(partial(has_best, viewer, point), 30, "shown in the best layer there is")
            await asyncio.sleep(1)
            await viewer.page.set_viewport_size(SMALL)
            await until(partial(is_wide, viewer, 320), 12, "small again")
            await asyncio.sleep(1)
        await viewer.page.evaluate("window.enough = true")
        seen = await watching
        layers = {rid: one["framesEncoded"] for rid, one in (await sent(point)).items() if one.get("framesEncoded")}
        sys.stdout.write(f"\nframes sent {layers}\nwatched {seen}\n")
        assert await codecs(point, "outbound-rtp") == {"video/h264"}
        assert len(layers) >= 2
        assert seen["back"] == 0 and seen["invalid"] == 0, seen
        falls = [before for before, after in pairwise(seen["sizes"]) if before > after == 320]
        assert len(falls) >= 2, seen  # twice up and twice down; a busy machine leaves layers out for moments
        assert seen["switch"] < max(1500, 3 * seen["gap"]), seen
        assert viewer.errors == [] and point.errors == []


async def test_the_record_is_replayed(world: World) -> None:
    async with chromium() as browser:
        viewer, point, session = await seated(browser, world, LARGE)
        await start(viewer)
        await asyncio.sleep(10)
        await viewer.press("end")
        await viewer.press("confirm-yes")
        await viewer.page.get_by_test_id("overlay-closed").wait_for()
        await point.context.close()
        world.hub.run("session", "close", session, "--lock")
        await viewer.page.goto(f"{world.hub.url}/replay/{session}")
        await until(partial(replays, viewer), 60, "replayed")
        assert viewer.errors == []
    found = played(world.hub.folder)
    sys.stdout.write(f"\nreplay files in H.264 {found}\n")
    assert {name for name, _ in found} == {"h264"} and max(width for _, width in found) >= 320


async def replays(viewer: Seat) -> bool:
    """Whether the point's picture is on the replay page, and whole. The page comes anew when the files are made."""
    try:
        seen = await viewer.page.evaluate(
            f"selector => [...document.querySelectorAll(selector)].map((video) => {READER}.read(video))",
            f"{REPLAYED} video",
        )
    except Error:
        return False
    return any(one and one["valid"] and one["ident"] == POINT for one in seen)


def played(folder: Path) -> list[tuple[str, int]]:
    """Codec and largest width of the replay files in H.264 that the hub made; all of each is decoded."""
    found = []
    for path in folder.rglob("*.mp4"):
        with av.open(str(path)) as container:
            name = container.streams.video[0].codec_context.name
            widths = {frame.width for frame in container.decode(video=0)}
        if name == "h264":
            found.append((name, max(widths)))
    return found
