"""What a receiver notes of transport-wide sequence numbers until it has told the sender (media.twcc writes it).

``Arrivals`` is ``PlainArrivals``, or the same compiled (media/native/arrivals.c, ADR 22).
"""

from __future__ import annotations

from media import twcc
from media.native import compiled

KEPT = 0.5  # s: packets stay known so long, to be told again with one that came late
MAX_LATE = 1000  # numbers: what comes later than that is not told any more
MAX_GAP = 200  # lost numbers before the first that arrived that are told
MAX_AHEAD = 4000  # numbers: a jump beyond it is a sender that numbers anew
MIN_INTERVAL, MAX_INTERVAL = 0.05, 0.1  # s between two feedbacks
SHARE = 0.05  # of the incoming rate that feedback may take
TYPICAL = 68 * 8  # bits of a feedback with its IP and UDP headers
TICKS_PER_S = 4000.0


class PlainArrivals:
    """Arrival times of one transport. ``due``: when feedback wants to be sent (monotonic seconds)."""

    __slots__ = ("_highest", "_number", "_next", "_times", "due", "interval")

    def __init__(self, now: float) -> None:
        self.due = now + MIN_INTERVAL
        self.interval = MIN_INTERVAL
        self._times: dict[int, int] = {}  # extended number -> tick
        self._next = -1  # behind the last number that was told
        self._highest = -1
        self._number = 0

    def add(self, seq: int, now: float) -> None:
        """A packet with this transport-wide number arrived (the hot path)."""
        highest = self._highest
        if highest < 0:
            number = 0x10000 + seq
            self._next = number
        else:
            number = highest + ((seq - highest + 0x8000) & 0xFFFF) - 0x8000
            if number > highest + MAX_AHEAD:
                self._restart(number)
        if number > highest:
            self._highest = number
        elif number < highest - MAX_LATE or number in self._times:
            return
        self._times[number] = int(now * TICKS_PER_S)
        if number < self._next:
            self._next = number  # late: tell it, and what came after it, once more

    def _restart(self, number: int) -> None:
        self._times.clear()
        self._next = number

    def adapt(self, bitrate_bps: float) -> None:
        """Choose the interval so that feedback stays a small share of what arrives."""
        self.interval = min(MAX_INTERVAL, max(MIN_INTERVAL, TYPICAL / max(1.0, SHARE * bitrate_bps)))

    def _forget(self, oldest: int) -> None:
        """Packets that arrived before tick ``oldest``: they stand first, for they are kept in order of arrival."""
        times = self._times
        gone = []
        for number, time in times.items():
            if time >= oldest:
                break
            gone.append(number)
        for number in gone:
            del times[number]

    def build(self, buffer: bytearray, at: int, sender: int, ssrc: int, now: float) -> int:
        """Write the next feedback; its length, or 0 when there is nothing (more) to tell. Call until it is 0."""
        times = self._times
        first = self._next
        while first <= self._highest and first not in times:
            first += 1
        if first > self._highest:
            self._next = self._highest + 1
            self.due = now + self.interval
            self._forget(int((now - KEPT) * TICKS_PER_S))
            return 0
        first = max(self._next, first - MAX_GAP)
        arrivals = [times.get(number) for number in range(first, min(self._highest + 1, first + twcc.MAX_WRITTEN))]
        size, covered = twcc.write(buffer, at, sender, ssrc, self._number, first, arrivals)
        self._number = (self._number + 1) & 0xFF
        self._next = first + covered
        return size


Arrivals = PlainArrivals if compiled is None else compiled.Arrivals

__all__ = ["Arrivals", "PlainArrivals"]
