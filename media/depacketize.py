"""RTP packets of one SSRC back to encoded frames, for replay files. Pure; nothing on the forwarding path uses it.

Packets come in order of arrival; a reorder step waits up to ``PATIENCE_US`` (arrival time, so a recording can wait for
retransmissions) before it calls a packet lost. Sound goes on after a loss and leaves a gap; pictures are dropped up to
the next key frame, because what follows would show garbage (BigBlueButton 25662).

VP8: RFC 7741. H.264: RFC 6184, packetization modes 0 and 1. Opus: RFC 7587.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from media import rtp, seq
from media.codecs import vp8_payload_at

PATIENCE_US = 1_000_000
MAX_WAITING = 4096
"""Packets held back behind a missing one; more than that in a second is not a camera."""
RESTART_AFTER = 100
MAX_FRAME = 8 << 20


class Frame(NamedTuple):
    """One encoded picture or one Opus packet. ``rtp_time``: extended, does not wrap. ``config``: for H.264
    the SPS and PPS in force (Annex B), else empty. ``width``, ``height``: at key frames, else 0."""

    rtp_time: int
    data: bytes
    is_key: bool
    width: int = 0
    height: int = 0
    config: bytes = b""


class Assembler(Protocol):
    """Packets in order to frames. ``dropped`` counts pictures given up."""

    dropped: int

    def add(self, rtp_time: int, marker: bool, payload: bytes, after_loss: bool) -> Sequence[Frame]:
        """Frames that this packet completes. ``after_loss``: something between it and the one before is gone."""

    def flush(self) -> Sequence[Frame]:
        """Frames that are complete at the end."""


_FIELDS = struct.Struct(">HI")  # number and time of a packet, from its third byte on
_PADDED = 0x20


class Depacketizer:
    """One SSRC. ``first_time``: RTP time from which extended times count (that of the first packet that arrived)."""

    def __init__(self, codec: str, first_time: int, fmtp: str = "") -> None:
        """Raises ValueError for a codec without a way to frames."""
        self._assembler = _assembler(codec, fmtp)
        self._time = first_time
        self._next = -1  # extended sequence number that is due; -1 before the first packet
        self._waiting: dict[int, tuple[int, int, bool, bytes]] = {}  # (arrival, time, marker, payload)
        self._old = 0  # packets in a row from before what is due
        self.lost = 0
        self.malformed = 0

    @property
    def dropped(self) -> int:
        """Pictures given up for loss."""
        return self._assembler.dropped

    def push(self, data: bytes | memoryview, arrival_us: int) -> Sequence[Frame]:
        """One packet; gives the frames that are complete now."""
        start = rtp.payload_start(data)
        end = len(data) if start > 0 and not data[0] & _PADDED else rtp.payload_end(data, start) if start > 0 else -1
        if start <= 0 or end < start:
            self.malformed += 1
            return ()
        number, rtp_time = _FIELDS.unpack_from(data, 2)
        due = self._next
        if number == due & 0xFFFF and due >= 0 and not self._waiting:  # nearly all of them
            self._next, self._old = due + 1, 0
            self._time += seq.time_delta(rtp_time, self._time & 0xFFFFFFFF)
            return self._assembler.add(self._time, data[1] >= 0x80, bytes(data[start:end]), False)
        number = seq.extend(due if due >= 0 else number + seq.FIRST_CYCLE, number)
        if due < 0:
            self._next = number
        if number in self._waiting:
            return ()
        frames: list[Frame] = []
        if number < self._next:
            self._old += 1  # twice, or given up already ...
            if self._old < RESTART_AFTER:
                return ()
            frames += self._release(1 << 62)  # ... or the sender counts anew
            self._next = number
        self._old = 0
        self._time += seq.time_delta(rtp_time, self._time & 0xFFFFFFFF)
        self._waiting[number] = (arrival_us, self._time, data[1] >= 0x80, bytes(data[start:end]))
        frames += self._release(arrival_us)
        return frames

    def _release(self, arrival_us: int) -> list[Frame]:
        waiting = self._waiting
        frames: list[Frame] = []
        while waiting:
            lost = False
            if self._next not in waiting:
                first = min(waiting)
                if arrival_us - waiting[first][0] < PATIENCE_US and len(waiting) < MAX_WAITING:
                    break
                self.lost += first - self._next
                self._next, lost = first, True
            _, rtp_time, marker, payload = waiting.pop(self._next)
            self._next += 1
            frames += self._assembler.add(rtp_time, marker, payload, lost)
        return frames

    def flush(self) -> Sequence[Frame]:
        """No more packets: give up what is missing."""
        return [*self._release(1 << 62), *self._assembler.flush()]

    def resume(self) -> None:
        """What follows does not continue what came before ``flush``: in between it was not written, so none is lost."""
        self._next, self._old = -1, 0


def _assembler(codec: str, fmtp: str) -> Assembler:
    if codec == "opus":
        return OpusAssembler()
    if codec == "vp8":
        return Vp8Assembler()
    if codec == "h264":
        return H264Assembler(fmtp)
    raise ValueError(f"codec {codec} cannot be made into frames")


class OpusAssembler:
    """Every packet is a frame."""

    def __init__(self) -> None:
        self.dropped = 0

    def add(self, rtp_time: int, marker: bool, payload: bytes, after_loss: bool) -> Sequence[Frame]:
        """See ``Assembler``. A packet without payload is a probe."""
        return (Frame(rtp_time, payload, True),) if payload else ()

    def flush(self) -> Sequence[Frame]:
        """Nothing is held."""
        return ()


_OPUS_SILK_MS = (10, 20, 40, 60)
_OPUS_CELT_US = (2500, 5000, 10_000, 20_000)


def opus_duration_us(data: bytes) -> int:
    """How long an Opus packet sounds (RFC 6716 3.1); 0 for an empty or malformed one."""
    if not data:
        return 0
    config, code = data[0] >> 3, data[0] & 3
    if config < 12:
        frame = _OPUS_SILK_MS[config & 3] * 1000
    elif config < 16:
        frame = 20_000 if config & 1 else 10_000
    else:
        frame = _OPUS_CELT_US[config & 3]
    if code == 3:
        return frame * (data[1] & 0x3F) if len(data) > 1 else 0
    return frame if code == 0 else 2 * frame


class Vp8Assembler:
    """Pictures from the start of partition 0 to the marker."""

    def __init__(self) -> None:
        self.dropped = 0
        self._parts: list[bytes] = []
        self._time = 0
        self._wait_for_key = True

    def add(self, rtp_time: int, marker: bool, payload: bytes, after_loss: bool) -> Sequence[Frame]:
        """See ``Assembler``."""
        parts = self._parts
        frames: tuple[Frame, ...] = ()
        if after_loss:
            self.dropped += bool(parts)
            parts.clear()
            self._wait_for_key = True
        if parts and rtp_time != self._time:
            frames = self.flush()
        at = vp8_payload_at(payload)
        if at < 0:
            return frames  # a probe of padding, which keeps its number
        if parts or payload[0] & 0x17 == 0x10:  # S bit, partition 0: a picture starts
            self._time = rtp_time
            parts.append(payload[at:])
        return (*frames, *self.flush()) if marker else frames

    def flush(self) -> tuple[Frame, ...]:
        """See ``Assembler``."""
        data = b"".join(self._parts)
        self._parts.clear()
        if not data:
            return ()
        is_key = data[0] & 1 == 0
        if is_key and (len(data) < 10 or data[3:6] != b"\x9d\x01\x2a"):
            self._wait_for_key = True  # says key frame and is none: nothing may hang on it
        elif is_key or not self._wait_for_key:
            self._wait_for_key = False
            width, height = struct.unpack_from("<HH", data, 6) if is_key else (0, 0)
            return (Frame(self._time, data, is_key, width & 0x3FFF, height & 0x3FFF),)
        self.dropped += 1
        return ()


_START_CODE = b"\x00\x00\x00\x01"
_IDR, _SPS, _PPS, _AUD, _STAP_A, _FU_A = 5, 7, 8, 9, 24, 28


class H264Assembler:
    """Access units in Annex B form; every key frame brings its SPS and PPS."""

    def __init__(self, fmtp: str = "") -> None:
        self.dropped = 0
        self._units: list[bytes] = []
        self._fragment = bytearray()
        self._time = 0
        self._broken = False
        self._wait_for_key = True
        self._sps = self._pps = b""
        for unit in _sprop(fmtp):
            self._keep(unit)

    def add(self, rtp_time: int, marker: bool, payload: bytes, after_loss: bool) -> Sequence[Frame]:
        """See ``Assembler``."""
        frames: tuple[Frame, ...] = ()
        if after_loss:
            self.dropped += bool(self._units or self._fragment)
            self._units, self._fragment, self._wait_for_key = [], bytearray(), True
        if (self._units or self._fragment) and rtp_time != self._time:
            frames = self.flush()
        if not payload:
            return frames
        self._time = rtp_time
        self._take(payload)
        return (*frames, *self.flush()) if marker else frames

    def _take(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == _STAP_A:
            at = 1
            while at + 2 < len(payload):
                length = int.from_bytes(payload[at : at + 2], "big")
                unit = payload[at + 2 : at + 2 + length]
                if length == 0 or len(unit) < length:
                    self._broken = True
                    return
                self._keep(unit)
                at += 2 + length
        elif kind == _FU_A:
            self._take_fragment(payload)
        elif 0 < kind < _STAP_A:
            self._keep(payload)
        else:
            self._broken = True  # interleaved mode is never negotiated

    def _take_fragment(self, payload: bytes) -> None:
        if len(payload) < 3:
            self._broken = True
            return
        if payload[1] & 0x80:
            self._fragment = bytearray([payload[0] & 0xE0 | payload[1] & 0x1F])
        elif not self._fragment:
            self._broken = True  # the start is missing
            return
        self._fragment += payload[2:]
        if payload[1] & 0x40 or len(self._fragment) > MAX_FRAME:
            unit, self._fragment = bytes(self._fragment), bytearray()
            self._keep(unit)

    def _keep(self, unit: bytes) -> None:
        kind = unit[0] & 0x1F
        if kind == _SPS:
            self._sps = unit
        elif kind == _PPS:
            self._pps = unit
        elif kind != _AUD:
            self._units.append(unit)

    def flush(self) -> tuple[Frame, ...]:
        """See ``Assembler``."""
        units, self._units = self._units, []
        broken, self._broken = self._broken or bool(self._fragment), False
        self._fragment = bytearray()
        if broken:
            self.dropped += 1
            self._wait_for_key = True
            return ()
        if not units:
            return ()
        is_key = any(unit[0] & 0x1F == _IDR for unit in units)
        size = h264_size(self._sps) if is_key and self._sps and self._pps else None
        if is_key and size:
            self._wait_for_key = False
        if self._wait_for_key:
            self.dropped += 1
            return ()
        config = _START_CODE + self._sps + _START_CODE + self._pps
        data = b"".join(_START_CODE + unit for unit in units)
        width, height = size or (0, 0)
        return (Frame(self._time, config + data if is_key else data, is_key, width, height, config),)


def _sprop(fmtp: str) -> list[bytes]:
    for item in fmtp.split(";"):
        name, _, value = item.strip().partition("=")
        if name == "sprop-parameter-sets":
            try:
                return [unit for text in value.split(",") if (unit := base64.b64decode(text))]
            except binascii.Error:
                return []
    return []


class _Bits:
    """Reads the bits of an RBSP; raises IndexError at its end."""

    def __init__(self, unit: bytes) -> None:
        data = unit.replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = "".join(f"{byte:08b}" for byte in data[:256])
        self._at = 0

    def take(self, count: int) -> int:
        bits = self._bits[self._at : self._at + count]
        if len(bits) < count:
            raise IndexError
        self._at += count
        return int(bits or "0", 2)

    def golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        value = self.golomb()
        return (value + 1) // 2 if value & 1 else -(value // 2)


_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128})


def h264_size(sps: bytes) -> tuple[int, int] | None:
    """Width and height of the picture that an SPS describes (H.264 7.3.2.1.1); None when it cannot be read."""
    try:
        return _h264_size(_Bits(sps[4:]), sps[1])
    except IndexError:
        return None


def _h264_size(bits: _Bits, profile: int) -> tuple[int, int] | None:
    bits.golomb()  # its id
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = bits.golomb()
        if chroma == 3:
            bits.take(1)
        bits.golomb(), bits.golomb(), bits.take(1)
        if bits.take(1):
            return None  # scaling lists: no live encoder sends them
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1), bits.signed(), bits.signed()
        for _ in range(bits.golomb()):
            bits.signed()
    bits.golomb(), bits.take(1)
    width = (bits.golomb() + 1) * 16
    rows = bits.golomb() + 1
    progressive = bits.take(1)
    height = rows * 16 * (2 - progressive)
    if not progressive:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - progressive)
        left, right, top, bottom = (bits.golomb() for _ in range(4))
        width, height = width - unit_x * (left + right), height - unit_y * (top + bottom)
    return (width, height) if 0 < width <= 16_384 and 0 < height <= 16_384 else None
