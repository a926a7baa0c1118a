"""Transport-wide feedback: what is written is read back, garbage never does more than raise BadFeedback."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media import rtcp, twcc


def written(base: int, arrivals: list[int | None], number: int = 0) -> bytes:
    buffer = bytearray(1500)
    size, _ = twcc.write(buffer, 0, 1, 2, number, base, arrivals)
    return bytes(buffer[:size])


def read(data: bytes) -> twcc.Feedback:
    [(kind, form, at, end)] = list(rtcp.packets(data))
    assert (kind, form) == (rtcp.RTPFB, twcc.FORMAT)
    return twcc.read(data, at, end)


def test_a_packet_of_another_implementation_is_read() -> None:
    # Chromium's, as the tests of other implementations quote it: base 153, one packet, reference 4057090, number 23.
    data = bytes.fromhex("afcd0005fa17fa1743032fa0009900013de8021720019401")
    feedback = read(data)
    assert feedback == twcc.Feedback(153, 4057090, 23, [4057090 * 256 + 0x94])


steps = st.lists(
    st.one_of(st.none(), st.integers(0, 255), st.integers(-3000, 32000)), min_size=0, max_size=twcc.MAX_WRITTEN - 1
)


@given(
    base=st.integers(0, 65535),
    lost=st.integers(0, 30),
    start=st.integers(0, 1 << 31),
    number=st.integers(0, 255),
    steps=steps,
)
@example(base=65530, lost=3, start=(1 << 24) * 256 - 1, number=255, steps=[1] * 20)
def test_what_is_written_is_read_back(base: int, lost: int, start: int, number: int, steps: list[int | None]) -> None:
    time = start
    arrivals: list[int | None] = [start]
    for step in steps:
        if step is None:
            arrivals.append(None)
        else:
            time += step
            arrivals.append(time)
    while arrivals[-1] is None:
        arrivals.pop()
    leading: list[int | None] = [None] * lost
    arrivals = (leading + arrivals)[: twcc.MAX_WRITTEN]
    while arrivals[-1] is None:
        arrivals.pop()
    buffer = bytearray(1500)
    size, covered = twcc.write(buffer, 0, 1, 2, number, base, arrivals)
    assert size <= 1200
    feedback = read(bytes(buffer[:size]))
    turn = start // 256 // twcc.REFERENCE_WRAP * twcc.REFERENCE_WRAP * 256
    assert covered == len(arrivals)
    assert feedback.base == base
    assert feedback.number == number
    assert [None if each is None else each + turn for each in feedback.arrivals] == arrivals


@given(symbols=st.lists(st.sampled_from([None, 0, 1, 300]), min_size=1, max_size=200))
def test_runs_and_vectors_of_any_pattern_are_read_back(symbols: list[int | None]) -> None:
    time = 0
    arrivals: list[int | None] = [0]
    for symbol in symbols:
        if symbol is not None:
            time += symbol
        arrivals.append(None if symbol is None else time)
    arrivals.append(time)
    assert read(written(7, arrivals)).arrivals == arrivals


def test_a_time_that_does_not_fit_is_left_for_the_next_feedback() -> None:
    buffer = bytearray(1500)
    _, covered = twcc.write(buffer, 0, 1, 2, 0, 0, [0, 5, None, 40_000, 40_001])
    assert covered == 2


def test_a_long_outage_takes_few_bytes() -> None:
    assert len(written(0, [0] + [None] * 398 + [255])) <= 32


@given(st.binary(min_size=0, max_size=1500))
def test_garbage_raises_what_is_declared_and_nothing_else(data: bytes) -> None:
    try:
        feedback = twcc.read(data, 0, len(data))
    except twcc.BadFeedback:
        return
    assert len(feedback.arrivals) <= twcc.MAX_STATUSES


@given(
    st.lists(st.sampled_from([0, 3, 9]), min_size=1, max_size=300),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_feedback_raises_what_is_declared_and_nothing_else(
    steps: list[int], damage: list[tuple[int, int]]
) -> None:
    data = bytearray(written(3, [sum(steps[: index + 1]) for index in range(len(steps))]))
    for at, value in damage:
        data[at % len(data)] = value
    for kind, form, at, end in rtcp.packets(data):
        if (kind, form) == (rtcp.RTPFB, twcc.FORMAT):
            try:
                twcc.read(data, at, end)
            except twcc.BadFeedback:
                pass


@pytest.mark.parametrize("count", [0, twcc.MAX_STATUSES + 1, 65535])
def test_counts_that_nobody_sends_are_refused_before_any_work(count: int) -> None:
    data = bytearray(written(0, [0]))
    data[14:16] = count.to_bytes(2, "big")
    with pytest.raises(twcc.BadFeedback):
        read(bytes(data))


def test_a_reserved_status_is_refused() -> None:
    data = bytearray(written(0, [0]))
    data[20:22] = (3 << 13 | 1).to_bytes(2, "big")
    with pytest.raises(twcc.BadFeedback):
        read(bytes(data))
