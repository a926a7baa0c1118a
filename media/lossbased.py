"""What losses say of the rate (draft-ietf-rmcat-gcc-02, 6): below 2 % it may grow, above 10 % it falls.

A radio line loses packets however little is sent. So when a cut has not lowered the loss, the loss is taken for the
line's own, the rate returns to where it was, and only what is lost beyond that counts from then on.
"""

from __future__ import annotations

LOW, HIGH = 0.02, 0.10
GROWTH = 0.08  # per s
WINDOW = 1.0  # s
LEAST_PACKETS = 20
PAUSE = 0.3  # s besides the round trip between two cuts
JUDGED_AFTER = 1.2  # s after a series of cuts: did they help?
HELPED = 0.7  # a loss below this share of the one before has been helped
CUTS = 3  # in a row before judging
MOST_OWN = 0.4
OWN_KEPT = 20.0  # s after which a line's own loss is found anew


class LossBased:
    """The rate that the losses allow; infinite while they allow anything. ``loss``: share lost in the last second."""

    __slots__ = ("_arrived", "_before", "_counts", "_cut_at", "_cuts", "_lost", "_own_until", "_updated_at", "loss",
                 "own", "rate_bps")  # fmt: skip

    def __init__(self) -> None:
        self.loss = 0.0
        self.own = 0.0  # the line's own loss, whatever is sent
        self.rate_bps = float("inf")
        self._counts: list[tuple[float, int, int]] = []  # (time, arrived, lost) per feedback
        self._arrived = self._lost = 0  # their sums
        self._before = (0.0, 0.0)  # (rate, loss) before the first of a series of cuts
        self._cuts = 0
        self._cut_at = -1e9
        self._own_until = -1e9
        self._updated_at = -1.0

    def update(self, arrived: int, lost: int, rate_bps: float, rtt: float, now: float, is_used: bool = True) -> bool:
        """One feedback, with the rate that is allowed now; whether it was cut.

        ``lost`` may be negative: packets given up before that came late. ``is_used``: that rate is about what is
        sent, or there is a queue. Otherwise what gets lost is the line's own: a lower limit would not change it.
        """
        elapsed = min(0.5, now - self._updated_at) if self._updated_at >= 0 else 0.0
        self._updated_at = now
        self._measure(arrived, lost, now)
        if now > self._own_until:
            self.own = 0.0
        excess = max(0.0, (self.loss - self.own) / (1 - self.own))
        if excess > HIGH and not is_used:
            self._take_for_own(now)
            return False
        if excess > HIGH:
            return self._cut(excess, rate_bps, rtt, now)
        if excess < LOW:
            self.rate_bps = self.rate_bps * (1 + GROWTH * elapsed) + 1000 * elapsed
            if now - self._cut_at > JUDGED_AFTER:
                self._cuts = 0
        return False

    def restart(self) -> None:
        """Count anew: what was lost so far has been answered for."""
        self._counts.clear()
        self._arrived = self._lost = 0

    def forget(self) -> None:
        """What was lost so far says nothing about the rate: the line was dead."""
        self.restart()
        self.loss = 0.0
        self._cuts = 0

    def _measure(self, arrived: int, lost: int, now: float) -> None:
        counts = self._counts
        counts.append((now, arrived, lost))
        self._arrived += arrived
        self._lost += lost
        while counts[0][0] < now - WINDOW and len(counts) > 1:
            _, arrived, lost = counts.pop(0)
            self._arrived -= arrived
            self._lost -= lost
        total = self._arrived + self._lost
        self.loss = max(0.0, self._lost / total) if total >= LEAST_PACKETS else 0.0

    def _take_for_own(self, now: float) -> None:
        self.own = min(self.loss, MOST_OWN)
        self._own_until = now + OWN_KEPT

    def _cut(self, excess: float, rate_bps: float, rtt: float, now: float) -> bool:
        if now - self._cut_at < PAUSE + rtt:
            return False
        if self._cuts >= CUTS:
            if now - self._cut_at < JUDGED_AFTER + rtt:
                return False  # what was cut shows only when the window holds nothing older
            if self.loss > HELPED * self._before[1]:
                self._take_for_own(now)
                self.rate_bps = self._before[0]
                self._cuts = 0
                return False
            self._cuts = 0
        if not self._cuts:
            self._before = (min(rate_bps, self.rate_bps), self.loss)
        self._cuts += 1
        self._cut_at = now
        self.rate_bps = min(rate_bps, self.rate_bps) * (1 - 0.5 * excess)
        return True


__all__ = ["LossBased"]
