"""Session time over three hours: clocks that drift, answers that came late, clocks that somebody sets meanwhile."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media.journal import Clock
from media.sessiontime import SessionTime

S = 1_000_000
MONO0, UTC0 = 4_000 * S, 1_700_000_000 * S
NEAR = 40_000
HOURS = 3 * 3600


def anchors(
    seconds: float, drift: float, noise: float = 0.0, late: float = 0.0, seed: int = 1, set_at: float = 1e9,
    by: float = 0.0,
) -> list[Clock]:  # fmt: skip
    """Every 10 s. ``drift``: ppm by which the owner's clock runs faster than the relay's; ``noise``: seconds by which
    an offset is wrong at most; ``late``: share of offsets that are wrong by up to 3 s; ``by``: seconds by which the
    owner's clock is set at ``set_at``."""
    chance, found = random.Random(seed), []
    for at in range(0, int(seconds) + 1, 10):
        offset = at * drift * 1e-6 + 2.5 + chance.uniform(-noise, noise) + (by if at >= set_at else 0.0)
        if chance.random() < late:
            offset -= chance.uniform(0, 3.0)
        found.append(Clock(MONO0 + at * S, UTC0 + at * S, round(offset * S)))
    return found


def error(time: SessionTime, at: float, drift: float) -> float:
    """Microseconds by which the session's time is wrong at a moment."""
    mono = MONO0 + round(at * S)
    owner = UTC0 + at * S + at * drift + 2.5 * S
    return mono + time.at(mono) - owner


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.floats(0, HOURS), drift=st.floats(-200, 200), noise=st.floats(0, 0.008), late=st.floats(0, 0.2),
    seed=st.integers(0, 1000),
)  # fmt: skip
@example(seconds=HOURS, drift=200, noise=0.008, late=0.2, seed=3)
def test_two_machines_that_drift_apart_stay_within_40_ms(
    seconds: float, drift: float, noise: float, late: float, seed: int
) -> None:
    if seconds < 60:
        late = 0.0  # of six anchors one alone may be half of what there is
    time = SessionTime(anchors(seconds, drift, noise, late, seed))
    assert max(abs(error(time, seconds * part / 20, drift)) for part in range(21)) <= NEAR


@settings(max_examples=40, deadline=None)
@given(
    seconds=st.floats(600, HOURS), drift=st.floats(-100, 100), share=st.floats(0.02, 0.98),
    by=st.one_of(st.floats(-3600, -1), st.floats(1, 3600)), seed=st.integers(0, 1000),
)  # fmt: skip
def test_a_clock_that_is_set_tears_nothing(seconds: float, drift: float, share: float, by: float, seed: int) -> None:
    """Time goes on as it passed; the whole stands by the clock that ran longer."""
    time = SessionTime(anchors(seconds, drift, 0.002, 0.0, seed, set_at=seconds * share, by=by))
    steps = [MONO0 + round(seconds * S * part / 50) for part in range(51)]
    for one, two in zip(steps, steps[1:], strict=False):
        assert abs(time.at(two) - time.at(one)) <= 500e-6 * (two - one) + 1
    if abs(share - 0.5) > 0.05:
        wrong = by if share < 0.5 else 0.0
        worst = max(abs(error(time, at, drift) - wrong * S) for at in (0, seconds / 2, seconds))
        assert worst <= NEAR


def test_an_offset_that_is_not_known_counts_as_none() -> None:
    assert SessionTime([Clock(MONO0, UTC0)]).at(MONO0 + 5 * S) == UTC0 - MONO0


def test_no_anchor_is_no_time() -> None:
    with pytest.raises(ValueError, match="no anchor"):
        SessionTime([])
