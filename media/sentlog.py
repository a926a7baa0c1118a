"""What a leg sent, by transport-wide sequence number, until feedback tells what became of it.

Compact arrays in a ring that grows with the packet rate: 11 bytes per packet, no object. ``SentLog`` is
``PlainSentLog``, or the same compiled (media/native/sentlog.c).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from media.native import compiled

SMALLEST, LARGEST = 64, 8192  # packets; powers of two: as few as a quiet leg needs, there are hundreds of them
YOUNG = 0.6  # s: what is younger must not be overwritten: its feedback is still on the way

FREE, FLYING, ARRIVED, MISSING = 0, 1, 2, 3
TICK = 0.00025  # s, of the arrivals that feedback tells
LEAST_PACKETS, LEAST_OCTETS = 4, 4_000  # of a train that says something, behind its first packet
_FLYING = bytes((FLYING,))

Digest = tuple[int, int, int, float, float, float, list[tuple[int, float]]]
"""How many packets came, how many more are missing, bytes that came; when the last of them in order was sent, and
arrived; the least that any was on its way (by two clocks); and the trains among them (``trains_of``)."""


class PlainSentLog:
    """The ring. ``next``: extended number of the next packet; its low 16 bits travel. ``octets``: sent in all.

    Number n is at index ``n & mask`` of ``times`` (monotonic seconds), ``sizes`` (bytes on the wire) and ``states``.
    """

    __slots__ = ("flying", "mask", "next", "octets", "sizes", "states", "times")

    def __init__(self, first: int = 0) -> None:
        self.next = 0x10000 + (first & 0xFFFF)
        self.octets = 0
        self.flying = 0  # bytes that nothing is known of; those overwritten count for ever less
        self.mask = SMALLEST - 1
        self.times = array("d", bytes(8 * SMALLEST))
        self.sizes = array("H", bytes(2 * SMALLEST))
        self.states = bytearray(SMALLEST)

    def add(self, size: int, now: float) -> int:
        """A packet of ``size`` bytes is sent now (the hot path); the number it carries."""
        number = self.next
        at = number & self.mask
        if self.states[at] == FLYING:
            if now - self.times[at] < YOUNG and self.mask < LARGEST - 1:
                self._grow()
                at = number & self.mask
            else:
                self.flying -= self.sizes[at]
        self.times[at] = now
        self.sizes[at] = size
        self.states[at] = FLYING
        self.next = number + 1
        self.octets += size
        self.flying += size
        return number

    def add_all(self, sizes: list[int], now: float) -> None:
        """The same for packets that leave together, numbered from ``next`` on: a fifth of the cost."""
        count, at = len(sizes), self.next & self.mask
        end = at + count
        if count > 1 and end <= self.mask + 1 and FLYING not in self.states[at:end]:
            octets = sum(sizes)
            self.times[at:end] = array("d", (now,)) * count
            self.sizes[at:end] = array("H", sizes)
            self.states[at:end] = _FLYING * count
            self.next += count
            self.octets += octets
            self.flying += octets
            return
        for size in sizes:
            self.add(size, now)

    def match(
        self, first: int, arrivals: list[int | None], offset: int
    ) -> tuple[list[tuple[float, float, int]], int, int]:
        """What feedback says of numbers ``first`` on: ([(sent, arrived, bytes) of each that came], how many more are
        missing, bytes that came). ``offset``: ticks to add to the arrivals. Numbers never sent, or told before, are
        passed over; one that was thought missing may still come."""
        times, sizes, states, mask = self.times, self.sizes, self.states, self.mask
        limit, oldest = self.next, self.next - mask - 1
        acked: list[tuple[float, float, int]] = []
        lost = octets = 0
        number = first - 1
        for arrival in arrivals:
            number += 1
            if not oldest <= number < limit:
                continue
            at = number & mask
            state = states[at]
            if arrival is None:
                if state == FLYING:
                    states[at] = MISSING
                    self.flying -= sizes[at]
                    lost += 1
            elif state == FLYING or state == MISSING:
                if state == MISSING:
                    lost -= 1
                    self.flying += sizes[at]
                states[at] = ARRIVED
                octets += sizes[at]
                acked.append((times[at], (arrival + offset) * TICK, sizes[at]))
        self.flying -= octets
        return acked, lost, octets

    def digest(self, first: int, arrivals: list[int | None], offset: int) -> Digest:
        """What ``match`` tells, in sums: for a line of which nothing but its sums counts."""
        acked, lost, octets = self.match(first, arrivals, offset)
        if not acked:
            return 0, lost, octets, 0.0, 0.0, 0.0, []
        least = min(arrived - sent for sent, arrived, _ in acked)
        return len(acked), lost, octets, acked[-1][0], acked[-1][1], least, trains_of(acked)

    def _grow(self) -> None:
        old, mask = self.mask, self.mask * 2 + 1
        times, sizes, states = array("d", bytes(8 * mask + 8)), array("H", bytes(2 * mask + 2)), bytearray(mask + 1)
        for number in range(self.next - old - 1, self.next):
            times[number & mask] = self.times[number & old]
            sizes[number & mask] = self.sizes[number & old]
            states[number & mask] = self.states[number & old]
        self.times, self.sizes, self.states, self.mask = times, sizes, states, mask


def trains_of(acked: Sequence[tuple[float, float, int]]) -> list[tuple[int, float]]:
    """Packets that left at one moment (``media.trains``): bytes behind the first of them, and how long they took to
    arrive. ``acked``: as ``match`` tells."""
    trains: list[tuple[int, float]] = []
    at, count = 0, len(acked)
    while at < count:
        sent, begun, _ = acked[at]
        last, size, start = begun, 0, at
        at += 1
        while at < count and acked[at][0] == sent:
            size += acked[at][2]
            last = max(last, acked[at][1])
            at += 1
        if at - start >= LEAST_PACKETS and size >= LEAST_OCTETS:
            trains.append((size, last - begun))
    return trains


SentLog = PlainSentLog if compiled is None else compiled.SentLog

__all__ = ["ARRIVED", "FLYING", "FREE", "LEAST_OCTETS", "MISSING", "Digest", "PlainSentLog", "SentLog", "trains_of"]
