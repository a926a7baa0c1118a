"""The receiving process: any number of subscribe legs that count what arrives and send the feedback they negotiated.

Packets stay encrypted: sequence numbers, SSRCs and header extensions are readable, and that is all that counting takes.
With ``probe`` set this process is the latency probe instead: it decrypts, reads the sender's time out of each packet
and compares it with the moment at which the kernel took the packet in (SO_TIMESTAMPNS), so that its own scheduling
does not count.

Sockets are read every few milliseconds rather than waited on: a server should pay for sending, not for waking up
processes that happen to live on the same machine.
"""

from __future__ import annotations

import asyncio
import random
import struct
import sys
import time
from typing import Any

from media.sdp import TRANSPORT_CC_URI
from tests.bench import rtcp
from tests.bench.leg import Leg
from tests.bench.sdp import answer, remote
from tests.bench.worker import Commands, pin, say, used

DRAIN_S = 0.005
REPORT_S = 1.0
NACK_S = 0.02
NACK_TRIES = 10
FEEDBACK_S = 0.1
"""Between two transport-wide feedbacks; libwebrtc takes so long on a leg that only receives."""
FEEDBACK_PACKETS = 300
"""Reported by one packet at most, so that it stays below 1,200 bytes."""
_STAMP = struct.Struct("!Q")


