"""The sending process: any number of points that play the clip, over one light leg each.

Every packet carries in its last eight bytes the CLOCK_MONOTONIC nanosecond at which it was handed to the kernel.
Frames leave whole, as Chromium's pacer (bursts of up to 40 ms) sends them. At N times the rate the clip is played N
times faster, on an honest 90 kHz clock.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import struct
import sys
import time
from typing import Any

from media.sdp import ABS_SEND_TIME_URI, MID_URI, RID_URI, TRANSPORT_CC_URI
from tests.bench import rtcp
from tests.bench.clip import RIDS, STAMP, Payloads, load
from tests.bench.leg import Leg
from tests.bench.sdp import OPUS, RTX, VP8, Track, publish_offer, remote
from tests.bench.worker import Commands, pin, say, used

RING = 2048
INTRODUCTION_S = 2.0
"""How long mid and rid are sent with every packet; Chromium stops when the first receiver report has come."""
DRAIN_S = 0.005


class Stream:
    """One SSRC of a point: which frames it plays, and its numbers."""

    def __init__(self, point: Point, kind: str, mid: str, rid: str, frames: list[list[bytes]], step: int, gap: float):
        self.point = point
        self.kind, self.mid, self.rid = kind, mid, rid
        self.frames, self.step, self.gap = frames, step, gap
        self.ssrc, self.rtx_ssrc = random.getrandbits(32), random.getrandbits(32)
        self.payload_type = OPUS if kind == "audio" else VP8
        self.seq, self.rtx_seq = random.getrandbits(15), random.getrandbits(15)
        self.rtp_time = random.getrandbits(31)
        self.index = 0
        self.packets = self.octets = self.resent = 0
        self.ring: list[bytes] = [b""] * RING
        self.ids: dict[str, int] = {}
        self.first_at = 0.0
        self.report_at = 0.0
        self._introduction = b""

    def negotiate(self, extensions: dict[str, int]) -> None:
        """Which header extensions the server takes, by URI."""
        self.ids = extensions
        named = [(MID_URI, self.mid), (RID_URI, self.rid)]
        self._introduction = b"".join(
            bytes(((extensions[uri] << 4) | (len(text) - 1),)) + text.encode()
            for uri, text in named
            if text and uri in extensions
        )

    def _extensions(self, now: float) -> bytes:
        found = self._introduction if now - self.first_at < INTRODUCTION_S else b""
        number = self.ids.get(ABS_SEND_TIME_URI)
        if number:
            found += bytes((number << 4 | 2,)) + (int(now * 262144) & 0xFFFFFF).to_bytes(3, "big")
        number = self.ids.get(TRANSPORT_CC_URI)
        if number:
            found += bytes((number << 4 | 1,)) + (self.point.transport_seq & 0xFFFF).to_bytes(2, "big")
            self.point.transport_seq += 1
        if not found:
            return b""
        found += bytes(-len(found) % 4)
        return b"\xbe\xde" + (len(found) // 4).to_bytes(2, "big") + found

    def play(self, now: float) -> None:
        """Send the next frame."""
        if not self.first_at:
            self.first_at = now
        frame = self.frames[self.index % len(self.frames)]
        self.index += 1
        self.rtp_time = (self.rtp_time + self.step) & 0xFFFFFFFF
        picture = struct.pack("!HB", 0x8000 | self.index & 0x7FFF, self.index & 0xFF)
        last = len(frame) - 1
        for number, payload in enumerate(frame):
            self.seq = (self.seq + 1) & 0xFFFF
            if self.kind == "video":
                payload = payload[:2] + picture + payload[5:]
            extensions = self._extensions(now)
            marker = 0x80 if number == last and self.kind == "video" else 0
            first = 0x90 if extensions else 0x80
            head = struct.pack("!BBHII", first, marker | self.payload_type, self.seq, self.rtp_time, self.ssrc)
            self._send(head + extensions + payload[:-STAMP], len(payload))

    def _send(self, packet: bytes, size: int) -> None:
        packet += struct.pack("!Q", time.monotonic_ns())
        self.ring[self.seq % RING] = packet
        leg = self.point.leg
        leg.send(leg.outgoing.protect(packet))
        self.packets += 1
        self.octets += size

    def resend(self, seq: int) -> None:
        """Answer a NACK over RTX (RFC 4588)."""
        packet = self.ring[seq % RING]
        if self.kind == "audio" or len(packet) < 12 or struct.unpack_from("!H", packet, 2)[0] != seq:
            return
        start = 12
        if packet[0] & 0x10:
            start += 4 + 4 * struct.unpack_from("!H", packet, 14)[0]
        self.rtx_seq = (self.rtx_seq + 1) & 0xFFFF
        head = struct.pack("!BBH4sI", packet[0], packet[1] & 0x80 | RTX, self.rtx_seq, packet[4:8], self.rtx_ssrc)
        leg = self.point.leg
        leg.send(leg.outgoing.protect(head + packet[12:start] + packet[2:4] + packet[start:]))
        self.resent += 1


class Point:
    """A device that publishes: its leg and its streams."""

    def __init__(self, command: dict[str, Any], clip: Payloads) -> None:
        self.leg = Leg(command["address"], command["srtp"])
        self.leg.on_rtcp = self._take_rtcp
        self.transport_seq = 0
        self.nacks = self.key_requests = self.feedbacks = 0
        speed = command["speed"]
        self.streams: list[Stream] = []
        every = list(range(len(clip.layers)))
        layers = every if command["layers"] > 1 else every[-1:] if command["layers"] else every[:1]
        for layer in layers:
            rid = RIDS[layer] if command["layers"] > 1 else ""
            gap, step = 1 / (clip.rate * speed), round(90_000 / (clip.rate * speed))
            self.streams.append(Stream(self, "video", "0", rid, clip.layers[layer], step, gap))
        pictures = self.streams[:]
        tracks = [
            Track(
                "0",
                "video",
                tuple(stream.ssrc for stream in pictures),
                tuple(stream.rtx_ssrc for stream in pictures),
                tuple(stream.rid for stream in pictures if stream.rid),
            )
        ]
        if command["sound"]:
            self.streams.append(Stream(self, "audio", "1", "", [[sound] for sound in clip.sounds], 960, 0.02))
            tracks.append(Track("1", "audio", (self.streams[-1].ssrc,)))
        self.by_ssrc = {stream.ssrc: stream for stream in self.streams}
        self.offer = publish_offer(self.leg, tracks, tuple(command["feedback"]))

    async def connect(self, sdp: str) -> None:
        """Take the server's answer."""
        there, description = remote(sdp)
        extensions = {section.mid: section.extensions for section in description.sections}
        for stream in self.streams:
            stream.negotiate(extensions[stream.mid])
        await self.leg.connect(there.address, there.ufrag, there.pwd, there.fingerprints, there.setup == "passive")

    def _take_rtcp(self, data: bytes) -> None:
        for kind, count, packet in rtcp.parts(data):
            if kind == 205 and count == 1:
                stream = self.by_ssrc.get(struct.unpack_from("!I", packet, 8)[0])
                self.nacks += 1
                for seq in rtcp.asked_for(packet) if stream is not None else ():
                    assert stream is not None
                    stream.resend(seq)
            elif kind == 205 and count == 15:
                self.feedbacks += 1
            elif kind == 206 and count in (1, 4):
                self.key_requests += 1

    def report(self, now: float) -> None:
        """Sender reports, one a second and stream."""
        for stream in self.streams:
            if stream.packets and now >= stream.report_at:
                stream.report_at = now + 1.0
                self.leg.send_rtcp(
                    rtcp.sender_report(stream.ssrc, time.time(), stream.rtp_time, stream.packets, stream.octets)
                )


