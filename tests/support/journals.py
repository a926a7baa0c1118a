"""Made-up senders whose packets go straight into journals: clocks that run wrong, delay, loss, held calls."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from media import journal
from media.types import Codec, ExtensionIds, ParticipantId, SessionId, Source, TrackInfo

OPUS = Codec("opus", 111, 48_000, channels=2)
VP8 = Codec("vp8", 96, 90_000)
H264 = Codec("h264", 102, 90_000, fmtp="packetization-mode=1")
UTC0_US = 1_700_000_000_000_000
MONO0_US = 5_000_000_000
NTP_EPOCH_S = 2_208_988_800


def rtp(payload_type: int, number: int, rtp_time: int, ssrc: int, payload: bytes, marker: bool) -> bytes:
    second = payload_type | (0x80 if marker else 0)
    return struct.pack(">BBHII", 0x80, second, number & 0xFFFF, rtp_time & 0xFFFFFFFF, ssrc) + payload


def vp8_payloads(frame: bytes, picture_id: int, size: int = 1000) -> list[bytes]:
    parts = [frame[at : at + size] for at in range(0, len(frame), size)]
    tail = struct.pack(">H", 0x8000 | picture_id & 0x7FFF)
    return [bytes([0x90 if i == 0 else 0x80, 0x80]) + tail + part for i, part in enumerate(parts)]


def units_of(picture: bytes) -> list[bytes]:
    """The NAL units of an access unit in the byte stream format (Annex B)."""
    parts = picture.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    return [part for part in parts if part]


def h264_payloads(units: Sequence[bytes], size: int = 1000) -> list[bytes]:
    """Mode 1: small units in a STAP-A or alone, large ones in FU-A."""
    out: list[bytes] = []
    small = [unit for unit in units if unit[0] & 0x1F in (7, 8)]
    if small:
        out.append(b"\x78" + b"".join(struct.pack(">H", len(unit)) + unit for unit in small))
    for unit in units:
        if unit in small:
            continue
        if len(unit) <= size:
            out.append(unit)
            continue
        body = unit[1:]
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        for i, piece in enumerate(pieces):
            flags = (0x80 if i == 0 else 0) | (0x40 if i == len(pieces) - 1 else 0)
            out.append(bytes([unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F]) + piece)
    return out


@dataclass
class Sender:
    """One track. Times in seconds of true time since the session's start. ``skew``: parts per million by which its
    sampling clock runs fast; ``ntp_offset``: seconds its wall clock is wrong."""

    codec: Codec
    source: Source
    ssrc: int = 0x1234
    number: int = 65_500
    rtp_time: int = 0xFFFF_0000
    delay: float = 0.03
    jitter: float = 0.0
    loss: float = 0.0
    skew: float = 0.0
    ntp_offset: float = 0.0
    reports: bool = True
    seed: int = 1
    rtp_shift: float = 0.0
    participant: str = "alice"
    arrivals: list[tuple[int, int, int, bytes]] = field(default_factory=list)  # arrival, order, kind, body
    picture_id: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._next_report = 1.0

    def rtp_at(self, at: float) -> int:
        clock = (at * (1 + self.skew / 1e6) + self.rtp_shift) * self.codec.clock_rate
        return self.rtp_time + round(clock)

    def send(self, at: float, payloads: Iterable[bytes]) -> None:
        """One frame captured at true time ``at``."""
        packets = list(payloads)
        for i, payload in enumerate(packets):
            data = rtp(self.codec.payload_type, self.number, self.rtp_at(at), self.ssrc, payload, i == len(packets) - 1)
            self.number += 1
            if self._random.random() >= self.loss:
                self._arrive(at + i * 0.0005, journal.RTP, data)
        if self.reports and at >= self._next_report:
            self._next_report = at + 1.0
            wall = UTC0_US / 1e6 + at * (1 + self.skew / 1e6) + self.ntp_offset + NTP_EPOCH_S
            ntp = int(wall) << 32 | int(wall % 1 * (1 << 32))
            self._arrive(at, journal.SENDER_REPORT, journal.report_body(ntp, self.rtp_at(at)))

    def _arrive(self, at: float, kind: int, body: bytes) -> None:
        late = self.delay + self._random.random() * self.jitter
        self.arrivals.append((MONO0_US + round((at + late) * 1e6), len(self.arrivals), kind, body))

    def sounds(self, frames: Sequence[bytes], start: float, seconds: float) -> None:
        for i in range(round(seconds / 0.02)):
            self.send(start + i * 0.02, [frames[i % len(frames)]])

    def pictures(self, frames: Sequence[bytes], start: float, count: int, rate: float) -> None:
        for i in range(count):
            self.picture_id += 1
            self.send(start + i / rate, vp8_payloads(frames[i], self.picture_id))

    def journal(
        self, folder: Path, part: int = 0, boot: str = "boot", closed: bool = True, shift_us: int = 0,
        keep: Callable[[int], bool] = lambda mono_us: True, drift: float = 0.0,
    ) -> Path:  # fmt: skip
        """Write what arrived (and ``keep`` accepts) as a journal. ``shift_us``: another boot's monotonic clock;
        ``drift``: parts per million by which the owner's clock runs faster than the relay's."""
        info = TrackInfo(
            SessionId("session"), 1, ParticipantId(self.participant), self.source, part, self.codec, ExtensionIds()
        )
        arrivals = [item for item in sorted(self.arrivals) if keep(item[0])]
        first = arrivals[0][0] if arrivals else MONO0_US
        clock = journal.Clock(first + shift_us, first - MONO0_US + UTC0_US)
        encoder = journal.Encoder()
        parts = [encoder.block(journal.HEAD, journal.header_payload(journal.header_of(info, boot, clock)))]
        payload, packets, anchored = bytearray(), 0, first
        for mono_us, _, kind, body in arrivals:
            if drift and mono_us - anchored >= 10_000_000:
                anchored = mono_us
                now = journal.Clock(0, mono_us - MONO0_US + UTC0_US, round((mono_us - MONO0_US) * drift / 1e6))
                journal.put_record(payload, journal.CLOCK, mono_us + shift_us, journal.clock_body(now))
            journal.put_record(payload, kind, mono_us + shift_us, body)
            packets += kind == journal.RTP
            if len(payload) > 20_000:
                parts.append(encoder.block(journal.DATA, payload))
                payload = bytearray()
        if payload:
            parts.append(encoder.block(journal.DATA, payload))
        if closed:
            parts.append(encoder.block(journal.TAIL, journal.tail_payload(journal.Tail(packets=packets))))
        path = folder / f"{self.participant}.{self.source}.{part}.{boot}.dcj"
        path.write_bytes(b"".join(parts))
        return path
