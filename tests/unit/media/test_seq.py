"""Sequence arithmetic and the map without holes, across the wrap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.seq import FIRST_CYCLE, SequenceMap, extend, time_delta


@given(st.integers(FIRST_CYCLE, 1 << 40), st.integers(-0x8000, 0x7FFF))
def test_extend_finds_the_nearest_number(reference: int, step: int) -> None:
    assert extend(reference, (reference + step) & 0xFFFF) == reference + step


@given(st.integers(0, (1 << 32) - 1), st.integers(-(1 << 31), (1 << 31) - 1))
def test_time_delta_is_signed_and_wraps(earlier: int, step: int) -> None:
    assert time_delta((earlier + step) & 0xFFFFFFFF, earlier) == step


@pytest.mark.parametrize("start", [FIRST_CYCLE, FIRST_CYCLE + 65530, FIRST_CYCLE + 32760, 5 * FIRST_CYCLE - 3])
@given(fates=st.lists(st.sampled_from(["keep", "drop", "lose"]), max_size=200))
def test_kept_packets_are_numbered_without_holes_and_lost_ones_keep_their_place(start: int, fates: list[str]) -> None:
    mapping = SequenceMap()
    expected = start
    lost = []
    kept = []
    for index, fate in enumerate(fates):
        number = start + index
        if fate == "drop":
            mapping.drop(number)
            continue
        if fate == "lose":
            lost.append((number, expected))
        else:
            assert number + mapping.offset == expected
            kept.append((number, expected))
        expected += 1
    for number, clean in lost + kept:
        assert mapping.lookup(number) == clean
    for index, fate in enumerate(fates):
        if fate == "drop":
            assert mapping.lookup(start + index) == -1


def test_numbers_before_the_remembered_drops_are_unknown() -> None:
    mapping = SequenceMap()
    for number in range(100_000, 100_000 + 3 * SequenceMap.LIMIT, 2):
        mapping.drop(number)
    assert mapping.lookup(100_001) == -1
    newest = 100_000 + 3 * SequenceMap.LIMIT - 1
    assert mapping.lookup(newest) == newest + mapping.offset
