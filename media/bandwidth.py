"""How much a publisher's line carries, estimated where it arrives, to be told by REMB.

The measure is queueing delay: arrival time minus the sender's abs-send-time, above the least value of the last
seconds, taken as the minimum over the last 150 ms. A stall of either process delays some packets and then lets all
catch up, which the minimum does not see; a full line delays every packet. While no queue grows, the estimate rises
fast as long as the sender follows it (a Chromium sender takes a rising REMB at once only in its first seconds); when
a queue grows, it falls below the rate that really arrived, the more the longer the queue. Times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque

from media.lossbased import LossBased

WRAP = 1 << 24
UNIT = 1 / 262144  # s per unit of abs-send-time (6.18 fixed point)

MIN_WINDOW = 0.15  # s over which the least delay counts
BASE_WINDOW = 10.0  # s after which a longer way counts as the new normal
QUEUE_LOW = 0.015  # s: no queue
QUEUE_HIGH = 0.030  # s: a queue, if it grows
QUEUE_LONG = 0.200  # s: a queue that must go even if it stands still
RATE_WINDOW = 0.5  # s
START_STEP, START_PAUSE = 1.25, 0.2  # the fast rise: factor, and s between two
FOLLOWED = 0.75  # share of the estimate that must arrive before the next fast step
BACK_GROWTH = 0.20  # per s, the rise back towards a rate that was carried before
GROWTH = 0.08
NEAR_GROWTH = 0.03  # per s, close to where a queue grew before
DECREASE_PAUSE = 0.3  # s between two decreases: the first must have had its effect
LEAST_STEP = 0.6  # of the estimate: no single decrease goes deeper ...
LIMIT_KEPT = 0.7  # ... nor forgets more of what the line carried before
FORGET = 15.0  # s after which a limit found before is tried again with the fast rise
LOSS_HOLD = 0.05  # beyond the line's own: then the estimate stands
SERIES = 5.0  # s after which a cut for losses begins a new series
MARGIN, MOST_OWN = 1.5, 0.4  # of the loss found to be the line's own: a second of packets tells it only roughly
RTT = 0.2  # s, about: until a cut shows
REPEAT = 1.0  # s: REMB is repeated at least so often
JUMP = 5.0  # s by which no queue changes between two packets: the sender's clock was set anew
RESET_GAP = 2.0  # s without packets after which delays before and after do not compare


class BandwidthEstimator:
    """The estimate for one publish leg. ``ceiling_bps`` may be changed at any time."""

    __slots__ = (
        "_before_losses", "_losses",
        "_base", "_base_next", "_base_since", "_bytes", "_counts", "_decreased_at", "_delays", "_fast", "_last_send",
        "_limit", "_loss_at", "_low_since", "_new", "_previous_queue", "_rates", "_sent_bps", "_sent_at", "_stepped_at",
        "_updated_at", "bitrate_bps", "ceiling_bps", "min_bps", "queue", "loss",
    )  # fmt: skip

    def __init__(self, start_bps: int, min_bps: int) -> None:
        self.bitrate_bps = float(start_bps)
        self.min_bps = min_bps
        self.ceiling_bps = start_bps
        self.queue = 0.0  # s, queueing delay
        self.loss = 0.0  # share of packets lost lately
        self._delays: deque[tuple[float, float]] = deque()  # (arrival, delay), only rising delays: a minimum queue
        self._last_send = -1
        self._base = 1e9
        self._base_next = 1e9
        self._base_since = 0.0
        self._bytes = 0
        self._rates: deque[tuple[float, int]] = deque()  # (time, bytes) per update
        self._counts: deque[tuple[float, int, int]] = deque()
        self._previous_queue = 0.0
        self._fast = True
        self._limit = 0.0  # rate at which a queue grew last
        self._decreased_at = -1e9
        self._stepped_at = -1e9
        self._low_since = -1e9
        self._loss_at = -1e9
        self._losses = LossBased()
        self._before_losses = 0.0  # the estimate before the first of a series of cuts for losses
        self._new = (0, 0)  # packets expected and lost since the last update
        self._updated_at = -1.0
        self._sent_bps = 0.0
        self._sent_at = -1e9

    def add(self, send_time: int, size: int, now: float) -> None:
        """A packet arrived (the hot path). ``send_time``: abs-send-time, 24 bits."""
        self._bytes += size
        last = self._last_send
        if last < 0:
            unwrapped = send_time
        else:
            unwrapped = last + ((send_time - last + 0x800000) & 0xFFFFFF) - 0x800000
        if unwrapped > last:
            self._last_send = unwrapped
        delay = now - unwrapped * UNIT
        delays = self._delays
        if delays and not -JUMP < delay - delays[-1][1] < JUMP:
            self._restart()
            self._last_send = send_time
            delay = now - send_time * UNIT
        while delays and delays[-1][1] >= delay:
            delays.pop()
        delays.append((now, delay))

    def add_size(self, size: int) -> None:
        """A packet without a send time arrived: only the rate counts."""
        self._bytes += size

    def count(self, expected: int, received: int, now: float) -> None:
        """Packets expected and received on the leg so far, for the loss."""
        counts = self._counts
        if counts:
            more = expected - counts[-1][1]
            self._new = self._new[0] + more, self._new[1] + more - (received - counts[-1][2])
        counts.append((now, expected, received))
        while counts[0][0] < now - 1.0 and len(counts) > 2:
            counts.popleft()
        new = expected - counts[0][1]
        lost = new - (received - counts[0][2])
        self.loss = max(0.0, lost / new) if new >= 20 else 0.0

    def rate(self, now: float, window: float = RATE_WINDOW) -> float:
        """Rate that arrived over the last ``window`` seconds, in bit/s."""
        total = 0
        since = now - 0.1  # an entry covers the time since the one before it, 100 ms as a rule
        for time, size in reversed(self._rates):
            if time <= now - window - 0.001:
                since = time
                break
            total += size
            since = time - 0.1
        return total * 8 / (now - since) if total else 0.0

    def update(self, now: float) -> int:
        """Every 100 ms: the bitrate to announce now, or 0 when there is nothing new to say."""
        elapsed = min(0.5, now - self._updated_at) if self._updated_at >= 0 else 0.1
        self._updated_at = now
        self._rates.append((now, self._bytes))
        if not self._bytes and len(self._rates) > 15 and not any(size for _, size in self._rates):
            self._restart()
        self._bytes = 0
        while self._rates[0][0] < now - RESET_GAP:
            self._rates.popleft()
        self._measure_queue(now)
        self._adjust(now, elapsed)
        self.bitrate_bps = max(float(self.min_bps), min(self.bitrate_bps, float(self.ceiling_bps)))
        return self._announce(now)

    def _restart(self) -> None:
        """Long silence: the sender's clock or way may have changed, so delays start anew."""
        self._delays.clear()
        self._last_send = -1
        self._base = self._base_next = 1e9

    def _measure_queue(self, now: float) -> None:
        delays = self._delays
        while delays and delays[0][0] < now - MIN_WINDOW:
            if len(delays) == 1:
                break
            delays.popleft()
        self._previous_queue = self.queue
        if not delays:
            self.queue = 0.0
            return
        delay = delays[0][1]
        if now - self._base_since > BASE_WINDOW / 2:
            self._base, self._base_next = self._base_next, 1e9
            self._base_since = now
        self._base = min(self._base, delay)
        self._base_next = min(self._base_next, delay)
        self.queue = delay - self._base
        if self.queue >= QUEUE_LOW:
            self._low_since = now

    def _adjust(self, now: float, elapsed: float) -> None:
        # While a queue grows the line is full, so what arrived in a short while is what it carries.
        rate = max(self.rate(now), self.rate(now, 0.2))
        growing = self.queue > self._previous_queue + 0.002
        excess = self._judge_losses(rate, now)
        if self.queue > QUEUE_LONG or (self.queue > QUEUE_HIGH and growing):
            if now - self._decreased_at >= DECREASE_PAUSE and rate > 0:
                # An empty queue again in about half a second, without starving the picture.
                self._decrease(rate, max(0.5, 0.9 - 1.2 * self.queue), now)
            return
        if self.queue >= QUEUE_LOW or excess > LOSS_HOLD:
            return
        if self._limit and now - self._decreased_at > FORGET:
            self._limit = 0.0
            self._fast = True
        if self._fast:
            if now - self._stepped_at >= START_PAUSE and self.rate(now, 0.25) >= FOLLOWED * self.bitrate_bps:
                self._stepped_at = now
                self.bitrate_bps *= START_STEP
        elif now - self._low_since > DECREASE_PAUSE and self.rate(now, 1.0) > 0.6 * self.bitrate_bps:
            share = self.bitrate_bps / self._limit if self._limit else 1.0
            growth = BACK_GROWTH if share < 0.75 else GROWTH if share < 0.9 else NEAR_GROWTH
            self.bitrate_bps *= 1 + growth * elapsed

    def _judge_losses(self, rate: float, now: float) -> float:
        """Cut for losses, unless cuts do not help: then they are the line's own (``lossbased``) and the estimate
        returns to where it was. The share lost beyond that."""
        losses = self._losses
        (expected, lost), self._new = self._new, (0, 0)
        known = losses.own
        cut = losses.update(expected - lost, lost, self.bitrate_bps, RTT, now)
        excess = max(0.0, (losses.loss - losses.own) / (1 - losses.own))
        if cut and rate > 0:
            if now - self._loss_at > SERIES:
                self._before_losses = self.bitrate_bps
            self._loss_at = now
            sent = rate / (1 - min(losses.loss, 0.9))
            self._decrease(min(sent, self.bitrate_bps), 1 - 0.5 * excess, now)
        elif losses.own and not known:
            losses.own = min(MOST_OWN, losses.own * MARGIN)
            self.bitrate_bps = max(self.bitrate_bps, self._before_losses)
            self._limit, self._fast = 0.0, True
        return excess

    def _decrease(self, rate: float, factor: float, now: float) -> None:
        self._decreased_at = now
        self._fast = False
        # A stall of the line looks like a low rate once; only a line that stays full gets there step by step.
        self._limit = max(rate, LIMIT_KEPT * self._limit)
        self.bitrate_bps = min(self.bitrate_bps, max(rate * factor, LEAST_STEP * self.bitrate_bps))

    def _announce(self, now: float) -> int:
        change = self.bitrate_bps / self._sent_bps if self._sent_bps else 2.0
        if change < 0.97 or change > 1.1 or now - self._sent_at >= REPEAT:
            self._sent_bps = self.bitrate_bps
            self._sent_at = now
            return int(self.bitrate_bps)
        return 0


__all__ = ["BandwidthEstimator"]
