"""How much of a processor derived media may take while people are heard. Pure.

Asked between steps with the process's own CPU time; says how long to wait so that the share holds on the mean. What
was not used does not pile up: a process that waited for its disk for a minute may not take a whole core for the next.
"""

from __future__ import annotations

LONGEST_S = 0.25
"""One wait is never longer, so that a new share or the end of a session is seen at once."""
SHORTEST_S = 0.002
SPARE_S = 0.5
"""CPU time that may be taken in one go."""


class Budget:
    """``share``: of one core, 0.5 is half of it; None is no bound; 0 stands still."""

    def __init__(self, share: float | None = None) -> None:
        self.share = share
        self._spare = SPARE_S
        self._cpu: float | None = None
        self._now = 0.0

    def pause(self, cpu: float, now: float) -> float:
        """Seconds to wait before the next step. ``cpu``: of all threads of the process so far; ``now``: monotonic."""
        if self._cpu is None:
            self._cpu, self._now = cpu, now
        used, passed = cpu - self._cpu, now - self._now
        self._cpu, self._now = cpu, now
        if self.share is None:
            self._spare = SPARE_S
            return 0.0
        if self.share <= 0:
            return LONGEST_S
        self._spare = min(SPARE_S, self._spare + passed * self.share - used)
        return 0.0 if self._spare >= 0 else min(LONGEST_S, max(SHORTEST_S, -self._spare / self.share))
