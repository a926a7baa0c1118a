"""A hub and coturn behind a firewall: the device check with an open network, without UDP, and with nothing but the web
(screenshots for whoever looks at them are in tests/output); then a reception for which only coturn over TCP is left."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.browser.looks import hears, sees_moving
from tests.browser.receptions import OPERATOR, POINT, admitted, others
from tests.browser.story import DISTRICT, OUTPUT, Person, World, screens, world_in
from tests.support.coturn import running_coturn
from tests.support.fake_app import free_port
from tests.support.hub import clean_environ, run_cli
from tests.support.netns import Network, own_network
from web.coturn import Turn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CLIENT, RELAY, TURN = "198.51.100.9", "198.51.100.2", "198.51.100.3"
SECRET = "the secret that hub and coturn share, 123"
JOINED_S = 5.0
SIZES = ((1366, 768), (1920, 1080), (390, 844))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Network, int]]:
    """A hub with coturn in a network of their own, and the media port."""
    folder, port = tmp_path_factory.mktemp("reach"), free_port()
    environ = {
        "HUB_TURN_URL": f"turn:{TURN}:3478?transport=udp,turn:{TURN}:3478?transport=tcp", "HUB_TURN_SECRET": SECRET,
        "HUB_ANNOUNCE": RELAY,
    }  # fmt: skip
    with (
        own_network(f"{CLIENT}/24", f"{RELAY}/24", f"{TURN}/24") as network,
        running_coturn(folder, Turn(SECRET, "127.0.0.1", coturn_allowed(environ), listening=(TURN,))),
        world_in(folder / "data", "--port", "0", "--media-port", str(port), environ=environ) as world,
    ):
        yield world, network, port


def coturn_allowed(environ: dict[str, str]) -> tuple[str, ...]:
    """The addresses that `diemcau turn config` allows for a hub with these settings."""
    text = run_cli("turn", "config", environ=clean_environ() | environ).stdout
    return tuple(re.findall("^allowed-peer-ip=(.*)$", text, re.MULTILINE))


async def verdict(person: Person, world: World, state: str, words: str) -> dict[str, str]:
    """Open the check, wait for its verdict on the network; the state of each way."""
    await person.page.goto(f"{world.hub.url}/check")
    shown = person.page.locator(f'[data-testid="result-reach"][data-state="{state}"]')
    await shown.filter(has_text=words).wait_for(timeout=20_000)
    script = "all => Object.fromEntries(all.map((one) => [one.dataset.way, one.dataset.state]))"
    found: dict[str, str] = await person.page.locator("#reach-steps li").evaluate_all(script)
    return found


async def pictures(person: Person, name: str) -> None:
    """The page at three sizes."""
    OUTPUT.mkdir(exist_ok=True)
    for width, height in SIZES:
        await person.page.set_viewport_size({"width": width, "height": height})
        await person.page.screenshot(path=OUTPUT / f"check-{name}-{width}.png", full_page=True)


async def test_each_way_is_named_with_what_to_ask_for(place: tuple[World, Network, int]) -> None:
    world, network, port = place
    async with screens(world, "reach-check") as all_screens:
        officer = await all_screens.sit(DISTRICT)
        ways = await verdict(officer, world, "good", "đi thẳng qua UDP")
        assert ways == dict.fromkeys(("socket", "udp", "tcp", "turn_udp", "turn_tcp"), "good")
        assert await officer.page.locator("#reach-ask").is_hidden()

        network.drop(f"ip saddr != {TURN} udp dport {port}")
        ways = await verdict(officer, world, "warn", "Mạng này chặn UDP")
        assert (ways["udp"], ways["tcp"], ways["turn_udp"]) == ("bad", "good", "good")
        await officer.sees(f"UDP tới {RELAY} cổng {port}", '[data-testid="reach-ask-vi"]')
        await officer.sees(f"UDP to {RELAY} port {port}", '[data-testid="reach-ask-en"]')
        await pictures(officer, "no-udp")

        network.drop(f"udp dport {{ {port}, 3478 }}", f"tcp dport {{ {port}, 3478 }}")
        ways = await verdict(officer, world, "bad", "không cho hình và tiếng đi qua")
        assert ways.pop("socket") == "good" and set(ways.values()) == {"bad"}
        for wanted in (f"TCP tới {RELAY} cổng {port}", f"UDP tới {TURN} cổng 3478", f"TCP tới {TURN} cổng 3478"):
            await officer.sees(wanted, '[data-testid="reach-ask-vi"]')
        network.allow_all()


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


async def test_a_reception_through_coturn_over_tcp(place: tuple[World, Network, int]) -> None:
    """With the hub's own credentials, over the only port that the firewall leaves open."""
    world, network, port = place
    network.drop(f"ip saddr != {TURN} udp dport {{ {port}, 3478 }}", f"ip saddr != {TURN} tcp dport {port}")
    async with screens(world, "reach-turn") as all_screens:
        operator, officer = await admitted(all_screens, "Mạng chặn UDP")
        began = time.monotonic()
        await sees_moving(officer, others(OPERATOR))
        await sees_moving(operator, others(POINT))
        assert time.monotonic() - began <= JOINED_S
        await hears(officer, {OPERATOR})
        for person in (operator, officer):
            assert await ways(person) == [["relay", "tcp"]] * 2
    network.allow_all()
