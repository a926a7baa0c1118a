"""What a viewer gets of each picture when its line does not carry all of them. A pure function over small tuples.

Order of sacrifice (design 4): other points' thumbnails, the frame rate of the main picture, its resolution, all
pictures. Sound is not decided here: it is taken off the budget before. Down at once; up only with headroom, and when
nothing had to be taken away lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PAUSED = -1
HEADROOM = 1.2  # what an improvement must leave free
TOLERANCE = 0.95  # of a measured rate: what is shown stays while that fits, for rates swing
STABLE = 5.0  # s without a decline before anything gets better, unless a probe has proven the rate


class Target(NamedTuple):
    """The most that a section may show: ``layer`` by index (PAUSED: nothing), ``temporal`` the highest temporal id."""

    layer: int
    temporal: int


NOTHING = Target(PAUSED, 0)


class Wish(NamedTuple):
    """One picture that a viewer could get.

    ``priority``: 0 for the main picture, higher for less important ones. ``rates[layer][temporal]``: bit/s of that
    layer with temporal layers up to ``temporal``, as measured; rates rise in both. Layers above what the size on the
    screen can use are left out by the caller, and those that are not sent have an empty row.
    """

    key: str
    priority: int
    rates: tuple[tuple[float, ...], ...]


class Plan(NamedTuple):
    """What to send: a target per wish, in their order, what that takes (bit/s), and what everything would take."""

    targets: tuple[Target, ...]
    used_bps: float
    ideal_bps: float


Rung = tuple[float, Target]


def ladder(rates: tuple[tuple[float, ...], ...]) -> list[Rung]:
    """The steps of one picture from nothing to everything. Of a layer all frame rates come before the next layer;
    a step that is not cheaper than the better one after it is left out."""
    rungs: list[Rung] = []
    for layer in range(len(rates) - 1, -1, -1):
        for temporal in range(len(rates[layer]) - 1, -1, -1):
            rate = rates[layer][temporal]
            if not rungs or rate < rungs[-1][0]:
                rungs.append((rate, Target(layer, temporal)))
    rungs.append((0.0, NOTHING))
    rungs.reverse()
    return rungs


def allocate(wishes: Sequence[Wish], shown: Sequence[Target], budget_bps: float, may_rise: bool) -> Plan:
    """Spread ``budget_bps`` over the pictures. ``shown``: what each gets now, in the same order.

    Pictures of one priority rise together, step by step; a less important one gets what the others leave.
    """
    ladders = [ladder(wish.rates) for wish in wishes]
    places = [0] * len(wishes)
    used = 0.0
    for priority in sorted({wish.priority for wish in wishes}):
        rising = [index for index, wish in enumerate(wishes) if wish.priority == priority]
        while rising:
            for index in list(rising):
                rungs, place = ladders[index], places[index] + 1
                more = used + rungs[place][0] - rungs[place - 1][0] if place < len(rungs) else float("inf")
                is_rise = place < len(rungs) and rungs[place][1] > shown[index]
                if more * (HEADROOM if is_rise else TOLERANCE) <= budget_bps and (may_rise or not is_rise):
                    places[index] = place
                    used = more
                else:
                    rising.remove(index)
    targets = tuple(rungs[place][1] for rungs, place in zip(ladders, places, strict=True))
    return Plan(targets, used, sum(rungs[-1][0] for rungs in ladders))


class Allocator:
    """The allocation of one viewer over time. ``plan`` is the last one."""

    __slots__ = ("_declined_at", "_shown", "plan")

    def __init__(self) -> None:
        self.plan = Plan((), 0.0, 0.0)
        self._shown: dict[str, Target] = {}
        self._declined_at = -1e9

    def decide(self, wishes: Sequence[Wish], budget_bps: float, now: float, proven: bool = False) -> dict[str, Target]:
        """The target of every wish now. ``proven``: a probe has shown that the line carries the budget."""
        may_rise = proven or now - self._declined_at >= STABLE
        shown = [self._shown.get(wish.key, NOTHING) for wish in wishes]
        self.plan = allocate(wishes, shown, budget_bps, may_rise)
        found = {wish.key: target for wish, target in zip(wishes, self.plan.targets, strict=True)}
        for wish, target, before in zip(wishes, self.plan.targets, shown, strict=True):
            if target < min(before, ladder(wish.rates)[-1][1]):  # not for want of the layer: for want of room
                self._declined_at = now
        self._shown = found
        return found


__all__ = ["HEADROOM", "NOTHING", "PAUSED", "STABLE", "Allocator", "Plan", "Target", "Wish", "allocate", "ladder"]
