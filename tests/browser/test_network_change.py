"""A device moves from one network to another in the middle of a session: its old address is gone, and nobody presses
anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.browser.looks import sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, others
from tests.browser.story import Person, screens, world_in
from tests.browser.support import until
from tests.support.netns import own_network

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HERE, THERE, RELAY = "198.51.100.9", "192.0.2.77", "203.0.113.2"
MOVED_S = 8.0
"""The page misses the old way after 2 to 3 s; the rest is for gathering addresses on a busy machine."""


async def decoded(person: Person) -> float:
    """Pictures decoded so far."""
    return sum(one.get("framesDecoded", 0) for one in await person.stats() if one["type"] == "inbound-rtp")


OWN = """async () => {
    const found = new Set();
    for (const peer of window.__peers) {
        const stats = await peer.getStats();
        for (const one of stats.values()) {
            const pair = one.type === 'transport' ? stats.get(one.selectedCandidatePairId) : null;
            if (pair) found.add(stats.get(pair.localCandidateId).address);
        }
    }
    return [...found];
}"""


async def test_both_screens_move_to_another_network(tmp_path: Path) -> None:
    with own_network(f"{HERE}/24") as network:
        network.run("ip", "addr", "add", f"{RELAY}/32", "dev", "lo")  # no way out for a browser
        with world_in(tmp_path / "data", environ={"HUB_ANNOUNCE": RELAY}) as world:
            async with screens(world, "network-change") as all_screens:
                operator, officer = await admitted(all_screens, "Chuyển mạng giữa phiên")
                await sees_moving(officer, others(OPERATOR))
                await sees_moving(operator, others(POINT))
                seats = (operator, officer)
                assert [await one.page.evaluate(OWN) for one in seats] == [[HERE], [HERE]]
                made = [await one.page.evaluate("() => window.__peers.length") for one in seats]

                network.add(f"{THERE}/24")
                network.run("ip", "addr", "del", f"{HERE}/24", "dev", "line")
                network.run("ip", "route", "replace", "default", "dev", "line")
                began = time.monotonic()
                before = [await decoded(one) for one in seats]

                async def all_moving(before: list[float] = before) -> bool:
                    return all([await decoded(one) > was + 5 for one, was in zip(seats, before, strict=True)])

                await until(all_moving, MOVED_S + 10, "moving again")
                assert time.monotonic() - began <= MOVED_S
                assert [await one.page.evaluate(OWN) for one in seats] == [[THERE], [THERE]]
                await sees_moving(officer, others(OPERATOR))
                await sees_moving(operator, others(POINT))
                assert [await one.page.evaluate("() => window.__peers.length") for one in seats] == made
