"""Scenarios and summaries of the benchmarks."""

from __future__ import annotations

import pytest

from tests.bench import clip, figures, plan


def test_names_say_what_is_played() -> None:
    assert plan.scenario("11x8").copies() == 11
    assert plan.scenario("11x8").legs == 12
    assert plan.scenario("four-x20").legs == 160
    assert plan.scenario("flat-10").copies() == 4
    assert plan.scenario("churn-200").joins == 200
    with pytest.raises(ValueError):
        plan.scenario("eleven")


def test_every_scenario_of_make_bench_exists() -> None:
    for name in plan.ALL:
        assert plan.scenario(name.partition("/")[0]).sessions


def test_frames_are_cut_as_chromium_cuts_them() -> None:
    payloads = clip._cut(bytes(5_000), 3)
    sizes = [len(payload) for payload in payloads]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= clip.MAX_PAYLOAD and sizes == sorted(sizes)
    assert sum(sizes) == 5_000 + clip.STAMP + 6 * len(sizes)
    assert [payload[0] & 0x10 for payload in payloads] == [0x10] + [0] * (len(sizes) - 1)


def test_a_summary_takes_medians_and_the_median_of_pairs() -> None:
    runs = []
    for janus, relay in ((10.0, 5.0), (20.0, 6.0), (12.0, 9.0)):
        runs += [
            {"server": "janus", "us_per_packet": janus, "p99_ms": 2.0},
            {"server": "relay", "us_per_packet": relay, "p99_ms": 1.0},
        ]
    summary = figures.summarise(runs, ["janus", "relay"])
    assert summary["janus"]["us_per_packet"] == 12.0
    assert summary["cpu_ratio"] == 0.5
    assert summary["cpu_ratio_spread"] == [0.3, 0.75]
    assert summary["p99_ratio"] == 0.5
