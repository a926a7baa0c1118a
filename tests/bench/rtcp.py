"""RTCP of the load clients: reports, REMB, NACK, transport-wide feedback (RFC 3550, 4585, draft-holmer-rmcat-twcc)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

NTP_EPOCH = 2_208_988_800


def _packet(count: int, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def source_description(ssrc: int) -> bytes:
    """SDES with a CNAME."""
    return _packet(1, 202, struct.pack("!I", ssrc) + b"\1\5bench\0")


def sender_report(ssrc: int, utc: float, rtp_time: int, packets: int, octets: int) -> bytes:
    """SR and SDES."""
    seconds = int(utc)
    ntp = (seconds + NTP_EPOCH) & 0xFFFFFFFF, int((utc - seconds) * (1 << 32)) & 0xFFFFFFFF
    body = struct.pack("!IIIIII", ssrc, *ntp, rtp_time & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(0, 200, body) + source_description(ssrc)


def receiver_report(ssrc: int, blocks: Sequence[tuple[int, int, int, int, int, int]]) -> bytes:
    """RR. A block: SSRC, fraction lost (of 256), lost in all, extended highest number, last SR, delay since it."""
    body = struct.pack("!I", ssrc)
    for source, fraction, lost, highest, last, delay in blocks[:31]:
        body += struct.pack("!IIIIII", source, fraction << 24 | lost & 0xFFFFFF, highest & 0xFFFFFFFF, 0, last, delay)
    return _packet(min(len(blocks), 31), 201, body)


def remb(ssrc: int, bitrate_bps: int, sources: Sequence[int]) -> bytes:
    """Receiver estimated maximum bitrate."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    mantissa = bitrate_bps >> exponent
    body = struct.pack("!II4sBBH", ssrc, 0, b"REMB", len(sources), exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
    return _packet(15, 206, body + struct.pack(f"!{len(sources)}I", *sources))


def nack(ssrc: int, source: int, missing: Sequence[int]) -> bytes:
    """Generic NACK for sequence numbers in ascending order."""
    pairs: list[list[int]] = []
    for seq in missing:
        ahead = (seq - pairs[-1][0]) & 0xFFFF if pairs else 99
        if 1 <= ahead <= 16:
            pairs[-1][1] |= 1 << (ahead - 1)
        else:
            pairs.append([seq & 0xFFFF, 0])
    body = struct.pack("!II", ssrc, source) + b"".join(struct.pack("!HH", *pair) for pair in pairs)
    return _packet(1, 205, body)


def picture_loss(ssrc: int, source: int) -> bytes:
    """PLI."""
    return _packet(1, 206, struct.pack("!II", ssrc, source))


def transport_feedback(ssrc: int, source: int, number: int, arrivals: Sequence[tuple[int, float]]) -> bytes:
    """Transport-wide feedback number ``number`` for (sequence number not wrapped, seconds), ascending by both."""
    base = arrivals[0][0]
    reference = int(arrivals[0][1] / 0.064)
    at = reference * 256  # in 250 us
    symbols: list[int] = []
    deltas = b""
    for seq, seconds in arrivals:
        symbols += [0] * (seq - base - len(symbols))
        delta = int(seconds * 4000) - at
        at += delta
        symbols.append(1 if 0 <= delta <= 255 else 2)
        deltas += struct.pack("!B" if symbols[-1] == 1 else "!h", delta)
    chunks, index = b"", 0
    while index < len(symbols):
        end = index
        while end < len(symbols) and symbols[end] == symbols[index] and end - index < 8191:
            end += 1
        chunks += struct.pack("!H", symbols[index] << 13 | end - index)
        index = end
    head = struct.pack("!IIHHI", ssrc, source, base & 0xFFFF, len(symbols), (reference & 0xFFFFFF) << 8 | number & 0xFF)
    return _packet(15, 205, head + chunks + deltas)


def parts(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(type, count, packet) of a compound packet that a server sent."""
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 * words + 4
        yield kind, first & 31, data[at:end]
        at = end


def asked_for(packet: bytes) -> Iterator[int]:
    """Sequence numbers in a generic NACK."""
    for at in range(12, len(packet) - 3, 4):
        seq, mask = struct.unpack_from("!HH", packet, at)
        yield seq
        for bit in range(16):
            if mask >> bit & 1:
                yield (seq + bit + 1) & 0xFFFF
