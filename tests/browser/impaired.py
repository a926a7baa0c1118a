"""A call of real Chromium pages in which every page has a line of its own, and what its viewers get of it.

The relay announces the first page's line; in the SDP of all others the port is that of theirs. Shared by the short
tests and by ``make soak``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page

from media.messages import Answer, Desired, Member, PublishOffer, SubscribeAnswer, SubscribeOffer, SubscribeStart
from tests.browser.support import HERE, chromium
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, running_relay
from tests.support.impair import ImpairmentProxy, Profile

SMALL, LARGE = (320, 180), (1280, 720)
DETAILS = """async () => {
    const out = {width: 0};
    if (!window.__peer) return out;
    const add = (key, value) => { out[key] = (out[key] ?? 0) + (value ?? 0); };
    for (const stat of (await window.__peer.getStats()).values()) {
        if (stat.type === 'candidate-pair' && stat.nominated) add('rtt', stat.currentRoundTripTime);
        if (stat.type !== 'inbound-rtp') continue;
        if (stat.kind === 'audio') {
            for (const key of ['concealedSamples', 'silentConcealedSamples', 'totalSamplesReceived',
                               'fecPacketsReceived', 'fecPacketsDiscarded']) add(key, stat[key]);
            add('soundLost', stat.packetsLost);
            add('soundPackets', stat.packetsReceived);
            continue;
        }
        out.width = stat.frameWidth ?? 0;
        for (const key of ['framesDecoded', 'framesDropped', 'freezeCount', 'totalFreezesDuration', 'nackCount',
                           'pliCount', 'keyFramesDecoded', 'packetsLost', 'packetsReceived', 'bytesReceived',
                           'retransmittedPacketsReceived', 'jitterBufferDelay', 'jitterBufferEmittedCount']) {
            add(key, stat[key]);
        }
    }
    return out;
}"""
"""getStats of a viewer: ``width`` of its picture, ``rtt`` of its line (s), everything else sums."""


@dataclass
class Got:
    """What a viewer got in a while: shares of the time or of the sound, and the picture's figures."""

    seconds: float
    frozen: float
    freezes: float
    concealed: float
    sound: float
    fps: float
    kbps: float
    width: float
    rtt: float
    key_frames: float
    key_frames_asked: float
    nacks: float
    resent: float
    lost: float
    mended_sound: float
    delay: float

    def __str__(self) -> str:
        return (
            f"frozen {self.frozen:5.1%} ({self.freezes:.0f}), concealed {self.concealed:5.1%}, {self.fps:4.1f} fps, "
            f"{self.width:4.0f} wide, {self.kbps:5.0f} kbit/s, rtt {self.rtt * 1000:4.0f} ms, "
            f"waits {self.delay * 1000:4.0f} ms, NACKs {self.nacks:.0f}, resent {self.resent:.0f}, "
            f"lost {self.lost:.0f}, key frames {self.key_frames:.0f} (asked {self.key_frames_asked:.0f})"
        )


@dataclass
class Call:
    """One publisher, some viewers, each behind its own line."""

    app: FakeApp
    relay: RelayProcessUnderTest
    pages: dict[str, Page]
    lines: dict[str, ImpairmentProxy]

    async def details(self, viewer: str) -> dict[str, float]:
        """See DETAILS."""
        found: dict[str, float] = await self.pages[viewer].evaluate(DETAILS)
        return found

    async def over(self, viewer: str, seconds: float) -> Got:
        """What a viewer gets in the next seconds."""
        before, began = await self.details(viewer), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = await self.details(viewer), time.monotonic() - began
        grown = {key: value - before.get(key, 0) for key, value in after.items()}
        return Got(
            seconds=took,
            frozen=grown["totalFreezesDuration"] / took,
            freezes=grown["freezeCount"],
            concealed=grown["concealedSamples"] / max(1.0, grown["totalSamplesReceived"]),
            sound=grown["totalSamplesReceived"] / 48_000 / took,
            fps=grown["framesDecoded"] / took,
            kbps=grown["bytesReceived"] * 8 / took / 1000,
            width=after["width"],
            rtt=after.get("rtt", 0.0),
            key_frames=grown["keyFramesDecoded"],
            key_frames_asked=grown["pliCount"],
            nacks=grown["nackCount"],
            resent=grown["retransmittedPacketsReceived"],
            lost=grown["packetsLost"],
            mended_sound=grown["fecPacketsReceived"],
            delay=grown["jitterBufferDelay"] / max(1.0, grown["jitterBufferEmittedCount"]),
        )

    async def flows(self, viewer: str, fps: float = 5.0, within: float = 20.0) -> float:
        """Seconds until so many pictures come in a second, and sound with them."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            before = await self.details(viewer)
            await asyncio.sleep(1)
            after = await self.details(viewer)
            grown = after.get("framesDecoded", 0) - before.get("framesDecoded", 0)
            if grown >= fps and after.get("totalSamplesReceived", 0) > before.get("totalSamplesReceived", 0):
                return time.monotonic() - began
        raise AssertionError(f"{viewer} does not see {fps} pictures a second within {within} s")


@asynccontextmanager
async def impaired_call(
    folder: Path, lines: dict[str, tuple[Profile, Profile]], size: tuple[int, int] = SMALL, seed: int = 1
) -> AsyncIterator[Call]:
    """The first of ``lines`` (name -> its line up and down) publishes a picture of ``size``, the others view it."""
    script = (HERE / "line.js").read_text().replace("= 1280;", f"= {size[0]};").replace("= 720;", f"= {size[1]};")
    proxies = {
        name: ImpairmentProxy(("127.0.0.1", 0), up=up, down=down, seed=seed + 100 * index)
        for index, (name, (up, down)) in enumerate(lines.items())
    }
    first = next(iter(proxies.values()))
    async with AsyncExitStack() as stack:
        app, relay = await stack.enter_async_context(running_relay(folder, announce=f"127.0.0.1:{first.port}"))
        for proxy in proxies.values():
            proxy.relay = relay.address
            proxy.start()
            stack.callback(proxy.stop)
        browser = await stack.enter_async_context(chromium())
        call = Call(app, relay, {name: await browser.new_page() for name in lines}, proxies)
        for page in call.pages.values():
            await page.goto("about:blank")
            await page.evaluate(script)
        await _join(call, first.port)
        yield call


async def _join(call: Call, announced: int) -> None:
    def through(name: str, sdp: str) -> str:
        return sdp.replace(f" {announced} typ host", f" {call.lines[name].port} typ host")

    publisher, *viewers = call.pages
    members = [Member(participant=publisher, peer=f"peer-{publisher}", publish=("mic", "camera"))]
    members += [Member(participant=name, peer=f"peer-{name}") for name in viewers]
    await call.app.send(Desired(session="s" * 24, epoch=1, version=1, state="running", members=tuple(members)))

    async def on_offer(offer: SubscribeOffer) -> None:
        name = offer.peer.removeprefix("peer-")
        sdp = await call.pages[name].evaluate("sdp => window.__receive(sdp)", through(name, offer.sdp))
        await call.app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=sdp))

    call.app.on_offer = on_offer
    page = call.pages[publisher]
    offer = await page.evaluate("() => window.__publish()")
    answer = await call.app.ask(PublishOffer(req="", peer=f"peer-{publisher}", sdp=offer, sources={}))
    assert isinstance(answer, Answer), answer
    await page.evaluate("sdp => window.__answer(sdp)", through(publisher, answer.sdp))
    for name in viewers:
        assert isinstance(await call.app.ask(SubscribeStart(req="", peer=f"peer-{name}")), Answer)
