"""Ids and months in order of time."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from rooms.wanted import entry_id, first_id, month_of, month_start, months_between, next_month, place_term

MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=dt.UTC))


@given(at=MOMENTS, name=st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=1, max_size=24))
def test_an_id_lies_in_its_second_and_month(at: dt.datetime, name: str) -> None:
    number = entry_id(at, name)
    assert 0 <= number - first_id(at) < 4096
    month = month_of(number)
    assert month_start(month) <= number < month_start(next_month(month))
    assert next_month(next_month(month, 5), -5) == month


def test_months_of_a_span() -> None:
    assert months_between(month_start((2025, 12)), month_start((2026, 1))) == 2
    assert months_between(month_start((2026, 1)), month_start((2026, 2)) - 1) == 1


def test_the_place_among_the_terms_of_an_entry() -> None:
    assert place_term(["dat", "u:", "s:a"]) == "s:a"
    assert place_term(["r:a", "t:visit"]) == "r:a" and place_term(["sm", "dat"]) == ""
