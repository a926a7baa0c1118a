"""The send-side estimator over a line in virtual time: a sender of sound and pictures that obeys it, paced, and a
receiver that answers with transport-wide feedback over a line of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from media import rtcp, twcc
from media.arrivals import Arrivals
from media.pacer import Pacer
from media.sendside import SendSideEstimator
from tests.support.link import Link

SOUND_SIZE, SOUND_PERIOD = 110, 0.02
STEP = 0.001


@dataclass
class Run:
    """What a simulated call showed."""

    targets: list[tuple[float, float]] = field(default_factory=list)
    arrived: list[tuple[float, int]] = field(default_factory=list)
    sound_delay: list[tuple[float, float]] = field(default_factory=list)
    sound_sent: int = 0
    queues: list[tuple[float, float]] = field(default_factory=list)
    estimator: SendSideEstimator | None = None

    def target(self, since: float, until: float) -> float:
        found = [target for time, target in self.targets if since <= time < until]
        return sum(found) / len(found)

    def rate(self, since: float, until: float) -> float:
        return sum(size for time, size in self.arrived if since <= time < until) * 8 / (until - since)

    def longest_queue(self, since: float, until: float) -> float:
        return max(queue for time, queue in self.queues if since <= time < until)

    def when(self, reached: Callable[[float], bool], since: float = 0.0) -> float:
        return next(time for time, target in self.targets if time >= since and reached(target))

    @property
    def sound_lost(self) -> float:
        return 1 - len(self.sound_delay) / self.sound_sent


@dataclass
class Stint:
    """What the pacer looks at."""

    audio: bool

    def size_of(self, packet: tuple[int, int, int]) -> int:
        return packet[0]


SOUND, PICTURE = Stint(True), Stint(False)


@dataclass
class Queue:
    """A leg's queue of packets: (size, nothing, marker)."""

    pairs: list[Any] = field(default_factory=list)


@dataclass
class Call:
    """A sender whose pictures take what the estimate leaves (at most ``wanted``), in steps of 1 ms."""

    there: Link
    back: Link = field(default_factory=lambda: Link(seed=2, delay=0.02))
    wanted: float = 2_000_000
    ceiling: int = 4_000_000
    start: float = 0.0
    can_pad: bool = True
    first: int = 0  # transport-wide number of the first packet
    clock: float = 77.0  # the receiver's clock against the sender's
    change: Callable[[float, Link], None] = lambda now, link: None

    def run(self, seconds: float) -> Run:
        now = self.start
        self._run = run = Run()
        self._estimator = run.estimator = SendSideEstimator(300_000, 50_000, self.ceiling, now)
        self._estimator.log.next += self.first
        self._pacer = Pacer(300_000, now)
        self._queue = Queue()
        arrivals = Arrivals(now + self.clock)
        random = Random(7)
        next_frame = next_sound = next_tick = now
        buffer = bytearray(1500)
        while now < self.start + seconds:
            now += STEP
            self.change(now - self.start, self.there)
            for at, data in self.back.arrived(now):
                [(_, _, begin, end)] = list(rtcp.packets(data))
                self._estimator.feedback(twcc.read(data, begin, end), at)
            for at, data in self.there.arrived(now):
                arrivals.add(int.from_bytes(data[:2], "big"), at + self.clock)
                run.arrived.append((at - self.start, len(data)))
                if data[2]:
                    run.sound_delay.append((at - self.start, at - int.from_bytes(data[3:11], "big") / 1e6))
            if now + self.clock >= arrivals.due:
                while size := arrivals.build(buffer, 0, 1, 2, now + self.clock):
                    self.back.send(bytes(buffer[:size]), now)
            if now >= next_sound:
                next_sound += SOUND_PERIOD
                run.sound_sent += 1
                self._queue.pairs += (SOUND, (SOUND_SIZE, 0, 0))
            if now >= next_frame:
                next_frame += 1 / 30
                self._frame(random)
            if self._queue.pairs or now >= self._pacer.due:
                self._flush(now)
            if now >= next_tick:
                next_tick += 0.1
                self._estimator.wanted_bps = self.wanted * 1.2
                self._estimator.tick(now)
                run.targets.append((now - self.start, self._estimator.target_bps))
                run.queues.append((now - self.start, self.there.queueing(now)))
        return run

    def _frame(self, random: Random) -> None:
        picture = min(self.wanted, max(0.0, 0.95 * self._estimator.target_bps - 45_000))
        size = int(picture / 30 / 8 * random.uniform(0.8, 1.2))
        while size > 0:
            part = min(1150, max(60, size))
            size -= part
            self._queue.pairs += (PICTURE, (part, 0, 0x80 if size <= 0 else 0))

    def _flush(self, now: float) -> None:
        self._pacer.set_target(self._estimator.target_bps)
        leaving = self._pacer.take(self._queue, now)
        for stint, packet in zip(leaving[::2], leaving[1::2], strict=True):
            self._send(packet[0], stint.audio, now)
        padding = self._estimator.padding(now) if self.can_pad else 0
        while padding > 0:
            self._send(280, False, now)
            padding -= 280

    def _send(self, size: int, sound: bool, now: float) -> None:
        number = self._estimator.log.add(size, now) & 0xFFFF
        head = number.to_bytes(2, "big") + bytes([sound]) + int(now * 1e6).to_bytes(8, "big")
        self.there.send(head + bytes(size - len(head)), now)


