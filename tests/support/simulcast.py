"""A made-up camera that publishes VP8 in layers as Chromium does, and a viewer that checks what reaches it.

Every packet says which captured frame it belongs to, in which layer; so the viewer knows what would be seen: whether a
picture can be decoded, whether pictures go backwards, and which layer is shown. No clock, no I/O: the same two play in
virtual time and over real UDP.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import groupby

from media import rtcp, rtp
from media.seq import extend, time_delta
from media.types import Codec, ExtensionIds

IDS = ExtensionIds(mid=4, rid=10, rrid=11)
PATTERN = ((0, False), (2, True), (1, True), (2, False))
"""Temporal layer and Y bit of four frames: 1 and the first 2 need only 0, the second 2 needs 1 as well."""
SIZES = ((320, 180), (640, 360), (1280, 720))
NAMES = ("q", "h", "f")
_told = struct.Struct(">IBBBB")  # frame, layer, temporal layer, part, number of parts


@dataclass
class LayerSender:
    """One encoding."""

    index: int
    rid: str
    ssrc: int
    rtx_ssrc: int
    size: tuple[int, int]
    parts: int  # packets of a frame; a key frame has three times as many
    seq: int
    timestamp: int
    picture: int
    tl0: int
    active: bool = True
    wants_key: bool = True
    pattern: int = 0
    rtx_seq: int = 1
    sent: dict[int, bytes] = field(default_factory=dict)
    packets: int = 0


class SimulcastCamera:
    """Frames of all layers, in packets. ``codec``: VP8 with its payload types. ``temporal``: with three temporal
    layers. ``rids``: which layers there are, lowest first. ``body``: bytes of each packet besides what it tells."""

    def __init__(
        self, codec: Codec, *, mid: str = "1", rids: tuple[str, ...] = NAMES, fps: int = 30, first_ssrc: int = 300,
        temporal: bool = True, seq: int = 1000, picture: int = 100, body: int = 40, ids: ExtensionIds = IDS,
    ) -> None:  # fmt: skip
        self.codec = codec
        self.ids = ids
        self.mid = mid
        self.fps = fps
        self.temporal = temporal
        self.body = body
        self.number = 0
        self.capture = 0.0
        self.keys: list[tuple[int, str]] = []
        self.layers = [
            LayerSender(
                index, rid, first_ssrc + index, first_ssrc + 100 + index, SIZES[len(SIZES) - len(rids) + index],
                1 + index, (seq + 7777 * index) & 0xFFFF, (90_000 + 0x3FFF_0000 * index) & 0xFFFFFFFF,
                (picture + 1000 * index) & 0x7FFF, (50 * index) & 0xFF,
            )
            for index, rid in enumerate(rids)
        ]  # fmt: skip

    def layer(self, rid: str) -> LayerSender:
        """The encoding of this name."""
        return next(one for one in self.layers if one.rid == rid)

    def frame(self) -> list[bytes]:
        """One captured picture in every active layer. The capture clock moves on by one frame."""
        self.number += 1
        self.capture += 1 / self.fps
        packets = []
        for layer in self.layers:
            layer.timestamp = (layer.timestamp + 90_000 // self.fps) & 0xFFFFFFFF
            if layer.active:
                packets += self._encode(layer)
        return packets

    def _encode(self, layer: LayerSender) -> list[bytes]:
        is_key, layer.wants_key = layer.wants_key, False
        if is_key:
            layer.pattern = 0
            self.keys.append((self.number, layer.rid))
        temporal, sync = PATTERN[layer.pattern % 4] if self.temporal else (0, False)
        layer.pattern += 1
        layer.picture = (layer.picture + 1) & 0x7FFF
        if temporal == 0:
            layer.tl0 = (layer.tl0 + 1) & 0xFF
        parts = layer.parts * 3 if is_key else layer.parts
        return [self._packet(layer, is_key, temporal, sync, part, parts) for part in range(parts)]

    def _packet(self, layer: LayerSender, is_key: bool, temporal: int, sync: bool, part: int, parts: int) -> bytes:
        head = bytes((
            0x90 if part == 0 else 0x80, 0xE0, 0x80 | layer.picture >> 8, layer.picture & 0xFF, layer.tl0,
            temporal << 6 | (0x20 if sync else 0),
        ))  # fmt: skip
        if part == 0 and is_key:
            width, height = layer.size
            head += bytes((0x10, 0, 0)) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
        else:
            head += b"\x11" if part == 0 else b"\xff"
        payload = head + bytes(self.body) + _told.pack(self.number, layer.index, temporal, part, parts)
        extensions = rtp.build_extensions({self.ids.mid: self.mid.encode(), self.ids.rid: layer.rid.encode()})
        data = rtp.build(
            self.codec.payload_type, layer.seq, layer.timestamp, layer.ssrc, payload, part == parts - 1, extensions
        )
        layer.sent[layer.seq] = data
        if len(layer.sent) > 2000:
            del layer.sent[next(iter(layer.sent))]
        layer.seq = (layer.seq + 1) & 0xFFFF
        layer.packets += 1
        return data

    def reports(self) -> list[bytes]:
        """A sender report of every active layer: one clock for all."""
        found = []
        for layer in self.layers:
            if layer.active:
                buffer = bytearray(64)
                ntp = int((3_900_000_000 + self.capture) * (1 << 32))
                size = rtcp.write_sender_report(buffer, 0, layer.ssrc, ntp, layer.timestamp, layer.packets, 0)
                found.append(bytes(buffer[:size]))
        return found

    def take(self, data: bytes) -> list[bytes]:
        """RTCP of the relay: key frames are made with the next picture, NACKs answered at once by RTX."""
        answers: list[bytes] = []
        for kind, form, at, end in rtcp.packets(data):
            if kind == rtcp.PSFB and form in (rtcp.PLI, rtcp.FIR):
                for ssrc in rtcp.read_keyframe_request(data, form, at, end):
                    for layer in self.layers:
                        if layer.ssrc == ssrc:
                            layer.wants_key = True
            elif kind == rtcp.RTPFB and form == rtcp.NACK:
                ssrc, wanted = rtcp.read_nack(data, at, end)
                answers += [again for seq in wanted if (again := self.again(ssrc, seq & 0xFFFF))]
        return answers

    def again(self, ssrc: int, seq: int) -> bytes | None:
        """A packet by RTX."""
        layer = next((one for one in self.layers if one.ssrc == ssrc), None)
        data = layer.sent.get(seq) if layer is not None else None
        if layer is None or data is None:
            return None
        start = rtp.payload_start(data)
        timestamp = int.from_bytes(data[4:8], "big")
        extensions = rtp.build_extensions({self.ids.mid: self.mid.encode(), self.ids.rrid: layer.rid.encode()})
        layer.rtx_seq = (layer.rtx_seq + 1) & 0xFFFF
        return rtp.build(
            self.codec.rtx_pt or 0, layer.rtx_seq, timestamp, layer.rtx_ssrc, data[2:4] + data[start:],
            bool(data[1] & 0x80), extensions,
        )  # fmt: skip

    def want(self, rids: tuple[str, ...]) -> None:
        """Send only these layers; one that begins again begins with a key frame."""
        for layer in self.layers:
            active = layer.rid in rids
            if active and not layer.active:
                layer.wants_key = True
            layer.active = active


@dataclass(frozen=True)
class Shown:
    """A picture that a viewer decoded."""

    frame: int
    layer: int
    temporal: int
    timestamp: int
    at: float


class SimulcastViewer:
    """Receives one section. ``shown``: what would be seen. ``faults``: what a browser would stumble over."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.faults: list[str] = []
        self.packets: dict[int, tuple[int, int, int]] = {}  # outgoing number -> (frame, layer, part)
        self._highest = -1
        self._parts: dict[int, dict[int, tuple[int, ...]]] = {}  # timestamp -> part -> what it said
        self._newest = -1
        self._picture = -1
        self._tl0 = -1
        self._refs: dict[int, int] = {}  # temporal layer -> frame that is held as reference
        self._layer = -1

    def take(self, data: bytes, at: float) -> None:
        """One RTP packet, in order of arrival."""
        start = rtp.payload_start(data)
        payload = data[start:]
        seq, timestamp = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big")
        number = extend(self._highest, seq) if self._highest >= 0 else 0x10000 + seq
        frame, layer, temporal, part, parts = _told.unpack_from(payload, len(payload) - _told.size)
        if self.packets.get(number, (frame, layer, part)) != (frame, layer, part):
            self.faults.append(f"number {number} was used twice")
        self.packets[number] = (frame, layer, part)
        if self._highest >= 0 and number > self._highest + 1:
            self.faults.append(f"hole of {number - self._highest - 1} before frame {frame}")
        self._highest = max(self._highest, number)
        pieces = self._parts.setdefault(timestamp, {})
        pieces[part] = (frame, layer, temporal, int(payload[6] & 1 == 0 and payload[0] & 0x10 != 0), *payload[2:5])
        if len(pieces) == parts:
            self._decode(timestamp, pieces, at)
            del self._parts[timestamp]

    def _decode(self, timestamp: int, pieces: dict[int, tuple[int, ...]], at: float) -> None:
        frame, layer, temporal, is_key, high, low, tl0 = pieces[0]
        picture = (high & 0x7F) << 8 | low
        if {piece[4:] for piece in pieces.values()} != {(high, low, tl0)}:
            self.faults.append(f"the packets of frame {frame} name different pictures")
        if self._newest >= 0 and time_delta(timestamp, self._newest) <= 0:
            self.faults.append(f"time goes backwards at frame {frame}")
        if self._picture >= 0 and picture != (self._picture + 1) & 0x7FFF:
            self.faults.append(f"picture id {picture} after {self._picture}")
        if self._tl0 >= 0 and tl0 != (self._tl0 + (temporal == 0)) & 0xFF:
            self.faults.append(f"TL0PICIDX {tl0} after {self._tl0} in temporal layer {temporal}")
        self._newest, self._picture, self._tl0 = timestamp, picture, tl0
        if is_key:
            self._refs, self._layer = {0: frame}, layer
        elif layer != self._layer or 0 not in self._refs or not self._can_show(frame, temporal):
            self.faults.append(f"frame {frame} of layer {layer}, {temporal} refers to what was not received")
            return
        self._refs[temporal] = frame
        if temporal == 0:
            self._refs = {0: frame}
        self.shown.append(Shown(frame, layer, temporal, timestamp, at))

    def _can_show(self, frame: int, temporal: int) -> bool:
        since = frame - self._refs[0]
        if temporal == 0:
            return since in (1, 4)  # without and with temporal layers
        return since == temporal % 2 + 1 or (since == 3 and self._refs.get(1) == frame - 1)

    @property
    def layers(self) -> list[int]:
        """The layers shown, one after the other; of a frame that came in several, the last one."""
        last = {one.frame: one.layer for one in self.shown}
        return [layer for layer, _ in groupby(last.values())]

    def longest_gap(self) -> float:
        """Seconds between two pictures, at most."""
        return max((b.at - a.at for a, b in zip(self.shown, self.shown[1:], strict=False)), default=0.0)

    def steps_back(self) -> int:
        """Pictures that show something older than the one before."""
        return sum(b.frame < a.frame for a, b in zip(self.shown, self.shown[1:], strict=False))
