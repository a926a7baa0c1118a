"""Clusters: how much they send, what they find, when the next one comes."""

from __future__ import annotations

from media.delaybased import Acked
from media.probing import LAST_PAUSE, Cluster, Prober


def arrivals(rate: float, line: float, size: int = 250, count: int = 12) -> list[Acked]:
    """Packets sent at ``rate`` over a line that carries ``line``."""
    return [(index * size * 8 / rate, 9.0 + index * size * 8 / min(rate, line), size) for index in range(count)]


def cluster(rate: float, line: float) -> float:
    made = Cluster(rate, 100, 0, 0.0)
    made.take(arrivals(rate, line))
    return made.result()


def test_a_cluster_that_is_carried_finds_its_own_rate() -> None:
    assert 0.97e6 < cluster(1e6, 5e6) < 1.03e6


def test_a_cluster_faster_than_the_line_finds_the_line() -> None:
    assert 0.9 * 4e5 < cluster(1e6, 4e5) < 4e5


def test_too_little_came_back_to_tell() -> None:
    made = Cluster(1e6, 100, 0, 0.0)
    made.take(arrivals(1e6, 1e6, count=5))
    assert made.result() == 0.0


def test_what_the_line_loses_anyway_is_not_missed() -> None:
    made = Cluster(1e6, 100, 0, 0.0)
    made.take(arrivals(1e6, 5e6)[:11], lost=4)
    assert made.result() == 0.0
    assert made.result(loss=0.3) > 0.9e6


def test_a_cluster_whose_feedback_got_lost_is_repeated_at_once() -> None:
    prober = Prober(300_000, 0.0)
    assert prober.begin(300_000, 3e6, 100, 0, 0.0)
    prober.close(111, 0.03)
    assert prober.judge(300_000, 115, 0.05, 0.2) == 0.0, "feedback spoke of later packets, but not of these"
    again = prober.begin(300_000, 3e6, 116, 0, 0.2)
    assert again is not None and again.rate_bps == 900_000
    assert prober.failed == 0


def test_a_cluster_keeps_its_rate_and_counts_what_was_sent_anyway() -> None:
    made = Cluster(1_000_000, 100, 50_000, 2.0)
    assert made.due(50_000, 2.0) == 625
    assert made.due(51_000, 2.005) in (249, 250)
    assert made.due(52_000, 2.006) == 0, "pictures are faster than the cluster"
    assert made.due(50_000 + made.wanted, 2.03) == -1


def finish(prober: Prober, line: float, rate: float, now: float) -> float:
    assert prober.cluster is not None
    prober.close(111, now + 0.03)
    prober.cluster.take(arrivals(prober.cluster.rate_bps, line, count=40))
    return prober.judge(rate, 111, 0.05, now + 0.1)


def test_the_first_clusters_follow_at_once_and_stop_at_what_the_line_carries() -> None:
    prober = Prober(300_000, 0.0)
    assert prober.begin(300_000, 3e6, 100, 0, 0.0)
    found = finish(prober, 1.2e6, 300_000, 0.0)
    assert 800_000 < found < 950_000
    assert prober.begin(found, 3e6, 100, 0, 0.2)
    found = finish(prober, 1.2e6, found, 0.2)
    assert 1.0e6 < found < 1.2e6
    assert prober.begin(found, 3e6, 100, 0, 0.4) is None, "that was the line; the next look comes later"


def test_nothing_is_probed_that_nobody_wants() -> None:
    prober = Prober(300_000, 0.0)
    assert prober.begin(300_000, 310_000, 100, 0, 0.0) is None
    made = prober.begin(300_000, 500_000, 100, 0, 0.0)
    assert made is not None and made.rate_bps == 500_000


def test_clusters_that_find_nothing_become_rare_but_never_stop() -> None:
    prober = Prober(300_000, 0.0)
    now, begun = 0.0, []
    while now < 60:
        if prober.begin(300_000, 3e6, 100, 0, now):
            begun.append(now)
            assert finish(prober, 300_000, 300_000, now) == 0.0
        now += 0.1
    pauses = [later - earlier for earlier, later in zip(begun, begun[1:], strict=False)]
    assert max(pauses) <= LAST_PAUSE + 0.2
    assert pauses[-1] >= LAST_PAUSE - 0.2


def test_congestion_stops_the_one_that_runs() -> None:
    prober = Prober(300_000, 0.0)
    prober.begin(300_000, 3e6, 100, 0, 0.0)
    prober.congested(0.02)
    assert prober.cluster is None
    assert prober.begin(300_000, 3e6, 100, 0, 1.0) is None


def test_an_answer_that_never_comes_is_given_up() -> None:
    prober = Prober(300_000, 0.0)
    prober.begin(300_000, 3e6, 100, 0, 0.0)
    prober.close(111, 0.03)
    assert prober.judge(300_000, 50, 0.05, 1.0) == 0.0
    assert prober.cluster is not None
    prober.judge(300_000, 50, 0.05, 3.0)
    assert prober.cluster is None