def squeezed(rate: float, since: float, until: float) -> Callable[[float, Link], None]:
    """A line that is free but for a while."""

    def change(now: float, link: Link) -> None:
        link.rate_bps = rate if since <= now < until else 0.0

    return change


@pytest.mark.parametrize("rate", [200_000, 300_000, 600_000, 2_000_000])
@pytest.mark.parametrize("jitter", [0.0, 0.02])
def test_it_finds_what_the_line_carries(rate: int, jitter: float) -> None:
    run = Call(Link(rate_bps=rate, queue_s=0.3, jitter=jitter, ordered=True), wanted=2_500_000).run(30)
    assert 0.70 * rate <= run.target(10, 30) <= 0.97 * rate
    assert run.rate(10, 30) <= rate
    assert run.sound_lost < 0.015


def test_a_free_line_is_found_within_a_second() -> None:
    run = Call(Link(delay=0.02), wanted=2_000_000).run(3)
    assert run.when(lambda target: target >= 2_000_000) <= 1.0


def test_a_squeeze_is_followed_down_within_two_seconds_and_up_within_seven() -> None:
    run = Call(Link(queue_s=0.3, ordered=True), change=squeezed(300_000, 10, 30)).run(45)
    assert run.when(lambda target: target <= 300_000, since=10) <= 12
    assert run.target(14, 30) <= 300_000
    assert run.longest_queue(14, 30) <= 0.25
    assert run.when(lambda target: target >= 2_000_000, since=30) <= 37
    assert run.rate(38, 45) >= 1_800_000


def test_a_deep_buffer_is_not_kept_full() -> None:
    run = Call(Link(rate_bps=1_000_000, queue_s=1.0, ordered=True), wanted=2_500_000).run(30)
    assert run.longest_queue(0, 30) <= 0.3
    squeeze = Call(Link(queue_s=1.0, ordered=True), change=squeezed(300_000, 5, 25)).run(25)
    assert squeeze.longest_queue(10, 25) <= 0.25, "the second of queue that the squeeze began with has drained"


@pytest.mark.parametrize("loss", [0.05, 0.10, 0.15])
def test_a_lines_own_loss_does_not_starve_it(loss: float) -> None:
    run = Call(Link(loss=loss, delay=0.05)).run(30)
    assert run.rate(10, 30) >= 0.8 * 2_000_000 * (1 - loss)


def test_bursts_of_loss_and_reordering_do_not_either() -> None:
    assert Call(Link(bursts=(0.01, 0.3, 0.8), delay=0.03)).run(20).rate(8, 20) >= 1_700_000
    assert Call(Link(loss=0.02, delay=0.03, jitter=0.02)).run(20).rate(8, 20) >= 1_700_000


