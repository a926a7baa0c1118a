"""A WebRTC client without camera or screen: aiortc's own peer connections sending encoded clips and counting what
arrives. Demo, tests and load use it; the relay never does.

It speaks no signaling: it makes and takes SDP, and whoever uses it carries that to the hub (websocket, WHIP, WHEP).
Received pictures are counted, not decoded, unless ``decode`` is set: then the burnt-in counter is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import aioice.ice
import av
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from media.clip import SOUND_FRAME, SOUND_RATE, Clip, read_frame
from media.messages import Line, Source

_CONFIGURATION = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
"""No STUN servers (the hub is near), and one transport from the start: aiortc 1.16 with "balanced" leaves the fourth
section of an offer on a transport of its own."""

CONNECT_S = 15.0
"""How long ICE and DTLS may take on a loopback that is busy with tests."""


@dataclass
class Sent:
    """What one source has sent: number of frames, and when each of the last minutes' frames left (UNIX seconds)."""

    frames: int = 0
    times: list[float] = field(default_factory=list)

    def between(self, start: float, end: float) -> int:
        """Frames that left in [start, end)."""
        return sum(1 for at in self.times if start <= at < end)


@dataclass
class Received(Sent):
    """What arrived of one participant's source; ``counters`` only where pictures are decoded."""

    counters: list[int] = field(default_factory=list)
    damaged: int = 0


class ClipTrack(MediaStreamTrack):
    """Sends a clip's encoded frames at their time, over and over. Frames that are overdue go at once, none is left
    out, so that "sent" can be compared with "received"."""

    def __init__(self, kind: str, frames: tuple[bytes, ...], step: Fraction, sent: Sent) -> None:
        super().__init__()
        self.kind = kind
        self._frames = frames
        self._step = step
        self._sent = sent
        self._index = 0
        self._started = 0.0
        self.sending = True

    async def recv(self) -> Any:
        """The next frame as a packet. Raises MediaStreamError once the track was stopped."""
        while True:
            if self.readyState != "live":
                raise MediaStreamError
            now = time.monotonic()
            self._started = self._started or now
            wait = self._started + float(self._index * self._step) - now
            if wait > 0:
                await asyncio.sleep(wait)
            index, self._index = self._index, self._index + 1
            if self.sending:
                break
        packet = av.Packet(self._frames[index % len(self._frames)])
        packet.pts, packet.time_base = index, self._step
        if self.kind == "audio":
            packet.pts, packet.time_base = index * SOUND_FRAME, Fraction(1, SOUND_RATE)
        self._sent.frames += 1
        self._sent.times.append(time.time())
        return packet


