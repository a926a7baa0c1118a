"""RTP as functions on buffers (RFC 3550 5.1, header extensions RFC 8285). Nothing here raises on a peer's bytes.

Incoming packets are read in place; outgoing headers are templates per subscriber that are patched and copied.
"""

from __future__ import annotations

from functools import cache
from struct import Struct

from media.native import compiled
from media.types import Buffer, ExtensionIds

HEADER = Struct(">BBHII")  # V P X CC, M PT, sequence, timestamp, SSRC
HEADER_SIZE = 12
PATCH = Struct(">BHI")  # M PT, sequence, timestamp, at offset 1

LEVEL_UNKNOWN = -1
TIME_UNKNOWN = -1

ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000  # the low four bits are "appbits" (RFC 8285 4.3)

MOST_DELAY = 1000  # steps of 10 ms: what receivers take for the most when nobody says anything


def payload_start(data: Buffer) -> int:
    """Offset of the payload, or -1 when the header does not fit into the packet."""
    size = len(data)
    if size < HEADER_SIZE:
        return -1
    first = data[0]
    start = HEADER_SIZE + 4 * (first & 0x0F)
    if first & 0x10:
        if start + 4 > size:
            return -1
        start += 4 + 4 * (data[start + 2] << 8 | data[start + 3])
    return start if start <= size else -1


def payload_end(data: Buffer, start: int) -> int:
    """Offset behind the payload without padding, or -1 when the padding count is impossible."""
    end = len(data)
    if data[0] & 0x20:
        if end <= start:
            return -1
        count = data[end - 1]
        if count == 0 or count > end - start:
            return -1
        end -= count
    return end


def scan_extensions(data: Buffer, start: int, level_id: int, time_id: int, wide_id: int = 0) -> tuple[int, int, int]:
    """(audio level byte, abs-send-time, transport-wide number) of a packet whose payload starts at ``start``; -1 for
    what is not there.

    The level byte is V and 0..127 -dBov (RFC 6464); abs-send-time is 24 bits, 6.18 fixed point seconds.
    """
    level = LEVEL_UNKNOWN
    time = wide = TIME_UNKNOWN
    at = HEADER_SIZE + 4 * (data[0] & 0x0F)
    profile = data[at] << 8 | data[at + 1]
    at += 4
    if profile == ONE_BYTE_PROFILE:
        while at < start:
            byte = data[at]
            if byte == 0:
                at += 1
                continue
            ident = byte >> 4
            size = (byte & 0x0F) + 1
            at += 1
            if ident == 15 or at + size > start:
                break
            if ident == time_id and size == 3:
                time = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            elif ident == wide_id and size == 2:
                wide = data[at] << 8 | data[at + 1]
            elif ident == level_id:
                level = data[at]
            at += size
        return level, time, wide
    found = find_extensions(data, start)
    value = found.get(level_id)
    if value:
        level = value[0]
    value = found.get(time_id)
    if value and len(value) == 3:
        time = int.from_bytes(value, "big")
    value = found.get(wide_id)
    if value and len(value) == 2:
        wide = int.from_bytes(value, "big")
    return level, time, wide


Parsed = tuple[int, int, int, int, int, int, int, bytes]
"""(M and PT byte, sequence, timestamp, SSRC, audio level byte, abs-send-time, transport-wide number, payload without
padding); -1 for each of the three that is not there."""


def parse_plain(data: Buffer, level_id: int, time_id: int, wide_id: int) -> Parsed | None:
    """A packet taken apart; None when it is none, or when its parts do not fit into it. See ``scan_extensions``."""
    start = payload_start(data)
    if start < 0 or data[0] & 0xC0 != 0x80:
        return None
    end = payload_end(data, start) if data[0] & 0x20 else len(data)
    if end < 0:
        return None
    level, time, wide = LEVEL_UNKNOWN, TIME_UNKNOWN, TIME_UNKNOWN
    if data[0] & 0x10:
        level, time, wide = scan_extensions(data, start, level_id, time_id, wide_id)
    _, second, seq, timestamp, ssrc = HEADER.unpack_from(data)
    return second, seq, timestamp, ssrc, level, time, wide, bytes(data[start:end])


parse = compiled.parse if compiled is not None else parse_plain


def find_extensions(data: Buffer, start: int) -> dict[int, bytes]:
    """All header extension elements, id -> value, of a packet whose payload starts at ``start``. Off the hot path."""
    found: dict[int, bytes] = {}
    if not data[0] & 0x10:
        return found
    at = HEADER_SIZE + 4 * (data[0] & 0x0F)
    profile = data[at] << 8 | data[at + 1]
    at += 4
    two_byte = profile & 0xFFF0 == TWO_BYTE_PROFILE
    if not two_byte and profile != ONE_BYTE_PROFILE:
        return found
    while at < start:
        byte = data[at]
        at += 1
        if byte == 0:
            continue
        if two_byte:
            if at >= start:
                break
            ident, size = byte, data[at]
            at += 1
        else:
            ident, size = byte >> 4, (byte & 0x0F) + 1
            if ident == 15:
                break
        if at + size > start:
            break
        found[ident] = bytes(data[at : at + size])
        at += size
    return found


def text_value(value: bytes | None) -> str:
    """A mid or rid element as text; "" when absent or not plain ASCII (RFC 8852 3.3)."""
    if not value or len(value) > 32:
        return ""
    text = value.rstrip(b"\0")
    return text.decode("ascii") if text.isascii() else ""


