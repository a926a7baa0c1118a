"""The load of the benchmarks against a real relay: what was sent is what is counted, in both ciphers."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.bench.plan import Scenario as Plan
from tests.bench.plan import Sending, Session
from tests.bench.run import Run


@pytest.mark.long
@pytest.mark.parametrize("srtp", ["gcm", "cm"])
async def test_viewers_count_every_packet_that_was_sent(tmp_path: Path, srtp: str) -> None:
    session = Session("s1", {"sender": Sending(layers=0)}, {name: ("sender",) for name in ("an", "binh", "chi")})
    run = Run("relay", Plan("test", (session,)), tmp_path, srtp, ("nack", "nack pli"), "127.0.0.1")
    async with run.running():
        await run.publish_all()
        await run.watch_all()
        await asyncio.sleep(1.5)  # viewers begin with a key frame, of which there is one a second
        before = await run.marks()
        await asyncio.sleep(1.0)
        await run.sender.ask("playing", do="stop")
        await asyncio.sleep(0.5)
        sender, viewers, probe = await run.marks()
    sent = sender["sent"] - before[0]["sent"]
    assert sent > 20
    # The two marks are not of one instant: a frame or two may lie between them.
    for mark, earlier, legs in ((viewers, before[1], 2), (probe, before[2], 1)):
        assert abs(mark["received"] - earlier["received"] - legs * sent) <= 3 * legs
        assert mark["missing"] == 0 and mark["broken"] == 0
    assert probe["delays"] > 20 and 0 < probe["p50_ms"] < 1000


async def test_nothing_is_left_running_when_a_run_fails(tmp_path: Path) -> None:
    session = Session("s1", {"sender": Sending(layers=0)}, {"an": ("sender",)})
    run = Run("relay", Plan("test", (session,)), tmp_path, address="127.0.0.1")
    with pytest.raises(RuntimeError, match="on purpose"):
        async with run.running():
            pid = run.server.pids[0]
            raise RuntimeError("on purpose")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
