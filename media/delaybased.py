"""Whether a queue grows on the way to a receiver, from send and arrival times (Google congestion control).

draft-ietf-rmcat-gcc-02, 4 and 5, with the trendline filter that took the Kalman filter's place: packets sent within
5 ms are one group; the differences of the groups' delays are summed, smoothed and put on a line; a slope beyond an
adaptive threshold for long enough is overuse.

Two things are ours. Overuse counts only while every packet of the last moments was late: a stalled process delays
some packets and lets all catch up, a full line delays each one. And a queue that merely stands, but is long, is
overuse too: a deep buffer must not be kept full.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

Acked = tuple[float, float, int]
"""(time sent, time arrived by the receiver's clock, bytes), in the order in which they were sent."""

BURST = 0.005  # s: sent within it is one group
MAX_BURST = 0.1  # s: packets that arrive all at once are one group so long
SMOOTHING = 0.9
WINDOW = 20  # groups
REBASE = 20.0  # s after which times are counted anew
GAIN = 4.0
MAX_DELTAS = 60
UP, DOWN = 8.7, 39.0  # adaption of the threshold, per s
LOW_THRESHOLD, HIGH_THRESHOLD = 0.006, 0.6  # s
FIRST_THRESHOLD = 0.0125
MAX_STEP = 0.015  # s: a slope so far beyond the threshold is no reason to adapt it
OVERUSE_TIME = 0.010  # s
BASE_WINDOW = 12.0  # s after which a longer way counts as the new normal
RECENT = 0.12  # s over which the least delay counts as the queue
QUEUE_LOW = 0.008  # s: no queue
QUEUE_SEEN = 0.03  # s: a queue, without looking at its slope
QUEUE_LONG = 0.2  # s: a queue that must go even if it does not grow
AWAKE = 5.0  # s of looking closely after a queue was seen
CLOCK_JUMP = 3.0  # s: no queue changes so fast: one of the clocks was set


class Usage(Enum):
    """What the line shows."""

    NORMAL = "normal"
    OVER = "over"
    UNDER = "under"


class Trend:
    """The slope of the summed delay differences, and the threshold it is held against. Times in seconds."""

    __slots__ = ("_adapted_at", "_count", "_first", "_over_count", "_over_time", "_points", "_slope", "_smoothed",
                 "_sum", "_sums", "threshold", "usage")  # fmt: skip

    def __init__(self) -> None:
        self.threshold = FIRST_THRESHOLD
        self.usage = Usage.NORMAL
        self._points: list[tuple[float, float]] = []
        self._first = 0.0
        self._sums = [0.0, 0.0, 0.0, 0.0]  # of x, y, x * x, x * y over the points
        self._sum = 0.0
        self._smoothed = 0.0
        self._count = 0
        self._slope = 0.0
        self._over_time = -1.0
        self._over_count = 0
        self._adapted_at = 0.0

    def add(self, send_delta: float, delay_delta: float, arrival: float) -> None:
        """A group arrived ``delay_delta`` later, against the one before it, than it was sent."""
        if not self._count:
            self._first = self._adapted_at = arrival
        self._count += 1
        self._sum += delay_delta
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._sum
        self._detect(self._fit(arrival - self._first, self._smoothed), send_delta, arrival)

    def _fit(self, x: float, y: float) -> float:
        """The slope by least squares over the window, after one more point; the sums are carried along."""
        if x > REBASE:
            self._rebase(x)
            x = 0.0
        points, sums = self._points, self._sums
        points.append((x, y))
        sums[0] += x
        sums[1] += y
        sums[2] += x * x
        sums[3] += x * y
        if len(points) <= WINDOW:
            if len(points) < WINDOW:
                return self._slope
        else:
            x, y = points.pop(0)
            sums[0] -= x
            sums[1] -= y
            sums[2] -= x * x
            sums[3] -= x * y
        lower = WINDOW * sums[2] - sums[0] * sums[0]
        return (WINDOW * sums[3] - sums[0] * sums[1]) / lower if lower > 1e-9 else self._slope

    def _rebase(self, by: float) -> None:
        """Count from a later time, so that the sums stay small and exact."""
        self._first += by
        self._points = [(x - by, y) for x, y in self._points]
        self._sums = [
            sum(x for x, _ in self._points),
            sum(y for _, y in self._points),
            sum(x * x for x, _ in self._points),
            sum(x * y for x, y in self._points),
        ]

    def _detect(self, slope: float, send_delta: float, arrival: float) -> None:
        if self._count < 2:
            return
        value = (self._count if self._count < MAX_DELTAS else MAX_DELTAS) * slope * GAIN / 1000
        threshold = self.threshold
        if value > threshold:
            self._over_time = send_delta / 2 if self._over_time < 0 else self._over_time + send_delta
            self._over_count += 1
            if self._over_time > OVERUSE_TIME and self._over_count > 1 and slope >= self._slope:
                self._over_time, self._over_count = 0.0, 0
                self.usage = Usage.OVER
        else:
            self._over_time, self._over_count = -1.0, 0
            self.usage = Usage.UNDER if value < -threshold else Usage.NORMAL
        self._slope = slope
        if value < 0:
            value = -value
        away = value - threshold
        elapsed = arrival - self._adapted_at
        self._adapted_at = arrival
        if away <= MAX_STEP and elapsed > 0:
            threshold += (DOWN if away < 0 else UP) * away * (elapsed if elapsed < 0.1 else 0.1)
            self.threshold = LOW_THRESHOLD if threshold < LOW_THRESHOLD else min(threshold, HIGH_THRESHOLD)


class DelayBased:
    """The detector of one leg. ``queue``: queueing delay in seconds, as the least of the last moments shows it."""

    __slots__ = ("_arrived", "_base", "_base_next", "_base_since", "_began", "_first_arrival", "_last_group",
                 "_recent", "_sent", "_trend", "awake_until", "grew", "queue")  # fmt: skip

    def __init__(self) -> None:
        self.queue = 0.0
        self.grew = False
        self.awake_until = -1e18
        self.reset()

    def reset(self) -> None:
        """The way or a clock has changed: delays before and after do not compare."""
        self._trend = Trend()
        self._began = -1.0  # send time of the group's first packet; -1: none yet
        self._sent = 0.0  # of its last packet
        self._arrived = 0.0
        self._first_arrival = 0.0
        self._last_group: tuple[float, float] | None = None  # (sent, arrived) of the group before
        self._base = self._base_next = 1e18
        self._base_since = -1e18
        self._recent: list[tuple[float, float]] = []  # (time, least delay) of the last feedbacks
        self.queue = 0.0

    def update(self, acked: Iterable[Acked], now: float) -> Usage:
        """Take what one feedback says has arrived."""
        least = 1e18
        over = False
        for sent, arrived, _ in acked:
            delay = arrived - sent
            if delay < least:
                least = delay
            if self._began < 0:
                self._begin(sent, arrived)
                continue
            if sent < self._began:
                continue  # told late: its group is over
            if sent - self._began <= BURST or self._belongs(sent, arrived):
                if sent > self._sent:
                    self._sent = sent
                if arrived > self._arrived:
                    self._arrived = arrived
                continue
            if self._last_group is not None:
                before, before_arrived = self._last_group
                send_delta = self._sent - before
                delta = self._arrived - before_arrived - send_delta
                if not -CLOCK_JUMP < delta < CLOCK_JUMP:
                    self.reset()
                    self._begin(sent, arrived)
                    least = delay
                    continue
                self._trend.add(send_delta, delta, self._arrived)
                over = over or self._trend.usage is Usage.OVER
            self._last_group = (self._sent, self._arrived)
            self._begin(sent, arrived)
        if least > 1e17:
            return Usage.NORMAL
        self._measure_queue(least, now)
        if self.queue > QUEUE_LONG and self.grew:
            return Usage.OVER
        if over:
            return Usage.OVER if self.queue > QUEUE_LOW else Usage.NORMAL
        return self._trend.usage if self._trend.usage is Usage.UNDER else Usage.NORMAL

    @property
    def calm(self) -> tuple[float, float]:
        """From which to which time on the way (by two clocks) a packet shows that there is no queue."""
        return self._base, self._base + QUEUE_LOW

    def glance(self, least: float, now: float) -> Usage:
        """The same for a line that is known to carry much more than it is sent, for a third of the cost: only whether
        there is a queue. ``least``: seconds that any packet was on its way, at the least, by two clocks. Once there is
        one, ``update`` has to look until ``awake_until``."""
        self._measure_queue(least, now)
        if self.queue <= QUEUE_LOW:
            return Usage.NORMAL
        self.awake_until = now + AWAKE
        return Usage.OVER if self.queue > QUEUE_SEEN and self.grew else Usage.NORMAL

    def _begin(self, sent: float, arrived: float) -> None:
        self._began = self._sent = sent
        self._first_arrival = self._arrived = arrived

    def _belongs(self, sent: float, arrived: float) -> bool:
        """Whether a packet came out of the same jam as the group: closely behind it, though sent later."""
        gap = arrived - self._arrived
        return gap - (sent - self._sent) < 0 and gap <= BURST and arrived - self._first_arrival < MAX_BURST

    def _measure_queue(self, least: float, now: float) -> None:
        if now - self._base_since > BASE_WINDOW / 2:
            self._base, self._base_next = min(self._base_next, least), 1e18
            self._base_since = now
        self._base = min(self._base, least)
        self._base_next = min(self._base_next, least)
        recent = self._recent
        recent.append((now, least))
        while recent[0][0] < now - RECENT and len(recent) > 2:
            recent.pop(0)
        before = self.queue
        self.queue = max(0.0, min(delay for _, delay in recent) - self._base)
        self.grew = self.queue >= before - 0.005


__all__ = ["Acked", "DelayBased", "Trend", "Usage"]
