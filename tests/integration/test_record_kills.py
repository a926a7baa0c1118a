"""Ten kills at random moments over relay (with its recorder), app and worker: it locks, a second at most is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.client import use_loopback_only
from tests.support.kills import hold, open_hub

MOST_LOST_S = 1.0
KILLS = 10


@pytest.mark.timeout(420)  # ten kills, each with its return, and a lock
def test_ten_kills_at_random_moments_lose_a_second_each_at_most(tmp_path: Path) -> None:
    use_loopback_only()
    hub = open_hub(tmp_path / "hub")
    try:
        told = asyncio.run(hold(hub, tmp_path, KILLS, seed=1))
    finally:
        hub.stop()
        hub.run("serve", "--stop-relays", check=False)
    assert set(told.victims) == {"relay", "app", "worker"}
    assert (told.shown["locked"], told.verified) == (True, 0)
    assert max(told.lost) <= MOST_LOST_S, told.lost
    assert min(told.lost) >= -0.05, "nothing was sent after the death"
    assert all(len(steps) == 1 for steps in told.steps), "what is kept has no holes"
