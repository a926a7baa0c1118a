"""How long pictures are held back at a viewer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.patience import KEPT, MOST, Patience, Share, needed


def test_a_clean_line_is_not_waited_for() -> None:
    assert needed([(0.0, 0.3), (0.01, 0.5)]) == 0.0


def test_some_loss_costs_a_round_trip_and_much_loss_two() -> None:
    assert needed([(0.03, 0.1)]) == pytest.approx(0.13)
    assert needed([(0.10, 0.1)]) == pytest.approx(0.26)
    assert needed([(0.10, 0.0)]) == pytest.approx(0.26), "nobody has measured it"


def test_the_worse_way_counts_and_there_is_an_end() -> None:
    assert needed([(0.0, 0.1), (0.03, 0.2)]) == pytest.approx(0.24)
    assert needed([(0.03, 0.1), (0.03, 0.2)]) == pytest.approx(0.24 + 0.45 * 0.13)
    assert needed([(0.5, 2.0)]) == MOST


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), max_size=4))
def test_it_stays_within_bounds(ways: list[tuple[float, float]]) -> None:
    assert 0.0 <= needed(ways) <= MOST


def test_losses_are_believed_soon_and_forgotten_slowly() -> None:
    share = Share()
    for _ in range(3):
        share.add(0.1)
    assert share.value > 0.06
    for _ in range(5):
        share.add(0.0)
    assert share.value > 0.05


def test_more_is_told_at_once_and_less_after_a_while() -> None:
    patience = Patience()
    assert patience.update(0.2, 1.0)
    assert not patience.update(0.21, 2.0), "too small a change to tell"
    assert not patience.update(0.0, 3.0)
    assert patience.seconds == 0.2
    assert not patience.update(0.2, 12.0)
    assert not patience.update(0.0, 12.0 + KEPT - 1)
    assert patience.update(0.0, 13.0 + KEPT)
    assert patience.seconds == 0.0
