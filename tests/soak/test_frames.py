"""Replay files checked frame by frame: over everything that may happen to a session, on a hub with two relays; and for
SOAK_MINUTES (10) of devices whose clocks run wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.counted import SIZES, CountedPoint, counted_clip
from tests.support.frames import Hall, faults, opened, read, ready
from tests.support.hub import StartedHub, started

pytestmark = pytest.mark.timeout(600)
STEP_S = 0.02
SOAK_MINUTES = float(os.environ.get("SOAK_MINUTES", "10"))


async def story(hub: StartedHub, hall: Hall) -> None:
    """Joins, leaves, mute, pause, a network break, a layer change, a move between relays."""
    large = {rid: counted_clip(1, size) for rid, size in SIZES.items()}
    small = [{"": counted_clip(number, SIZES["q"])} for number in (2, 3)]
    an = CountedPoint(await hall.token("An"), large, skew=120, ahead=7.0)
    binh = CountedPoint(await hall.token("Bình"), small[0], skew=-90, ahead=-3.0)
    chi = CountedPoint(await hall.token("Chi"), small[1])
    hall.points += [an, binh]
    for point in hall.points:
        await point.publish()
    await hall.start()
    await asyncio.sleep(4)
    hall.points.append(chi)
    await chi.publish()  # a join
    await asyncio.sleep(4)
    await hall.mute(an, 3.5)
    await asyncio.sleep(3)
    await chi.leave()
    await asyncio.sleep(3)
    await chi.publish()  # and back again
    await asyncio.sleep(3)
    await hall.pause(4)
    await asyncio.sleep(4)
    binh.cut = True
    await asyncio.sleep(4)
    binh.cut = False
    await asyncio.sleep(4)
    an.want("q")
    now = time.time()
    hall.loses(an, now - 0.1, now + 1.5)  # until it is seen that the large layer is gone
    await asyncio.sleep(5)
    an.want("q", "f")
    await asyncio.sleep(5)
    await move(hub, hall)
    await asyncio.sleep(6)


async def move(hub: StartedHub, hall: Hall) -> None:
    """The session's relay dies; everybody comes back on the other one."""
    [slot] = [
        slot for slot in (0, 1)
        if json.loads((hub.folder / "relays" / str(slot) / "state.json").read_text())["addresses"][0].endswith(
            f":{hall.points[0].port}"
        )
    ]  # fmt: skip
    before = hall.points[0].port
    killed = time.time()
    os.kill(hub.relay_pid(slot), signal.SIGKILL)
    await asyncio.sleep(0.3)
    for point in hall.points:
        await point.publish(60)
        hall.loses(point, killed - 1.0, time.time() + 1.2)
    assert all(point.port != before for point in hall.points), "on the other relay"


async def seen_of(hall: Hall) -> dict[int, dict[str, Any]]:
    """Close, lock, decode: what each point's files show, and everything in them that is wrong."""
    rows = await hall.end()
    found = {}
    for point in hall.points:
        seen = await asyncio.to_thread(read, rows, point)
        found[point.number] = {**seen.summary(), "faults": await asyncio.to_thread(faults, hall, seen)}
    print(json.dumps(found, indent=1))  # noqa: T201
    return found


def test_every_picture_and_beep_stands_where_it_was_sent(tmp_path: Path) -> None:
    async def hold(hub: StartedHub) -> None:
        await ready(hub)
        async with opened(hub) as hall:
            await story(hub, hall)
            found = await seen_of(hall)
        assert not any(one["faults"] for one in found.values())
        assert found[1]["widths"] == [320, 640], "both layers were recorded"

    make_clips()
    with started(tmp_path / "hub", "--http", "--relays", "2") as hub:
        asyncio.run(hold(hub))


@pytest.mark.timeout(SOAK_MINUTES * 60 + 300)
def test_nothing_drifts(tmp_path: Path) -> None:
    """Devices whose clocks run fast and slow, for as long as SOAK_MINUTES says."""

    async def hold(hub: StartedHub) -> None:
        before = set_by()
        async with opened(hub) as hall:
            for number, skew in ((2, 180.0), (3, -180.0)):
                clip = {"": counted_clip(number, SIZES["q"])}
                hall.points.append(CountedPoint(await hall.token(f"Máy {number}"), clip, skew, ahead=skew / 10))
                await hall.points[-1].publish()
            await hall.start()
            await asyncio.sleep(SOAK_MINUTES * 60)
            stepped = set_by() - before
            found = await seen_of(hall)
        # What was captured when is told by this machine's wall clock, read once: a step of it is no fault of a record.
        assert abs(stepped) < STEP_S, f"nothing can be said: the machine's wall clock was set by {stepped:.3f} s"
        assert not any(one["faults"] for one in found.values())

    make_clips()
    with started(tmp_path / "hub") as hub:
        asyncio.run(hold(hub))


def set_by() -> float:
    """The wall clock less the steady one: it changes when the wall clock is set, or the machine stood still."""
    return time.time() - time.monotonic()


def make_clips() -> None:
    """While nobody sends yet."""
    for number, size in ((1, "q"), (1, "f"), (2, "q"), (3, "q")):
        counted_clip(number, SIZES[size])
