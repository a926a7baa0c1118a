"""Devices and browsers that will not: each trouble shows its sentence, and the way on that it offers leads on.

The officer's browser is as on a desk: it asks for permissions, lets no page sound by itself, and loses its microphone
as when the plug is pulled (the process that captures sound dies, and the track ends). Its two cameras and three
microphones are Chromium's own; the microphones beep. Besides the face, a document camera and another tab are
shared, as from a desk, too.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.looks import sees_moving
from tests.browser.receptions import OPERATOR, POINT, let_in, others, queued
from tests.browser.story import CENTRE, DISTRICT, Person, World, screens, world_in
from tests.browser.support import REAL_DEVICES, chromium, shows, until

pytestmark = pytest.mark.browser

LOUDEST = """async () => {
    const context = (window.__ears ??= new AudioContext());
    await context.resume();
    let loudest = 0;
    for (const element of document.querySelectorAll('#sounds audio')) {
        if (element.paused || element.muted) continue;
        const source = context.createMediaStreamSource(element.srcObject);
        const analyser = new AnalyserNode(context, { fftSize: 2048 });
        source.connect(analyser);
        const block = new Float32Array(2048);
        for (let look = 0; look < 40; look += 1) {
            await new Promise((done) => setTimeout(done, 30));
            analyser.getFloatTimeDomainData(block);
            loudest = Math.max(loudest, ...block.map(Math.abs));
        }
        source.disconnect();
    }
    return loudest;
}"""
"""The highest level, over 1.2 s, of what the page's players play."""

HEARD, SILENT = 0.05, 0.01
"""Chromium's beep at the other end, and the noise that fills a pause."""

PAPER = POINT + 8
"""The officer's second camera."""

SHARING = ("--autoplay-policy=no-user-gesture-required", "--auto-select-tab-capture-source-by-title=Ban ve")
DRAWING = """async () => {
    document.title = 'Ban ve';
    const video = document.createElement('video');
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { deviceId: { exact: 'any' } } });
    video.muted = true;
    for (const [name, value] of Object.entries({ position: 'fixed', inset: '0', width: '100vw', height: '100vh' }))
        video.style.setProperty(name, value);
    video.style.objectFit = 'fill';
    document.body.replaceChildren(video);
    await video.play();
}"""
"""Makes a page of the officer's browser one that shows nothing but a moving counter."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One hub for the stories of this module."""
    with world_in(tmp_path_factory.mktemp("devices") / "data", "--no-worker") as found:
        yield found


async def hears_somebody(person: Person) -> None:
    """Wait until something sounds at this screen."""

    async def loud() -> bool:
        return float(await person.page.evaluate(LOUDEST)) > HEARD

    await until(loud, 10, "hearing anybody")


async def hears_nobody(person: Person) -> None:
    """Wait until nothing sounds at this screen."""

    async def still() -> bool:
        return float(await person.page.evaluate(LOUDEST)) < SILENT

    await until(still, 10, "silent")


async def blocked(person: Person) -> None:
    """Wait for the sentence about blocked sound. Looks without a user's gesture, which Playwright's own looks count as:
    to the browser nobody has touched the page."""
    watcher = await person.context.new_cdp_session(person.page)

    async def told() -> bool:
        note = "document.querySelector('[data-testid=note-autoplay]')"
        script = f"Boolean({note}) && !navigator.userActivation.hasBeenActive"
        return bool((await watcher.send("Runtime.evaluate", {"expression": script}))["result"]["value"])

    await until(told, 10, "blocked")


def command_of(pid: int) -> str:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text()


