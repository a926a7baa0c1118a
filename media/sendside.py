"""The bandwidth towards one receiver, estimated where the packets are sent (Google congestion control).

    log = estimator.log                      # number = log.add(size, now) for every packet, stamped into it
    if not estimator.heard.take(rtcp, now):  # what came back
        estimator.feedback(twcc.read(...), now)
    estimator.wanted_bps = ...               # what could be sent if the line carried it
    estimator.tick(now)                      # every 100 ms or so
    estimator.padding(now)                   # bytes of padding to send now, every 5 ms while is_probing

``target_bps`` is what may be sent, sound, pictures, retransmissions and padding together. Delay decides, losses
lower it further, probes raise it. Times are monotonic seconds, rates bit/s of RTP packets.
"""

from __future__ import annotations

from media.delaybased import QUEUE_SEEN, Acked, DelayBased, Usage
from media.glance import NEVER, RTT_SMOOTHING, Glance
from media.lossbased import LossBased
from media.probing import Prober
from media.ratecontrol import AcknowledgedRate, RateControl
from media.sentlog import LEAST_OCTETS, Digest, SentLog, trains_of
from media.trains import Trains
from media.twcc import REFERENCE_TICKS, TICK, Feedback

CALM = 0.8  # s for which an ample line that shows no loss and no queue need not be decided upon
SILENCE = 1.0  # s without feedback, while packets are sent, after which the line counts as broken
BROKEN_FACTOR = 0.5  # per SILENCE
EXCUSED = 0.3  # s
USED = 0.5, 1.2
"""Of the rate that is allowed. What is lost while less is sent, or more and without a queue, has nothing to do with it:
a lower limit would not change what is sent."""
UNUSED = 1.0  # s besides the round trip for which that must be so: rates are known late
NUMBERS = 1 << 16


