"""The ring of sent packets: numbers go on over the wrap, what may still be answered for is not overwritten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.sentlog import LARGEST, SMALLEST, SentLog


def test_numbers_follow_one_another_over_the_wrap() -> None:
    log = SentLog(65_535)
    assert [log.add(100, 0.0) & 0xFFFF for _ in range(3)] == [65_535, 0, 1]
    assert (log.octets, log.flying) == (300, 300)


def test_it_grows_while_answers_may_still_come_and_keeps_what_it_knows() -> None:
    log = SentLog()
    numbers = [log.add(index % 1000, index * 0.0001) for index in range(1000)]
    assert log.mask == 1023
    for index, number in enumerate(numbers[-600:], start=400):
        assert log.sizes[number & log.mask] == index
        assert log.times[number & log.mask] == index * 0.0001


def test_old_packets_are_overwritten_and_fly_no_more() -> None:
    log = SentLog()
    for index in range(10_000):
        log.add(100, index * 0.01)
    assert log.mask == SMALLEST - 1
    assert log.flying == 100 * SMALLEST


def test_it_does_not_grow_without_end() -> None:
    log = SentLog()
    for _ in range(3 * LARGEST):
        log.add(100, 0.0)
    assert log.mask == LARGEST - 1


@given(st.lists(st.tuples(st.lists(st.integers(50, 1500), min_size=1, max_size=60), st.floats(0, 0.5)), max_size=40))
def test_packets_logged_together_are_logged_as_one_by_one(batches: list[tuple[list[int], float]]) -> None:
    together, single, now = SentLog(), SentLog(), 0.0
    for sizes, pause in batches:
        now += pause
        together.add_all(sizes, now)
        for size in sizes:
            single.add(size, now)
    assert (together.next, together.octets, together.flying) == (single.next, single.octets, single.flying)
    assert (together.times, together.sizes, together.states) == (single.times, single.sizes, single.states)
