"""What a Chromium publisher sends through lines of different width: what the relay tells it of arrivals decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Page

from media.messages import Answer, Desired, Member, PublishOffer, SubscribeAnswer, SubscribeOffer, SubscribeStart
from tests.browser.support import HERE, chromium
from tests.support.fake_app import FakeApp, running_relay
from tests.support.impair import ImpairmentProxy, Profile

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(240)]
SCRIPT = (HERE / "line.js").read_text()
STEP_S = 0.25


@dataclass
class Watched:
    """Bytes that clients sent, at times since the publisher was connected, and what a receiver got of its sound."""

    sent: list[tuple[float, int]] = field(default_factory=list)
    concealed: float = 0.0
    pictures: float = 0.0

    def kbps(self, start: float, end: float) -> float:
        """Mean rate between two times."""
        inside = [(at, size) for at, size in self.sent if start <= at <= end]
        (first, before), (last, after) = inside[0], inside[-1]
        return (after - before) * 8 / (last - first) / 1000


@asynccontextmanager
async def line(folder: Path, up: Profile) -> AsyncIterator[tuple[FakeApp, ImpairmentProxy]]:
    """A relay that announces a proxy as its address."""
    proxy = ImpairmentProxy(("127.0.0.1", 0), up=up, down=Profile(delay_s=up.delay_s))
    async with running_relay(folder, announce=f"127.0.0.1:{proxy.port}") as (app, relay):
        proxy.relay = relay.address
        proxy.start()
        try:
            yield app, proxy
        finally:
            proxy.stop()


async def join(app: FakeApp, publisher: Page, receiver: Page) -> None:
    """An publishes, Bình receives."""
    members = (
        Member(participant="an", peer="peer-an", publish=("mic", "camera")),
        Member(participant="binh", peer="peer-binh"),
    )
    await app.send(Desired(session="s" * 24, epoch=1, version=1, state="running", members=members))

    async def on_offer(offer: SubscribeOffer) -> None:
        sdp = await receiver.evaluate("sdp => window.__receive(sdp)", offer.sdp)
        await app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=sdp))

    app.on_offer = on_offer
    sdp = await publisher.evaluate("() => window.__publish()")
    answer = await app.ask(PublishOffer(req="", peer="peer-an", sdp=sdp, sources={}))
    assert isinstance(answer, Answer), answer
    await publisher.evaluate("sdp => window.__answer(sdp)", answer.sdp)
    assert isinstance(await app.ask(SubscribeStart(req="", peer="peer-binh")), Answer)


async def watch(folder: Path, up: Profile, seconds: float) -> Watched:
    """Publish through a line for some seconds."""
    async with line(folder, up) as (app, proxy), chromium() as browser:
        publisher, receiver = await browser.new_page(), await browser.new_page()
        for page in (publisher, receiver):
            await page.goto("about:blank")
            await page.evaluate(SCRIPT)
        await join(app, publisher, receiver)
        watched, began = Watched(), time.monotonic()
        heard = await receiver.evaluate("() => window.__totals()")
        while (at := time.monotonic() - began) < seconds:
            watched.sent.append((at, proxy.bytes_up))
            if not heard["sound"]:  # what was said before the receiver was there is not concealed
                heard = await receiver.evaluate("() => window.__totals()")
            await asyncio.sleep(STEP_S)
        got = await receiver.evaluate("() => window.__totals()")
        watched.concealed = (got["concealed"] - heard["concealed"]) / max(1, got["sound"] - heard["sound"])
        watched.pictures = (got["pictures"] - heard["pictures"]) / seconds
        return watched


@pytest.mark.long
async def test_a_wide_line_is_used_within_five_seconds(tmp_path: Path) -> None:
    watched = await watch(tmp_path, Profile(), 7)
    assert watched.kbps(5, 7) >= 1500, watched
    assert watched.concealed < 0.02


@pytest.mark.long
async def test_a_narrow_line_is_not_overfilled(tmp_path: Path) -> None:
    watched = await watch(tmp_path, Profile(rate_bps=600_000, queue_s=0.3, delay_s=0.01), 15.5)
    windows = [watched.kbps(start, start + 5) for start in range(5, 11)]
    assert max(windows) <= 650, windows
    assert max(watched.kbps(start, start + 2) for start in range(5, 14)) <= 650
    assert watched.kbps(5, 15) >= 200, "the line is used, too"
    assert watched.concealed < 0.02
    assert watched.pictures >= 5
