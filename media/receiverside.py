"""What may be sent to a receiver that tells its own estimate (REMB) and its losses, but not what became of each packet.

A receiver cannot see beyond what it is sent: its estimate stands at about one and a half times that, and at nothing
much while pictures are paused. So the estimate counts as a limit only when it lies below what was really sent, and
never takes the last small picture: receivers that have no time to read see queues that are not there. Losses may take
that, too. Above a limit found so the rate is tried again slowly, for there is nothing to probe with.
"""

from __future__ import annotations

EXCEEDED = 0.95  # of the rate sent: an estimate below it says that this is too much
LEAST_BPS = 80_000
LEAST_ESTIMATE_BPS = 300_000
STEADY = 4.0  # s after a limit was found before it is tried again
GROWTH = 0.15  # per s
LOSS = 0.10
LOSS_PAUSE = 1.0  # s
SMOOTHING = 0.3  # of the rate sent, per tick of 100 ms


class ReceiverSide:
    """The rate of one leg. ``target_bps`` begins at the ceiling: nothing is known against it."""

    __slots__ = ("_ceiling_bps", "_cut_at", "_limited_at", "_octets", "_ticked_at", "sent_bps", "target_bps")

    def __init__(self, ceiling_bps: int, now: float) -> None:
        self._ceiling_bps = ceiling_bps
        self.target_bps = float(ceiling_bps)
        self.sent_bps = 0.0
        self._octets = -1
        self._ticked_at = now
        self._limited_at = -1e9
        self._cut_at = -1e9

    def set_ceiling(self, ceiling_bps: int) -> None:
        """Another ceiling from now on."""
        self.target_bps = float(
            ceiling_bps if self.target_bps >= self._ceiling_bps else min(self.target_bps, ceiling_bps)
        )
        self._ceiling_bps = ceiling_bps

    def estimate(self, bitrate_bps: int, now: float) -> None:
        """A REMB came."""
        if bitrate_bps < EXCEEDED * self.sent_bps:
            self._limit(max(bitrate_bps, LEAST_ESTIMATE_BPS), now)
        else:
            self.target_bps = max(self.target_bps, min(float(bitrate_bps), float(self._ceiling_bps)))

    def loss(self, share: float, now: float) -> None:
        """A receiver report came: share of packets lost since the one before."""
        if share > LOSS and now - self._cut_at >= LOSS_PAUSE:
            self._cut_at = now
            self._limit(min(self.target_bps, self.sent_bps) * (1 - 0.5 * share), now)

    def _limit(self, bitrate_bps: float, now: float) -> None:
        self._limited_at = now
        self.target_bps = min(self.target_bps, max(float(bitrate_bps), float(LEAST_BPS)))

    def tick(self, octets: int, now: float) -> None:
        """Every 100 ms: ``octets`` were sent in all."""
        elapsed = now - self._ticked_at
        self._ticked_at = now
        if self._octets >= 0 and elapsed > 0:
            rate = max(0, octets - self._octets) * 8 / elapsed
            self.sent_bps += SMOOTHING * (rate - self.sent_bps)
        self._octets = octets
        if now - self._limited_at >= STEADY:
            self.target_bps *= 1 + GROWTH * min(elapsed, 0.5)
        self.target_bps = min(self.target_bps, float(self._ceiling_bps))


__all__ = ["LEAST_BPS", "LEAST_ESTIMATE_BPS", "STEADY", "ReceiverSide"]
