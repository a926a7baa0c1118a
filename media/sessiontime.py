"""From a relay's monotonic clock to the session's time, which is the owner's UTC. Pure; docs/formats.md, Session time.

Every journal brings anchors: one moment on both clocks. A straight line through all anchors of one start of a relay is
the session's time there. A line, because two machines' clocks drift apart (50 ppm make half a second in three hours);
only one, because a clock that somebody sets while a session runs must not tear the recording.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from media.journal import Clock

WINDOW_US = 10_000_000
SHORTEST_US = 120_000_000
"""Below it the anchors tell no drift from the noise of their measurement."""
LONGEST_US = 600_000_000
MOST_DRIFT = 500e-6
"""Clocks of crystals differ by a fifth of it at most; what differs more was set."""


class SessionTime:
    """The line of one boot. ``at`` gives UTC minus monotonic time at a monotonic moment, both in microseconds."""

    def __init__(self, anchors: Iterable[Clock]) -> None:
        """Raises ValueError without any anchor."""
        points = sorted((each.mono_us, each.utc_us + (each.offset_us or 0) - each.mono_us) for each in anchors)
        if not points:
            raise ValueError("no anchor")
        self._first = points[0][0]
        self._drift = _drift(points)
        self._shift = statistics.median_low(y - round(self._drift * (x - self._first)) for x, y in points)

    def at(self, mono_us: int) -> int:
        """See the class."""
        return self._shift + round(self._drift * (mono_us - self._first))


def _drift(points: list[tuple[int, int]]) -> float:
    """Microseconds per microsecond: the median over pairs of moments that lie a while apart, without the impossible."""
    windows: dict[int, list[tuple[int, int]]] = {}
    for x, y in points:
        windows.setdefault(x // WINDOW_US, []).append((x, y))
    means = [(each[0][0], statistics.median_low(y for _, y in each)) for each in windows.values()]
    span = means[-1][0] - means[0][0]
    if span < SHORTEST_US:
        return 0.0
    apart, later, slopes = min(LONGEST_US, span // 4), 0, []
    for x, y in means:
        while later < len(means) and means[later][0] < x + apart:
            later += 1
        if later == len(means):
            break
        slope = (means[later][1] - y) / (means[later][0] - x)
        if abs(slope) <= MOST_DRIFT:
            slopes.append(slope)
    return statistics.median(slopes) if slopes else 0.0


__all__ = ["SessionTime"]
