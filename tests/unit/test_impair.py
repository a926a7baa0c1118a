"""The model of a line behind the impairment proxy: a seed gives one line, and each property is what it says."""

from __future__ import annotations

import itertools

import pytest

from tests.support.impair import Line, Profile


def outs(profile: Profile, count: int, seed: int = 1, step: float = 0.01, size: int = 1000) -> list[float | None]:
    line = Line(profile, seed)
    return [line.send(size, index * step) for index in range(count)]


def lost(found: list[float | None]) -> float:
    return sum(1 for one in found if one is None) / len(found)


def test_the_same_seed_is_the_same_line() -> None:
    profile = Profile(loss=0.1, jitter_s=0.03, to_bad=0.01, to_good=0.3)
    assert outs(profile, 500) == outs(profile, 500)
    assert outs(profile, 500) != outs(profile, 500, seed=2)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_losses_are_as_many_as_asked_for(share: float) -> None:
    assert lost(outs(Profile(loss=share), 20_000)) == pytest.approx(share, rel=0.1)


def test_bursts_come_together() -> None:
    found = outs(Profile(to_bad=0.01, to_good=0.3, bad_loss=0.8), 50_000)
    # bad 0.01 / 0.31 of the time, 0.8 of it lost
    assert lost(found) == pytest.approx(0.8 * 0.01 / 0.31, rel=0.15)
    runs = [len(list(group)) for is_lost, group in itertools.groupby(one is None for one in found) if is_lost]
    assert max(runs) >= 5 and sum(runs) / len(runs) > 1.5


def test_delay_and_jitter_stay_within_their_bounds_and_in_order() -> None:
    found = [out - index * 0.01 for index, out in enumerate(outs(Profile(delay_s=0.05, jitter_s=0.04), 1000)) if out]
    assert min(found) >= 0.05 and max(found) <= 0.09 + 1e-9
    times = [one for one in outs(Profile(jitter_s=0.1), 1000) if one is not None]
    assert times == sorted(times)
    shuffled = [one for one in outs(Profile(jitter_s=0.1, reorder=True), 1000) if one is not None]
    assert shuffled != sorted(shuffled)


def test_a_narrow_line_queues_and_then_drops_the_newest() -> None:
    profile = Profile(rate_bps=80_000, queue_s=0.35)  # 0.1 s for a packet of 1,000 bytes
    found = outs(profile, 20, step=0.0)
    assert [one for one in found if one is not None] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert found[4:] == [None] * 16
    through = [one for one in outs(profile, 1000, step=0.05) if one is not None]
    assert len(through) == pytest.approx(500, rel=0.02), "as much as its rate"
