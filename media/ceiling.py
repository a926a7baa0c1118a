"""How much a source may send and a viewer may get, and the meter that holds a source to it.

REMB tells a publisher its ceiling. One that does not listen is metered: what exceeds the ceiling by far is dropped
and counted before anything is done with it, so that it costs nobody else anything. The meters leave room for what an
honest sender may do: probing at twice the rate, resends, a key frame.
"""

from __future__ import annotations

from media.messages import Source

MARGIN = 1.5  # of the ceiling, sustained
DEPTH = 2.0  # s of that may come at once
PICTURE_PACKETS, SOUND_PACKETS = 2500, 500  # per second: 720p in three layers has 400, sound 50 (Opus allows 400)
SMALL = 1200  # bits: where the ceiling is higher, so many packets of this size


class Ceilings:
    """Bit/s per source and per viewer. ``set`` changes them while the relay runs; 0 keeps what there is."""

    __slots__ = ("_camera", "_screen", "_sound", "viewer_bps")

    def __init__(self, sound_bps: int, camera_bps: int, screen_bps: int, viewer_bps: int) -> None:
        self._sound = sound_bps
        self._camera = camera_bps
        self._screen = screen_bps
        self.viewer_bps = viewer_bps

    def set(self, source_bps: int, viewer_bps: int) -> None:
        """What the hub wants: the most for each picture, and for each viewer."""
        if source_bps > 0:
            self._camera = self._screen = source_bps
        if viewer_bps > 0:
            self.viewer_bps = viewer_bps

    def of(self, source: Source) -> int:
        """The most that a source may send, all layers together."""
        if source == "mic":
            return self._sound
        return self._camera if source == "camera" else self._screen


class Meter:
    """What one source may still send. Take ``octets`` and ``packets`` down yourself (the hot path), and ask ``refill``
    when one of them is below 0."""

    __slots__ = ("_at", "_least_packets", "_octets_per_s", "_packets_per_s", "octets", "packets")

    def __init__(self, ceiling_bps: int, source: Source, now: float) -> None:
        self._at = now
        self._least_packets = SOUND_PACKETS if source == "mic" else PICTURE_PACKETS
        self.set_ceiling(ceiling_bps)
        self.octets = self._octets_per_s * DEPTH
        self.packets = self._packets_per_s * DEPTH

    def set_ceiling(self, ceiling_bps: int) -> None:
        """Another ceiling from now on."""
        self._octets_per_s = ceiling_bps * MARGIN / 8
        self._packets_per_s = max(self._least_packets, ceiling_bps // SMALL)

    def refill(self, size: int, now: float) -> bool:
        """Add what the time since the last call allows; whether the packet of ``size`` bytes that was taken off may
        pass. If not, it is given back."""
        elapsed = min(DEPTH, max(0.0, now - self._at))
        self._at = now
        self.octets = min(self._octets_per_s * DEPTH, self.octets + self._octets_per_s * elapsed)
        self.packets = min(self._packets_per_s * DEPTH, self.packets + self._packets_per_s * elapsed)
        if self.octets >= 0 and self.packets >= 0:
            return True
        self.octets += size
        self.packets += 1
        return False


__all__ = ["MARGIN", "PICTURE_PACKETS", "SOUND_PACKETS", "Ceilings", "Meter"]
