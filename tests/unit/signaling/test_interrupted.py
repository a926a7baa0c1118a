"""Hub and relay start after a power cut: what was left unfinished is found, told, and closed when nobody comes."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

from tests.support.signaling_bench import FAST, Bench, FakeRelay, running_bench

ABANDONED_S = 0.3


async def until_kind(bench: Bench, session: str, kind: str) -> None:
    for _ in range(500):
        if kind in bench.kinds(session):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(bench.kinds(session))


async def recorded(bench: Bench) -> tuple[FakeRelay, str]:
    relay = await bench.relay()
    session, ids = bench.open_plain(a="admitted")
    op = await bench.page(session, ids["op"])
    await op.ask("read_notice")
    await op.ask("start", record="full")
    await relay.wants(session, lambda d: d.record == "full")
    return relay, session


async def test_a_session_left_by_a_power_cut_is_found_told_closed_and_due_for_its_lock(tmp_path: Path) -> None:
    quick = dataclasses.replace(FAST, abandoned_s=ABANDONED_S)
    async with running_bench(tmp_path, host_options=quick) as bench:
        relay, session = await recorded(bench)
        relay.boot = "relay1-boot2"  # its process died, too, with all that it carried
        relay.desired.clear()
        await bench.restart()
        await relay.dial()
        await until_kind(bench, session, "session.interrupted")
        await until_kind(bench, session, "session.closed")
        [closed] = bench.events(session, "session.closed")
        assert (closed["by"], closed["lock"], closed["reason"]) == ("hub", True, "abandoned")
        kinds = bench.kinds(session)
        assert kinds.index("session.interrupted") < kinds.index("session.closed")


async def test_who_only_lost_the_app_was_not_interrupted(tmp_path: Path) -> None:
    """The relay went on: nothing of the session was lost, and an empty page list closes nothing."""
    quick = dataclasses.replace(FAST, abandoned_s=ABANDONED_S)
    async with running_bench(tmp_path, host_options=quick) as bench:
        relay, session = await recorded(bench)
        await bench.restart()
        await relay.dial()
        await relay.wants(session, lambda d: d.epoch > 1)
        await asyncio.sleep(3 * ABANDONED_S)
        assert not {"session.interrupted", "session.closed"} & set(bench.kinds(session))


async def test_a_session_that_begins_after_a_restart_was_not_interrupted_by_it(tmp_path: Path) -> None:
    async with running_bench(tmp_path, host_options=FAST) as bench:
        relay, _ = await recorded(bench)
        relay.boot = "relay1-boot2"
        relay.desired.clear()
        await bench.restart()
        await relay.dial()
        session, ids = bench.open_plain(a="admitted")
        op = await bench.page(session, ids["op"])
        await op.ask("read_notice")
        await op.ask("start", record="full")
        await relay.wants(session, lambda d: d.record == "full")
        assert not {"session.interrupted", "outage.started"} & set(bench.kinds(session))
