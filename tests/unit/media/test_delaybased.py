"""What arrival times say: a growing queue, a long one, and what only looks like one."""

from __future__ import annotations

from media.delaybased import QUEUE_LONG, Acked, DelayBased, Usage


def feedbacks(delays: list[float], period: float = 0.02, size: int = 1000) -> list[list[Acked]]:
    """One packet per period, three to a feedback, with these delays on the way."""
    packets = [(index * period, 50.0 + index * period + delay, size) for index, delay in enumerate(delays)]
    return [packets[at : at + 3] for at in range(0, len(packets), 3)]


def usages(delays: list[float], period: float = 0.02) -> list[Usage]:
    detector = DelayBased()
    return [detector.update(acked, acked[-1][0] + 0.1) for acked in feedbacks(delays, period)]


def test_a_steady_way_is_normal() -> None:
    assert set(usages([0.03] * 300)) == {Usage.NORMAL}


def test_a_queue_that_grows_is_seen_before_it_is_long() -> None:
    grows = [0.03] * 60 + [0.03 + index * 0.002 for index in range(60)]
    found = usages(grows)
    first = found.index(Usage.OVER)
    assert 20 < first <= 20 + 14, "after about a quarter of a second"


def test_a_queue_that_drains_is_seen_too() -> None:
    falls = [0.03 + index * 0.002 for index in range(60)] + [max(0.03, 0.15 - index * 0.003) for index in range(60)]
    assert Usage.UNDER in usages(falls)[20:]


def test_single_late_packets_are_no_queue() -> None:
    assert Usage.OVER not in usages([0.03 + (0.2 if index % 10 == 5 else 0.0) for index in range(300)])


def test_a_long_queue_that_stands_is_overuse() -> None:
    stands = [0.03] * 30 + [0.03 + min(index * 0.02, QUEUE_LONG + 0.1) for index in range(150)]
    assert usages(stands)[-1] is Usage.OVER


def test_a_clock_that_is_set_anew_is_no_queue() -> None:
    detector = DelayBased()
    for acked in feedbacks([0.03] * 100 + [20.0] * 100):
        assert detector.update(acked, acked[-1][0] + 0.1) is not Usage.OVER
    assert detector.queue < 0.01


def test_a_longer_way_becomes_the_usual_one() -> None:
    detector = DelayBased()
    for acked in feedbacks([0.03] * 100 + [0.10] * 900):
        detector.update(acked, acked[-1][0] + 0.1)
    assert detector.queue < 0.01
