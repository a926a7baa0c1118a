"""Three layers through a real relay process over real UDP and SRTP: a made-up camera, and viewers that miss nothing.

The legs are the light ones of the benchmark: no peer connection that would hide a hole or a jump.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media.messages import (
    Answer,
    Desired,
    Member,
    PublishOffer,
    SubscribeAnswer,
    SubscribeOffer,
    SubscribeStart,
    View,
    Views,
)
from media.types import Codec, ExtensionIds
from tests.bench import sdp
from tests.bench.leg import Leg
from tests.support.fake_app import FakeApp, running_relay, until
from tests.support.simulcast import NAMES, SimulcastCamera, SimulcastViewer

FEEDBACK = ("nack", "nack pli", "goog-remb")
VP8 = Codec("vp8", sdp.VP8, 90_000, rtx_pt=sdp.RTX)
IDS = ExtensionIds(mid=1, rid=4, rrid=5)
LARGE, SMALL = (1280, 720), (320, 180)
FPS = 25


@dataclass
class Viewer:
    """A leg that receives the camera."""

    peer: str
    leg: Leg
    sees: SimulcastViewer = field(default_factory=SimulcastViewer)

    def take(self, buffer: bytearray, length: int) -> None:
        """One packet as it came."""
        if buffer[1] & 0x7F != 97:  # no probes and no resends
            self.sees.take(self.leg.incoming.unprotect(bytes(buffer[:length])), time.monotonic())

    def shows_since(self, at: float) -> list[int]:
        """The layers shown since then."""
        return sorted({one.layer for one in self.sees.shown if one.at >= at})


@dataclass
class Hall:
    """One session: a camera and its viewers. ``play`` runs all of them."""

    app: FakeApp
    camera: SimulcastCamera = field(default_factory=lambda: SimulcastCamera(VP8, fps=FPS, ids=IDS, body=300))
    source: Leg = field(default_factory=lambda: Leg("127.0.0.1", "gcm"))
    viewers: dict[str, Viewer] = field(default_factory=dict)
    version: int = 0
    obeyed: int = 0

    async def open(self, *names: str) -> None:
        """Everybody joins."""
        members = [Member(participant="an", peer="peer-an", publish=("camera",))]
        members += [Member(participant=name, peer=f"peer-{name}") for name in names]
        self.app.on_offer = self._answer
        await self.app.send(Desired(session="s" * 24, epoch=1, version=1, state="running", members=tuple(members)))
        track = sdp.Track("1", "video", (), rids=NAMES)
        offer = sdp.publish_offer(self.source, [track], FEEDBACK)
        answer = await self.app.ask(PublishOffer(req="", peer="peer-an", sdp=offer, sources={"1": "camera"}))
        assert isinstance(answer, Answer) and "a=simulcast:recv q;h;f" in answer.sdp, answer
        there, _ = sdp.remote(answer.sdp)
        await self.source.connect(there.address, there.ufrag, there.pwd, there.fingerprints, there.setup == "passive")
        self.source.on_rtcp = self._feedback
        for name in names:
            self.viewers[name] = Viewer(f"peer-{name}", Leg("127.0.0.1", "gcm"))
            assert isinstance(await self.app.ask(SubscribeStart(req="", peer=f"peer-{name}")), Answer)
        await until(lambda: all(viewer.leg.is_up for viewer in self.viewers.values()))

    async def _answer(self, offer: SubscribeOffer) -> None:
        viewer = next(one for one in self.viewers.values() if one.peer == offer.peer)
        there, description = sdp.remote(offer.sdp)
        answer = sdp.answer(viewer.leg, description, FEEDBACK)
        await self.app.send(SubscribeAnswer(peer=offer.peer, offer=offer.offer, sdp=answer))
        if not viewer.leg.is_up:
            await viewer.leg.connect(there.address, there.ufrag, there.pwd, there.fingerprints, True)
            viewer.leg.on_rtp = viewer.take

    def _feedback(self, data: bytes) -> None:
        for again in self.camera.take(data):
            self._send(again)

    def _send(self, data: bytes) -> None:
        self.source.send(self.source.outgoing.protect(data))

    async def show(self, name: str, size: tuple[int, int]) -> None:
        """A viewer's page shows the camera so large from now on."""
        view = View(participant="an", source="camera", width=size[0], height=size[1])
        await self.app.send(Views(peer=f"peer-{name}", views=(view,)))

    async def play(self, seconds: float) -> float:
        """The camera runs and obeys the relay; when it began."""
        began = now = time.monotonic()
        frame, report = began, began
        while now - began < seconds:
            if now >= frame:
                frame += 1 / FPS
                for data in self.camera.frame():
                    self._send(data)
            if now >= report:
                report += 0.5
                for data in self.camera.reports():
                    self.source.send_rtcp(data)
            for message in self.app.layers[self.obeyed :]:
                self.obeyed += 1
                self.camera.want(message.rids)
            self.source.drain(now)
            for viewer in self.viewers.values():
                viewer.leg.drain(now)
            await asyncio.sleep(0.002)
            now = time.monotonic()
        return began

    async def close(self) -> None:
        """Everybody leaves."""
        self.app.on_offer = None
        for leg in (self.source, *(viewer.leg for viewer in self.viewers.values())):
            await leg.close()


@asynccontextmanager
async def hall(folder: Path, *names: str) -> AsyncIterator[tuple[Hall, Any]]:
    """A relay with the session open."""
    async with running_relay(folder) as (app, relay):
        opened = Hall(app)
        await opened.open(*names)
        try:
            yield opened, relay
        finally:
            await opened.close()
    assert "Traceback" not in relay.log()


async def test_each_viewer_gets_its_own_layer_and_unused_ones_rest(tmp_path: Path) -> None:
    async with hall(tmp_path, "binh", "chi") as (opened, _):
        await opened.show("binh", LARGE)
        await opened.show("chi", SMALL)
        await asyncio.sleep(0.3)  # before the first packet, which takes another way than the word
        await opened.play(2.0)
        for size, layer in ((SMALL, 0), (LARGE, 2), (SMALL, 0)):
            await opened.show("binh", size)
            await opened.play(0.6)
            began = await opened.play(0.4)
            assert opened.viewers["binh"].shows_since(began) == [layer]
        await opened.play(5.5)
        assert list(opened.app.layers[-1].rids) == ["q"], "nobody shows the others any more"
        sent = opened.camera.layer("f").packets
        await opened.play(0.5)
        assert opened.camera.layer("f").packets == sent
        await opened.show("binh", LARGE)
        await opened.play(0.6)
        began = await opened.play(0.4)
        assert opened.viewers["binh"].shows_since(began) == [2], "started again"
        for name, viewer in opened.viewers.items():
            assert viewer.sees.faults == [] and viewer.sees.steps_back() == 0, name
            assert viewer.sees.longest_gap() < 0.5
        assert opened.viewers["chi"].sees.layers == [0], "another one's switches are none of its business"
        assert len(opened.camera.keys) < 15
