"""What a Chromium viewer sees and hears through a line that is squeezed: the relay's own estimate decides."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.support import HERE, chromium
from tests.browser.test_line import join, line
from tests.support.impair import Profile

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.long, pytest.mark.timeout(240)]
SCRIPT = (HERE / "line.js").read_text().replace("WIDTH = 1280", "WIDTH = 640").replace("HEIGHT = 720", "HEIGHT = 360")
FREE = Profile(delay_s=0.02)
NARROW = Profile(rate_bps=200_000, queue_s=0.3, delay_s=0.02)


async def totals(page: Page) -> dict[str, float]:
    found: dict[str, float] = await page.evaluate("() => window.__totals()")
    return found


async def over(page: Page, seconds: float) -> dict[str, float]:
    """What a receiver got in a while."""
    before = await totals(page)
    await asyncio.sleep(seconds)
    after = await totals(page)
    return {key: after[key] - before[key] for key in after}


async def pictures_flow(page: Page, per_second: float, within: float) -> float:
    """Seconds until that many pictures arrive in a second."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if (await over(page, 1.0))["pictures"] >= per_second:
            return time.monotonic() - began
    raise AssertionError(f"no {per_second} pictures a second within {within} s")


async def test_a_squeeze_takes_pictures_but_no_sound_and_they_come_back(tmp_path: Path) -> None:
    async with line(tmp_path, FREE) as (app, proxy), chromium() as browser:
        publisher, receiver = await browser.new_page(), await browser.new_page()
        for page in (publisher, receiver):
            await page.goto("about:blank")
            await page.evaluate(SCRIPT)
        await join(app, publisher, receiver)
        await pictures_flow(receiver, 10, 15)
        await asyncio.sleep(3)
        proxy.change(down=NARROW)
        await asyncio.sleep(3)  # so long it may take to find out and for the queue to drain
        squeezed = await over(receiver, 8)
        assert squeezed["sound"] > 7 * 48_000, "sound goes on"
        assert squeezed["concealed"] / squeezed["sound"] < 0.02, squeezed
        proxy.change(down=FREE)
        assert await pictures_flow(receiver, 10, 15) <= 15
