"""How lookup on PostgreSQL cuts time into slices: by how frequent the words are, then by what was found."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooms.index_postgres import Guess, first_slice, next_slice

MANY, YEARS = 2_450_000.0, 102
"""Entries, and months over which they are spread."""


def test_a_name_in_a_third_of_the_rows_is_asked_month_by_month() -> None:
    assert first_slice(Guess(MANY, (0.33, 0.26)), YEARS, 1001) == 1


def test_words_that_meet_less_often_are_asked_in_longer_slices() -> None:
    assert first_slice(Guess(MANY, (0.33, 0.3, 0.3, 0.26)), YEARS, 1001) == 4


def test_a_rare_word_is_asked_at_once_wherever_it_stands() -> None:
    assert first_slice(Guess(MANY, (0.33, 0.0001, 0.26)), YEARS, 1001) == 0


def test_without_counts_a_month_is_tried() -> None:
    assert first_slice(None, YEARS, 1001) == 1


def test_what_was_found_says_how_long_the_next_slice_is() -> None:
    assert next_slice(found=500, asked=4, left=98, most=1001) == 6
    assert next_slice(found=60, asked=4, left=98, most=1001) == 12
    assert next_slice(found=990, asked=4, left=98, most=1001) == 1


def test_where_there_is_too_little_in_all_one_question_asks_for_the_rest() -> None:
    assert next_slice(found=20, asked=4, left=98, most=1001) == 0
    assert next_slice(found=0, asked=1, left=101, most=1001) == 4, "one month without a find tells little"


@given(
    entries=st.floats(1, 1e8), shares=st.lists(st.floats(1e-9, 1), max_size=12).map(tuple),
    months=st.integers(1, 600), most=st.integers(1, 2000),
)  # fmt: skip
def test_slices_are_of_a_year_at_most(entries: float, shares: tuple[float, ...], months: int, most: int) -> None:
    assert 0 <= first_slice(Guess(entries, shares), months, most) <= 4
    assert 0 <= next_slice(most // 2, months, months, most) <= 12