def abs_send_time(now: float) -> bytes:
    """``now`` in seconds as the three bytes of abs-send-time."""
    return (int(now * 262144.0) & 0xFFFFFF).to_bytes(3, "big")


@cache
def _wide(constant: int) -> Struct:
    return Struct(f">BHI{constant}sH")


class HeaderTemplate:
    """The header of every packet of one outgoing stream: patch ``buffer``, then copy it before the payload.

    ``time_at``/``wide_at``/``level_at``: where the values of abs-send-time (3 bytes), of the transport-wide number
    (2 bytes) and the audio level element (2 bytes: id and level) stand; 0 when the leg did not negotiate it.
    ``delay_at``: where that of the playout delay stands (3 bytes), see ``set_least_delay``.
    ``patch_wide``: packs what differs from packet to packet up to the transport-wide number, at offset 1: the fields of
    ``PATCH``, then ``constant``, then that number.
    """

    __slots__ = (
        "buffer", "constant", "delay_at", "level_at", "level_prefix", "patch_wide", "payload_type", "size", "time_at",
        "wide_at",
    )  # fmt: skip

    def __init__(self, payload_type: int, ssrc: int, ids: ExtensionIds, mid: str, audio: bool) -> None:
        self.payload_type = payload_type
        elements: list[tuple[int, bytes]] = []
        if ids.transport_cc:
            elements.append((ids.transport_cc, b"\0\0"))  # first, so that one call patches up to it
        if ids.abs_send_time:
            elements.append((ids.abs_send_time, b"\0\0\0"))
        if ids.audio_level and audio:
            elements.append((ids.audio_level, b"\x7f"))
        if ids.mid and mid:
            elements.append((ids.mid, mid.encode("ascii", "replace")[:16]))
        if ids.playout_delay and not audio:
            elements.append((ids.playout_delay, MOST_DELAY.to_bytes(3, "big")))
        two_byte = any(ident > 14 for ident, _ in elements)
        block = bytearray()
        positions: dict[int, int] = {}
        for ident, value in elements:
            block += bytes((ident, len(value))) if two_byte else bytes((ident << 4 | len(value) - 1,))
            positions[ident] = HEADER_SIZE + 4 + len(block)
            block += value
        block += bytes(-len(block) % 4)
        self.buffer = bytearray(HEADER.pack(0x90 if block else 0x80, payload_type, 0, 0, ssrc))
        if block:
            profile = TWO_BYTE_PROFILE if two_byte else ONE_BYTE_PROFILE
            self.buffer += profile.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block
        self.size = len(self.buffer)
        self.time_at = positions.get(ids.abs_send_time, 0) if ids.abs_send_time else 0
        self.wide_at = positions.get(ids.transport_cc, 0) if ids.transport_cc else 0
        self.delay_at = positions.get(ids.playout_delay, 0) if ids.playout_delay and not audio else 0
        self.constant = bytes(self.buffer[8 : self.wide_at])
        self.patch_wide = _wide(len(self.constant)).pack_into
        level_value = positions.get(ids.audio_level, 0) if ids.audio_level and audio else 0
        # A level nobody measured is not sent: its element becomes padding (zero bytes, RFC 8285 4.2).
        self.level_at = level_value - (2 if two_byte else 1) if level_value else 0
        self.level_prefix = bytes(self.buffer[self.level_at : level_value]) if level_value else b""

    def set_least_delay(self, seconds: float) -> None:
        """Ask the receiver to hold pictures back at least so long, in steps of 10 ms (the extension's 12 bits)."""
        if self.delay_at:
            steps = min(MOST_DELAY, max(0, round(seconds * 100)))
            self.buffer[self.delay_at : self.delay_at + 3] = (steps << 12 | MOST_DELAY).to_bytes(3, "big")

    def set_level(self, level: int) -> None:
        """Put an audio level byte into the template (LEVEL_UNKNOWN: padding instead)."""
        at = self.level_at
        prefix = self.level_prefix
        self.buffer[at : at + len(prefix) + 1] = prefix + bytes((level,)) if level >= 0 else bytes(len(prefix) + 1)


def build(
    payload_type: int,
    seq: int,
    timestamp: int,
    ssrc: int,
    payload: Buffer,
    marker: bool = False,
    extensions: bytes = b"",
) -> bytes:
    """A whole packet. ``extensions``: a complete extension block with its profile and length, or nothing."""
    first = 0x90 if extensions else 0x80
    header = HEADER.pack(first, payload_type | (0x80 if marker else 0), seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return header + extensions + payload


def build_extensions(elements: dict[int, bytes]) -> bytes:
    """A one-byte-header extension block (RFC 8285 4.2) of elements with ids 1..14 and 1..16 bytes."""
    block = b"".join(bytes((ident << 4 | len(value) - 1,)) + value for ident, value in elements.items())
    block += bytes(-len(block) % 4)
    return ONE_BYTE_PROFILE.to_bytes(2, "big") + (len(block) // 4).to_bytes(2, "big") + block


__all__ = [
    "HEADER", "HEADER_SIZE", "LEVEL_UNKNOWN", "PATCH", "TIME_UNKNOWN", "HeaderTemplate", "Parsed", "abs_send_time",
    "build", "build_extensions", "find_extensions", "parse", "parse_plain", "payload_end", "payload_start",
    "scan_extensions", "text_value",
]  # fmt: skip
