"""What sound is sent as: Chromium really sends RED to the relay and takes it from there; a viewer without RED (aiortc)
hears the same; silence costs next to nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError
from playwright.async_api import Page

from media.client import MediaClient, use_loopback_only
from media.messages import Answer, Desired, Member, PublishOffer, SubscribeAnswer, SubscribeOffer, SubscribeStart
from tests.browser.support import HERE, chromium, until
from tests.support.fake_app import FakeApp, running_relay

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(240)]
SCRIPT = (HERE / "sound.js").read_text()
TONE_HZ = 440


class Ear(MediaClient):
    """Decodes what it hears."""

    def __init__(self) -> None:
        super().__init__(None, decode=True)
        self.frames: list[Any] = []

    async def _drain(self, track: Any, transceiver: Any) -> None:
        while True:
            try:
                self.frames.append(await track.recv())
            except MediaStreamError:
                return

    def pitch(self) -> float:
        """Frequency of the last second, by its passages through zero; 0 for silence."""
        samples: list[int] = []
        for frame in self.frames[-50:]:
            samples += memoryview(frame.planes[0]).cast("h")[: 2 * frame.samples : 2]  # left of interleaved stereo
        if max(samples, default=0) < 1000:
            return 0.0
        rises = sum(1 for first, second in zip(samples, samples[1:], strict=False) if first < 0 <= second)
        return rises * 48_000 / len(samples)


async def test_red_is_spoken_and_a_viewer_without_it_hears_the_same(tmp_path: Path) -> None:
    use_loopback_only()
    async with running_relay(tmp_path) as (app, _), chromium() as browser:
        speaker, listener = await browser.new_page(), await browser.new_page()
        for page in (speaker, listener):
            await page.goto("about:blank")
            await page.evaluate(SCRIPT)
        ear = Ear()
        try:
            await join(app, speaker, listener, ear)
            await until(lambda: is_heard(listener), 15, "heard")
            said, heard = await sound(speaker), await sound(listener)
            assert said["codecs"] == ["audio/red 111/111", "audio/opus minptime=10;usedtx=1;useinbandfec=1"]
            # Chromium names no RED in its figures: what packets repeat counts as thrown away where it had come already.
            assert heard["packetsDiscarded"] >= 0.8 * heard["packetsReceived"]
            assert heard["totalAudioEnergy"] > 0
            await until(lambda: asyncio.sleep(0, len(ear.frames) >= 150), 15, "heard without RED")
            await until(lambda: asyncio.sleep(0, round_trip(app) > 0), 10, "its round trip told by RTCP XR")
            assert abs(ear.pitch() - TONE_HZ) < 5
            await speaker.evaluate("() => { window.__peer.getSenders()[0].track.enabled = false; }")
            await asyncio.sleep(1)
            said, heard = await sound(speaker), await sound(listener)
            await asyncio.sleep(2)
            silent, unheard = await sound(speaker), await sound(listener)
            assert 1 <= silent["packetsSent"] - said["packetsSent"] <= 20, "50 a second without DTX"
            grown = {key: unheard[key] - heard[key] for key in ("concealedSamples", "totalSamplesReceived")}
            assert grown["concealedSamples"] < 0.02 * grown["totalSamplesReceived"], "a pause is no fault"
        finally:
            await ear.close()


async def join(app: FakeApp, speaker: Page, listener: Page, ear: Ear) -> None:
    """An speaks; Bình (Chromium) and Chi (aiortc) listen."""
    members = (
        Member(participant="an", peer="peer-an", publish=("mic",)),
        Member(participant="binh", peer="peer-binh"),
        Member(participant="chi", peer="peer-chi"),
    )
    await app.send(Desired(session="s" * 24, epoch=1, version=1, state="running", members=members))

    async def on_offer(offer: SubscribeOffer) -> None:
        if offer.peer == "peer-chi":
            sdp = await ear.subscribe_answer(offer.sdp, offer.lines)
        else:
            sdp = await listener.evaluate("sdp => window.__listen(sdp)", offer.sdp)
        await app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=sdp))

    app.on_offer = on_offer
    answer = await app.ask(
        PublishOffer(req="", peer="peer-an", sdp=await speaker.evaluate("() => __speak()"), sources={})
    )
    assert isinstance(answer, Answer), answer
    await speaker.evaluate("sdp => window.__answer(sdp)", answer.sdp)
    for peer in ("peer-binh", "peer-chi"):
        assert isinstance(await app.ask(SubscribeStart(req="", peer=peer)), Answer)


def round_trip(app: FakeApp) -> float:
    """What the relay tells of An's publish leg, the only leg An has."""
    legs = app.quality.legs if app.quality is not None else ()
    return next((leg.rtt_s for leg in legs if leg.peer == "peer-an"), 0.0)


async def sound(page: Page) -> dict[str, Any]:
    """The page's only stream of sound, as getStats tells it."""
    found = await page.evaluate("() => window.__sound()")
    return found or {}


async def is_heard(page: Page) -> bool:
    """Whether two seconds of sound have come."""
    return bool((await sound(page)).get("packetsReceived", 0) >= 100)