def test_a_line_that_drops_instead_of_queueing_is_found_by_its_losses() -> None:
    run = Call(Link(rate_bps=600_000, queue_s=0.02), wanted=2_000_000).run(40)
    assert 0.6 * 600_000 <= run.target(10, 40) <= 600_000
    assert len([at for at, _ in run.sound_delay if at >= 10]) >= 0.9 * 30 / SOUND_PERIOD


def test_sound_arrives_in_time_while_pictures_fill_the_line() -> None:
    run = Call(Link(rate_bps=200_000, queue_s=0.3, ordered=True), wanted=2_500_000).run(30)
    late = [delay for at, delay in run.sound_delay if at >= 5 and delay > 0.02 + 0.12]
    assert len(late) < 0.04 * len(run.sound_delay)


def test_numbers_and_times_may_wrap() -> None:
    plain = Call(Link(rate_bps=600_000, ordered=True)).run(10)
    # The reference time wraps after 2^24 * 64 ms; the numbers in the first second.
    wrapping = Call(Link(rate_bps=600_000, ordered=True), first=65_500, clock=(1 << 24) * 0.064 - 4.0).run(10)
    assert wrapping.target(5, 10) == pytest.approx(plain.target(5, 10), rel=0.1)


def test_the_ceiling_holds_and_nothing_is_probed_that_is_not_wanted() -> None:
    capped = Call(Link(), wanted=5_000_000, ceiling=1_000_000).run(10)
    assert max(target for _, target in capped.targets) == 1_000_000
    modest = Call(Link(), wanted=150_000).run(20)
    assert modest.rate(0, 20) < 230_000, "no padding beyond what could be used"


def test_without_padding_it_grows_with_what_is_sent() -> None:
    run = Call(Link(), can_pad=False).run(40)
    assert run.target(35, 40) > 600_000


@pytest.mark.parametrize("seconds", [1, 3, 8])
def test_a_blackout_ends_with_what_was_before(seconds: float) -> None:
    def change(now: float, link: Link) -> None:
        link.loss = 1.0 if 10 <= now < 10 + seconds else 0.0

    run = Call(Link(), change=change).run(25)
    back = 10 + seconds
    assert run.when(lambda target: target >= 2_000_000, since=back) <= back + 3
    assert run.rate(back + 4, 25) >= 1_800_000


def test_a_stalled_receiver_is_not_taken_for_a_full_line() -> None:
    class Stalling(Link):
        def arrived(self, now: float) -> list[tuple[float, bytes]]:
            if 8.0 <= now < 8.25 or 9.0 <= now < 9.15:
                return []
            return [(max(at, now - STEP), data) for at, data in super().arrived(now)]

    run = Call(Stalling(ordered=True)).run(14)
    assert min(target for time, target in run.targets if time > 5) >= 1_500_000


def test_feedback_about_nothing_is_ignored() -> None:
    estimator = SendSideEstimator(300_000, 50_000, 2_000_000, 0.0)
    for base in (0, 100, 40_000, 65_535):
        estimator.feedback(twcc.Feedback(base, 5, 0, [1280] * 3000), 0.1)
    for _ in range(10):
        estimator.log.add(1000, 0.2)
    estimator.feedback(twcc.Feedback(0, 5, 0, [None] * 3000), 0.3)
    assert estimator.target_bps == 300_000
    assert estimator.log.flying == 0


