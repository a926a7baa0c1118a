"""What packets that left together tell of the narrowest hop."""

from __future__ import annotations

from media.sentlog import trains_of
from media.trains import MOST, Trains

SIZE = 1100


def train(sent: float, count: int, line_bps: float) -> list[tuple[float, float, int]]:
    """``count`` packets that left at ``sent`` and come out of a hop of that speed one after the other."""
    each = SIZE * 8 / line_bps
    return [(sent, round((sent + 0.02 + index * each) / 0.00025) * 0.00025, SIZE) for index in range(count)]


def seen(sent: float, count: int, line_bps: float) -> list[tuple[int, float]]:
    return trains_of(train(sent, count, line_bps))


def after(line_bps: float, count: int = 8, trains: int = 6) -> Trains:
    found = Trains()
    for number in range(trains):
        found.take(seen(number * 0.033, count, line_bps), 0, number * 0.033)
    return found


def test_what_leaves_at_once_takes_one_quantum_at_the_narrowest_hop() -> None:
    for line in (5e6, 20e6, 50e6):
        assert 0.8 * line / 8 * 0.005 < after(line).at_once < 1.25 * line / 8 * 0.005


def test_a_fast_line_takes_a_whole_key_frame() -> None:
    assert after(1e9, 60).at_once == MOST


def test_nothing_is_believed_before_some_trains_agree() -> None:
    assert after(1e9, trains=4).at_once == 0
    assert after(1e9, count=3).at_once == 0


def test_the_slowest_of_the_last_trains_counts_but_one_hiccup_does_not() -> None:
    line = after(20e6)
    line.take(seen(1.0, 8, 4e6), 0, 1.0)
    assert line.at_once < 4e6 / 8 * 0.005 * 1.25
    fast = after(1e9, 40)
    fast.take(seen(1.0, 8, 4e6), 0, 1.0)
    assert fast.at_once == MOST


def test_what_arrives_as_one_may_be_longer_the_next_time() -> None:
    line = after(1e9, 6)
    assert 40_000 < line.at_once < 60_000
    line.take(seen(1.0, 40, 1e9), 0, 1.0)
    for number in range(20):
        line.take(seen(2.0 + number, 6, 1e9), 0, 2.0 + number)
    assert line.at_once == MOST, "key frames come rarely: what one has shown is believed for a while"
    line.take(seen(40.0, 6, 1e9), 0, 40.0)
    assert line.at_once < 60_000


def test_a_train_that_lost_something_halves_it_for_a_while() -> None:
    line = after(1e9, 60)
    line.take(seen(1.0, 60, 1e9), 3, 1.0)
    assert line.at_once == MOST // 2
    line.take(seen(2.0, 60, 1e9), 1, 2.0)
    assert line.at_once == MOST // 4
    line.take(seen(12.5, 60, 1e9), 0, 12.5)
    assert line.at_once == MOST


def test_packets_sent_one_by_one_say_nothing() -> None:
    line = Trains()
    line.take(trains_of([(index * 0.01, index * 0.01 + 0.02, SIZE) for index in range(50)]), 0, 1.0)
    assert line.at_once == 0
