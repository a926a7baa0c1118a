"""How lookup on PostgreSQL cuts time into slices, by how frequent the words are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooms.index import Guess, months_at_once

MANY, YEARS = 2_450_000.0, 102
"""Entries, and months over which they are spread."""


def test_a_name_in_a_third_of_the_rows_is_asked_month_by_month() -> None:
    assert months_at_once(Guess(MANY, (0.33, 0.26)), YEARS, 1001) == 1


def test_words_that_meet_less_often_are_asked_in_longer_slices() -> None:
    assert 2 <= months_at_once(Guess(MANY, (0.33, 0.3, 0.3, 0.26)), YEARS, 1001) <= 10


def test_a_rare_word_is_asked_at_once() -> None:
    assert months_at_once(Guess(MANY, (0.33, 0.0001, 0.26)), YEARS, 1001) == 0


def test_frequent_words_that_hardly_ever_meet_are_asked_at_once() -> None:
    assert months_at_once(Guess(MANY, (0.33, 0.1, 0.1, 0.1, 0.1, 0.26)), YEARS, 1001) == 0


@given(
    entries=st.floats(1, 1e8), shares=st.lists(st.floats(1e-9, 1), max_size=12).map(tuple),
    months=st.integers(1, 600), most=st.integers(1, 2000),
)  # fmt: skip
def test_slices_are_of_a_year_at_most(entries: float, shares: tuple[float, ...], months: int, most: int) -> None:
    assert 0 <= months_at_once(Guess(entries, shares), months, most) <= 12