class Sender:
    """All points of this process."""

    def __init__(self) -> None:
        self.clip = load()
        self.points: dict[str, Point] = {}
        self.commands = Commands()
        self.is_playing = False
        self.late_s = 0.0  # how far behind its timetable the worst frame left
        self._due: list[tuple[float, int, Stream]] = []

    async def run(self) -> None:
        """Until the input ends."""
        tasks = set()
        while True:
            for command in self.commands.poll():
                if command["do"] == "publish":
                    point = self.points[command["leg"]] = Point(command, self.clip)
                    say(leg=command["leg"], sdp=point.offer)
                elif command["do"] == "answer":
                    tasks.add(asyncio.ensure_future(self._connect(command)))
                elif command["do"] == "close":
                    await self.points.pop(command["leg"]).leg.close()
                    say(leg=command["leg"], closed=True)
                else:
                    self._handle(command)
            if self.is_playing:
                self._play()
            else:
                self._drain()
                await asyncio.sleep(DRAIN_S)

    async def _connect(self, command: dict[str, Any]) -> None:
        try:
            await self.points[command["leg"]].connect(command["sdp"])
            say(leg=command["leg"], up=True)
        except Exception as error:
            say(leg=command["leg"], error=f"{type(error).__name__}: {error}")

    def _handle(self, command: dict[str, Any]) -> None:
        if command["do"] == "play":
            self.is_playing = True
            now = time.monotonic() + 0.01
            # Points do not start together, and sound lies between pictures: as cameras do that know nothing of another.
            chance = random.Random(7)
            self._due = []
            for point in self.points.values():
                offset = chance.random() * 0.033
                for stream in point.streams:
                    due = now + offset + (chance.random() * 0.02 if stream.kind == "audio" else 0.0)
                    self._due.append((due, len(self._due), stream))
            heapq.heapify(self._due)
            say(playing=True)
        elif command["do"] == "stop":
            self.is_playing = False
            say(playing=False)
        elif command["do"] == "mark":
            say(mark=self._mark())

    def _mark(self) -> dict[str, Any]:
        streams = [stream for point in self.points.values() for stream in point.streams]
        late, self.late_s = self.late_s, 0.0
        return used() | {
            "sent": sum(stream.packets for stream in streams),
            "resent": sum(stream.resent for stream in streams),
            "refused": sum(point.leg.refused for point in self.points.values()),
            "nacks": sum(point.nacks for point in self.points.values()),
            "key_requests": sum(point.key_requests for point in self.points.values()),
            "feedbacks": sum(point.feedbacks for point in self.points.values()),
            "late_s": late,
        }

    def _drain(self) -> None:
        now = time.monotonic()
        for point in self.points.values():
            if point.leg.is_up:
                point.leg.drain(now)
                point.report(now)

    def _play(self) -> None:
        """Send for as long as nobody says anything; without the event loop, which wakes up too coarsely."""
        due, drain_at = self._due, 0.0
        while True:
            now = time.monotonic()
            while due and due[0][0] <= now:
                at, number, stream = due[0]
                self.late_s = max(self.late_s, now - at)
                stream.play(now)
                heapq.heapreplace(due, (at + stream.gap, number, stream))
                now = time.monotonic()
            if now >= drain_at:
                self._drain()
                drain_at = now + DRAIN_S
                for command in self.commands.poll():
                    self._handle(command)
                if not self.is_playing:
                    return
            # Until the next packet or the next look at what came back; the loop ends when the clip does.
            time.sleep(max(0.0, min(due[0][0] if due else drain_at, drain_at) - time.monotonic()))


def main() -> None:
    """``python -m tests.bench.sender CORE``."""
    pin(int(sys.argv[1]))
    asyncio.run(Sender().run())


if __name__ == "__main__":
    main()
