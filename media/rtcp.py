"""RTCP as functions on buffers (RFC 3550 6, RFC 3611, RFC 4585, RFC 5104 FIR, draft-alvestrand-rmcat-remb).

Parsing never raises: a compound packet is read as far as it is well formed. Building writes into a caller's buffer at
an offset and returns the length. Unknown packet types and formats are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct

SR, RR, SDES, BYE, RTPFB, PSFB, XR = 200, 201, 202, 203, 205, 206, 207
NACK, PLI, FIR, REMB = 1, 1, 4, 15
REFERENCE_TIME, DELAYS = 4, 5  # blocks of XR (RFC 3611 4.4, 4.5)

WIDE = 15  # format of transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1)
MAX_PACKETS = 32  # per compound packet; a browser sends at most a handful
MAX_NACKED = 256  # sequence numbers per NACK packet that are looked at
MAX_BLOCKS = 31  # report blocks per SR or RR (5-bit count)

_HEAD = Struct(">BBH")
_WORD = Struct(">I")
_SENDER = Struct(">IIIIII")  # SSRC, NTP high, NTP low, RTP time, packets, octets
_BLOCK = Struct(">IIIIII")  # SSRC, fraction and cumulative, highest, jitter, LSR, DLSR
_PAIR = Struct(">HH")
_DELAY = Struct(">III")  # SSRC, LRR, DLRR

Buffer = bytes | bytearray | memoryview


def packets(data: Buffer) -> Iterator[tuple[int, int, int, int]]:
    """(packet type, count or format, offset of the body, offset behind it) of each packet in a compound one."""
    at = 0
    size = len(data)
    for _ in range(MAX_PACKETS):
        if at + 4 > size:
            return
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > size:
            return
        body_end = end
        if first & 0x20:
            padding = data[end - 1]
            if padding == 0 or padding > end - at - 4:
                return
            body_end = end - padding
        yield kind, first & 0x1F, at + 4, body_end
        at = end


def may_wait(data: Buffer) -> bool:
    """Whether a compound packet holds nothing but what may be taken a tenth of a second later: reports, descriptions,
    transport-wide feedback, each whole. Questions and farewells may not."""
    at, size = 0, len(data)
    for _ in range(MAX_PACKETS):
        if at + 4 > size:
            return False
        first, kind, words = _HEAD.unpack_from(data, at)
        if first >> 6 != 2 or (kind not in (SR, RR, SDES) and (kind != RTPFB or first & 0x1F != WIDE)):
            return False
        at += 4 + 4 * words
        if at == size:
            return True
    return False


def read_sender(data: Buffer, at: int, end: int) -> tuple[int, int, int] | None:
    """(SSRC, 64-bit NTP time, RTP time) of an SR body."""
    if end - at < 24:
        return None
    ssrc, high, low, rtp_time, _, _ = _SENDER.unpack_from(data, at)
    return ssrc, high << 32 | low, rtp_time


def read_blocks(
    data: Buffer, kind: int, count: int, at: int, end: int
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(SSRC, fraction lost 0..255, cumulative lost, highest, jitter, LSR, DLSR without) of an SR's or RR's blocks.

    Yields (ssrc, fraction, highest, jitter, lsr, dlsr); jitter in timestamp units, lsr and dlsr in 1/65536 s.
    """
    at += 24 if kind == SR else 4
    for _ in range(count):
        if at + 24 > end:
            return
        ssrc, lost, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(data, at)
        yield ssrc, lost >> 24, highest, jitter, lsr, dlsr
        at += 24


def read_nack(data: Buffer, at: int, end: int) -> tuple[int, list[int]]:
    """(media SSRC, sequence numbers asked for), at most MAX_NACKED of them; SSRC 0 when malformed."""
    if end - at < 8:
        return 0, []
    (ssrc,) = _WORD.unpack_from(data, at + 4)
    wanted: list[int] = []
    for offset in range(at + 8, end - 3, 4):
        first, mask = _PAIR.unpack_from(data, offset)
        wanted.append(first)
        bit = 1
        while mask:
            if mask & 1:
                wanted.append((first + bit) & 0xFFFF)
            mask >>= 1
            bit += 1
        if len(wanted) >= MAX_NACKED:
            break
    return ssrc, wanted[:MAX_NACKED]


