"""What the load clients say is what the relay's own parsers, or the clients themselves, read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media import twcc
from tests.bench import rtcp


@given(st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=60))
def test_a_nack_asks_for_exactly_what_is_missing(missing: set[int]) -> None:
    packet = rtcp.nack(1, 2, sorted(missing))
    assert sorted(rtcp.asked_for(packet)) == sorted(missing)


@given(
    st.integers(0, 0x1FFFF),
    st.lists(st.tuples(st.integers(1, 40), st.integers(-200, 4000)), min_size=1, max_size=300),
)
def test_transport_feedback_tells_numbers_and_times(base: int, steps: list[tuple[int, int]]) -> None:
    seq, at, arrivals = base, 40_000_000, []
    for ahead, later in steps:  # times in units of 250 us
        seq, at = seq + ahead, at + later
        arrivals.append((seq, at * 0.00025))
    packet = rtcp.transport_feedback(1, 2, 7, arrivals)
    told = twcc.read(packet, 4, len(packet))
    heard = [(told.base + index, tick) for index, tick in enumerate(told.arrivals) if tick is not None]
    assert told.number == 7
    assert [number for number, _ in heard] == [number - (arrivals[0][0] & ~0xFFFF) for number, _ in arrivals]
    for (_, seconds), (_, tick) in zip(arrivals, heard, strict=True):
        assert abs((tick - heard[0][1]) * 0.00025 - (seconds - arrivals[0][1])) < 0.0006


def test_reports_and_estimates_make_one_compound_packet() -> None:
    block = (0x11223344, 12, 5, 70_000, 0xAABBCCDD, 65536)
    text = rtcp.receiver_report(1, [block]) + rtcp.remb(1, 2_500_000, [0x11223344])
    assert [kind for kind, _, _ in rtcp.parts(text)] == [201, 206]
