"""The room itself where nothing of a client's reaches the relay: the hub's credentials and the configuration that the
hub writes for coturn carry a reception."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.browser.looks import hears, sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, others
from tests.browser.story import Person, screens, world_in
from tests.support.coturn import running_coturn
from tests.support.fake_app import free_port
from tests.support.hub import clean_environ, run_cli
from tests.support.netns import own_network
from web.coturn import Turn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CLIENT, RELAY, TURN = "198.51.100.9", "198.51.100.2", "198.51.100.3"
SECRET = "the secret that hub and coturn share, 123"
JOINED_S = 5.0


WAYS = """async () => {
    const found = [];
    for (const peer of window.__peers) {
        const stats = await peer.getStats();
        for (const one of stats.values()) {
            if (one.type !== 'transport' || !one.selectedCandidatePairId) continue;
            const mine = stats.get(stats.get(one.selectedCandidatePairId).localCandidateId);
            found.push([mine.candidateType, mine.relayProtocol ?? '']);
        }
    }
    return found;
}"""


async def ways(person: Person) -> list[list[str]]:
    """Type and TURN transport of the page's own side, for each connection in use."""
    found: list[list[str]] = await person.page.evaluate(WAYS)
    return found


async def test_a_reception_through_coturn_over_tcp(tmp_path: Path) -> None:
    port = free_port()
    environ = {
        "HUB_TURN_URL": f"turn:{TURN}:3478?transport=tcp", "HUB_TURN_SECRET": SECRET, "HUB_FORCE_RELAY": "on",
        "HUB_ANNOUNCE": RELAY,
    }  # fmt: skip
    with own_network(f"{CLIENT}/24", f"{RELAY}/24", f"{TURN}/24") as network:
        assert f"allowed-peer-ip={RELAY}\n" in run_cli("turn", "config", environ=clean_environ() | environ).stdout
        turn = Turn(SECRET, "127.0.0.1", (RELAY,), listening=(TURN,))
        with (
            running_coturn(tmp_path, turn),
            world_in(tmp_path / "data", "--port", "0", "--media-port", str(port), environ=environ) as world,
        ):
            network.drop(f"ip saddr != {TURN} udp dport {port}", f"ip saddr != {TURN} tcp dport {port}")
            async with screens(world, "reach-turn") as all_screens:
                operator, officer = await admitted(all_screens, "Mạng chặn UDP")
                began = time.monotonic()
                await sees_moving(officer, others(OPERATOR))
                await sees_moving(operator, others(POINT))
                assert time.monotonic() - began <= JOINED_S
                await hears(officer, {OPERATOR})
                for person in (operator, officer):
                    assert await ways(person) == [["relay", "tcp"]] * 2
