"""How long a viewer should hold pictures back, so that what is lost and sent again still comes in time. Pure.

A browser shows a picture as soon as it can, and plans nothing for what has to be asked for again: where packets get
lost, every one of them stops the picture for a round trip. The relay knows losses and round trips of both ways, the
sender's and the viewer's, and tells browsers to wait (the header extension playout-delay, its least value). Browsers
keep sound in step with the picture, so this is done only where much is lost, and never for longer than ``MOST``.
"""

from __future__ import annotations

from collections.abc import Iterable

SOME, MUCH = 0.02, 0.06  # share lost: from here on one question is waited for, or two, for questions get lost, too
MOST = 0.7  # s
OTHERS = 0.45  # of what the other ways need: few packets get lost on two of them
AGAIN = 1.1  # of the round trip, and ...
NOTICED = 0.02  # s ... until a hole is noticed
UNKNOWN = 0.1  # s: a round trip that nobody has measured
RISE, FALL = 0.35, 0.05  # weight of a report: losses are believed soon and forgotten slowly
STEP = 0.03  # s: smaller changes are not told
KEPT = 20.0  # s before less is told


class Share:
    """The share of packets that a way loses, over the last reports. ``value``: 0..1."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, share: float) -> None:
        """One report, about a second of packets."""
        self.value += (RISE if share > self.value else FALL) * (share - self.value)


def needed(ways: Iterable[tuple[float, float]]) -> float:
    """Seconds to hold back on account of ``ways``, above all the worst: (share lost, round trip in s; 0: unknown)."""
    longest = total = 0.0
    for share, rtt in ways:
        rounds = (share >= SOME) + (share >= MUCH)
        way = rounds * (NOTICED + AGAIN * (rtt or UNKNOWN))
        total += way
        longest = max(longest, way)
    return min(longest + OTHERS * (total - longest), MOST)


class Patience:
    """What one section was told. ``seconds``: 0 at first."""

    __slots__ = ("_since", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = 0.0

    def update(self, wanted: float, now: float) -> bool:
        """What is ``needed`` now; whether ``seconds`` has changed."""
        if wanted > self.seconds - STEP:
            self._since = now
        if wanted > self.seconds + STEP or (wanted < self.seconds and now - self._since > KEPT):
            self.seconds = wanted
            self._since = now
            return True
        return False


__all__ = ["MOST", "MUCH", "Patience", "Share", "needed"]
