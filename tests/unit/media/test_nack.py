"""When missing packets are asked for, and when not any more."""

from __future__ import annotations

from media.nack import FIRST_DELAY, MAX_AGE, MAX_AGE_LOSSY, MAX_GAP, MAX_TRIES, NackTracker


def test_a_gap_is_asked_for_after_a_moment_and_again_each_round_trip() -> None:
    tracker = NackTracker()
    assert tracker.add(10, 12, 5.0)
    assert tracker.deadline == 5.0 + FIRST_DELAY
    assert tracker.due(5.0)[0] == []
    assert tracker.due(5.0 + FIRST_DELAY)[0] == [10, 11, 12]
    again = tracker.deadline
    assert again is not None and 5.1 < again < 5.3
    assert tracker.received(11, 5.05)
    assert tracker.due(again)[0] == [10, 12]


def test_reordered_packets_are_never_asked_for() -> None:
    tracker = NackTracker()
    tracker.add(10, 10, 5.0)
    assert tracker.received(10, 5.005)
    assert tracker.deadline is None
    assert not tracker.received(10, 5.006)


def test_where_the_round_trip_is_measured_the_question_is_repeated_before_the_answer_can_be_there() -> None:
    tracker = NackTracker()
    tracker.rtt, tracker.is_measured = 0.2, True
    tracker.add(10, 10, 5.0)
    tracker.due(5.0 + FIRST_DELAY)
    assert tracker.deadline == 5.0 + FIRST_DELAY + 0.6 * 0.2
    tracker.received(10, 5.3)
    assert tracker.rtt == 0.2


def test_where_much_is_lost_a_question_is_there_whenever_the_sender_would_answer_again() -> None:
    tracker = NackTracker()
    tracker.rtt, tracker.is_measured, tracker.is_lossy = 0.2, True, True
    tracker.add(10, 10, 5.0)
    asked, taken_for_lost = [], []
    while tracker.deadline is not None:
        now = tracker.deadline
        numbers, lost = tracker.due(now)
        asked += [now] * len(numbers)
        taken_for_lost += [now] * lost
    assert max(b - a for a, b in zip(asked, asked[1:], strict=False)) < 0.05
    assert len(taken_for_lost) == 1 and taken_for_lost[0] < 5.0 + MAX_AGE + 0.1, "a key frame is asked for in time"
    assert 5.0 + MAX_AGE + 0.3 < asked[-1] <= 5.0 + MAX_AGE_LOSSY, "and the packet as well, meanwhile"
    assert len(asked) <= 40


def test_it_gives_up_in_time() -> None:
    tracker = NackTracker()
    tracker.rtt = 0.01
    tracker.add(10, 10, 5.0)
    tries = lost = 0
    while tracker.deadline is not None:
        now = tracker.deadline
        asked, given_up = tracker.due(now)
        tries += len(asked)
        lost += given_up
    assert tries <= MAX_TRIES and lost == 1 and tracker.lost == 1
    assert now <= 5.0 + MAX_AGE + 0.5


def test_an_outage_is_not_asked_for_piece_by_piece() -> None:
    tracker = NackTracker()
    assert not tracker.add(0, MAX_GAP, 5.0)
    assert len(tracker) == 0 and tracker.deadline is None


def test_memory_is_bounded() -> None:
    tracker = NackTracker()
    for start in range(0, 10_000, 100):
        tracker.add(start, start + 98, 5.0)
    assert len(tracker) <= 256


def test_the_round_trip_is_learnt_from_single_tries() -> None:
    tracker = NackTracker()
    for number in range(60):
        now = float(number)
        tracker.add(number, number, now)
        tracker.due(now + FIRST_DELAY)
        tracker.received(number, now + FIRST_DELAY + 0.05)
    assert abs(tracker.rtt - 0.05) < 0.005
