"""How lookup on PostgreSQL cuts time into slices: by place, by how frequent words are, by what was found."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from rooms.index_postgres import TOGETHER, Guess, first_slice, in_months, next_slice, terms_of_time
from rooms.wanted import Wanted, first_id

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


def test_few_places_are_asked_with_the_month_and_many_beside_it() -> None:
    word, months = Wanted((frozenset({"dat"}),)), [(2026, 11), (2026, 10)]
    together = in_months(word, frozenset({"s:a", "r:b"}), months)
    assert together.clauses[1:] == (frozenset({"sm:a.202611", "sm:a.202610", "rm:b.202611", "rm:b.202610"}),)
    months_alone = frozenset({"m:202611", "m:202610"})
    assert in_months(word, None, months).clauses[1:] == (months_alone,)
    every = frozenset({"u:", "r:b"})
    assert in_months(word, every, months).clauses[1:] == (every, months_alone)
    many = frozenset(f"s:{n}" for n in range(TOGETHER))
    assert in_months(word, many, months).clauses[1:] == (many, months_alone)


def test_every_entry_has_a_term_of_its_place_and_month() -> None:
    number = first_id(dt.datetime(2026, 11, 30, tzinfo=dt.UTC))
    assert terms_of_time(number, ["dat", "s:a", "u:"]) == {"m:202611", "sm:a.202611"}
    assert terms_of_time(number, ["r:a"]) == {"m:202611", "rm:a.202611"}
    assert terms_of_time(number, ["dat"]) == {"m:202611", "sm:.202611"}
