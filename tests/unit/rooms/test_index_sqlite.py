"""Rows of the index on SQLite: numbers of zones and entries, and what is left of a question inside one zone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rooms.index_sqlite import in_zone, number_of, row_of

HALF = 1 << 44


@given(zone=st.integers(0, 1 << 17), number=st.integers(-HALF, HALF - 1))
def test_a_row_tells_its_entry(zone: int, number: int) -> None:
    assert number_of(row_of(zone, number)) == number
    assert -(1 << 63) <= row_of(zone, number) < 1 << 63


@given(zone=st.integers(0, 1 << 17), numbers=st.lists(st.integers(-HALF, HALF - 1), min_size=2, max_size=2))
def test_rows_of_a_zone_order_by_time_and_come_before_those_of_the_next(zone: int, numbers: list[int]) -> None:
    first, second = numbers
    assert (row_of(zone, first) < row_of(zone, second)) == (first < second)
    assert row_of(zone, first) < row_of(zone + 1, second)


def test_what_every_entry_of_a_zone_holds_is_not_asked() -> None:
    word, place = frozenset({"dat"}), frozenset({"luc", "s:a", "r:a"})
    assert in_zone("s:a", (word, place)) == (word,)
    assert in_zone("r:a", (place,)) == ()


def test_what_no_entry_of_a_zone_can_hold_is_left_out() -> None:
    assert in_zone("s:b", (frozenset({"luc", "s:a"}),)) == (frozenset({"luc"}),)
    assert in_zone("s:b", (frozenset({"dat"}), frozenset({"s:a", "r:a"}))) is None
    assert in_zone("", (frozenset({"s:a"}),)) is None