async def unplug_microphones(browser: Browser) -> None:
    """End the browser's process that captures sound."""
    told = await (await browser.new_browser_cdp_session()).send("SystemInfo.getProcessInfo")
    (capturing,) = [one["id"] for one in told["processInfo"] if "AudioService" in command_of(one["id"])]
    os.kill(capturing, signal.SIGKILL)


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_each_trouble_has_a_sentence_and_a_way_on(world: World) -> None:
    (session,) = queued(world, "Hỏi đền bù", opened=True)
    async with chromium(arguments=REAL_DEVICES, whole=True) as desk, screens(world, "devices") as all_screens:
        operator = await all_screens.sit(CENTRE, OPERATOR)
        all_screens.browser = desk
        officer = await all_screens.sit(DISTRICT, allowed="notifications")
        # the room's address typed into a new tab: nobody has touched this page
        await officer.page.close()
        officer.page = await officer.context.new_page()
        for person in (officer, operator):
            await person.page.goto(f"{world.hub.url}/room/{session}")
        await operator.hit("admit")
        await operator.hit("admit-one")
        await operator.page.keyboard.press("Escape")

        # sound is blocked until a key is pressed
        await blocked(officer)
        await officer.sees("Trình duyệt đang chặn tiếng", '[data-testid="note-autoplay"]')
        assert float(await officer.page.evaluate(LOUDEST)) == 0
        await officer.hit("act-autoplay")
        await officer.page.get_by_test_id("note-autoplay").wait_for(state="detached")
        await hears_somebody(officer)
        await sees_moving(officer, others(OPERATOR))

        # camera and microphone are refused; allowed and asked again, they come
        await officer.sees("Camera đang bị chặn", '[data-testid="note-device-camera"]')
        await officer.sees("Micro đang bị chặn", '[data-testid="note-device-mic"]')
        await officer.context.grant_permissions(["camera", "microphone"])
        for one in ("mic", "camera"):
            await officer.hit(f"act-device-{one}")
            await officer.page.get_by_test_id(f"note-device-{one}").wait_for(state="detached")
        await operator.page.locator(".tile:not(.own) video").wait_for()
        await until(lambda: grows(operator), 10, "showing the officer's camera")

        # the microphone is pulled out: another one is chosen
        await hears_somebody(operator)
        await unplug_microphones(desk)
        await officer.sees("Micro vừa bị rút ra", '[data-testid="note-device-mic"]')
        await officer.sees("Bật micro", "#controls")
        await hears_nobody(operator)
        await officer.hit("act-device-mic")
        await officer.page.get_by_test_id("choose-mic").focus()
        await officer.page.keyboard.press("ArrowDown")
        await officer.page.get_by_test_id("note-device-mic").wait_for(state="detached")
        await officer.page.keyboard.press("Escape")
        await hears_somebody(operator)

        # opened in a second tab, the first one rests; then the first takes the session back
        second = await officer.context.new_page()
        await second.goto(officer.page.url)
        await officer.sees("Phiên đã được mở ở một thẻ khác")
        await second.locator('[data-testid="tile"].main video').wait_for()
        await officer.hit("reload")
        await second.get_by_test_id("overlay-over").wait_for()
        await sees_moving(officer, others(OPERATOR))


async def grows(person: Person) -> bool:
    """Whether pictures are being decoded."""

    async def decoded() -> int:
        return sum(int(one.get("framesDecoded", 0)) for one in await person.stats() if one["type"] == "inbound-rtp")

    before = await decoded()
    await asyncio.sleep(0.5)
    return await decoded() > before + 3


@pytest.mark.long
@pytest.mark.timeout(240)
async def test_papers_and_a_tab_are_shown_to_the_others(world: World) -> None:
    (session,) = queued(world, "Tranh chấp ranh giới", opened=True)
    async with chromium(*SHARING, arguments=REAL_DEVICES, whole=True) as desk, screens(world, "sharing") as all_screens:
        operator = await all_screens.sit(CENTRE, OPERATOR)
        all_screens.browser = desk
        officer = await all_screens.sit(DISTRICT, POINT)
        tab = await officer.context.new_page()
        await tab.goto(f"{world.hub.url}/account")
        await tab.evaluate(DRAWING)
        await officer.page.bring_to_front()
        await let_in(operator, officer, session=session, url=world.hub.url)
        await sees_moving(operator, others(POINT))

        # the document camera takes the large place; the face stays beside it
        await officer.hit("share")
        await officer.hit("share-document")
        await sees_moving(operator, others(POINT) | {PAPER: "Lục Ngạn"})
        await shows(operator, PAPER)
        await operator.sees("Camera tài liệu", "#stage")
        await officer.hit("share")
        await sees_moving(operator, others(POINT))

        # another tab; closing it ends the sharing as the browser's own button does
        await officer.hit("share")
        await officer.hit("share-screen")
        await sees_moving(operator, others(POINT) | {PAPER: "Lục Ngạn"})
        await operator.sees("Màn hình", "#stage")
        await tab.close()
        await sees_moving(operator, others(POINT))
        await officer.sees("Chia sẻ", "#controls")
        await sees_moving(officer, others(OPERATOR))