class MediaClient:
    """One device: a publish leg with microphone and camera, a subscribe leg with whatever the hub offers."""

    def __init__(self, clip: Clip | None, decode: bool = False, log: Callable[[str], None] | None = None) -> None:
        self.clip = clip
        self.decode = decode
        self.sent: dict[Source, Sent] = {"mic": Sent(), "camera": Sent()}
        self.received: dict[tuple[str, Source], Received] = {}
        self.arrived = asyncio.Event()  # set at every frame, for whoever waits for the first of something
        self.publisher: RTCPeerConnection | None = None
        self.subscriber: RTCPeerConnection | None = None
        self._tracks: dict[Source, ClipTrack] = {}
        self._lines: dict[str, tuple[str, Source]] = {}
        self._drains: set[asyncio.Task[None]] = set()

    async def publish_offer(self) -> tuple[str, dict[str, Source]]:
        """A new publish leg: its offer and the sources by mid. Raises RuntimeError without a clip."""
        if self.clip is None:
            raise RuntimeError("this client has no clip to send")
        if self.publisher is not None:
            await self.publisher.close()
        connection = self.publisher = RTCPeerConnection(_CONFIGURATION)
        sound = ClipTrack("audio", self.clip.sounds, Fraction(SOUND_FRAME, SOUND_RATE), self.sent["mic"])
        picture = ClipTrack("video", self.clip.pictures, Fraction(1, self.clip.rate), self.sent["camera"])
        self._tracks = {"mic": sound, "camera": picture}
        for track in (sound, picture):
            connection.addTransceiver(track, direction="sendonly")
        self._prefer_vp8(connection)
        await connection.setLocalDescription(await connection.createOffer())
        mids = [transceiver.mid for transceiver in connection.getTransceivers()]
        return connection.localDescription.sdp, {str(mids[0]): "mic", str(mids[1]): "camera"}

    @staticmethod
    def _prefer_vp8(connection: RTCPeerConnection) -> None:
        from aiortc import RTCRtpSender

        codecs = RTCRtpSender.getCapabilities("video").codecs
        wanted = [codec for codec in codecs if codec.mimeType.lower() in ("video/vp8", "video/rtx")]
        for transceiver in connection.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences(wanted)

    async def publish_answer(self, sdp: str) -> None:
        """The hub's answer; ICE and DTLS go on by themselves."""
        if self.publisher is not None:
            await self.publisher.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    def switch(self, source: Source, on: bool) -> None:
        """Send or hold back a source, as a person does who switches off the microphone."""
        self._tracks[source].sending = on

    async def view_offer(self) -> str:
        """A WHEP offer: receive one sound and one picture on a leg of their own."""
        connection = self.subscriber = RTCPeerConnection(_CONFIGURATION)
        self._watch(connection)
        connection.addTransceiver("audio", direction="recvonly")
        connection.addTransceiver("video", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        return connection.localDescription.sdp

    async def view_answer(self, sdp: str, participant: str) -> None:
        """The answer to ``view_offer``; what arrives is counted for ``participant``."""
        connection = self.subscriber
        if connection is None:
            raise RuntimeError("view_offer comes first")
        for transceiver, source in zip(connection.getTransceivers(), ("mic", "camera"), strict=True):
            self._lines[str(transceiver.mid)] = (participant, "mic" if source == "mic" else "camera")
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def subscribe_answer(self, sdp: str, lines: Iterable[Line]) -> str:
        """The answer to the hub's offer of the subscribe leg (first or later)."""
        connection = self.subscriber
        if connection is None or connection.connectionState in ("closed", "failed"):
            connection = self.subscriber = RTCPeerConnection(_CONFIGURATION)
            self._watch(connection)
        else:
            await self._connected(connection)
        self._lines = {line.mid: (line.participant, line.source) for line in lines if line.participant}
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return connection.localDescription.sdp

    @staticmethod
    async def _connected(connection: Any) -> None:
        """Wait until the leg is up: aiortc never starts the receivers of an offer that it gets while connecting."""
        async with asyncio.timeout(CONNECT_S):
            while connection.connectionState in ("new", "connecting"):
                changed = asyncio.Event()
                connection.once("connectionstatechange", changed.set)
                await changed.wait()

    def _watch(self, connection: RTCPeerConnection) -> None:
        @connection.on("track")
        def on_track(track: MediaStreamTrack) -> None:
            transceiver = next(t for t in connection.getTransceivers() if t.receiver.track is track)
            self._tap(transceiver)
            task = asyncio.ensure_future(self._drain(track, transceiver))
            self._drains.add(task)
            task.add_done_callback(self._drains.discard)

    def _tap(self, transceiver: Any) -> None:
        """Count encoded frames where aiortc hands them to its decoder thread; decode only when asked to."""
        frames = transceiver.receiver._RTCRtpReceiver__decoder_queue
        put = frames.put

        def counting_put(item: Any) -> None:
            if item is not None:
                received = self._received(transceiver)
                if received is not None:
                    received.frames += 1
                    received.times.append(time.time())
                    self.arrived.set()
                if not self.decode:
                    return
            put(item)

        frames.put = counting_put

    def _received(self, transceiver: Any) -> Received | None:
        line = self._lines.get(str(transceiver.mid))
        return None if line is None else self.received.setdefault(line, Received())

    async def _drain(self, track: MediaStreamTrack, transceiver: Any) -> None:
        while True:
            try:
                frame: Any = await track.recv()
            except MediaStreamError:
                return
            received = self._received(transceiver)
            if track.kind == "video" and received is not None:
                value = read_frame(frame)
                if value is None:
                    received.damaged += 1
                else:
                    received.counters.append(value)

    def state(self) -> str:
        """Both legs in words, for whoever looks for a fault."""
        legs = (("publish", self.publisher), ("subscribe", self.subscriber))
        return ", ".join(f"{name} {leg.connectionState if leg is not None else 'not open'}" for name, leg in legs)

    async def close(self) -> None:
        """End both legs."""
        for connection in (self.publisher, self.subscriber):
            if connection is not None:
                await connection.close()
        for task in list(self._drains):
            task.cancel()
        self.publisher = self.subscriber = None


def use_loopback_only() -> None:
    """Make aiortc gather 127.0.0.1 and nothing else: for clients beside the hub, also on a machine without network."""

    def only_loopback(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return ["127.0.0.1"] if use_ipv4 else []

    aioice.ice.get_host_addresses = only_loopback
