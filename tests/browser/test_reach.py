"""Real Chromium in a network whose firewall really drops what the test says (nftables in a namespace of its own):
media then comes over TCP to the relay's own port, or through coturn, within five seconds."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.browser.support import HERE, chromium
from tests.browser.test_line import join
from tests.support.coturn import running_coturn, with_certificate
from tests.support.fake_app import FakeApp, RelayProcessUnderTest, running_relay
from tests.support.netns import Network, own_network
from web.coturn import Turn
from web.turn import credentials

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(240)]

CLIENT, RELAY, TURN = "198.51.100.9", "198.51.100.2", "198.51.100.3"
RELAY6 = "2001:db8:7::2"
SECRET = "a secret of this test"
JOINED_S = 5.0
SCRIPT = (HERE / "line.js").read_text()
CONFIGURE = """configuration => {
    const Real = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Real { constructor() { super(configuration); } };
}"""
PAIR = """async () => {
    const stats = await window.__peer.getStats();
    for (const one of stats.values()) {
        if (one.type !== 'transport' || !one.selectedCandidatePairId) continue;
        const pair = stats.get(one.selectedCandidatePairId);
        const [mine, theirs] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
        return {
            local: mine.candidateType, relay: mine.relayProtocol ?? '', protocol: mine.protocol,
            remote: theirs.address, type: theirs.protocol,
        };
    }
    return null;
}"""


@pytest.fixture
def network() -> Iterator[Network]:
    """Three machines' addresses; the client's comes first, so it is what Chromium sends from."""
    with own_network(f"{CLIENT}/24", f"{RELAY}/24", f"{TURN}/24", "2001:db8:7::9/64", f"{RELAY6}/64") as made:
        yield made


@dataclass
class Call:
    """A publisher and a receiver in Chromium, connected by a real relay. ``took``: seconds from nothing to pictures."""

    publisher: Page
    receiver: Page
    took: float

    async def pairs(self) -> list[dict[str, Any]]:
        """The candidate pairs in use."""
        return [await page.evaluate(PAIR) for page in (self.publisher, self.receiver)]


async def pictures(page: Page) -> int:
    """Pictures shown so far."""
    return int((await page.evaluate("() => window.__totals()"))["pictures"])


@asynccontextmanager
async def call(app: FakeApp, configuration: dict[str, Any] | None = None, *flags: str) -> AsyncIterator[Call]:
    """Open both legs and wait for pictures."""
    async with chromium(*flags) as browser:
        publisher, receiver = await browser.new_page(), await browser.new_page()
        for page in (publisher, receiver):
            await page.goto("about:blank")
            await page.evaluate(CONFIGURE, configuration or {})
            await page.evaluate(SCRIPT)
        began = time.monotonic()
        await join(app, publisher, receiver)
        while not await pictures(receiver):
            assert time.monotonic() - began < 20, "no picture came through"
            await receiver.wait_for_timeout(50)
        yield Call(publisher, receiver, time.monotonic() - began)


@asynccontextmanager
async def relay_at(folder: Path, *announced: str) -> AsyncIterator[tuple[FakeApp, RelayProcessUnderTest]]:
    """A relay that announces these addresses."""
    async with running_relay(folder, announce=announced) as (app, relay):
        yield app, relay


async def test_with_udp_dropped_media_comes_over_tcp(network: Network, tmp_path: Path) -> None:
    """The firewall drops every UDP packet to the relay, silently, as office firewalls do."""
    async with relay_at(tmp_path, RELAY) as (app, relay):
        network.drop(f"udp dport {relay.port}")
        async with call(app) as both:
            assert both.took <= JOINED_S
            for pair in await both.pairs():
                assert (pair["protocol"], pair["remote"]) == ("tcp", RELAY), pair


@pytest.mark.long
async def test_udp_is_used_where_it_works(network: Network, tmp_path: Path) -> None:
    async with relay_at(tmp_path, RELAY) as (app, _), call(app) as both:
        assert both.took <= JOINED_S
        for pair in await both.pairs():
            assert (pair["protocol"], pair["remote"]) == ("udp", RELAY), pair


@pytest.mark.parametrize(
    "way", [pytest.param("udp", marks=pytest.mark.long), pytest.param("tcp", marks=pytest.mark.long), "tls"]
)
async def test_with_the_relay_closed_off_media_comes_through_coturn(network: Network, tmp_path: Path, way: str) -> None:
    """Nothing of the client's reaches the relay itself; of coturn's ports only the one that is named."""
    turn = Turn(secret=SECRET, realm="hub.example", allowed=(RELAY,), listening=(TURN,))
    turn, _ = with_certificate(turn, tmp_path, TURN)
    urls = {
        "udp": f"turn:{TURN}:3478?transport=udp",
        "tcp": f"turn:{TURN}:3478?transport=tcp",
        "tls": f"turns:{TURN}:5349",
    }
    login = credentials(SECRET, "peer", datetime.now(UTC) + timedelta(minutes=10))
    server = {"urls": list(urls.values()), "username": login.username, "credential": login.password}
    async with relay_at(tmp_path, RELAY) as (app, relay):
        with running_coturn(tmp_path, turn):
            closed = {"udp": "udp dport 3478", "tcp": "tcp dport 3478", "tls": "tcp dport 5349"}
            network.drop(
                f"ip saddr != {TURN} udp dport {relay.port}",
                f"ip saddr != {TURN} tcp dport {relay.port}",
                *(match for name, match in closed.items() if name != way),
            )
            async with call(app, {"iceServers": [server]}, "--ignore-certificate-errors") as both:
                assert both.took <= JOINED_S
                for pair in await both.pairs():
                    assert (pair["local"], pair["relay"], pair["remote"]) == ("relay", way, RELAY), pair


@pytest.mark.long
async def test_a_client_with_ipv6_only_joins(network: Network, tmp_path: Path) -> None:
    async with relay_at(tmp_path, RELAY, RELAY6) as (app, relay):
        network.drop(f"ip version 4 udp dport {relay.port}", f"ip version 4 tcp dport {relay.port}")
        async with call(app) as both:
            assert both.took <= JOINED_S
            for pair in await both.pairs():
                assert pair["remote"].strip("[]") == RELAY6, pair


@pytest.mark.long
async def test_a_client_that_reaches_only_the_second_address_joins(network: Network, tmp_path: Path) -> None:
    """The state network's address comes first; this client sits on the Internet."""
    network.add("203.0.113.2/24")
    async with relay_at(tmp_path, RELAY, "203.0.113.2") as (app, _):
        network.drop(f"ip daddr {RELAY}")
        async with call(app) as both:
            assert both.took <= JOINED_S
            for pair in await both.pairs():
                assert (pair["protocol"], pair["remote"]) == ("udp", "203.0.113.2"), pair
