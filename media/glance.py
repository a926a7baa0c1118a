"""Good news of a line that carries much more than it is sent, taken without looking further.

A viewer's transport-wide feedback comes ten times a second, and on an ample line nearly all of it says the same:
everything came, and nothing waited. ``Glance.take`` recognises that in the packet itself, notes what came, and the
estimator (``media.sendside``) need not be asked until ``until``; of anything else it changes nothing and answers False.
``Glance`` is ``PlainGlance``, or the same compiled (media/native/glance.c, ADR 22).
"""

from __future__ import annotations

from media import twcc
from media.native import compiled
from media.rtcp import RTPFB, packets
from media.sentlog import ARRIVED, FLYING, TICK, PlainSentLog

RTT_SMOOTHING = 0.125
NEVER = -1e18
_HALF = twcc.REFERENCE_WRAP // 2


class PlainGlance:
    """What feedback of one leg has told so far.

    ``told``: highest number that it spoke of; ``feedbacks``: how many there were, the last at ``heard_at`` (monotonic
    seconds), when the log had counted ``octets_then``; ``rtt``: seconds, smoothed; ``reference``: the receiver's
    reference time without its wrap, -1 before the first. What ``take`` has taken and the estimator not yet (which then
    sets both to 0): packets ``came`` with ``octets``; the last of them ``arrived`` (seconds of the receiver's clock).
    It takes until ``until``, and while the least time that any packet was on its way (by two clocks) is from ``low`` to
    ``high``.
    """

    __slots__ = (
        "arrived", "came", "feedbacks", "heard_at", "high", "log", "low", "octets", "octets_then", "reference", "rtt",
        "told", "until",
    )  # fmt: skip

    def __init__(self, log: PlainSentLog, now: float) -> None:
        self.log = log
        self.told = -1
        self.feedbacks = 0
        self.heard_at = now
        self.octets_then = 0
        self.rtt = 0.1
        self.reference = -1
        self.came = self.octets = 0
        self.arrived = 0.0
        self.low = self.high = 0.0
        self.until = NEVER

    def note(self, end: int, now: float) -> None:
        """A feedback came that speaks of packets up to number ``end``, without it."""
        log = self.log
        self.told = max(self.told, min(end, log.next) - 1)
        self.feedbacks += 1
        self.heard_at = now
        self.octets_then = log.octets

    def take(self, data: twcc.Buffer, now: float) -> bool:
        """Whether a compound RTCP packet was nothing but good news, and is taken."""
        if now >= self.until:
            return False
        found = list(packets(data))
        if len(found) != 1 or found[0][:2] != (RTPFB, twcc.FORMAT) or len(data) != 4 + 4 * (data[2] << 8 | data[3]):
            return False
        try:
            told = twcc.read(data, *found[0][2:])
        except twcc.BadFeedback:
            return False
        log = self.log
        first = log.next - 1 - ((log.next - 1 - told.base) & 0xFFFF)
        reference = self.unwrapped(told.reference)
        offset = (reference - told.reference) * twcc.REFERENCE_TICKS
        news: list[tuple[int, float, float]] = []  # (index, sent, arrived)
        for number, arrival in enumerate(told.arrivals, first):
            if not log.next - log.mask - 1 <= number < log.next:
                continue
            at = number & log.mask
            state = log.states[at]
            if state != FLYING:
                if arrival is not None and state != ARRIVED:
                    return False
            elif arrival is None:
                return False
            else:
                news.append((at, log.times[at], (arrival + offset) * TICK))
        if not news or not self.low <= min(arrived - sent for _, sent, arrived in news) <= self.high:
            return False
        octets = 0
        for at, _, _ in news:
            log.states[at] = ARRIVED
            octets += log.sizes[at]
        log.flying -= octets
        _, sent, self.arrived = news[-1]
        self.reference = reference
        self.rtt += RTT_SMOOTHING * (now - sent - self.rtt)
        self.came += len(news)
        self.octets += octets
        self.note(first + len(told.arrivals), now)
        return True

    def unwrapped(self, reference: int) -> int:
        """A feedback's reference time as it goes on from ``reference``."""
        if self.reference < 0:
            return reference
        return self.reference + ((reference - self.reference + _HALF) & (twcc.REFERENCE_WRAP - 1)) - _HALF


Glance = PlainGlance if compiled is None else compiled.Glance

__all__ = ["NEVER", "RTT_SMOOTHING", "Glance", "PlainGlance"]