class Stream:
    """One SSRC as it arrives. ``missing``: sequence number (not wrapped) -> (times asked, when to ask again)."""

    __slots__ = (
        "base", "expected_before", "highest", "is_rtx", "late", "missing", "payload_type", "received",
        "received_before", "report", "report_at", "ssrc",
    )  # fmt: skip

    def __init__(self, ssrc: int, seq: int, payload_type: int, is_rtx: bool) -> None:
        self.ssrc, self.payload_type, self.is_rtx = ssrc, payload_type, is_rtx
        self.base, self.highest = seq, seq - 1
        self.received = self.late = 0
        self.expected_before = self.received_before = 0
        self.missing: dict[int, tuple[int, float]] = {}
        self.report, self.report_at = 0, 0.0

    def jump(self, seq: int) -> None:
        """A number that is not the next one."""
        ahead = (seq - self.highest) & 0xFFFF
        if 0 < ahead < 0x8000:
            for number in range(self.highest + 1, self.highest + ahead):
                self.missing[number] = (0, 0.0)
            self.highest += ahead
            self.received += 1
        elif self.missing.pop(self.highest - 0x10000 + ahead, None) is not None:
            self.late += 1
            self.received += 1

    def block(self, now: float) -> tuple[int, int, int, int, int, int]:
        """A report block since the last one."""
        expected = self.highest - self.base + 1
        wanted, got = expected - self.expected_before, self.received - self.received_before
        self.expected_before, self.received_before = expected, self.received
        lost = max(0, expected - self.received)
        fraction = min(255, max(0, wanted - got) * 256 // wanted) if wanted else 0
        delay = max(0, int((now - self.report_at) * 65536)) if self.report else 0
        return self.ssrc, fraction, lost, self.highest, self.report, delay


class Viewer:
    """A subscribe leg. ``remb_bps``: what it says it can take, where REMB was negotiated."""

    def __init__(self, command: dict[str, Any]) -> None:
        self.leg = Leg(command["address"], command["srtp"])
        self.leg.on_rtp = self._take_rtp
        self.leg.on_rtcp = self._take_rtcp
        self.allowed = tuple(command["feedback"])
        self.remb_bps = command["remb_bps"]
        self.ssrc = random.getrandbits(32)
        self.streams: dict[int, Stream] = {}
        self.rtx_types: set[int] = set()
        self.feedback: set[str] = set()
        self.transport_id = 0
        self.arrivals: list[tuple[int, float]] = []
        self.feedback_number = 0
        self.transport_highest = -1
        self._report_at = self._nack_at = self._feedback_at = 0.0
        self.is_connecting = False
        self.nacked = self.broken = 0

    def take_offer(self, text: str) -> str:
        """The answer to the server's offer, first or later."""
        there, description = remote(text)
        self.there = there
        for section in description.sections:
            for item in section.formats:
                if item.name == "rtx":
                    self.rtx_types.add(item.payload_type)
                elif item.name in ("vp8", "opus"):
                    self.feedback |= {each for each in item.feedback if each in self.allowed}
            if "transport-cc" in self.allowed:
                self.transport_id = section.extensions.get(TRANSPORT_CC_URI, self.transport_id)
        return answer(self.leg, description, self.allowed)

    async def connect(self) -> None:
        """Find the server, as DTLS client."""
        there = self.there
        if self.transport_id:
            self.leg.stamp()
        await self.leg.connect(there.address, there.ufrag, there.pwd, there.fingerprints, True, there.is_lite)

    # --- in ---------------------------------------------------------------------------------------------------------

    def _take_rtp(self, buffer: bytearray, length: int) -> None:
        seq = buffer[2] << 8 | buffer[3]
        ssrc = buffer[8] << 24 | buffer[9] << 16 | buffer[10] << 8 | buffer[11]
        stream = self.streams.get(ssrc)
        if stream is None:
            payload_type = buffer[1] & 127
            stream = self.streams[ssrc] = Stream(ssrc, seq, payload_type, payload_type in self.rtx_types)
        if seq == (stream.highest + 1) & 0xFFFF:
            stream.highest += 1
            stream.received += 1
        else:
            stream.jump(seq)
        if stream.is_rtx:
            self._take_rtx(bytes(buffer[:length]))
        if self.transport_id and self.leg.arrived:
            self._take_transport_seq(buffer)

    def _take_rtx(self, data: bytes) -> None:
        """A packet that was sent again: find out whose it is (RFC 4588 4)."""
        try:
            plain = self.leg.incoming.unprotect(data)
        except Exception:
            self.broken += 1
            return
        start = 12 + (4 + 4 * struct.unpack_from("!H", plain, 14)[0] if plain[0] & 0x10 else 0)
        if len(plain) < start + 3:
            return  # padding
        original = struct.unpack_from("!H", plain, start)[0]
        for stream in self.streams.values():
            if not stream.is_rtx and stream.missing:
                number = stream.highest - ((stream.highest - original) & 0xFFFF)
                if stream.missing.pop(number, None) is not None:
                    stream.received += 1
                    stream.late += 1

    def _take_transport_seq(self, buffer: bytearray) -> None:
        if not buffer[0] & 0x10:
            return
        at, end = 16, 16 + 4 * (buffer[14] << 8 | buffer[15])
        while at < end:
            head = buffer[at]
            if head == 0:
                at += 1
                continue
            if head >> 4 == self.transport_id:
                seq = buffer[at + 1] << 8 | buffer[at + 2]
                highest = self.transport_highest
                ahead = (seq - highest) & 0xFFFF if highest >= 0 else 1
                if ahead < 0x8000:
                    self.transport_highest = seq if highest < 0 else highest + ahead
                    self.arrivals.append((self.transport_highest, self.leg.arrived / 1e9))
                return
            at += (head & 15) + 2

    def _take_rtcp(self, data: bytes) -> None:
        for kind, _, packet in rtcp.parts(data):
            if kind == 200:
                stream = self.streams.get(struct.unpack_from("!I", packet, 4)[0])
                if stream is not None:
                    stream.report = struct.unpack_from("!I", packet, 10)[0]
                    stream.report_at = time.monotonic()

    # --- out --------------------------------------------------------------------------------------------------------

    def step(self, now: float) -> None:
        """Read everything and say what is due."""
        self.leg.drain(now)
        if now >= self._report_at and self.streams:
            self._report_at = now + REPORT_S
            streams = [stream for stream in self.streams.values() if not stream.is_rtx]
            text = rtcp.receiver_report(self.ssrc, [stream.block(now) for stream in streams])
            if "goog-remb" in self.feedback and not self.transport_id:
                text += rtcp.remb(self.ssrc, self.remb_bps, [stream.ssrc for stream in streams][:31])
            self.leg.send_rtcp(text)
        if now >= self._nack_at and "nack" in self.feedback:
            self._nack_at = now + NACK_S
            self._ask(now)
        if now >= self._feedback_at and self.arrivals:
            self._feedback_at = now + FEEDBACK_S
            source = next(iter(self.streams))
            for start in range(0, len(self.arrivals), FEEDBACK_PACKETS):
                arrivals = self.arrivals[start : start + FEEDBACK_PACKETS]
                self.leg.send_rtcp(rtcp.transport_feedback(self.ssrc, source, self.feedback_number, arrivals))
                self.feedback_number += 1
            self.arrivals.clear()

    def _ask(self, now: float) -> None:
        for stream in self.streams.values():
            if not stream.missing or stream.is_rtx:
                continue
            due = [n for n, (tries, at) in stream.missing.items() if at <= now and tries < NACK_TRIES][:200]
            for number in due:
                stream.missing[number] = (stream.missing[number][0] + 1, now + 0.1)
            if due:
                self.nacked += len(due)
                self.leg.send_rtcp(rtcp.nack(self.ssrc, stream.ssrc, due))

    def counted(self) -> tuple[int, int, int, int]:
        """Media packets received (once each), missing, sent again, RTX packets of any kind."""
        media = [stream for stream in self.streams.values() if not stream.is_rtx]
        received = sum(stream.received for stream in media)
        expected = sum(stream.highest - stream.base + 1 for stream in media)
        return (
            received,
            expected - received,
            sum(stream.late for stream in media),
            sum(stream.received for stream in self.streams.values() if stream.is_rtx),
        )


class Probe(Viewer):
    """A viewer that measures how long packets took. Times in seconds."""

    def __init__(self, command: dict[str, Any]) -> None:
        super().__init__(command)
        self.delays: list[float] = []
        self.leg.stamp()
        self.leg.on_rtp = self._measure

    def _measure(self, buffer: bytearray, length: int) -> None:
        self._take_rtp(buffer, length)
        if not self.leg.is_up or buffer[1] & 127 in self.rtx_types:
            return
        try:
            plain = self.leg.incoming.unprotect(bytes(memoryview(buffer)[:length]))
        except Exception:
            self.broken += 1
            return
        self.delays.append((self.leg.arrived - _STAMP.unpack_from(plain, len(plain) - 8)[0]) / 1e9)


def percentile(values: list[float], share: float) -> float:
    """The value below which ``share`` of all lie; 0 for none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


class Receiver:
    """All viewers of this process."""

    def __init__(self, is_probe: bool) -> None:
        self.viewers: dict[str, Viewer] = {}
        self.commands = Commands()
        self._kind = Probe if is_probe else Viewer
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy_s = 0.0  # the longest time between two rounds: too long, and sockets overflow

    async def run(self) -> None:
        """Until the input ends."""
        before = time.monotonic()
        while True:
            for command in self.commands.poll():
                await self._handle(command)
            now = time.monotonic()
            self._busy_s, before = max(self._busy_s, now - before), now
            for viewer in self.viewers.values():
                if viewer.leg.is_up:
                    viewer.step(time.monotonic())
            await asyncio.sleep(DRAIN_S)

    async def _handle(self, command: dict[str, Any]) -> None:
        name = command.get("leg", "")
        if command["do"] == "offer":
            viewer = self.viewers.get(name)
            if viewer is None:
                viewer = self.viewers[name] = self._kind(command)
            say(leg=name, sdp=viewer.take_offer(command["sdp"]))
            if not viewer.is_connecting:
                viewer.is_connecting = True
                task = asyncio.ensure_future(self._connect(name, viewer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        elif command["do"] == "close":
            await self.viewers.pop(name).leg.close()
            say(leg=name, closed=True)
        elif command["do"] == "mark":
            say(mark=self._mark())

    async def _connect(self, name: str, viewer: Viewer) -> None:
        try:
            await viewer.connect()
            say(leg=name, up=True)
        except Exception as error:
            say(leg=name, error=f"{type(error).__name__}: {error}")

    def _mark(self) -> dict[str, Any]:
        """Counters since the start; delays since the last mark."""
        counted = [viewer.counted() for viewer in self.viewers.values()]
        received, missing, late, rtx = (sum(each) for each in zip(*counted, strict=True)) if counted else (0, 0, 0, 0)
        delays = [delay for viewer in self.viewers.values() if isinstance(viewer, Probe) for delay in viewer.delays]
        for viewer in self.viewers.values():
            if isinstance(viewer, Probe):
                viewer.delays.clear()
        busy, self._busy_s = self._busy_s, 0.0
        return used() | {
            "received": received,
            "missing": missing,
            "late": late,
            "rtx": rtx,
            "nacked": sum(viewer.nacked for viewer in self.viewers.values()),
            "broken": sum(viewer.broken for viewer in self.viewers.values()),
            "quiet": sum(not each[0] for each in counted),
            "round_s": busy,
            "delays": len(delays),
            "p50_ms": percentile(delays, 0.5) * 1000,
            "p99_ms": percentile(delays, 0.99) * 1000,
        }


def main() -> None:
    """``python -m tests.bench.viewer CORE [probe]``."""
    pin(int(sys.argv[1]))
    asyncio.run(Receiver("probe" in sys.argv).run())


if __name__ == "__main__":
    main()
