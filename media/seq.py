"""Serial numbers: widening of 16-bit sequence numbers, signed timestamp differences, the map that closes gaps.

Widened ("extended") sequence numbers are plain ints that never wrap; the low 16 bits are what is on the wire.
"""

from __future__ import annotations

from bisect import bisect_right

FIRST_CYCLE = 1 << 16
"""Added to the first sequence number of a stream, so that packets from just before it stay positive."""


def extend(reference: int, seq: int) -> int:
    """The extended number nearest to ``reference`` whose low 16 bits are ``seq`` (RFC 3550 A.1)."""
    return reference + ((seq - reference + 0x8000) & 0xFFFF) - 0x8000


def time_delta(later: int, earlier: int) -> int:
    """``later - earlier`` of two 32-bit RTP timestamps, signed, -2**31 .. 2**31-1."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class SequenceMap:
    """Maps a stream's extended numbers to numbers without the holes of packets we chose to drop.

    Packets that got lost keep their place (the receiver may ask for them); only ``drop`` closes a place. Remembers
    the last ``LIMIT`` drops; numbers older than those map to -1.
    """

    __slots__ = ("_offsets", "_starts", "offset")

    LIMIT = 256

    def __init__(self) -> None:
        self.offset = 0  # of numbers beyond the last drop: the only one needed for packets in order
        self._starts: list[int] = []  # from this number on ...
        self._offsets: list[int] = []  # ... this offset holds; before the first: that of the pruned past

    def drop(self, number: int) -> None:
        """Close the place of ``number``, which must be higher than all numbers seen so far."""
        if not self._starts:
            self._starts.append(0)
            self._offsets.append(0)
        self.offset -= 1
        self._starts.append(number + 1)
        self._offsets.append(self.offset)
        if len(self._starts) > self.LIMIT + 1:
            del self._starts[: self.LIMIT // 2]
            del self._offsets[: self.LIMIT // 2]

    def lookup(self, number: int) -> int:
        """The number without holes, or -1: ``number`` itself was dropped, or is too old to know."""
        starts = self._starts
        if not starts:
            return number
        at = bisect_right(starts, number)
        if at == 0 or (at < len(starts) and starts[at] == number + 1):
            return -1
        return number + self._offsets[at - 1]


__all__ = ["FIRST_CYCLE", "SequenceMap", "extend", "time_delta"]
