"""From RTP times to the session's clock, for replay: which instant a packet's content belongs to. Pure.

A *stretch* is a run of packets of one SSRC whose RTP times keep pace with their arrival. A sender whose RTP time stands
still while time passes, or leaps (a phone call, a new device: Janus 2292, 2573), starts a new stretch, anchored by
arrival.

Within a stretch the RTP time becomes sender time: by the sender reports where there are any, so that sound and picture
of one sender share one clock; else by the clock rate alone. Sender time becomes UTC by the shortest delay seen in
each 10 s of arrival, smoothed: this follows a sender whose clock runs fast or slow, and forgets jitter.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from media.seq import time_delta
from media.sessiontime import SessionTime

ROGUE_US = 1_000_000
"""RTP and arrival may drift so far apart before the stretch ends."""
ROGUE_FOR_US = 2_000_000
"""... and, when packets are merely late, must stay apart so long: a stalled line catches up."""
WINDOW_US = 10_000_000
SMOOTH = 5
REPORT_TRUST_US = 500_000
"""Sender reports further from their median than this are nonsense."""
SAME_CLOCK_US = 500_000
"""Sound and picture whose delays differ by more than this do not share a clock, whatever their reports say."""

_NTP_EPOCH_US = 2_208_988_800_000_000


@dataclass(slots=True)
class Stretch:
    """See the module. ``first_record``: number of its first RTP record in the journal. ``lows``: per window of arrival
    the (arrival, extended RTP time) of the packet with the least delay; ``reports``: (extended RTP time, sender time).
    ``window``, ``least``: the last window and the least delay in it; ``floor``: that of the last two.
    """

    ssrc: int
    rate: int
    first_record: int
    first_time: int
    first_arrival: int
    latest: int = 0
    lows: list[tuple[int, int]] = field(default_factory=list)
    reports: list[tuple[int, int]] = field(default_factory=list)
    window: int = 0
    least: int = 0
    floor: int = 0

    def __post_init__(self) -> None:
        self.window = self.first_arrival // WINDOW_US
        self.least = self.floor = self.first_arrival - self.media_us(self.first_time)

    def media_us(self, rtp_time: int) -> int:
        """Microseconds of an extended RTP time."""
        return rtp_time * 1_000_000 // self.rate


def ntp_us(ntp: int) -> int:
    """A 64-bit NTP time (RFC 3550 4) in microseconds since 1970."""
    return (ntp >> 32) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 >> 32) - _NTP_EPOCH_US


class Survey:
    """First pass over one journal: finds the stretches. Feed every RTP record and sender report in order."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.stretches: list[Stretch] = []
        self._current: dict[int, Stretch] = {}
        self._suspects: dict[int, list[tuple[int, int, int]]] = {}  # ssrc -> (record, raw RTP time, arrival)
        self._last_ssrc = -1
        self.packets = 0

    def packet(self, ssrc: int, rtp_time: int, arrival: int) -> None:
        """One RTP record. ``arrival`` in microseconds."""
        record, self.packets = self.packets, self.packets + 1
        self._last_ssrc = ssrc
        stretch = self._current.get(ssrc)
        if stretch is None:
            self._begin(record, ssrc, rtp_time, arrival)
            return
        extended = stretch.latest + time_delta(rtp_time, stretch.latest & 0xFFFFFFFF)
        delay = arrival - extended * 1_000_000 // self.rate
        apart = delay - stretch.floor
        suspects = self._suspects[ssrc]
        if -ROGUE_US <= apart <= ROGUE_US:
            if suspects:
                suspects.clear()
            if extended > stretch.latest:
                stretch.latest = extended
            if delay < stretch.least or arrival // WINDOW_US != stretch.window:
                self._low(stretch, extended, arrival)
        elif apart < 0:
            self._begin(record, ssrc, rtp_time, arrival)
        else:
            suspects.append((record, rtp_time, arrival))
            if arrival - suspects[0][2] >= ROGUE_FOR_US:
                self._restart(ssrc, suspects)

    def report(self, ntp: int, rtp_time: int) -> None:
        """A sender report of the SSRC that sent last."""
        stretch = self._current.get(self._last_ssrc)
        if stretch is not None and ntp >> 32:
            extended = stretch.latest + time_delta(rtp_time, stretch.latest & 0xFFFFFFFF)
            stretch.reports.append((extended, ntp_us(ntp)))

    def _begin(self, record: int, ssrc: int, rtp_time: int, arrival: int) -> Stretch:
        stretch = Stretch(ssrc, self.rate, record, rtp_time, arrival, rtp_time, [(arrival, rtp_time)])
        self._current[ssrc] = stretch
        self._suspects[ssrc] = []
        self.stretches.append(stretch)
        return stretch

    def _restart(self, ssrc: int, suspects: list[tuple[int, int, int]]) -> None:
        stretch = self._begin(suspects[0][0], ssrc, suspects[0][1], suspects[0][2])
        for _, rtp_time, arrival in suspects[1:]:
            extended = stretch.latest + time_delta(rtp_time, stretch.latest & 0xFFFFFFFF)
            stretch.latest = max(stretch.latest, extended)
            self._low(stretch, extended, arrival)

    @staticmethod
    def _low(stretch: Stretch, extended: int, arrival: int) -> None:
        delay, window = arrival - stretch.media_us(extended), arrival // WINDOW_US
        if window != stretch.window:
            stretch.lows.append((arrival, extended))
            stretch.floor, stretch.least, stretch.window = min(stretch.least, delay), delay, window
        elif delay < stretch.least:
            stretch.lows[-1] = (arrival, extended)
            stretch.floor, stretch.least = min(stretch.floor, delay), delay


