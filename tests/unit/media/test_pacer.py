"""When packets leave: pictures are spread, nothing else waits, nothing waits for long, order is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media.pacer import MAX_PACKETS, MAX_WAIT, QUANTUM, Pacer
from media.types import Ready

Packet = tuple[int, int, int]  # number, size, marker


@dataclass
class Stint:
    audio: bool

    def size_of(self, packet: Packet) -> int:
        return packet[1]


SOUND, PICTURE = Stint(True), Stint(False)


@dataclass
class Queue:
    pairs: list[Any] = field(default_factory=list)

    def frame(self, count: int, first: int = 0, size: int = 1000) -> None:
        for number in range(first, first + count):
            self.pairs += (PICTURE, (number, size, 0x80 if number == first + count - 1 else 0))


def run(pacer: Pacer, queue: Queue, since: float, seconds: float) -> list[tuple[float, Any]]:
    """Flush every quantum; (time, packet) of what left."""
    left = []
    now = since
    while now < since + seconds:
        left += [(now, packet) for packet in pacer.take(queue, now)[1::2]]
        now += QUANTUM
    return left


def test_a_small_frame_leaves_at_once() -> None:
    queue = Queue()
    queue.frame(2)
    assert len(run(Pacer(1_000_000, 5.0), queue, 5.0, 0.001)) == 2


def test_a_key_frame_is_spread_at_two_and_a_half_times_the_target() -> None:
    queue = Queue()
    queue.frame(60)
    left = run(Pacer(1_000_000, 5.0), queue, 5.0, 1.0)
    assert [packet[0] for _, packet in left] == list(range(60))
    took = left[-1][0] - 5.0
    assert 0.9 * 60_000 * 8 / 2_500_000 <= took <= 1.1 * 60_000 * 8 / 2_500_000
    for at, _ in left[5:]:
        assert sum(1 for other, _ in left if at - QUANTUM / 2 < other < at + QUANTUM / 2) <= 3


def test_sound_rtcp_and_resends_pass_pictures_that_wait() -> None:
    queue, pacer = Queue(), Pacer(300_000, 0.0)
    queue.frame(40)
    pacer.take(queue, 0.0)
    report, resend = Ready(bytearray(80), True), Ready(bytearray(500), False, owner=object())
    queue.pairs += (SOUND, (900, 100, 0), None, report, None, resend)
    left = pacer.take(queue, 0.001)
    assert left == [SOUND, (900, 100, 0), None, report, None, resend]
    assert len(queue.pairs) >= 2 * 35


def test_what_passes_pictures_is_paid_for_by_them() -> None:
    queue, pacer = Queue(), Pacer(300_000, 0.0)
    queue.pairs += (None, Ready(bytearray(1400), False)) * 4
    pacer.take(queue, 0.0)
    queue.frame(3)
    assert pacer.take(queue, 0.001) == []
    assert len(run(pacer, queue, 0.001, 0.2)) == 3


def test_what_has_waited_too_long_leaves_faster() -> None:
    queue = Queue()
    queue.frame(50)
    left = run(Pacer(100_000, 0.0), queue, 0.0, 2.0)
    assert left[-1][0] < 0.55, "at the usual 500 kbit/s it would be 0.8 s"
    assert len(left) == 50


def test_what_cannot_leave_in_time_is_dropped_by_whole_frames() -> None:
    queue, pacer = Queue(), Pacer(100_000, 0.0)
    queue.frame(MAX_PACKETS)
    pacer.take(queue, 0.0)
    queue.frame(20, first=MAX_PACKETS)
    queue.pairs += (PICTURE, (9999, 1000, 0))
    pacer.take(queue, 0.01)
    assert pacer.dropped > MAX_PACKETS
    assert queue.pairs == [PICTURE, (9999, 1000, 0)]


def test_nothing_is_held_for_longer_than_the_bound_even_when_asked_late() -> None:
    queue, pacer = Queue(), Pacer(100_000, 0.0)
    queue.frame(200)
    pacer.take(queue, 0.0)
    pacer.take(queue, MAX_WAIT + 0.2)
    assert queue.pairs == []


def test_what_a_fence_took_away_is_forgotten() -> None:
    queue, pacer = Queue(), Pacer(300_000, 0.0)
    queue.frame(40)
    pacer.take(queue, 0.0)
    queue.pairs.clear()
    pacer.take(queue, 0.5)
    queue.frame(2)
    assert len(run(pacer, queue, 0.6, 0.001)) == 2


@given(
    st.lists(
        st.tuples(st.floats(0, 0.3), st.sampled_from(["sound", "picture", "report"]), st.integers(40, 1200)),
        max_size=60,
    )
)
def test_order_is_kept_and_nothing_appears_or_vanishes(events: list[tuple[float, str, int]]) -> None:
    queue, pacer = Queue(), Pacer(300_000, 0.0)
    sent: list[Any] = []
    put: list[Any] = []
    now = 0.0
    for number, (pause, kind, size) in enumerate(events):
        if kind == "report":
            pair: Any = (None, Ready(bytearray(size), True))
        else:
            pair = (SOUND if kind == "sound" else PICTURE, (number, size, 0x80))
        put.append(pair)
        queue.pairs += pair
        sent += pacer.take(queue, now)
        now += pause
    for _ in range(400):
        now += QUANTUM
        sent += pacer.take(queue, now)
    assert queue.pairs == []
    pictures = [packet[0] for stint, packet in zip(sent[::2], sent[1::2], strict=True) if stint is PICTURE]
    assert pictures == sorted(pictures)
    assert len(sent) // 2 + pacer.dropped == len(put)
