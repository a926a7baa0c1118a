"""How fast to send by what the delay shows: additive increase, multiplicative decrease (draft-ietf-rmcat-gcc-02, 5.5).

Far from what the line last carried the rate grows by 8 % per second, near it by about a packet per response time; a
queue that grows takes it below the rate that was acknowledged, the further the longer the queue is.
"""

from __future__ import annotations

from media.delaybased import Usage

GROWTH = 0.08  # per s
BETA = 0.85  # of the acknowledged rate, at the first sign of a queue
DEEPEST = 0.4  # of the acknowledged rate, with a queue of almost half a second or more
LEAST_STEP = 0.5  # of what went through lately: no single decrease goes deeper, a stall looks like a dead line, once
DECREASE_PAUSE = 0.25  # s besides the round trip between two decreases: the first must have had its effect
PACKET = 1200 * 8  # bits
FOLLOWED = 0.7  # share of the rate that must arrive before it may grow: an idle line proves nothing
EMPTY, PROVEN = 0.005, 0.9  # s: with a queue below it, that share of what arrived is known to pass
HEADROOM = 1.5  # how far the rate may stand above what is acknowledged

RATE_WINDOW, SHORT_WINDOW = 0.5, 0.2  # s


class AcknowledgedRate:
    """What arrived, in bit/s, by the receiver's clock."""

    __slots__ = ("_arrivals", "_total")

    def __init__(self) -> None:
        self._arrivals: list[tuple[float, int]] = []  # (last arrival, bytes) per feedback, the first one without
        self._total = 0  # of all but the first: what came before it has no beginning

    def add(self, arrived: float, size: int) -> None:
        """``size`` bytes arrived, the last of them at ``arrived``."""
        arrivals = self._arrivals
        if arrivals and not -0.5 < arrived - arrivals[-1][0] < 2.0:
            arrivals.clear()
        if not arrivals:
            self._total = -size
        arrivals.append((arrived, size))
        self._total += size
        while len(arrivals) > 2 and arrivals[1][0] <= arrived - RATE_WINDOW:
            arrivals.pop(0)
            self._total -= arrivals[0][1]

    def over(self) -> float:
        """The mean over the last RATE_WINDOW seconds that had arrivals; 0 while too little is known."""
        arrivals = self._arrivals
        if len(arrivals) < 2:
            return 0.0
        span = arrivals[-1][0] - arrivals[0][0]
        return self._total * 8 / span if span >= 0.05 else 0.0

    def now(self) -> float:
        """What a full line carries: the better of a longer and a shorter look, for pictures come in bursts."""
        total, since, last = 0, 0.0, self._arrivals[-1][0] if self._arrivals else 0.0
        for arrived, size in reversed(self._arrivals):
            since = arrived
            if arrived <= last - SHORT_WINDOW:
                break
            total += size
        else:
            return self.over()
        return max(self.over(), total * 8 / (last - since))


class LinkCapacity:
    """Where a queue grew lately: mean and deviation of the acknowledged rate at each decrease."""

    __slots__ = ("_deviation", "estimate")

    def __init__(self) -> None:
        self.estimate = 0.0
        self._deviation = 0.4

    def note(self, rate: float) -> None:
        """A queue grew at this acknowledged rate (bit/s)."""
        kbps = rate / 1000
        before = self.estimate / 1000
        self.estimate = 1000 * (kbps if not before else 0.95 * before + 0.05 * kbps)
        norm = max(self.estimate / 1000, 1.0)
        self._deviation = 0.95 * self._deviation + 0.05 * (self.estimate / 1000 - kbps) ** 2 / norm
        self._deviation = min(2.5, max(0.4, self._deviation))

    def bounds(self) -> tuple[float, float]:
        """Three deviations around the estimate; (0, 0) when nothing is known."""
        spread = 3000 * (self._deviation * self.estimate / 1000) ** 0.5
        return self.estimate - spread, self.estimate + spread

    def forget(self) -> None:
        """The line has changed."""
        self.estimate = 0.0
        self._deviation = 0.4


class RateControl:
    """The rate that the delay allows. ``rate_bps`` may be set from outside (a probe's result)."""

    __slots__ = ("_carried", "_decreased_at", "_updated_at", "capacity", "rate_bps")

    def __init__(self, start_bps: float) -> None:
        self.rate_bps = start_bps
        self.capacity = LinkCapacity()
        self._carried = start_bps  # what went through before a queue grew
        self._decreased_at = -1e9
        self._updated_at = -1.0

    def update(self, usage: Usage, acked_bps: float, queue: float, rtt: float, now: float) -> bool:
        """One feedback was taken; whether the rate was lowered. ``acked_bps`` 0: not known yet."""
        elapsed = min(0.5, now - self._updated_at) if self._updated_at >= 0 else 0.0
        self._updated_at = now
        if usage is not Usage.OVER:
            self._carried += (acked_bps - self._carried) * min(1.0, elapsed / 0.5)
        else:
            return self._decrease(acked_bps, queue, rtt, now)
        if usage is Usage.NORMAL and acked_bps >= FOLLOWED * self.rate_bps:
            self._increase(acked_bps, rtt, elapsed)
            if queue < EMPTY:
                self.rate_bps = max(self.rate_bps, PROVEN * acked_bps)
        return False

    def _increase(self, acked_bps: float, rtt: float, elapsed: float) -> None:
        low, high = self.capacity.bounds()
        if self.capacity.estimate and acked_bps > high:
            self.capacity.forget()
        if self.capacity.estimate and self.rate_bps > low:
            grown = self.rate_bps + max(4000.0, PACKET / (0.1 + rtt)) * elapsed
        else:
            grown = self.rate_bps * (1 + GROWTH * elapsed) + 1000 * elapsed
        self.rate_bps = max(self.rate_bps, min(grown, HEADROOM * acked_bps + 10_000))

    def _decrease(self, acked_bps: float, queue: float, rtt: float, now: float) -> bool:
        if now - self._decreased_at < DECREASE_PAUSE + min(max(0.0, rtt - queue), 0.3):
            return False
        self._decreased_at = now
        if not acked_bps:
            self.rate_bps *= LEAST_STEP
            return True
        low, _ = self.capacity.bounds()
        if self.capacity.estimate and acked_bps < low:
            self.capacity.forget()
        self.capacity.note(acked_bps)
        factor = min(BETA, max(DEEPEST, 0.95 - 1.3 * queue))
        floor = min(self.rate_bps, self._carried) * LEAST_STEP
        self._carried = max(acked_bps, floor)
        self.rate_bps = min(self.rate_bps, max(acked_bps * factor, floor))
        return True


__all__ = ["AcknowledgedRate", "LinkCapacity", "RateControl"]
