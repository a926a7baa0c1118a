"""How fast the narrowest hop of a line passes packets on: from packets that left at one moment, by how far apart they
arrived (packet trains). Tells how much may leave at once without standing in that hop's queue for longer than a
quantum.

Only for lines that are known to carry much more than they are sent; the rate of what is sent is the estimator's affair.
Radio lines deliver in bursts and look faster than they are, so the slowest of the last trains counts, and a train that
lost something halves what may leave at once. A train that arrives as one says only that the line is at least so fast;
the next one may be longer then.
"""

from __future__ import annotations

from collections.abc import Iterable

from media.sentlog import LEAST_OCTETS

RESOLUTION = 0.0005  # s: arrivals are told in steps of 0.25 ms
QUANTUM = 0.005  # s that what leaves at once may take at the narrowest hop
MOST = 150_000  # bytes: a key frame of 1080p
REMEMBERED = 5  # trains
DOUBTED = 10.0  # s for which a loss counts
BELIEVED = 30.0  # s for which a train that arrived as one counts: key frames come rarely


class Trains:
    """The trains of one leg. ``at_once``: bytes that may leave at one moment; 0: nothing is known."""

    __slots__ = ("_bound", "_bound_until", "_doubted_until", "_limit", "_speeds", "at_once")

    def __init__(self) -> None:
        self.at_once = 0
        self._speeds: list[float] = []  # bytes/s, of the last ones; 0: too fast to tell. A deque holds 700 bytes more
        self._bound = 0.0  # bytes/s: the line is at least that fast, by trains that arrived as one ...
        self._bound_until = -1e9  # ... and so long that is believed
        self._limit = float(MOST)
        self._doubted_until = -1e9

    def take(self, trains: Iterable[tuple[int, float]], lost: int, now: float) -> None:
        """What feedback says: the trains in it (``media.sentlog.Digest``), and how many packets did not come."""
        if lost > 0:
            self._limit = max(LEAST_OCTETS, min(self._limit, self.at_once or MOST) / 2)
            self._doubted_until = now + DOUBTED
        elif now >= self._doubted_until:
            self._limit = float(MOST)
        for octets, took in trains:
            self._add(octets, took, now)
        del self._speeds[:-REMEMBERED]
        if len(self._speeds) == REMEMBERED:
            told = [speed for speed in self._speeds if speed]
            speed = min(told) if len(told) > REMEMBERED // 2 else self._bound
            self.at_once = int(min(speed * QUANTUM, self._limit))

    def _add(self, octets: int, took: float, now: float) -> None:
        """A train of ``octets`` behind its first packet, which took ``took`` seconds to arrive."""
        if took > RESOLUTION:
            self._speeds.append(octets / took)
            return
        self._speeds.append(0.0)
        if octets / RESOLUTION > self._bound or now >= self._bound_until:
            self._bound = octets / RESOLUTION
            self._bound_until = now + BELIEVED


__all__ = ["MOST", "Trains"]