class _Line:
    """Piecewise linear through smoothed points, flat beyond its ends."""

    def __init__(self, points: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(points)
        self._xs = [x for x, _ in ordered]
        values = [y for _, y in ordered]
        half = SMOOTH // 2
        self._ys = [int(statistics.median_low(values[max(0, i - half) : i + half + 1])) for i in range(len(values))]

    def at(self, x: int) -> int:
        """The value at ``x``."""
        xs, ys = self._xs, self._ys
        i = bisect_right(xs, x)
        if i == 0:
            return ys[0]
        if i == len(xs):
            return ys[-1]
        span = xs[i] - xs[i - 1]
        return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) // span if span else ys[i]


@dataclass(slots=True)
class Placed:
    """A stretch on the session's clock. ``time``: from the relay's monotonic clock, of its boot, to UTC."""

    stretch: Stretch
    time: SessionTime
    _sender: _Line | None = None  # extended RTP time -> sender time minus media time
    _delay: _Line | None = None  # sender time -> arrival minus sender time

    def utc_us(self, rtp_time: int) -> int:
        """When what carries this extended RTP time arrived or would have at the shortest delay: UTC microseconds."""
        sender = self._sender_us(rtp_time)
        assert self._delay is not None  # ``place`` sets it
        arrival = sender + self._delay.at(sender)
        return arrival + self.time.at(arrival)

    def _sender_us(self, rtp_time: int) -> int:
        media = self.stretch.media_us(rtp_time)
        return media + self._sender.at(rtp_time) if self._sender else media

    def trust_reports(self) -> None:
        """Use the sender reports, as far as they agree with each other."""
        points = [(time, sender - self.stretch.media_us(time)) for time, sender in self.stretch.reports]
        if points:
            middle = statistics.median_low(y for _, y in points)
            points = [(x, y) for x, y in points if abs(y - middle) <= REPORT_TRUST_US]
        self._sender = _Line(points) if points else None

    def delays(self) -> list[tuple[int, int]]:
        """(sender time, delay) of the least delayed packet of each window."""
        return [(s, arrival - s) for arrival, time in self.stretch.lows for s in (self._sender_us(time),)]

    def measure(self, delays: Iterable[tuple[int, int]]) -> None:
        """Take these delays for good."""
        self._delay = _Line(delays)


def place(groups: Sequence[tuple[SessionTime, Sequence[Stretch]]]) -> list[list[Placed]]:
    """Put the stretches of one participant on the session's clock.

    ``groups``: per journal (the session's time of its boot, its stretches). Stretches whose reports name one clock,
    within one boot, share their delays; that keeps lips in step.
    """
    placed = [[Placed(stretch, time) for stretch in stretches] for time, stretches in groups]
    clocks: list[tuple[SessionTime, int, list[Placed]]] = []  # (boot's time, middle delay, members)
    for item in (item for group in placed for item in group):
        item.trust_reports()
        if item._sender is None:
            item.measure(item.delays())
            continue
        middle = statistics.median_low(delay for _, delay in item.delays())
        for time, other, members in clocks:
            if time is item.time and abs(middle - other) <= SAME_CLOCK_US:
                members.append(item)
                break
        else:
            clocks.append((item.time, middle, [item]))
    for _, _, members in clocks:
        delays = _lowest([point for member in members for point in member.delays()])
        for member in members:
            member.measure(delays)
    return placed


def _lowest(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    # Two tracks give two points per window: the shorter delay is the better measurement.
    best: dict[int, tuple[int, int]] = {}
    for sender, delay in points:
        window = sender // WINDOW_US
        if window not in best or delay < best[window][1]:
            best[window] = (sender, delay)
    return list(best.values())
