"""What a publisher is told of its packets' arrival: everything once, late ones again, across the wrap."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp, twcc
from media.arrivals import Arrivals, PlainArrivals


def told(arrivals: PlainArrivals, now: float) -> list[twcc.Feedback]:
    found = []
    buffer = bytearray(1500)
    while size := arrivals.build(buffer, 0, 1, 2, now):
        [(_, _, at, end)] = list(rtcp.packets(bytes(buffer[:size])))
        found.append(twcc.read(buffer, at, end))
    return found


def numbers(feedbacks: list[twcc.Feedback], lost: bool) -> list[int]:
    return [
        (item.base + index) & 0xFFFF
        for item in feedbacks
        for index, arrival in enumerate(item.arrivals)
        if (arrival is twcc.LOST) == lost
    ]


def test_what_arrived_and_what_did_not_is_told_once() -> None:
    arrivals = Arrivals(10.0)
    for seq in (65534, 65535, 1, 2):
        arrivals.add(seq, 10.0 + 0.001 * (seq & 3))
    first = told(arrivals, 10.06)
    assert numbers(first, lost=False) == [65534, 65535, 1, 2]
    assert numbers(first, lost=True) == [0]
    assert told(arrivals, 10.1) == []
    arrivals.add(4, 10.11)
    second = told(arrivals, 10.12)
    assert (numbers(second, lost=True), numbers(second, lost=False), second[0].number) == ([3], [4], 1)
    assert arrivals.due == 10.12 + arrivals.interval


def test_a_late_packet_is_told_with_what_came_after_it() -> None:
    arrivals = Arrivals(0.0)
    arrivals.add(10, 0.01)
    arrivals.add(12, 0.02)
    told(arrivals, 0.05)
    arrivals.add(11, 0.06)
    again = told(arrivals, 0.1)
    assert numbers(again, lost=False) == [11, 12]


def test_a_duplicate_keeps_its_first_time() -> None:
    arrivals = Arrivals(0.0)
    arrivals.add(10, 0.0)
    arrivals.add(10, 0.4)
    assert told(arrivals, 0.5)[0].arrivals == [0]


def test_a_pause_longer_than_times_can_say_begins_another_feedback() -> None:
    arrivals = Arrivals(0.0)
    arrivals.add(1, 1.0)
    arrivals.add(2, 20.0)
    feedbacks = told(arrivals, 20.1)
    assert [item.number for item in feedbacks] == [0, 1]
    assert feedbacks[1].arrivals == [80_000]


def test_feedback_comes_less_often_on_a_thin_stream() -> None:
    arrivals = Arrivals(0.0)
    arrivals.adapt(1e6)
    assert arrivals.interval == 0.05
    arrivals.adapt(40_000)
    assert arrivals.interval == 0.1


@pytest.mark.parametrize("kind", sorted({PlainArrivals, Arrivals}, key=str))
def test_memory_does_not_grow(kind: Any) -> None:
    arrivals = kind(0.0)
    now = 0.0
    for seq in range(200_000):
        now += 0.001
        arrivals.add(seq & 0xFFFF, now)
        if now >= arrivals.due:
            told(arrivals, now)
    assert (len(arrivals._times) if kind is PlainArrivals else arrivals.mask + 1) < 1100


@given(st.lists(st.tuples(st.integers(0, 65535), st.floats(0, 0.2)), max_size=60))
def test_any_numbers_in_any_order_are_told_in_bounded_packets(packets: list[tuple[int, float]]) -> None:
    arrivals = Arrivals(0.0)
    now = 0.0
    for seq, pause in packets:
        now += pause
        arrivals.add(seq, now)
        if now >= arrivals.due:
            assert len(told(arrivals, now)) <= 40
    assert len(told(arrivals, now)) <= 40
    assert told(arrivals, now) == []
