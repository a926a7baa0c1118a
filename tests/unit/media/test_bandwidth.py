"""The estimator against a model of a Chromium sender without transport-wide feedback, over a line in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from media.bandwidth import BandwidthEstimator
from tests.support.link import Link

AUDIO_SIZE, AUDIO_PERIOD = 100, 0.02
START_PHASE = 3.0  # s: 2 s after the second receiver report; a rising REMB is taken at once until then


@dataclass
class Run:
    """What a simulated minute showed."""

    sent: list[tuple[float, int]] = field(default_factory=list)
    audio_delay: list[tuple[float, float]] = field(default_factory=list)
    estimates: list[tuple[float, float]] = field(default_factory=list)
    audio_sent: int = 0

    def rate(self, since: float, until: float) -> float:
        """Rate sent (RTP bytes), in bit/s."""
        return sum(size for time, size in self.sent if since <= time < until) * 8 / (until - since)


def simulate(link: Link, seconds: float, stall: tuple[float, float] | None = None, app_limit: float = 1e9) -> Run:
    """A sender at 30 fps (a fifth of noise in the frame size, a big key frame first) and 20 ms of sound.

    ``stall``: (from, to), in which nothing is received, as when the relay's process is not scheduled.
    """
    estimator = BandwidthEstimator(600_000, 100_000)
    estimator.ceiling_bps = 2_596_000
    run = Run()
    random = Random(7)
    target, remb, applied = 300_000.0, 0.0, 300_000.0
    pacer: list[int] = []
    budget = 0.0
    next_frame, next_audio, next_tick, last_growth = 0.0, 0.0, 0.0, 0.0
    announcements: list[tuple[float, int]] = []
    now, step, frames = 0.0, 0.001, 0
    expected = received = 0
    while now < seconds:
        now += step
        while announcements and announcements[0][0] <= now:
            remb = announcements.pop(0)[1]
        if remb:
            if now < START_PHASE:
                target = max(target, remb)
            elif now - last_growth >= 1.0:
                target = target * 1.08 + 1000
                last_growth = now
            target = min(target, remb)
        applied += (min(target, app_limit) - applied) * step / 0.15  # the encoder follows within a few frames
        if now >= next_frame:
            frames += 1
            size = applied / 30 / 8 * (random.uniform(0.8, 1.2) if frames > 1 else 5)
            while size > 0:
                pacer.append(int(min(1100, max(60, size))))
                size -= 1100
            next_frame += 1 / 30
        budget = min(budget + target * 2.5 * step / 8, 3000)
        while pacer and budget > 0:
            size = pacer.pop(0)
            budget -= size
            _send(link, run, now, size, False)
            expected += 1
        if now >= next_audio:
            _send(link, run, now, AUDIO_SIZE, True)
            run.audio_sent += 1
            expected += 1
            next_audio += AUDIO_PERIOD
        if stall is None or not stall[0] <= now < stall[1]:
            for arrival, data in link.arrived(now):
                at = max(arrival, now - step) if stall is None else now
                received += 1
                estimator.add(int.from_bytes(data[1:4], "big"), len(data), at)
                if data[0]:
                    sent_at = int.from_bytes(data[4:12], "big") / 1e6
                    run.audio_delay.append((now, at - sent_at))
            if now >= next_tick:
                next_tick = now + 0.1
                estimator.count(expected, received + link.waiting(), now)
                bitrate = estimator.update(now)
                run.estimates.append((now, estimator.bitrate_bps))
                if bitrate:
                    announcements.append((now + link.delay, bitrate))
    return run


def _send(link: Link, run: Run, now: float, size: int, audio: bool) -> None:
    run.sent.append((now, size))
    stamp = (int((now + 40) * 262144) & 0xFFFFFF).to_bytes(3, "big")
    link.send(bytes([audio]) + stamp + int(now * 1e6).to_bytes(8, "big") + bytes(size - 12), now)


def concealed(run: Run, since: float, until: float, floor: float = 0.04) -> float:
    """Share of sound that an adaptive jitter buffer must invent: every rise of delay above what it holds.

    The buffer follows rises at once and shrinks slowly (50 ms per second) down to ``floor``.
    """
    held, invented, total = floor, 0.0, 0.0
    base = min(delay for _, delay in run.audio_delay)
    for time, delay in run.audio_delay:
        extra = delay - base
        if since <= time < until:
            total += AUDIO_PERIOD
            if extra > held:
                invented += extra - held
        held = max(extra, floor, held - 0.05 * AUDIO_PERIOD)
    return invented / total


def test_a_free_line_carries_a_good_picture_within_five_seconds() -> None:
    run = simulate(Link(delay=0.001), 8)
    assert run.rate(4, 5) > 1_500_000
    assert run.rate(7, 8) > 2_000_000


def test_the_ceiling_holds() -> None:
    run = simulate(Link(delay=0.001), 12)
    assert run.rate(10, 12) < 2_800_000


@pytest.mark.parametrize("at", [0.3, 0.6, 1.0, 1.5])
@pytest.mark.parametrize("length", [0.06, 0.15])
def test_a_stalled_process_is_not_taken_for_a_full_line(at: float, length: float) -> None:
    run = simulate(Link(delay=0.001), 6, stall=(at, at + length))
    assert run.rate(4.5, 5.5) > 1_500_000


@pytest.mark.parametrize("queue", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("jitter", [0.0, 0.02])
def test_a_narrow_uplink_is_filled_but_not_flooded(queue: float, jitter: float) -> None:
    run = simulate(Link(delay=0.02, rate_bps=600_000, queue_s=queue, jitter=jitter), 20)
    assert run.rate(4.5, 5.5) <= 650_000
    for second in range(5, 20):
        assert run.rate(second, second + 1) <= 680_000
    assert run.rate(5, 20) > 400_000
    assert concealed(run, 5, 20, 0.04 + jitter) < 0.02
    assert concealed(run, 0, 20, 0.04 + jitter) < 0.02
    lost = run.audio_sent - len(run.audio_delay)
    assert lost < 0.02 * run.audio_sent


def test_a_line_that_collapses_is_followed_down_and_up() -> None:
    link = Link(delay=0.02)
    run_at = {"down": 500_000.0}
    original = link.send

    def send(data: bytes, now: float) -> None:
        link.rate_bps = run_at["down"] if 8 <= now < 20 else 0.0
        original(data, now)

    link.send = send  # type: ignore[method-assign]
    run = simulate(link, 45)
    assert run.rate(7, 8) > 1_500_000
    assert run.rate(13, 20) < 550_000
    assert run.rate(43, 45) > 900_000


def test_losses_lower_the_estimate_until_lowering_it_is_seen_not_to_help() -> None:
    light = simulate(Link(delay=0.02, loss=0.02), 10)
    heavy = simulate(Link(delay=0.02, loss=0.25), 20)
    assert light.estimates[-1][1] > 1_500_000
    assert min(bitrate for time, bitrate in heavy.estimates if time < 8) < 500_000
    assert heavy.estimates[-1][1] > 600_000


def test_a_line_without_a_queue_that_drops_what_is_too_much_is_not_taken_for_a_lossy_one() -> None:
    run = simulate(Link(delay=0.02, rate_bps=500_000, queue_s=0.025), 40)
    assert run.rate(10, 20) < 600_000
    assert run.rate(30, 40) < 600_000


def test_an_idle_sender_keeps_what_it_had_and_silence_resets_delays() -> None:
    estimator = BandwidthEstimator(600_000, 100_000)
    estimator.ceiling_bps = 2_000_000
    for tick in range(50):
        estimator.update(tick * 0.1)
    assert estimator.bitrate_bps == 600_000
    assert estimator.queue == 0.0


def test_a_senders_clock_that_is_set_anew_is_no_queue() -> None:
    estimator = BandwidthEstimator(600_000, 100_000)
    estimator.ceiling_bps = 2_000_000
    now = 100.0
    for index in range(2000):
        now += 0.01
        clock = now if index < 1000 else now - 20
        estimator.add(int(clock * 262144) & 0xFFFFFF, 1000, now)
        if index % 10 == 0:
            estimator.update(now)
    assert estimator.bitrate_bps > 600_000
    assert estimator.queue < 0.001


def test_it_says_the_same_again_only_once_a_second() -> None:
    estimator = BandwidthEstimator(600_000, 100_000)
    estimator.ceiling_bps = 2_000_000
    said = [tick for tick in range(40) if estimator.update(tick * 0.1)]
    assert said[0] == 0
    assert len(said) in (4, 5)
