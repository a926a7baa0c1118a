"""How the rate grows and falls by what the delay shows."""

from __future__ import annotations

import pytest

from media.delaybased import Usage
from media.ratecontrol import AcknowledgedRate, RateControl


def grow(control: RateControl, acked: float, seconds: float, since: float = 0.0) -> float:
    now = since
    while now < since + seconds:
        now += 0.05
        control.update(Usage.NORMAL, acked, 0.0, 0.05, now)
    return control.rate_bps


def test_far_from_any_limit_it_grows_by_eight_percent_a_second() -> None:
    assert grow(RateControl(1_000_000), 900_000, 2) == pytest.approx(1_000_000 * 1.083**2, rel=0.02)


def test_an_idle_line_proves_nothing() -> None:
    assert grow(RateControl(1_000_000), 300_000, 10) == 1_000_000


def test_it_never_stands_far_above_what_arrives() -> None:
    control = RateControl(1_000_000)
    grow(control, 720_000, 60)
    assert control.rate_bps <= 1.5 * 720_000 + 10_000


def test_a_queue_takes_it_below_what_arrived_the_further_the_longer_it_is() -> None:
    short, long = RateControl(1_000_000), RateControl(1_000_000)
    assert short.update(Usage.OVER, 800_000, 0.02, 0.05, 1.0)
    assert long.update(Usage.OVER, 800_000, 0.3, 0.05, 1.0)
    assert short.rate_bps == pytest.approx(0.85 * 800_000)
    assert 0.5 * 800_000 <= long.rate_bps <= 0.65 * 800_000


def test_a_decrease_must_have_had_its_effect_before_the_next() -> None:
    control = RateControl(1_000_000)
    assert control.update(Usage.OVER, 800_000, 0.02, 0.05, 1.0)
    assert not control.update(Usage.OVER, 800_000, 0.02, 0.05, 1.1)
    assert control.update(Usage.OVER, 700_000, 0.02, 0.05, 1.4)


def test_a_dead_moment_does_not_take_everything() -> None:
    control = RateControl(1_000_000)
    grow(control, 1_000_000, 2)
    before = control.rate_bps
    control.update(Usage.OVER, 10_000, 0.3, 0.05, 3.0)
    assert control.rate_bps >= 0.4 * before


def test_near_the_limit_it_grows_slowly() -> None:
    control = RateControl(2_000_000)
    control.update(Usage.OVER, 2_000_000, 0.02, 0.05, 1.0)
    before = control.rate_bps = 1_950_000
    control.update(Usage.NORMAL, before, 0.0, 0.05, 1.1)
    near = grow(control, before, 1, since=1.1) - before
    assert 0 < near < 0.05 * before


def test_what_arrived_is_measured_by_the_receivers_clock() -> None:
    rate = AcknowledgedRate()
    assert rate.over() == 0.0
    for index in range(20):
        rate.add(7_000.0 + index * 0.05, 5_000)
    assert rate.over() == pytest.approx(800_000, rel=0.01)
    assert rate.now() == pytest.approx(800_000, rel=0.01)
    rate.add(90_000.0, 10)
    assert rate.over() == 0.0, "the clock was set: it begins anew"
