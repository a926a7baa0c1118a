"""What forwarding must know of a payload: where a key frame starts, how large it is, and VP8's picture counters.

VP8 payload descriptor: RFC 7741 4.2. H.264: RFC 6184 5.4 to 5.8. Opus needs nothing: every packet stands alone.
All functions take the payload (no RTP header, no padding) and never raise on its bytes.
"""

from __future__ import annotations

from media.native import compiled

Vp8Info = tuple[bool, int, bool, int, int, int, int, bool]
"""(starts a key frame, offset of picture id or 0, it has 15 bits, its value, offset of TL0PICIDX or 0, its value,
temporal layer 0..3, it depends on layer 0 only (Y))"""

NO_VP8: Vp8Info = (False, 0, False, -1, 0, -1, 0, False)


def vp8_info_plain(payload: bytes) -> Vp8Info:
    """The descriptor's counters and whether this packet is the first of a key frame."""
    size = len(payload)
    if size < 2:
        return NO_VP8
    first = payload[0]
    at = 1
    picture_at = picture = layer_at = layer = temporal = 0
    wide = False
    if first & 0x80:
        flags = payload[1]
        at = 2
        if flags & 0x80:
            if at >= size:
                return NO_VP8
            picture_at = at
            picture = payload[at] & 0x7F
            at += 1
            if payload[picture_at] & 0x80:
                if at >= size:
                    return NO_VP8
                wide = True
                picture = picture << 8 | payload[at]
                at += 1
        if flags & 0x40:
            if at >= size:
                return NO_VP8
            layer_at = at
            layer = payload[at]
            at += 1
        if flags & 0x30:
            if at >= size:
                return NO_VP8
            if flags & 0x20:
                temporal = payload[at]
            at += 1
    if at >= size:
        return NO_VP8
    # S bit and partition 0: the VP8 frame header follows; its lowest bit is 0 for a key frame (RFC 6386 9.1).
    starts_key = first & 0x10 != 0 and first & 0x07 == 0 and payload[at] & 0x01 == 0
    return (
        starts_key, picture_at, wide, picture if picture_at else -1, layer_at, layer if layer_at else -1,
        temporal >> 6, temporal & 0x20 != 0,
    )  # fmt: skip


vp8_info = vp8_info_plain
if compiled is not None:
    compiled.set_no_vp8(NO_VP8)
    vp8_info = compiled.vp8_info


def patch_vp8(buffer: bytearray, at: int, info: Vp8Info, picture_shift: int, layer_shift: int) -> None:
    """Shift the counters of a payload that was copied to ``buffer[at:]``; ``info`` is that of the original."""
    _, picture_at, wide, picture, layer_at, layer, _, _ = info
    if picture_at and picture_shift:
        value = (picture + picture_shift) & (0x7FFF if wide else 0x7F)
        if wide:
            buffer[at + picture_at] = 0x80 | value >> 8
            buffer[at + picture_at + 1] = value & 0xFF
        else:
            buffer[at + picture_at] = value
    if layer_at and layer_shift:
        buffer[at + layer_at] = (layer + layer_shift) & 0xFF


def vp8_size(payload: bytes) -> tuple[int, int]:
    """(width, height) that the first packet of a VP8 key frame tells (RFC 6386 9.1); (0, 0) when it does not."""
    at = vp8_payload_at(payload)
    if at < 0 or len(payload) < at + 10 or payload[at + 3 : at + 6] != b"\x9d\x01\x2a":
        return 0, 0
    width, height = payload[at + 6] | payload[at + 7] << 8, payload[at + 8] | payload[at + 9] << 8
    return width & 0x3FFF, height & 0x3FFF  # the upper two bits ask for upscaling


def vp8_payload_at(payload: bytes) -> int:
    """Offset of the VP8 data behind its descriptor, -1 when there is none (RFC 7741 4.2)."""
    if not payload:
        return -1
    at = 1
    if payload[0] & 0x80:
        if len(payload) < 3:
            return -1
        flags = payload[1]
        at = 2
        if flags & 0x80:
            at += 2 if payload[2] & 0x80 else 1
        at += (flags & 0x40 != 0) + (flags & 0x30 != 0)
    return at if at < len(payload) else -1


H264_IDR, H264_SPS, H264_STAP_A, H264_FU_A = 5, 7, 24, 28


def h264_starts_key(payload: bytes, parameters_known: bool = False) -> bool:
    """Whether decoding can begin at this packet: it carries an SPS, alone or in a STAP-A.

    ``parameters_known``: SPS and PPS came with the SDP (sprop-parameter-sets), so the start of an IDR is enough.
    """
    size = len(payload)
    if size < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == H264_SPS:
        return True
    if kind == H264_STAP_A:
        at = 1
        while at + 3 <= size:
            length = payload[at] << 8 | payload[at + 1]
            inner = payload[at + 2] & 0x1F
            if inner == H264_SPS or (parameters_known and inner == H264_IDR):
                return True
            if length == 0:
                return False
            at += 2 + length
        return False
    if not parameters_known:
        return False
    if kind == H264_FU_A:
        return payload[1] & 0x80 != 0 and payload[1] & 0x1F == H264_IDR
    return kind == H264_IDR


def h264_sps(payload: bytes) -> bytes:
    """The sequence parameter set that a packet carries, alone or in a STAP-A; b"" when it carries none."""
    if not payload:
        return b""
    kind = payload[0] & 0x1F
    if kind == H264_SPS:
        return payload
    at = 1
    while kind == H264_STAP_A and at + 3 <= len(payload):
        length = payload[at] << 8 | payload[at + 1]
        if payload[at + 2] & 0x1F == H264_SPS:
            return payload[at + 2 : at + 2 + length]
        if length == 0:
            break
        at += 2 + length
    return b""


__all__ = [
    "NO_VP8", "Vp8Info", "h264_sps", "h264_starts_key", "patch_vp8", "vp8_info", "vp8_payload_at", "vp8_size",
]  # fmt: skip
