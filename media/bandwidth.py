"""How much a publisher's line carries, estimated where it arrives. To be filled in."""

from __future__ import annotations


class BandwidthEstimator:
    """Placeholder with the interface of the estimator."""

    def __init__(self, start_bps: int, min_bps: int) -> None:
        self.bitrate_bps = start_bps
        self.min_bps = min_bps
        self.ceiling_bps = start_bps

    def add(self, send_time: int, size: int, now: float) -> None:
        """A packet arrived. ``send_time``: abs-send-time, 24 bits."""

    def update(self, now: float) -> int:
        """The estimate now."""
        return min(self.bitrate_bps, self.ceiling_bps)
