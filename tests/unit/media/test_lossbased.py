"""What losses say of the rate, and how a line's own loss is told from one that sending less would cure."""

from __future__ import annotations

from collections.abc import Callable

from media.lossbased import LossBased


def run(
    loss_at: Callable[[float, float], float], seconds: float, start: float = 1_000_000.0
) -> tuple[LossBased, list[float]]:
    """Feedback about 40 packets every 100 ms; the share lost is ``loss_at(rate, time)``."""
    losses = LossBased()
    rate, now, rates = start, 0.0, []
    while now < seconds:
        now += 0.1
        lost = round(40 * loss_at(rate, now))
        losses.update(40 - lost, lost, rate, 0.05, now)
        rate = min(start, losses.rate_bps)
        rates.append(rate)
    return losses, rates


def test_a_little_loss_changes_nothing() -> None:
    assert set(run(lambda rate, now: 0.05, 20)[1]) == {1_000_000.0}


def test_a_line_that_drops_what_exceeds_it_is_followed_down() -> None:
    losses, rates = run(lambda rate, now: max(0.0, 1 - 500_000 / rate), 20)
    assert 400_000 <= rates[-1] <= 600_000
    assert losses.own == 0.0


def test_loss_that_does_not_heed_the_rate_is_the_lines_own() -> None:
    losses, rates = run(lambda rate, now: 0.25, 20)
    assert rates[-1] == 1_000_000.0
    assert 0.2 < losses.own <= 0.3
    assert min(rates) > 500_000


def test_what_comes_on_top_of_the_lines_own_loss_counts() -> None:
    _, rates = run(lambda rate, now: 0.2 + max(0.0, 1 - 400_000 / rate) * 0.8 * (now > 15), 18)
    assert rates[-1] <= 850_000


def test_what_came_late_was_not_lost() -> None:
    losses = LossBased()
    for tick in range(10):
        losses.update(20, 20, 1e6, 0.05, tick * 0.05)
        losses.update(20, -20, 1e6, 0.05, tick * 0.05 + 0.02)
    assert losses.loss == 0.0


def test_few_packets_say_nothing() -> None:
    losses = LossBased()
    losses.update(1, 3, 1e6, 0.05, 0.0)
    assert losses.loss == 0.0


def test_what_is_lost_while_the_rate_is_not_what_is_sent_is_the_lines_own_at_once() -> None:
    losses = LossBased()
    cuts = [losses.update(34, 6, 300_000, 0.2, tick / 10, is_used=False) for tick in range(20)]
    assert not any(cuts) and losses.rate_bps == float("inf")
    assert 0.1 < losses.own < 0.2
    assert not losses.update(34, 6, 300_000, 0.2, 2.1), "and counts no more when it is"
