"""A share of a core is kept on the mean, and nothing piles up."""

from __future__ import annotations

import pytest

from media.budget import LONGEST_S, SPARE_S, Budget


def worked(budget: Budget, seconds: float, step: float = 0.04) -> float:
    """CPU time that a process takes in so much time, when it works whenever it may."""
    now = cpu = 0.0
    while now < seconds:
        wait = budget.pause(cpu, now)
        if wait:
            now += wait
        else:
            cpu += step
            now += step
    return cpu


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_is_kept(share: float) -> None:
    assert worked(Budget(share), 100) == pytest.approx(100 * share, abs=SPARE_S + 0.1)


def test_without_a_bound_it_never_waits_and_with_nothing_it_always_does() -> None:
    assert worked(Budget(), 10) == pytest.approx(10, abs=0.1)
    assert worked(Budget(0.0), 10) == 0.0


def test_what_was_not_used_does_not_pile_up() -> None:
    budget = Budget(0.5)
    budget.pause(0.0, 0.0)
    assert budget.pause(0.0, 3600.0) == 0.0
    assert budget.pause(1.5, 3601.0) == LONGEST_S


def test_a_new_share_counts_at_once() -> None:
    budget = Budget(0.0)
    assert budget.pause(0.0, 0.0) > 0
    budget.share = None
    assert budget.pause(5.0, 0.1) == 0.0
