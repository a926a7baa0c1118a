"""The beginning of a cut between two key frames: decoded from the key frame before, encoded again from the cut on.

The only place outside live media that encodes: extracts ordered "from this moment" would otherwise begin late, or show
what was not ordered. Bounded by the distance of key frames (asked for every 10 s).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av

from media.depacketize import Frame

MAX_GOP = 3000
"""Pictures between two key frames that are decoded for one beginning: 100 s at 30 a second."""

_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "vp8": ("libvpx", {"deadline": "good", "cpu-used": "4", "crf": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}),
    "h264": ("libx264", {"preset": "veryfast", "tune": "zerolatency", "crf": "20", "bf": "0"}),
}
_START = b"\x00\x00\x00\x01"


def encode_from(gop: Sequence[Frame], first: int) -> list[Frame]:
    """``gop``: pictures from a key frame on; those from index ``first`` on as pictures of their own, the first of them
    a key frame. Empty when they cannot be decoded."""
    if not gop or len(gop) > MAX_GOP or not gop[0].is_key:
        return []
    codec = "h264" if gop[0].config else "vp8"
    try:
        pictures = _decode(codec, gop, first)
        return _encode(codec, gop, pictures) if pictures else []
    except (av.FFmpegError, ValueError):
        return []


def _decode(codec: str, gop: Sequence[Frame], first: int) -> list[tuple[int, Any]]:
    decoder: Any = av.CodecContext.create(codec, "r")
    decoder.flags |= av.codec.context.Flags.low_delay
    found = []
    for number, frame in enumerate([*gop, None]):
        packet: Any = None
        if frame is not None:
            packet = av.Packet(frame.data)
            packet.pts = packet.dts = number
        found += [(picture.pts, picture) for picture in decoder.decode(packet) if picture.pts >= first]
    return found


def _encode(codec: str, gop: Sequence[Frame], pictures: Sequence[tuple[int, Any]]) -> list[Frame]:
    name, options = _ENCODERS[codec]
    encoder: Any = av.CodecContext.create(name, "w")
    head = pictures[0][1]
    encoder.width, encoder.height, encoder.pix_fmt = head.width, head.height, "yuv420p"
    encoder.time_base, encoder.bit_rate, encoder.options = Fraction(1, 30), 4_000_000, options
    encoder.gop_size = MAX_GOP
    made: list[Frame] = []
    for picture in [*(one for _, one in pictures), None]:
        if picture is not None:
            picture.time_base, picture.pict_type = Fraction(1, 30), 0
        for packet in encoder.encode(picture):
            data = bytes(packet)
            was = gop[packet.pts]
            config = _parameters(data) if codec == "h264" and packet.is_keyframe else made[0].config if made else b""
            width, height = (head.width, head.height) if packet.is_keyframe else (0, 0)
            made.append(Frame(was.rtp_time, data, bool(packet.is_keyframe), width, height, config))
    return made


def _parameters(data: bytes) -> bytes:
    """SPS and PPS of an access unit (Annex B)."""
    units = data.replace(_START, _START[1:]).split(_START[1:])
    return b"".join(_START + unit for unit in units if unit and unit[0] & 0x1F in (7, 8))
