"""``diemcau doctor`` beside a running hub and a running coturn: each way is tried with real checks, and one that is
closed is named with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.coturn import running_coturn
from tests.support.fake_app import free_port
from tests.support.hub import StartedHub, started
from tests.support.netns import Network, own_network
from web.coturn import Turn

HERE, RELAY, TURN = "198.51.100.9", "198.51.100.2", "198.51.100.3"
RELAY6 = "2001:db8:7::2"
SECRET = "the secret that hub and coturn share, 123"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StartedHub, Network, int]]:
    folder, port = tmp_path_factory.mktemp("doctor"), free_port()
    environ = {
        "HUB_TURN_URL": f"turn:{TURN}:3478?transport=udp,turn:{TURN}:3478?transport=tcp", "HUB_TURN_SECRET": SECRET,
        "HUB_ANNOUNCE": f"{RELAY},{RELAY6},127.0.0.1", "HUB_RELAYS": "1",
    }  # fmt: skip
    options = ("--http", "--port", "0", "--media-port", str(port), "--no-worker")
    with (
        own_network(f"{HERE}/24", f"{RELAY}/24", f"{TURN}/24", f"{RELAY6}/64") as network,
        running_coturn(folder, Turn(SECRET, "hub", (RELAY,), listening=(TURN,))),
        started(folder / "data", *options, environ=environ) as hub,
    ):
        hub.until_ready()
        yield hub, network, port


def states(hub: StartedHub) -> dict[str, tuple[str, str]]:
    """Name and place of each way -> (state, advice)."""
    answer = json.loads(hub.run("doctor", "--json", check=False).stdout.splitlines()[-1])
    return {
        f"{one['name']} {one['found'].split(' ')[0].rstrip(':')}": (one["state"], one["advice"])
        for one in answer["checks"]
        if one["name"].startswith(("relay ", "TURN "))
    }


@pytest.mark.long
def test_every_way_is_tried_and_the_closed_one_is_named(place: tuple[StartedHub, Network, int]) -> None:
    hub, network, port = place
    relays = [f"{ip}:{port}" for ip in (RELAY, f"[{RELAY6}]", "127.0.0.1")]
    ways = {f"relay {way} {where}" for way in ("UDP", "TCP") for where in relays}
    ways |= {f"TURN {way} {TURN}:3478" for way in ("UDP", "TCP")}
    assert states(hub) == dict.fromkeys(ways, ("ok", ""))
    network.drop(f"ip daddr {RELAY} ip saddr != {TURN} udp dport {port}", "tcp dport 3478")
    found = states(hub)
    closed = {way for way, (state, _) in found.items() if state != "ok"}
    assert closed == {f"relay UDP {RELAY}:{port}", f"TURN TCP {TURN}:3478"}
    assert f"open UDP {RELAY}:{port} in the firewall" in found[f"relay UDP {RELAY}:{port}"][1]
    assert "coturn" in found[f"TURN TCP {TURN}:3478"][1]
    network.allow_all()


@pytest.mark.long
def test_the_hub_tells_nobody_its_test_legs_secrets(place: tuple[StartedHub, Network, int]) -> None:
    hub, _, _ = place
    hub.run("doctor", check=False)
    log = hub.log.read_text() + (hub.folder / "relays" / "0" / "relay.log").read_text()
    for secret in (SECRET, "ice-pwd", "check-"):
        assert secret not in log, Path(hub.log).name
