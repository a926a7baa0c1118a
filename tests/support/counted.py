"""A point of which it is known when each picture and each beep was captured: a clip, clocks of its own, a real leg.

Pictures carry the counter of ``media.clip``, a beep sounds at each full second. The sampling clock runs fast by
``skew`` parts per million and the wall clock is wrong by ``ahead`` seconds, as those of real devices are. The leg is
the light one of the benchmark, so that a busy machine makes packets late, never times wrong.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx

from media import rtcp, rtp
from media.clip import Clip, ClipOptions, make_clip
from tests.bench import sdp
from tests.bench.leg import Leg
from tests.support.exported import NTP_EPOCH
from tests.support.journals import vp8_payloads

RATE = 20
CLIP_S = 8
SIZES = {"q": (320, 180), "f": (640, 360)}
FEEDBACK = ("nack", "nack pli", "goog-remb")
MID, RID, RRID = 1, 4, 5  # extension ids in the offers of tests.bench.sdp
SOUND_S = 0.02
REPORT_S = 1.0
TICK_S = 0.005
HELD = 600
"""Packets of a layer that can be sent again."""


@cache
def counted_clip(number: int, size: tuple[int, int]) -> Clip:
    """What a point sends, over and over. Takes a second or two: not to be made while points send."""
    return make_clip(number, "", [], ClipOptions(*size, rate=RATE, seconds=CLIP_S, bitrate_bps=250_000))


@dataclass
class _Sending:
    """One SSRC of one leg."""

    ssrc: int
    clip_rate: int
    offset: int
    number: int
    active: bool = True
    waits_for_key: bool = True
    packets: int = 0
    octets: int = 0


class CountedPoint:
    """``layers``: the clip by layer, smallest first; one without a name is no simulcast. ``spans``: when a leg of it
    was up and sending (UNIX seconds); ``cut``: nothing goes out or comes in, as on a line that is down."""

    def __init__(self, token: dict[str, Any], layers: dict[str, Clip], skew: float = 0.0, ahead: float = 0.0) -> None:
        self.token, self.layers, self.skew, self.ahead = token, layers, skew, ahead
        self.participant = str(token["participant"])
        first = next(iter(layers.values()))
        self.number, self.sounds, self.cycle = first.number, first.sounds, len(first.pictures)
        self.began = time.monotonic()
        self.began_utc = time.time()
        self.spans: list[list[float]] = []
        self.location = ""
        self.port = 0  # of the relay
        self._random = random.Random(self.number)
        self._leg: Leg | None = None
        self._sound: _Sending | None = None
        self._pictures: dict[str, _Sending] = {}
        self._held: dict[tuple[int, int], tuple[str, bytes]] = {}
        self._rtx_number = 1
        self._next_picture = self._next_sound = 0
        self._report_at = 0.0
        self._cut = False
        self._http = httpx.AsyncClient(timeout=15)

    # --- what is known -----------------------------------------------------------------------------------------------

    @property
    def _pace(self) -> float:
        return 1 + self.skew / 1e6

    def picture_utc(self, number: int) -> float:
        """When picture ``number`` since the beginning was captured."""
        return self.began_utc + number / RATE / self._pace

    def beep_utc(self, number: int) -> float:
        """When the beep of that second began."""
        return self.began_utc + number / self._pace

    def picture_of(self, counter: int, utc: float) -> int:
        """Which picture has this counter and was captured at about ``utc``."""
        about = (utc - self.began_utc) * self._pace * RATE
        return counter + self.cycle * round((about - counter) / self.cycle)

    # --- the leg -----------------------------------------------------------------------------------------------------

    async def publish(self, within: float = 30.0) -> None:
        """Offer by WHIP until the hub takes it (503 while a relay is away), connect, send. Raises AssertionError."""
        await self._stop_sending()
        deadline = time.monotonic() + within
        while True:
            leg = Leg("127.0.0.1", "gcm")
            answer = await self._http.post(self.token["url"], content=self._offer(leg), headers=self._headers())
            if answer.status_code == 201:
                break
            leg.socket.close()
            assert answer.status_code == 503 and time.monotonic() < deadline, (answer.status_code, answer.text[:300])
            await asyncio.sleep(0.1)
        self.location = answer.headers["Location"]
        there, _ = sdp.remote(answer.text)
        self.port = there.address[1]
        await leg.connect(there.address, there.ufrag, there.pwd, there.fingerprints, there.setup == "passive")
        leg.on_rtcp = self._take_feedback
        self._begin(leg)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token['token']}", "Content-Type": "application/sdp"}

    def _offer(self, leg: Leg) -> str:
        rids = tuple(rid for rid in self.layers if rid)
        ssrcs = () if rids else (self._ssrc(0), self._ssrc(100))
        picture = sdp.Track("1", "video", ssrcs[:1], ssrcs[1:], rids)
        return sdp.publish_offer(leg, [sdp.Track("0", "audio", (self._ssrc(50),)), picture], FEEDBACK)

    def _ssrc(self, index: int) -> int:
        return 10_000 * (self.number + 1) + 1000 * (len(self.spans) % 10) + index

    def _begin(self, leg: Leg) -> None:
        draw = self._random.getrandbits
        self._sound = _Sending(self._ssrc(50), 48_000, draw(32), draw(16))
        self._pictures = {
            rid: _Sending(self._ssrc(index), 90_000, draw(32), draw(16)) for index, rid in enumerate(self.layers)
        }
        now = time.monotonic()
        self._next_picture = int((now - self.began) * self._pace * RATE) + 1
        self._next_sound = int((now - self.began) * self._pace / SOUND_S) + 1
        self._report_at = now
        self._held.clear()
        self._leg = leg
        self.spans.append([time.time(), float("inf")])

    async def _stop_sending(self) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            self.spans[-1][1] = time.time()
            await leg.close()

    async def leave(self) -> None:
        """End the leg at the hub."""
        location = self.location
        await self._stop_sending()
        assert (await self._http.delete(location, headers=self._headers())).status_code == 200

    async def close(self) -> None:
        """Go without a word."""
        await self._stop_sending()
        await self._http.aclose()

    @property
    def cut(self) -> bool:
        """Whether the line is down."""
        return self._cut

    @cut.setter
    def cut(self, down: bool) -> None:
        if down and not self._cut:
            self.spans[-1][1] = time.time()
        if self._cut and not down:
            self.spans.append([time.time(), float("inf")])
        self._cut = down

    def want(self, *rids: str) -> None:
        """Send only these layers; one that begins again begins with a key frame."""
        for rid, sending in self._pictures.items():
            sending.waits_for_key |= rid in rids and not sending.active
            sending.active = rid in rids

    # --- sending -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Send what is due, and take what came."""
        leg, now = self._leg, time.monotonic()
        if leg is None:
            return
        taken = (now - self.began) * self._pace
        while self._next_sound * SOUND_S <= taken:
            self._send_sound(leg)
        while self._next_picture / RATE <= taken:
            for rid, sending in self._pictures.items():
                if sending.active:
                    self._send_picture(leg, rid, sending)
            self._next_picture += 1
        if now >= self._report_at:
            self._report_at = now + REPORT_S
            self._send_reports(leg, taken)
        if self._cut:
            _discard(leg)
        else:
            leg.drain(now)

    def _send_sound(self, leg: Leg) -> None:
        index, self._next_sound = self._next_sound, self._next_sound + 1
        sending, payload = self._sound, self.sounds[index % len(self.sounds)]
        assert sending is not None
        level = b"\x8a"  # somebody speaks, at -10 dBov
        extensions = rtp.build_extensions({MID: b"0", 6: level})
        self._send(leg, sending, sdp.OPUS, round(index * SOUND_S * 48_000), payload, False, extensions)

    def _send_picture(self, leg: Leg, rid: str, sending: _Sending) -> None:
        number = self._next_picture
        data = self.layers[rid].pictures[number % self.cycle]
        if sending.waits_for_key and data[0] & 1:
            return
        sending.waits_for_key = False
        values = {MID: b"1", RID: rid.encode()} if rid else {MID: b"1"}
        payloads = vp8_payloads(data, number)
        for payload in payloads:
            last = payload is payloads[-1]
            seq = sending.number
            packet = self._send(
                leg, sending, sdp.VP8, number * 90_000 // RATE, payload, last, rtp.build_extensions(values)
            )
            self._held[sending.ssrc, seq & 0xFFFF] = (rid, packet)
        while len(self._held) > HELD:
            del self._held[next(iter(self._held))]

    def _send(
        self, leg: Leg, to: _Sending, payload_type: int, ticks: int, payload: bytes, marker: bool, extensions: bytes
    ) -> bytes:
        packet = rtp.build(payload_type, to.number, to.offset + ticks, to.ssrc, payload, marker, extensions)
        to.number += 1
        to.packets += 1
        to.octets += len(payload)
        if not self._cut:
            leg.send(leg.outgoing.protect(packet))
        return packet

    def _send_reports(self, leg: Leg, taken: float) -> None:
        """One clock for all: this device's own, which is wrong."""
        wall = self.began_utc + taken + self.ahead + NTP_EPOCH
        ntp = int(wall) << 32 | int(wall % 1 * (1 << 32))
        assert self._sound is not None
        for sending in (self._sound, *self._pictures.values()):
            if sending.active and sending.packets and not self._cut:
                buffer = bytearray(64)
                at = sending.offset + round(taken * sending.clip_rate)
                size = rtcp.write_sender_report(buffer, 0, sending.ssrc, ntp, at, sending.packets, sending.octets)
                leg.send_rtcp(bytes(buffer[:size]))

    def _take_feedback(self, data: bytes) -> None:
        for kind, form, at, end in rtcp.packets(data):
            if kind == rtcp.RTPFB and form == rtcp.NACK:
                ssrc, wanted = rtcp.read_nack(data, at, end)
                for seq in wanted:
                    self._send_again(ssrc, seq & 0xFFFF)

    def _send_again(self, ssrc: int, seq: int) -> None:
        held, leg = self._held.get((ssrc, seq)), self._leg
        if held is None or leg is None:
            return
        rid, packet = held
        start = rtp.payload_start(packet)
        values = {MID: b"1", RRID: rid.encode()} if rid else {MID: b"1"}
        self._rtx_number += 1
        again = rtp.build(
            sdp.RTX, self._rtx_number, int.from_bytes(packet[4:8], "big"), ssrc + 100, packet[2:4] + packet[start:],
            bool(packet[1] & 0x80), rtp.build_extensions(values),
        )  # fmt: skip
        leg.send(leg.outgoing.protect(again))


def _discard(leg: Leg) -> None:
    try:
        while leg.socket.recv(2048):
            pass
    except OSError:
        pass


async def play(points: Sequence[CountedPoint]) -> None:
    """Have all of them send until cancelled; the list may grow."""
    while True:
        for point in points:
            point.tick()
        await asyncio.sleep(TICK_S)
