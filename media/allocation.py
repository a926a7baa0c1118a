"""What a viewer gets of each picture when its line does not carry all of them. Pure decisions over small tuples.

Order of sacrifice (design 4): other points' thumbnails, the frame rate of the main picture, its resolution, all
pictures. Sound is not decided here: it is taken off the budget before. Down at once; up only with headroom, and when
nothing had to be taken away lately. The steps of a picture are the rungs of ``layerchoice.ladder``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from media.layerchoice import Choice, Rung

HEADROOM = 1.2  # what an improvement must leave free
TOLERANCE = 0.95  # of a measured rate: what is shown stays while that fits, for rates swing ...
UNPROVEN = 0.7  # ... or that, while nothing has shown the line to be full: what passes proves that it does
STABLE = 5.0  # s without a decline before anything gets better ...
LONGEST_STABLE = 40.0  # s, doubled up to while improvements do not last
LASTING = 10.0  # s after which an improvement has lasted
SOONEST, PROVEN = 1.0, 1.5  # ... or so many when so many times what was too much has proven to pass


class Wish(NamedTuple):
    """One picture that a viewer could get.

    ``priority``: 0 for the main picture, higher for less important ones. ``rungs``: from the least to what the size
    on the screen can use; empty while nothing is sent.
    """

    key: str
    priority: int
    rungs: tuple[Rung, ...]


class Plan(NamedTuple):
    """What to send: a rung per wish (None: nothing), in their order, what that takes (bit/s), and what everything
    would take."""

    granted: tuple[Rung | None, ...]
    used_bps: float
    ideal_bps: float


def steps(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs worth standing on: one that is not cheaper than a better one is left out."""
    found: list[Rung] = []
    for rung in reversed(rungs):
        if not found or rung.bitrate_bps < found[-1].bitrate_bps:
            found.append(rung)
    found.reverse()
    return found


def allocate(
    wishes: Sequence[Wish],
    shown: Sequence[Rung | None],
    budget_bps: float,
    may_rise: bool,
    tolerance: float = TOLERANCE,
) -> Plan:
    """Spread ``budget_bps`` over the pictures. ``shown``: what each was granted before, in the same order.

    Pictures of one priority rise together, step by step; a less important one gets what the others leave.
    """
    ladders = [steps(wish.rungs) for wish in wishes]
    held = [_place(rungs, rung) for rungs, rung in zip(ladders, shown, strict=True)]
    places = [-1] * len(wishes)
    used = 0.0
    for priority in sorted({wish.priority for wish in wishes}):
        rising = [index for index, wish in enumerate(wishes) if wish.priority == priority]
        while rising:
            for index in list(rising):
                rungs, place = ladders[index], places[index] + 1
                is_rise = place > held[index]
                if place == len(rungs) or (is_rise and not may_rise):
                    rising.remove(index)
                    continue
                more = used + rungs[place].bitrate_bps - (rungs[place - 1].bitrate_bps if place else 0)
                # A picture that has only one step is not stopped for a passing dip.
                kept = min(tolerance, UNPROVEN) if len(rungs) == 1 else tolerance
                if more * (HEADROOM if is_rise else kept) > budget_bps:
                    rising.remove(index)
                    continue
                places[index] = place
                used = more
    granted = tuple(rungs[place] if place >= 0 else None for rungs, place in zip(ladders, places, strict=True))
    return Plan(granted, used, sum(rungs[-1].bitrate_bps for rungs in ladders if rungs))


def _place(rungs: Sequence[Rung], shown: Rung | None) -> int:
    """Where what is shown stands among the rungs now; when that layer has gone, the best that costs no more."""
    if shown is None:
        return -1
    place = -1
    for index, rung in enumerate(rungs):
        if rung.choice == shown.choice:
            return index
        if rung.bitrate_bps <= shown.bitrate_bps:
            place = index
    return place


class Allocator:
    """The allocation of one viewer over time. ``plan`` is the last one."""

    __slots__ = ("_declined_at", "_failed_bps", "_risen_at", "_shown", "_stable", "plan")

    def __init__(self) -> None:
        self.plan = Plan((), 0.0, 0.0)
        self._shown: dict[str, Rung] = {}
        self._declined_at = -1e9
        self._risen_at = -1e9
        self._failed_bps = 0.0  # what was sent when something had to be taken away
        self._stable = STABLE

    def decide(
        self, wishes: Sequence[Wish], budget_bps: float, now: float, is_free: bool = False
    ) -> dict[str, Rung | None]:
        """The rung of every wish now. ``is_free``: nothing shows that the line is full."""
        shown = [self._shown.get(wish.key) for wish in wishes]
        steady = now - self._declined_at
        may_rise = steady >= self._stable or (steady >= SOONEST and budget_bps >= PROVEN * self._failed_bps)
        before = self.plan.used_bps
        self.plan = allocate(wishes, shown, budget_bps, may_rise, UNPROVEN if is_free else TOLERANCE)
        found: dict[str, Rung | None] = {}
        for wish, rung, had in zip(wishes, self.plan.granted, shown, strict=True):
            found[wish.key] = rung
            if had is not None and _is_below(wish.rungs, rung, had):
                self._decline(before, now)
            elif rung is not None and (had is None or rung.bitrate_bps > had.bitrate_bps and rung.choice != had.choice):
                self._risen_at = now
        self._shown = {key: rung for key, rung in found.items() if rung is not None}
        return found

    def _decline(self, sent_bps: float, now: float) -> None:
        if self._risen_at > self._declined_at:  # the first step down since something got better
            is_failure = now - self._risen_at < LASTING
            self._stable = min(LONGEST_STABLE, 2 * self._stable) if is_failure else STABLE
            self._failed_bps = sent_bps
        self._declined_at = now


def _is_below(rungs: Sequence[Rung], rung: Rung | None, before: Rung) -> bool:
    """Whether there is less than before for want of room, not for want of the layer."""
    order: list[Choice] = [each.choice for each in steps(rungs)]
    if before.choice not in order:
        return bool(order) and rung is None
    return rung is None or order.index(rung.choice) < order.index(before.choice)


__all__ = ["HEADROOM", "PROVEN", "STABLE", "Allocator", "Plan", "Wish", "allocate", "steps"]
