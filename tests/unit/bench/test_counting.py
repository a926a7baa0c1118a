"""Viewers of a benchmark count what a person would: each packet once, and nothing that came late as lost."""

from __future__ import annotations

from tests.bench.viewer import Stream


def play(numbers: list[int]) -> Stream:
    stream = Stream(1, numbers[0] & 0xFFFF, 96, False)
    for number in numbers:
        if number & 0xFFFF == (stream.highest + 1) & 0xFFFF:
            stream.highest += 1
            stream.received += 1
        else:
            stream.jump(number & 0xFFFF)
    return stream


def lost(stream: Stream) -> int:
    return stream.highest - stream.base + 1 - stream.received


def test_all_arrive_over_a_wrap() -> None:
    stream = play(list(range(65_500, 65_600)))
    assert (stream.received, lost(stream)) == (100, 0)


def test_a_gap_is_lost_until_it_is_filled() -> None:
    assert lost(play([1, 2, 5, 6])) == 2
    mended = play([1, 2, 5, 6, 3, 4])
    assert (mended.received, lost(mended), mended.late) == (6, 0, 2)


def test_a_gap_over_a_wrap_can_be_filled() -> None:
    stream = play([65_534, 65_537, 65_535, 65_536])
    assert (stream.received, lost(stream)) == (4, 0)


def test_a_repeated_packet_counts_once() -> None:
    stream = play([1, 2, 2, 3, 1])
    assert (stream.received, lost(stream)) == (3, 0)


def test_the_report_tells_the_share_lost_since_the_last_one() -> None:
    stream = play([0, 1, 2, 3])
    assert stream.block(1.0)[1:4] == (0, 0, 3)
    for number in (6, 7):
        stream.jump(number) if number == 6 else play_one(stream, number)
    assert stream.block(2.0)[1:4] == (128, 2, 7)


def play_one(stream: Stream, number: int) -> None:
    assert number == stream.highest + 1
    stream.highest += 1
    stream.received += 1