class SendSideEstimator:
    """The estimate for one subscribe leg. ``wanted_bps`` may be changed at any time."""

    __slots__ = (
        "_acked_rate", "_before_break", "_broken_at", "_came", "_control", "_decided_at", "_delay", "_excused_until",
        "_is_ample", "_judge_from", "_losses", "_prober", "_used_at", "ceiling_bps", "congested_at", "has_congestion",
        "heard", "log", "min_bps", "overused_at", "target_bps", "trains", "wanted_bps",
    )  # fmt: skip

    def __init__(self, start_bps: int, min_bps: int, ceiling_bps: int, now: float) -> None:
        self.log = SentLog()
        self.min_bps = min_bps
        self.ceiling_bps = ceiling_bps
        self.wanted_bps = 0.0
        self.target_bps = float(min(start_bps, ceiling_bps))
        self.heard = Glance(self.log, now)  # ask its ``take`` first: what it takes is good news of an ample line
        self.trains = Trains()
        self.has_congestion = False  # the last feedback lowered the rate
        self.congested_at = -1e9
        self.overused_at = -1e9  # when a queue grew last
        self._control = RateControl(self.target_bps)
        self._delay = DelayBased()
        self._losses = LossBased()
        self._acked_rate = AcknowledgedRate()
        self._prober = Prober(self.target_bps, now)
        self._is_ample = False
        self._broken_at = -1.0
        self._before_break = 0.0
        self._excused_until = -1e9
        self._used_at = now
        self._judge_from = -1e9  # losses before then are known
        self._decided_at = -1e9
        self._came = 0  # packets, since then

    # --- figures ----------------------------------------------------------------------------------------------------

    @property
    def rtt(self) -> float:
        """Round trip in seconds, smoothed."""
        return self.heard.rtt

    @property
    def is_ample(self) -> bool:
        """What the line carries is much more than could be sent: look less closely."""
        return self._is_ample

    @is_ample.setter
    def is_ample(self, value: bool) -> None:
        self._is_ample = value
        if not value:
            self.heard.until = NEVER

    @property
    def queue(self) -> float:
        """Queueing delay on the way, in seconds."""
        return self._delay.queue

    @property
    def loss(self) -> float:
        """Share of packets lost in the last second."""
        return self._losses.loss

    @property
    def acked_bps(self) -> float:
        """What arrived in the last half second."""
        return self._acked_rate.over()

    @property
    def is_probing(self) -> bool:
        """A cluster is being sent: ask for ``padding`` every 5 ms."""
        cluster = self._prober.cluster
        return cluster is not None and cluster.last < 0

    def set_ceiling(self, ceiling_bps: int) -> None:
        """Another ceiling, at once."""
        self.ceiling_bps = ceiling_bps
        self._settle()

    # --- in ---------------------------------------------------------------------------------------------------------

    def feedback(self, told: Feedback, now: float) -> None:
        """Take a feedback packet. Numbers never sent, or told before, are ignored."""
        log, heard = self.log, self.heard
        first = log.next - 1 - ((log.next - 1 - told.base) & (NUMBERS - 1))
        heard.reference = heard.unwrapped(told.reference)
        offset = (heard.reference - told.reference) * REFERENCE_TICKS
        end = first + len(told.arrivals)
        if heard.came:
            self._came += heard.came
            self._acked_rate.add(heard.arrived, heard.octets)
            heard.came = heard.octets = 0
        if self._may_glance(now):
            self._glance(log.digest(first, told.arrivals, offset), end, now)
        else:
            acked, lost, octets = log.match(first, told.arrivals, offset)
            self._take_cluster(first, told, offset)
            heard.note(end, now)
            if self._broken_at >= 0:
                self._mend(now)
                lost = 0
            if acked:
                self._note_arrived(acked[-1][0], acked[-1][1], octets, now)
            if self.is_ample and octets >= LEAST_OCTETS:
                self.trains.take(trains_of(acked), lost, now)
            self._decide(self._delay.update(acked, now), len(acked), lost, now)
        heard.low, heard.high = self._delay.calm
        heard.until = self._decided_at + CALM if self._may_glance(now) else NEVER

    def _may_glance(self, now: float) -> bool:
        """Whether nothing but its sums counts of what feedback tells."""
        return self.is_ample and now >= self._delay.awake_until and self._prober.cluster is None and self._broken_at < 0

    def _note_arrived(self, sent: float, arrived: float, octets: int, now: float) -> None:
        self.heard.rtt += RTT_SMOOTHING * (now - sent - self.heard.rtt)
        # What counts is the time between two feedbacks; that the last one sent is not always the last that arrived
        # evens out.
        self._acked_rate.add(arrived, octets)

    def _glance(self, digest: Digest, end: int, now: float) -> None:
        """Feedback on a line that carries much more than is sent: bad news count at once, good ones now and then."""
        count, lost, octets, sent, arrived, least, trains = digest
        self.heard.note(end, now)
        if count:
            self._note_arrived(sent, arrived, octets, now)
        self._came += count
        low, high = self._delay.calm
        if not lost and count and now - self._decided_at < CALM and low <= least <= high:
            return
        if octets >= LEAST_OCTETS:
            self.trains.take(trains, lost, now)
        self._decide(self._delay.glance(least, now) if count else Usage.NORMAL, self._came, lost, now)

    def _take_cluster(self, first: int, told: Feedback, offset: int) -> None:
        cluster = self._prober.cluster
        if cluster is None:
            return
        log = self.log
        last = cluster.last if cluster.last >= 0 else log.next
        found: list[Acked] = []
        lost = 0
        for number in range(max(first, cluster.first, self.heard.told + 1), min(first + len(told.arrivals), last + 1)):
            arrival = told.arrivals[number - first]
            if arrival is None:
                lost += 1
            else:
                at = number & log.mask
                found.append((log.times[at], (arrival + offset) * TICK, log.sizes[at]))
        cluster.take(found, lost)

    # --- the decision -----------------------------------------------------------------------------------------------

    def _decide(self, usage: Usage, came: int, lost: int, now: float) -> None:
        control = self._control
        self._decided_at, self._came = now, 0
        if usage is Usage.OVER and now < self._excused_until:
            usage = Usage.NORMAL
        acked_bps = self._acked_rate.now() if usage is Usage.OVER else self._acked_rate.over()
        before = self.target_bps
        self.has_congestion = control.update(usage, acked_bps, self._delay.queue, self.rtt, now)
        cut = False
        if now >= self._judge_from:
            cut = self._losses.update(came, lost, before, self.rtt, now, self._is_used(before, now))
        if usage is Usage.OVER:
            self.overused_at = now
        if usage is Usage.OVER or cut:
            self._prober.congested(now)
        self.has_congestion = self.has_congestion or cut
        if self.has_congestion:
            self.congested_at = now
            # What was sent before is still on its way, and what of it gets lost has been answered for.
            self._judge_from = now + self.rtt
            self._losses.restart()
        self._take_found(now)

    def _is_used(self, allowed_bps: float, now: float) -> bool:
        """Whether what is sent has lately been about what is allowed, or there is a queue."""
        sent_bps = self._acked_rate.over() / (1 - min(self._losses.loss, 0.9))
        if self._delay.queue > QUEUE_SEEN or USED[0] <= sent_bps / allowed_bps <= USED[1]:
            self._used_at = now
        return now - self._used_at < UNUSED + self.rtt

    def _take_found(self, now: float) -> None:
        if self.is_ample and self._prober.cluster is None and not self.has_congestion:
            return
        found = self._prober.judge(self.target_bps, self.heard.told, self.rtt, now, self._losses.own)
        if found:
            self._control.rate_bps = max(self._control.rate_bps, found)
            self._losses.rate_bps = max(self._losses.rate_bps, found)
        self._settle()

    def _settle(self) -> None:
        self._losses.rate_bps = max(self._losses.rate_bps, float(self.min_bps))
        target = min(self._control.rate_bps, self._losses.rate_bps, self.ceiling_bps)
        self.target_bps = max(target, float(min(self.min_bps, self.ceiling_bps)))
        self._control.rate_bps = min(max(self._control.rate_bps, self.target_bps), self.ceiling_bps)

    def tick(self, now: float) -> None:
        """Every 100 ms: a line that has gone silent, answers that never come, the next cluster."""
        heard = self.heard
        silent = now - max(heard.heard_at, self._broken_at)
        if silent > SILENCE + heard.rtt and heard.feedbacks and self.log.octets - heard.octets_then > 2000:
            self._break(now)
        if self._broken_at >= 0:
            return
        self._take_found(now)
        log = self.log
        if heard.feedbacks or not self._prober.made:
            wanted = min(self.wanted_bps, float(self.ceiling_bps))
            self._prober.begin(self.target_bps, wanted, log.next, log.octets, now)
        if self._prober.cluster is not None:
            heard.until = NEVER

    def _break(self, now: float) -> None:
        if self._broken_at < 0:
            self._before_break = self.target_bps
        self._broken_at = now
        self._prober.congested(now)
        self._control.rate_bps = max(float(self.min_bps), self.target_bps * BROKEN_FACTOR)
        self._settle()

    def _mend(self, now: float) -> None:
        """The first feedback after a silence: what was before is tried again by a probe."""
        self._broken_at = -1.0
        self._delay.reset()
        self._losses.forget()
        self._acked_rate = AcknowledgedRate()
        self._prober.again(self._before_break, now)

    def reset_path(self) -> None:
        """The receiver's address has changed: delays before and after do not compare."""
        self._delay.reset()
        self.heard.until = NEVER

    def excuse(self, now: float) -> None:
        """We were late ourselves: what was sent meanwhile left later than it was noted, which is no queue."""
        self._excused_until = now + EXCUSED + min(self.rtt, EXCUSED)

    def padding(self, now: float) -> int:
        """Bytes of padding that the running cluster needs now; closes it when it is complete."""
        cluster = self._prober.cluster
        if cluster is None or cluster.last >= 0:
            return 0
        due = cluster.due(self.log.octets, now)
        if due >= 0:
            return due
        self._prober.close(self.log.next - 1, now)
        return 0


__all__ = ["SendSideEstimator"]
