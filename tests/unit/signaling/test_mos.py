"""The E-model against figures that are published, and against what cannot be otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.mos import delay_of, mos, rating


@pytest.mark.parametrize(
    ("r", "score"),  # G.107 Annex B, table B.1 and its curve
    [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)],
)
def test_annex_b(r: float, score: float) -> None:
    loss = 0.251 * (93.2 - r) / (95 - (93.2 - r))  # the loss that costs exactly so much
    assert rating(loss, 0.0) == pytest.approx(r)
    assert mos(loss, 0.0) == pytest.approx(score, abs=0.015)


@pytest.mark.parametrize(
    ("delay_s", "r"),  # Cole and Rosenbluth: 0.024 d + 0.11 (d - 177.3) beyond that
    [(0.0, 93.2), (0.100, 90.8), (0.150, 89.6), (0.1773, 88.94), (0.300, 72.5), (0.400, 59.1)],
)
def test_delay(delay_s: float, r: float) -> None:
    assert rating(0.0, delay_s) == pytest.approx(r, abs=0.05)


@pytest.mark.parametrize(("loss", "impairment"), [(0.01, 3.64), (0.03, 10.14), (0.05, 15.78), (0.10, 27.07)])
def test_loss(loss: float, impairment: float) -> None:
    """G.113 Appendix I, G.711 with concealment: Ie,eff = 95 Ppl / (Ppl + 25.1)."""
    assert 93.2 - rating(loss, 0.0) == pytest.approx(impairment, abs=0.01)


def test_what_people_would_say() -> None:
    assert mos(0.0, delay_of(0.040, 0.005)) > 4.3, "fibre"
    assert 3.6 < mos(0.03, delay_of(0.120, 0.020)) < 4.2, "a phone's line on a good day"
    assert mos(0.0, delay_of(0.600, 0.010)) < 3.7, "a satellite"
    assert mos(0.20, delay_of(0.200, 0.050)) < 3.1, "hard to follow"


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 5), st.floats(0, 5))
def test_worse_lines_are_never_rated_better(loss: float, more_loss: float, delay: float, more_delay: float) -> None:
    assert 1.0 <= mos(min(1, loss + more_loss), delay + more_delay) <= mos(loss, delay) <= 4.41