def read_keyframe_request(data: Buffer, form: int, at: int, end: int) -> list[int]:
    """Media SSRCs of a PLI or FIR body."""
    if form == PLI:
        return [_WORD.unpack_from(data, at + 4)[0]] if end - at >= 8 else []
    return [_WORD.unpack_from(data, offset)[0] for offset in range(at + 8, min(end, at + 8 + 8 * MAX_BLOCKS) - 7, 8)]


def read_remb(data: Buffer, at: int, end: int) -> int:
    """Bitrate in bit/s of a REMB body, or -1 when it is another application-layer message."""
    if end - at < 16 or bytes(data[at + 8 : at + 12]) != b"REMB":
        return -1
    (word,) = _WORD.unpack_from(data, at + 12)
    exponent: int = word >> 18 & 0x3F
    mantissa: int = word & 0x3FFFF
    return mantissa << min(exponent, 32)


def read_bye(data: Buffer, count: int, at: int, end: int) -> list[int]:
    """SSRCs that say goodbye."""
    return [_WORD.unpack_from(data, offset)[0] for offset in range(at, min(end, at + 4 * count) - 3, 4)]


def read_delays(data: Buffer, at: int, end: int) -> list[tuple[int, int, int]]:
    """(SSRC, last reference time, delay since it in 1/65536 s) of an XR body's DLRR blocks, at most MAX_BLOCKS."""
    found: list[tuple[int, int, int]] = []
    at += 4
    while at + 4 <= end:
        kind, _, words = _HEAD.unpack_from(data, at)
        block_end = at + 4 + 4 * words
        if block_end > end:
            break
        if kind == DELAYS:
            found += [_DELAY.unpack_from(data, offset) for offset in range(at + 4, block_end - 11, 12)]
        at = block_end
    return found[:MAX_BLOCKS]


# --- building -------------------------------------------------------------------------------------------------------


def write_receiver_report(
    buffer: bytearray, at: int, sender: int, blocks: Sequence[tuple[int, int, int, int, int, int, int]]
) -> int:
    """RR with blocks (SSRC, fraction 0..255, cumulative lost, extended highest, jitter, LSR, DLSR)."""
    count = min(len(blocks), MAX_BLOCKS)
    _HEAD.pack_into(buffer, at, 0x80 | count, RR, 1 + 6 * count)
    _WORD.pack_into(buffer, at + 4, sender)
    offset = at + 8
    for ssrc, fraction, lost, highest, jitter, lsr, dlsr in blocks[:count]:
        lost = max(-0x800000, min(0x7FFFFF, lost)) & 0xFFFFFF
        _BLOCK.pack_into(
            buffer, offset, ssrc, fraction << 24 | lost, highest & 0xFFFFFFFF, jitter & 0xFFFFFFFF, lsr, dlsr
        )
        offset += 24
    return offset - at


def write_reference_time(buffer: bytearray, at: int, sender: int, ntp: int) -> int:
    """XR with the time of a receiver (RFC 3611 4.4), to which a sender answers with a DLRR block."""
    _HEAD.pack_into(buffer, at, 0x80, XR, 4)
    _WORD.pack_into(buffer, at + 4, sender)
    _HEAD.pack_into(buffer, at + 8, REFERENCE_TIME, 0, 2)
    _WORD.pack_into(buffer, at + 12, ntp >> 32 & 0xFFFFFFFF)
    _WORD.pack_into(buffer, at + 16, ntp & 0xFFFFFFFF)
    return 20


def write_sender_report(
    buffer: bytearray, at: int, ssrc: int, ntp: int, rtp_time: int, sent_packets: int, sent_octets: int
) -> int:
    """SR without report blocks."""
    _HEAD.pack_into(buffer, at, 0x80, SR, 6)
    _SENDER.pack_into(
        buffer, at + 4, ssrc, ntp >> 32 & 0xFFFFFFFF, ntp & 0xFFFFFFFF, rtp_time & 0xFFFFFFFF,
        sent_packets & 0xFFFFFFFF, sent_octets & 0xFFFFFFFF,
    )  # fmt: skip
    return 28


