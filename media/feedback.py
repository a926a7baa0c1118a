"""What is counted and asked of an incoming stream: reception statistics, its sender clock, key frame requests.

RFC 3550 6.4.1, A.3 and A.8 for the reports; key frame requests are merged per SSRC (engineering 2.2, item 5).
"""

from __future__ import annotations

from media.patience import Share


class ReceiveStats:
    """Reception statistics of one SSRC for receiver reports. ``highest`` and ``base`` are extended numbers."""

    __slots__ = (
        "base", "bytes", "clock_rate", "highest", "jitter", "last_at", "lost", "packets", "reported_at",
        "share", "_expected", "_received", "_transit",
    )  # fmt: skip

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.base = -1
        self.highest = -1
        self.packets = 0
        self.bytes = 0
        self.jitter = 0.0  # timestamp units
        self.last_at = 0.0
        self.lost = 0
        self.reported_at = -1.0
        self.share = Share()  # of packets lost on the way here, before anything was mended
        self._transit: float | None = None
        self._expected = 0
        self._received = 0

    def add(self, number: int, timestamp: int, size: int, now: float) -> None:
        """A packet arrived (the hot path)."""
        self.packets += 1
        self.bytes += size
        self.last_at = now
        if number > self.highest:
            if self.base < 0:
                self.base = number
            self.highest = number
            transit = now * self.clock_rate - timestamp
            if self._transit is not None:
                change = abs(transit - self._transit)
                if change < self.clock_rate:  # a wrapped or restarted timestamp says nothing about jitter
                    self.jitter += (change - self.jitter) * 0.0625
            self._transit = transit

    @property
    def extended_highest(self) -> int:
        """For a report block: the highest number and how often it wrapped since the first one (RFC 3550 6.4.1).
        ``highest`` itself may begin in any cycle."""
        return self.highest - (self.base & ~0xFFFF)

    def report(self, mended: int = 0) -> tuple[int, int]:
        """(fraction lost 0..255 since the last call, cumulative lost without what was ``mended`` so far).

        Chromium protects its sound by the fraction and lowers its rate by the cumulative count. Whether a line is too
        full is judged here, from all losses and from delays (``bandwidth``); what a radio line loses and resending
        mends is no reason to send less.
        """
        expected = self.highest - self.base + 1 if self.base >= 0 else 0
        new_expected = expected - self._expected
        new_lost = new_expected - (self.packets - self._received)
        self._expected = expected
        self._received = self.packets
        self.lost = expected - self.packets - mended
        if new_expected > 0:
            self.share.add(min(1.0, max(0.0, new_lost / new_expected)))
        if new_expected <= 0 or new_lost <= 0:
            return 0, self.lost
        return min(255, new_lost * 256 // new_expected), self.lost


class SenderClock:
    """The last sender report of an incoming SSRC: its NTP clock against its RTP clock, and when it arrived."""

    __slots__ = ("arrived", "clock_rate", "ntp", "rtp_time")

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.ntp = 0  # 32.32 fixed point; 0: no report yet
        self.rtp_time = 0
        self.arrived = 0.0

    def update(self, ntp: int, rtp_time: int, now: float) -> None:
        """A sender report arrived."""
        self.ntp = ntp
        self.rtp_time = rtp_time
        self.arrived = now

    def at(self, now: float) -> tuple[int, int]:
        """(NTP time, RTP time) of the sender about ``now``: one point further on the line the last report gave."""
        elapsed = max(0.0, now - self.arrived)
        return self.ntp + int(elapsed * 4294967296.0), (self.rtp_time + int(elapsed * self.clock_rate)) & 0xFFFFFFFF

    def rtp_at_ntp(self, ntp: int) -> int:
        """RTP time (32 bits) of an NTP time of the same sender."""
        return (self.rtp_time + (ntp - self.ntp) * self.clock_rate // 4294967296) & 0xFFFFFFFF

    def ntp_at_rtp(self, delta: int) -> int:
        """NTP time of an RTP time that is ``delta`` units after the report's."""
        return self.ntp + delta * 4294967296 // self.clock_rate


class KeyframeRequests:
    """Merges the key frame requests for one SSRC: at most one per ``INTERVAL``, one pending, until one arrives.

    An unanswered request is repeated with growing pauses: it may have been lost, or the sender may ignore it.
    """

    __slots__ = ("asked_at", "deadline", "interval", "keyed_at", "number")

    INTERVAL = 0.5  # s
    JOIN_INTERVAL = 1.0  # s, for who comes or changes its layer: thirty of them in a second cause one
    REPEAT = 1.0  # s, or sooner where the round trip is known; doubled up to
    MAX_REPEAT = 8.0
    SOONEST_REPEAT, ROUNDS = 0.3, 1.5  # s, besides so many round trips: the sender has to make one

    def __init__(self) -> None:
        self.asked_at = -1e9
        self.keyed_at = -1e9  # when the last key frame began to arrive
        self.deadline: float | None = None  # when to send the pending request
        self.interval = self.REPEAT
        self.number = 0  # of the last request sent (FIR)

    def want(self, now: float, fresh: bool = False, joins: bool = False) -> None:
        """Somebody needs a key frame.

        ``fresh``: it needs one from now on. Otherwise it reports loss, and a key frame that began to arrive a moment
        ago may already be the answer. ``joins``: it has just come, as others may in the same second.
        """
        due = max(now, self.asked_at + (self.JOIN_INTERVAL if joins else self.INTERVAL))
        if not fresh:
            due = max(due, self.keyed_at + self.INTERVAL)
        if self.deadline is None or due < self.deadline:
            self.deadline = due
            self.interval = self.REPEAT

    def send(self, now: float, rtt: float = 0.0) -> bool:
        """Whether to send a request now; then it stays pending until ``arrived``. ``rtt``: s, 0 unknown."""
        if self.deadline is None or now < self.deadline:
            return False
        self.asked_at = now
        self.number += 1
        if rtt and self.interval == self.REPEAT:
            self.interval = min(self.REPEAT, self.SOONEST_REPEAT + self.ROUNDS * rtt)
        self.deadline = now + self.interval
        self.interval = min(self.MAX_REPEAT, self.interval * 2)
        return True

    def arrived(self, now: float) -> None:
        """A key frame begins: nothing is pending any more."""
        self.keyed_at = now
        self.deadline = None

    def cancel(self) -> None:
        """Nobody needs one any more."""
        self.deadline = None


__all__ = ["KeyframeRequests", "ReceiveStats", "SenderClock"]