def test_what_left_late_because_of_us_is_no_queue() -> None:
    def run(excused: bool) -> float:
        estimator = SendSideEstimator(1_500_000, 50_000, 4_000_000, 0.0)
        now, lowest = 0.0, 1e9
        for step in range(200):
            now = step * 0.05
            late = 0.05 * (step - 99) if 100 <= step < 108 else 0.0
            if late and excused:
                estimator.excuse(now)
            base = estimator.log.next
            for _ in range(8):
                estimator.log.add(1100, now)
            ticks = [int((now + late + 0.02 + index * 0.001) * 4000) for index in range(8)]
            estimator.feedback(twcc.Feedback(base & 0xFFFF, ticks[0] // 256, 0, list(ticks)), now + 0.04)
            if step > 90:
                lowest = min(lowest, estimator.target_bps)
        return lowest

    assert run(excused=True) > 1_400_000 > run(excused=False)


class AmpleLine:
    """A line that carries much more than it is sent: 20 packets of 1,000 bytes ten times a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.estimator = SendSideEstimator(20_000_000, 50_000, 30_000_000, 0.0)
        self.asked = 0  # how often the estimator itself had to look

    def round(self, delay: float = 0.02, lost: int = 0) -> None:
        """One tenth of a second and its feedback; the last ``lost`` packets before the last one never come."""
        estimator = self.estimator
        first = estimator.log.next
        for _ in range(20):
            estimator.log.add(1000, self.now)
        came = round((self.now + delay + 500) * 4000)
        told: list[int | None] = [came] * 20
        told[19 - lost : 19] = [None] * lost
        self.now += 0.1
        estimator.is_ample = True
        buffer = bytearray(1500)
        size, _ = twcc.write(buffer, 0, 1, 2, 0, first & 0xFFFF, told)
        if not estimator.heard.take(buffer[:size], self.now):
            self.asked += 1
            (_, _, at, end) = next(rtcp.packets(buffer[:size]))
            estimator.feedback(twcc.read(buffer, at, end), self.now)
        estimator.tick(self.now)


def test_the_first_bad_news_of_an_ample_line_count_at_once_with_all_that_came_before() -> None:
    line = AmpleLine()
    for _ in range(33):
        line.round()
    line.estimator._prober.cluster = None
    line.round()
    assert line.estimator.loss == 0 and line.estimator.queue < 0.002
    line.round(lost=8)
    assert 8 / 400 < line.estimator.loss < 8 / 150, "8 of what was sent in the last second, or a little more"
    for _ in range(2):  # a queue delays everything for longer than one feedback
        line.round(delay=0.07)
    assert line.estimator.queue == pytest.approx(0.05, abs=0.002)


def test_figures_of_an_ample_line_are_of_now_although_nothing_is_decided() -> None:
    line = AmpleLine()
    for _ in range(41):
        line.round()
    assert line.estimator.acked_bps == pytest.approx(1_600_000, rel=0.1)
    assert line.estimator.heard.heard_at == line.now
    before = line.estimator.target_bps
    line.asked = 0
    for _ in range(100):
        line.round()
    assert line.estimator.target_bps >= before and line.estimator.log.flying == 0
    assert line.asked <= 14, "every 0.8 s, for nothing happens"
    assert line.estimator.rtt == pytest.approx(0.1, abs=0.001)


def test_a_line_that_is_no_longer_ample_is_looked_at_by_every_feedback() -> None:
    line = AmpleLine()
    for _ in range(40):
        line.round()
    line.estimator.is_ample = False
    buffer = bytearray(1500)
    line.estimator.log.add(1000, line.now)
    size, _ = twcc.write(buffer, 0, 1, 2, 0, line.estimator.log.next - 1, [round((line.now + 500.02) * 4000)])
    assert not line.estimator.heard.take(buffer[:size], line.now + 0.04)


def test_after_another_path_the_next_feedback_is_looked_at() -> None:
    line = AmpleLine()
    for _ in range(41):
        line.round()
    while line.estimator.heard.until <= line.now + 0.2:
        line.round()
    line.asked = 0
    line.round()
    assert line.asked == 0
    line.estimator.reset_path()
    line.round()
    assert line.asked == 1


def test_an_ample_line_that_falls_silent_is_broken_although_its_last_news_were_good() -> None:
    line = AmpleLine()
    for _ in range(40):
        line.round()
    before = line.estimator.target_bps
    for _ in range(15):
        line.now += 0.1
        for _ in range(20):
            line.estimator.log.add(1000, line.now)
        line.estimator.tick(line.now)
    assert line.estimator.target_bps <= before / 2
