"""Finding out whether a line carries more: short clusters at a higher rate, filled up with padding over RTX.

A cluster counts every packet that is sent while it runs, pictures and sound too; what comes back of it tells the rate
that really arrived. The first clusters follow one another as fast as answers come; later ones come when something
better could be sent than the estimate allows, and more and more rarely while they find nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.delaybased import Acked

LEAST_TIME, LONGEST_TIME = 0.03, 0.08  # s; longer after one that found nothing although no queue grew: jitter
LEAST_BYTES = 2500  # ten packets of padding
MOST_BYTES = 30_000
FIRST_FACTORS = (3.0, 6.0)  # of the start rate
STEP = 2.0  # of the estimate, later
FURTHER = 0.7  # of the probed rate that must have arrived for the next one to follow at once
PATIENCE = 1.5  # s for the answer besides the round trip
FIRST_PAUSE, LAST_PAUSE = 1.5, 5.0  # s between clusters that found nothing
AFTER_CONGESTION = 1.5  # s
LEAST_GAIN = 1.05  # of the estimate, or there is no point
ARRIVED_SHARE = 0.8  # of the cluster's bytes
HEARD = 0.7  # of the cluster's packets: what feedback must have spoken of
CARRIED = 0.9  # of the rate sent: less means that the cluster was faster than the line
BELOW_LINE = 0.95


class Cluster:
    """One cluster on its way: packets numbered ``first`` to ``last`` (last -1: it still runs)."""

    __slots__ = ("_arrivals", "_spoken", "began", "ended", "first", "last", "octets", "rate_bps", "wanted")

    def __init__(self, rate_bps: float, first: int, octets: int, now: float, seconds: float = LEAST_TIME) -> None:
        self.rate_bps = rate_bps
        self.first = first
        self.last = -1
        self.octets = octets  # the leg's total when it began
        self.began = now
        self.ended = 0.0
        self.wanted = min(MOST_BYTES, max(LEAST_BYTES, int(rate_bps * seconds / 8)))
        self._arrivals: list[Acked] = []
        self._spoken = 0

    def due(self, octets: int, now: float) -> int:
        """Bytes that are missing from the rate by now, ``octets`` being the leg's total; -1 when it is complete."""
        sent = octets - self.octets
        if sent >= self.wanted:
            return -1
        # The first packets go at once: the rate is measured between the first and the last.
        return max(0, min(self.wanted - sent, int(self.rate_bps * (now - self.began + 0.005) / 8) - sent))

    def take(self, acked: Sequence[Acked], lost: int = 0) -> None:
        """Packets of the cluster that arrived, and how many a feedback called lost."""
        self._arrivals += acked
        self._spoken += len(acked) + lost

    @property
    def is_unheard(self) -> bool:
        """The feedback about a good part of it got lost: it has shown nothing, neither way."""
        return self._spoken < HEARD * (self.last - self.first + 1)

    def result(self, loss: float = 0.0) -> float:
        """The rate that the line carried (bit/s), or 0 when too little came back to tell. ``loss``: the share that the
        line loses anyway."""
        packets = self._arrivals
        size = sum(packet[2] for packet in packets)
        if len(packets) < 4 or size < ARRIVED_SHARE * (1 - loss) * self.wanted:
            return 0.0
        first, last = min(packets), max(packets)
        early = min(packets, key=lambda packet: packet[1])
        late = max(packet[1] for packet in packets)
        send_time, receive_time = last[0] - first[0], late - early[1]
        if send_time <= 0.004:
            return 0.0
        # The last packet sent takes no time any more, the first that arrived took it before.
        sent = (size - last[2]) * 8 / send_time
        received = (size - early[2]) * 8 / receive_time if receive_time > 0 else sent
        return BELOW_LINE * received if received < CARRIED * sent else min(sent, received)


class Prober:
    """When to probe, and how fast. ``cluster``: the one that runs or waits for its answer."""

    __slots__ = ("_pause", "_queue", "_seconds", "_ready_at", "cluster", "failed", "made")

    def __init__(self, start_bps: float, now: float) -> None:
        self.cluster: Cluster | None = None
        self.made = 0
        self.failed = 0
        self._queue = [factor * start_bps for factor in FIRST_FACTORS]
        self._pause = FIRST_PAUSE
        self._seconds = LEAST_TIME
        self._ready_at = now

    def begin(self, rate_bps: float, wanted_bps: float, number: int, octets: int, now: float) -> Cluster | None:
        """A new cluster if there is reason for one: ``wanted_bps`` could be used, ``rate_bps`` is allowed."""
        if self.cluster is not None or now < self._ready_at or wanted_bps <= LEAST_GAIN * rate_bps:
            return None
        while self._queue and self._queue[0] <= LEAST_GAIN * rate_bps:
            del self._queue[0]
        target = self._queue.pop(0) if self._queue else STEP * rate_bps
        self.cluster = Cluster(min(target, wanted_bps), number, octets, now, self._seconds)
        self.made += 1
        return self.cluster

    def close(self, last: int, now: float) -> None:
        """The cluster is complete; ``last`` was its last packet."""
        if self.cluster is not None:
            self.cluster.last = last
            self.cluster.ended = now

    def judge(self, rate_bps: float, told: int, rtt: float, now: float, loss: float = 0.0) -> float:
        """What the complete cluster found: a rate above ``rate_bps``, or 0. ``told``: the last number that feedback
        spoke of. ``loss``: the share that the line loses anyway."""
        cluster = self.cluster
        if cluster is None or cluster.last < 0:
            return 0.0
        if told < cluster.last and now - cluster.ended < PATIENCE + rtt:
            return 0.0
        self.cluster = None
        if told >= cluster.last and cluster.is_unheard:
            self._queue.insert(0, cluster.rate_bps)
            self._ready_at = now
            return 0.0
        found = cluster.result(loss)
        if found > LEAST_GAIN * rate_bps:
            self._pause = FIRST_PAUSE
            self._seconds = LEAST_TIME
            carried = found >= FURTHER * cluster.rate_bps
            self._ready_at = now if carried else now + self._pause
            if not carried:
                self._queue.clear()
            return found
        self._seconds = min(LONGEST_TIME, 2 * self._seconds)
        self._miss(now)
        return 0.0

    def _miss(self, now: float) -> None:
        self.failed += 1
        self._queue.clear()
        self._ready_at = now + self._pause
        self._pause = min(LAST_PAUSE, self._pause * 2)

    def congested(self, now: float) -> None:
        """The line is full: what runs stops, and nothing begins for a while."""
        if self.cluster is not None:
            self.cluster = None
            self._miss(now)
        self._queue.clear()
        self._ready_at = max(self._ready_at, now + AFTER_CONGESTION)

    def again(self, rate_bps: float, now: float) -> None:
        """The line has come back, and carried ``rate_bps`` before: look at once."""
        self._queue = [rate_bps]
        self._pause = FIRST_PAUSE
        self._ready_at = now


__all__ = ["Cluster", "Prober"]
