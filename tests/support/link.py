"""A line in virtual time: seeded loss, bursts of it, delay, jitter, reordering, duplication, and a bottleneck with a
drop-tail queue."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

OVERHEAD = 42  # bytes per datagram that the line carries besides RTP: IP, UDP, SRTP tag


@dataclass
class Link:
    """``send`` puts a datagram on the line, ``arrived`` takes off what has come through by ``now``.

    Rates in bit/s (0: unlimited), times in seconds, probabilities 0..1. Jitter reorders unless ``ordered``. Bursts
    after Gilbert and Elliott: ``(p, r, loss)`` turns bad with p per datagram, good again with r, and loses in between.
    """

    seed: int = 1
    delay: float = 0.02
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    rate_bps: float = 0.0
    queue_s: float = 0.5  # longest queue before datagrams are dropped
    ordered: bool = False
    bursts: tuple[float, float, float] | None = None
    dropped: int = 0
    _free_at: float = 0.0
    _last_arrival: float = 0.0
    _is_bad: bool = False
    _count: int = 0
    _heap: list[tuple[float, int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def send(self, data: bytes, now: float) -> None:
        if self._random.random() < self.loss or (self.bursts is not None and self._burst_takes(*self.bursts)):
            self.dropped += 1
            return
        through = now
        if self.rate_bps:
            begin = max(now, self._free_at)
            if begin - now > self.queue_s:
                self.dropped += 1
                return
            through = self._free_at = begin + (len(data) + OVERHEAD) * 8 / self.rate_bps
        copies = 2 if self._random.random() < self.duplicate else 1
        for _ in range(copies):
            self._count += 1
            arrival = through + self.delay + self._random.random() * self.jitter
            if self.ordered:
                arrival = self._last_arrival = max(arrival, self._last_arrival)
            heapq.heappush(self._heap, (arrival, self._count, data))

    def _burst_takes(self, turns_bad: float, turns_good: float, loss: float) -> bool:
        if self._random.random() < (turns_good if self._is_bad else turns_bad):
            self._is_bad = not self._is_bad
        return self._is_bad and self._random.random() < loss

    def queueing(self, now: float) -> float:
        """Seconds that a datagram sent now would wait at the bottleneck."""
        return max(0.0, self._free_at - now)

    def next_arrival(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def waiting(self) -> int:
        """Datagrams that are on the line."""
        return len(self._heap)

    def arrived(self, now: float) -> list[tuple[float, bytes]]:
        """(arrival time, datagram) of everything that is through, in order of arrival."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            time, _, data = heapq.heappop(self._heap)
            found.append((time, data))
        return found