def write_sdes(buffer: bytearray, at: int, ssrc: int, cname: str) -> int:
    """SDES with one chunk and its CNAME (RFC 3550 6.5.1), cut at 64 bytes."""
    name = cname.encode("ascii", "replace")[:64]
    body = bytes((1, len(name))) + name + b"\0"
    body += bytes(-len(body) % 4)
    size = 8 + len(body)
    _HEAD.pack_into(buffer, at, 0x81, SDES, size // 4 - 1)
    _WORD.pack_into(buffer, at + 4, ssrc)
    buffer[at + 8 : at + size] = body
    return size


def write_bye(buffer: bytearray, at: int, ssrc: int) -> int:
    """BYE of one SSRC."""
    _HEAD.pack_into(buffer, at, 0x81, BYE, 1)
    _WORD.pack_into(buffer, at + 4, ssrc)
    return 8


def write_nack(buffer: bytearray, at: int, sender: int, ssrc: int, missing: Sequence[int]) -> int:
    """Generic NACK for ascending extended sequence numbers (RFC 4585 6.2.1)."""
    offset = at + 12
    index = 0
    while index < len(missing):
        first = missing[index]
        mask = 0
        index += 1
        while index < len(missing) and missing[index] - first <= 16:
            mask |= 1 << (missing[index] - first - 1)
            index += 1
        _PAIR.pack_into(buffer, offset, first & 0xFFFF, mask)
        offset += 4
    _feedback_head(buffer, at, NACK, RTPFB, offset - at, sender, ssrc)
    return offset - at


def write_pli(buffer: bytearray, at: int, sender: int, ssrc: int) -> int:
    """Picture loss indication (RFC 4585 6.3.1)."""
    _feedback_head(buffer, at, PLI, PSFB, 12, sender, ssrc)
    return 12


def write_fir(buffer: bytearray, at: int, sender: int, ssrc: int, number: int) -> int:
    """Full intra request (RFC 5104 4.3.1); ``number`` rises with each new request."""
    _feedback_head(buffer, at, FIR, PSFB, 20, sender, 0)
    _WORD.pack_into(buffer, at + 12, ssrc)
    _WORD.pack_into(buffer, at + 16, (number & 0xFF) << 24)
    return 20


def write_remb(buffer: bytearray, at: int, sender: int, bitrate_bps: int, ssrcs: Sequence[int]) -> int:
    """Receiver estimated maximum bitrate for the transport that carries ``ssrcs``."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    listed = ssrcs[:MAX_BLOCKS]
    size = 20 + 4 * len(listed)
    _feedback_head(buffer, at, REMB, PSFB, size, sender, 0)
    buffer[at + 12 : at + 16] = b"REMB"
    _WORD.pack_into(buffer, at + 16, len(listed) << 24 | exponent << 18 | bitrate_bps >> exponent)
    for index, ssrc in enumerate(listed):
        _WORD.pack_into(buffer, at + 20 + 4 * index, ssrc)
    return size


def _feedback_head(buffer: bytearray, at: int, form: int, kind: int, size: int, sender: int, ssrc: int) -> None:
    _HEAD.pack_into(buffer, at, 0x80 | form, kind, size // 4 - 1)
    _WORD.pack_into(buffer, at + 4, sender)
    _WORD.pack_into(buffer, at + 8, ssrc)


__all__ = [
    "BYE", "DELAYS", "FIR", "MAX_BLOCKS", "NACK", "PLI", "PSFB", "REFERENCE_TIME", "REMB", "RR", "RTPFB", "SDES", "SR",
    "WIDE", "XR", "may_wait", "packets", "read_blocks", "read_bye", "read_delays", "read_keyframe_request", "read_nack",
    "read_remb", "read_sender", "write_bye", "write_fir", "write_nack", "write_pli", "write_receiver_report",
    "write_reference_time", "write_remb", "write_sdes", "write_sender_report",
]  # fmt: skip
