"""Redundant audio (RFC 2198): a packet of sound that carries earlier packets' sound again. Pure.

One RED packet stands for one packet of its primary codec: same SSRC, same number, same timestamp, another payload
type. So a viewer that did not negotiate RED gets the primary under the primary's payload type, and nothing else
changes. Block headers (RFC 2198 3): four bytes for each redundant block, oldest first, then one byte for the primary.
"""

from __future__ import annotations

from typing import Final

MAX_BLOCKS = 9
"""Redundant blocks that are read: browsers send one or two."""
MAX_OFFSET = 0x3FFF  # ticks: 341 ms of Opus, what the field of 14 bits holds

Block = tuple[int, bytes]
"""Ticks before the packet's timestamp, and the sound (never empty)."""


class Red:
    """A parsed packet. ``primary``: its own sound, never empty. ``blocks``: earlier sound, oldest first.
    ``span``: ticks from the oldest block to the packet's own timestamp; 0 without blocks."""

    __slots__ = ("blocks", "payload", "primary", "span")

    def __init__(self, payload: bytes, primary: bytes, blocks: tuple[Block, ...]) -> None:
        self.payload: Final = payload
        self.primary: Final = primary
        self.blocks: Final = blocks
        self.span: Final = max((offset for offset, _ in blocks), default=0)

    def with_type(self, payload_type: int) -> bytes:
        """The payload with every block marked as ``payload_type``, the receiving leg's number for the codec."""
        data = bytearray(self.payload)
        at = 0
        while data[at] & 0x80:
            data[at] = 0x80 | payload_type
            at += 4
        data[at] = payload_type
        return bytes(data)


def parse(payload: bytes, payload_type: int) -> Red | None:
    """The parts of a RED payload whose blocks are all of ``payload_type``; None when it is malformed, holds another
    codec, or its primary is empty. Empty redundant blocks (nothing was sent then, RFC 2198 3) are left out.
    Time is linear in ``MAX_BLOCKS``; nothing is raised."""
    size = len(payload)
    headers: list[tuple[int, int]] = []
    at = 0
    while True:
        if at >= size or payload[at] & 0x7F != payload_type:
            return None
        if not payload[at] & 0x80:
            at += 1
            break
        if at + 4 > size or len(headers) == MAX_BLOCKS:
            return None
        rest = int.from_bytes(payload[at + 1 : at + 4], "big")
        headers.append((rest >> 10, rest & 0x3FF))
        at += 4
    blocks: list[Block] = []
    for offset, length in headers:
        if at + length >= size:
            return None  # the primary would be empty, or the block reaches beyond the packet
        if length and offset:
            blocks.append((offset, payload[at : at + length]))
        at += length
    if at >= size:
        return None
    return Red(payload, payload[at:], tuple(blocks))


def missing(red: Red, before: int, count: int) -> tuple[tuple[int, int, bytes], ...]:
    """(packets back from this one, ticks back, sound) of the blocks that stand in for some of the ``count`` packets
    lost just before this one; () when none certainly does.

    ``before``: ticks from this packet back to the newest packet that came. RED carries no numbers (RFC 2198 3.2), only
    times. Where packets are evenly spaced, the time tells the number; else what lies between the two packets and is as
    many as are missing must be the missing ones, in order.
    """
    between = [block for block in red.blocks if block[0] < before]
    step, uneven = divmod(before, count + 1) if count > 0 else (0, 1)
    if not uneven and all(offset % step == 0 for offset, _ in between):
        return tuple((offset // step, offset, sound) for offset, sound in between)
    ordered = all(later[0] < earlier[0] for earlier, later in zip(between, between[1:], strict=False))
    if len(between) != count or not ordered:
        return ()
    return tuple((count - index, offset, sound) for index, (offset, sound) in enumerate(between))


__all__ = ["MAX_BLOCKS", "MAX_OFFSET", "Block", "Red", "missing", "parse"]
