"""Real Chromium for browser tests: launching, a camera that can be recognised at the other end, reading it back.

Every page gets its own camera (``camera.js``, numbered by ``ident`` 1..15), so one browser process can play all points.
Flags: engineering.md 6.1. The pages' Content-Security-Policy holds in tests, too: nothing here needs eval in a page.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
SHELL = "/usr/bin/chromium-headless-shell"
"""The same engine of the same version without the browser's own window, which costs a fifth of a story's CPU."""
ARGUMENTS = (
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--auto-select-desktop-capture-source=Entire screen",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
)
REAL_DEVICES = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream=device-count=2",
    "--autoplay-policy=document-user-activation-required",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
)
"""As on a desk: devices that come and go, permissions that hold, sound that a page may not start by itself."""
READER = (HERE / "reader.js").read_text()
MAIN_PICTURE = '[data-testid="tile"].main video'


@contextlib.asynccontextmanager
async def chromium(*more: str, arguments: tuple[str, ...] = ARGUMENTS, whole: bool = False) -> AsyncIterator[Browser]:
    """A headless browser; without other ``arguments`` its fake devices are allowed without asking. ``whole``: with its
    own parts (viewer of PDFs, permissions, captured windows)."""
    async with async_playwright() as playwright:
        path = CHROMIUM if whole else SHELL
        browser = await playwright.chromium.launch(executable_path=path, args=[*arguments, *more])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Seat:
    """A person at a screen: a page of its own browser profile. ``errors``: what the page's console complained of."""

    page: Page
    context: BrowserContext
    ident: int
    errors: list[str] = field(default_factory=list)

    async def log_in(self, url: str, login: str, password: str) -> None:
        """Log in by the form, as a person does."""
        await self.page.goto(f"{url}/login")
        await self.page.fill('input[name="login"]', login)
        await self.page.fill('input[name="password"]', password)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(lambda address: "/login" not in address)

    async def press(self, hook: str) -> None:
        """Press the button with this data-testid."""
        await self.page.get_by_test_id(hook).first.click()

    async def read(self, selector: str = MAIN_PICTURE) -> dict[str, Any] | None:
        """The frame that a <video> shows: count, ident, valid, flash; None while it shows none."""
        found: dict[str, Any] | None = await self.page.evaluate(
            f"selector => {READER}.read(document.querySelector(selector))", selector
        )
        return found

    async def stats(self) -> list[dict[str, Any]]:
        """getStats of all connections of the page that are open, flat."""
        script = """async () => {
            const all = [];
            for (const peer of window.__peers) {
                if (peer.connectionState === 'closed') continue;
                for (const stat of (await peer.getStats()).values()) all.push(stat);
            }
            return all;
        }"""
        found: list[dict[str, Any]] = await self.page.evaluate(script)
        return found

    async def rates(self, seconds: float = 3.0) -> dict[str, float]:
        """Over some seconds: bit/s sent and received, share of concealed sound, freezes, pictures a second."""
        before, began = totals(await self.stats()), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = totals(await self.stats()), time.monotonic() - began
        grown = {key: after[key] - before[key] for key in after}
        return {
            "sent_bps": grown["bytesSent"] * 8 / took,
            "received_bps": grown["bytesReceived"] * 8 / took,
            "concealed": grown["concealedSamples"] / max(1.0, grown["totalSamplesReceived"]),
            "freezes": grown["freezeCount"],
            "fps": grown["framesDecoded"] / took,
            "energy": grown["totalAudioEnergy"],
        }

    async def playout_skew(self) -> float | None:
        """Milliseconds by which the picture of the first point received runs ahead of its sound, by the sender's own
        clock as its reports tell it; None until they have been heard. Independent of how busy this machine is."""
        at = {
            one["kind"]: one["estimatedPlayoutTimestamp"]
            for one in await self.stats()
            if one["type"] == "inbound-rtp" and one.get("estimatedPlayoutTimestamp")
        }
        return float(at["video"] - at["audio"]) if {"video", "audio"} <= at.keys() else None

    async def trouble(self, kind: str, error: str) -> None:
        """From now on asking for ``kind`` (video, audio) fails with this DOMException name; "" mends it."""
        await self.page.evaluate("([kind, error]) => { window.__trouble[kind] = error; }", [kind, error])


COUNTED = (
    "bytesSent", "bytesReceived", "concealedSamples", "totalSamplesReceived", "freezeCount", "framesDecoded",
    "totalAudioEnergy",
)  # fmt: skip


def totals(stats: list[dict[str, Any]]) -> dict[str, float]:
    """Sums over inbound and outbound RTP."""
    rtp = [one for one in stats if one["type"] in ("inbound-rtp", "outbound-rtp")]
    return {key: float(sum(one.get(key, 0) for one in rtp)) for key in COUNTED}


async def sit_down(
    browser: Browser, ident: int, *, width: int = 1366, height: int = 768, fps: int = 20,
    camera: tuple[int, int] = (640, 360),
) -> Seat:  # fmt: skip
    """A new profile with a page whose camera shows ``ident`` (1..15) in pictures of the size ``camera``."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, permissions=["camera", "microphone"]
    )
    context.set_default_timeout(30_000)
    script = (HERE / "camera.js").read_text().replace("__SETTINGS__", json.dumps([ident, fps, *camera]))
    await context.add_init_script(script)
    page = await context.new_page()
    seat = Seat(page, context, ident)
    page.on("pageerror", lambda error: seat.errors.append(str(error)))
    page.on("console", lambda message: seat.errors.append(message.text) if message.type == "error" else None)
    return seat


async def until(condition: Callable[[], Awaitable[Any]], within: float, what: str) -> Any:
    """Wait until ``condition`` gives something true; give that."""
    deadline = time.monotonic() + within
    while True:
        found = await condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not {what} within {within} s"
        await asyncio.sleep(0.05)


async def shows(seat: Seat, ident: int, selector: str = MAIN_PICTURE, within: float = 10.0) -> float:
    """Wait until the <video> shows the camera ``ident``, and that it moves; the seconds it took.

    Frozen, swapped or broken pictures fail: the counter must advance at every look, with a valid complement.
    """
    began = time.monotonic()

    async def right() -> bool:
        seen = await seat.read(selector)
        return seen is not None and seen["valid"] and seen["ident"] == ident

    await until(right, within, f"showing camera {ident}")
    took = time.monotonic() - began
    counts = []
    for _ in range(4):
        await asyncio.sleep(0.4)
        seen = await seat.read(selector)
        assert seen is not None
        if seen["valid"]:
            assert seen["ident"] == ident, seen
            counts.append(seen["count"])
    steps = [(later - earlier) & 0xFFFF for earlier, later in zip(counts, counts[1:], strict=False)]
    assert len(steps) >= 2 and all(0 < step < 100 for step in steps), counts
    return took
