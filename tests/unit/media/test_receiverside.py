"""A receiver's own estimate: it limits only when it lies below what is sent, and never for good."""

from __future__ import annotations

import pytest

from media.receiverside import LEAST_BPS, LEAST_ESTIMATE_BPS, STEADY, ReceiverSide


def send(side: ReceiverSide, rate: float, seconds: float, since: float) -> float:
    """Send at ``rate`` bit/s; the time afterwards."""
    now, octets = since, max(0, side._octets)
    while now < since + seconds:
        now += 0.1
        octets += int(rate / 80)
        side.tick(octets, now)
    return now


def test_nothing_is_known_against_the_ceiling_at_first() -> None:
    assert ReceiverSide(2_000_000, 0.0).target_bps == 2_000_000


def test_an_estimate_below_what_is_sent_is_a_limit() -> None:
    side = ReceiverSide(2_000_000, 0.0)
    now = send(side, 1_500_000, 3, 0.0)
    side.estimate(600_000, now)
    assert side.target_bps == 600_000


def test_an_estimate_that_only_reflects_a_pause_is_none() -> None:
    side = ReceiverSide(2_000_000, 0.0)
    now = send(side, 40_000, 3, 0.0)
    side.estimate(60_000, now)
    assert side.target_bps == 2_000_000


def test_a_limit_is_tried_again_after_a_while_and_found_again() -> None:
    side = ReceiverSide(2_000_000, 0.0)
    now = send(side, 1_500_000, 3, 0.0)
    side.estimate(600_000, now)
    now = send(side, 40_000, STEADY - 0.5, now)
    assert side.target_bps == 600_000
    now = send(side, 40_000, 12, now)
    assert side.target_bps == 2_000_000
    now = send(side, 1_500_000, 2, now)
    side.estimate(700_000, now)
    assert side.target_bps == 700_000


def test_heavy_loss_is_a_limit_too_but_once_a_second() -> None:
    side = ReceiverSide(2_000_000, 0.0)
    now = send(side, 1_000_000, 3, 0.0)
    side.loss(0.05, now)
    assert side.target_bps == 2_000_000
    side.loss(0.4, now)
    first = side.target_bps
    assert first == pytest.approx(800_000, rel=0.02)
    side.loss(0.4, now + 0.1)
    assert side.target_bps == first


def test_it_never_falls_below_what_sound_needs() -> None:
    side = ReceiverSide(2_000_000, 0.0)
    now = send(side, 1_000_000, 3, 0.0)
    side.estimate(5_000, now)
    assert side.target_bps == LEAST_ESTIMATE_BPS, "without losses the receiver may just be slow"
    for _ in range(20):
        now = send(side, 100_000, 1.1, now)
        side.loss(0.5, now)
    assert side.target_bps == LEAST_BPS
