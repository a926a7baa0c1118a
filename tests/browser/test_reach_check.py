"""The device check's test of the network: open, without UDP, and with nothing but the web; with screenshots for whoever
looks at them (tests/output)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.story import DISTRICT, OUTPUT, Person, World, screens, world_in
from tests.support.coturn import running_coturn
from tests.support.fake_app import free_port
from tests.support.netns import Network, own_network
from web.coturn import Turn

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

CLIENT, RELAY, TURN = "198.51.100.9", "198.51.100.2", "198.51.100.3"
SECRET = "the secret that hub and coturn share, 123"
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
        running_coturn(folder, Turn(SECRET, "127.0.0.1", (RELAY,), listening=(TURN,))),
        world_in(folder / "data", "--port", "0", "--media-port", str(port), environ=environ) as world,
    ):
        yield world, network, port


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
