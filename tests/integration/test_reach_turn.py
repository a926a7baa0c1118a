"""A real coturn with the configuration the hub writes, asked with real requests: who gets an allocation, and where it
leads. The network is the test's own, so that "another machine of the network" and loopback are real addresses."""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.coturn import running_coturn, with_certificate
from tests.support.netns import own_network
from web.coturn import Turn
from web.turn import Credentials, credentials
from web.turnclient import TurnClient, TurnRefused

TURN, RELAY, OTHER = "198.51.100.1", "198.51.100.2", "198.51.100.3"
TURN6, RELAY6, OTHER6 = "2001:db8:7::1", "2001:db8:7::2", "2001:db8:7::3"
SECRET = "one secret of a hub, shared with coturn"
PORT = 40_000

FORBIDDEN = (
    OTHER, TURN, "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1",
    "192.168.1.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "255.255.255.255", "8.8.8.8",
)  # fmt: skip
FORBIDDEN6 = (
    OTHER6, TURN6, "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", f"::ffff:{OTHER}",
    f"::ffff:{RELAY}", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "2606:4700::1111",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A network with four machines' addresses, and coturn on one of them; gives the authority's PEM file."""
    folder = tmp_path_factory.mktemp("coturn")
    addresses = [f"{ip}/24" for ip in (TURN, RELAY, OTHER)] + [f"{ip}/64" for ip in (TURN6, RELAY6, OTHER6)]
    turn = Turn(secret=SECRET, realm="hub.example", allowed=(RELAY, RELAY6), listening=(TURN, TURN6))
    turn, authority = with_certificate(turn, folder, TURN)
    with own_network(*addresses), running_coturn(folder, turn):
        yield authority


def login(seconds: float = 600, secret: str = SECRET, holder: str = "") -> Credentials:
    return credentials(secret, holder or secrets.token_hex(8), datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.fixture
def client() -> Iterator[TurnClient]:
    with TurnClient(TURN, 3478, "udp") as made:
        yield made


def media_socket(ip: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((ip, PORT))
    made.settimeout(3)
    return made


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_it_carries_media_to_the_relay_and_back(server: Path, transport: str) -> None:
    port, context = (5349, ssl.create_default_context(cafile=str(server))) if transport == "tls" else (3478, None)
    one = login()
    with TurnClient(TURN, port, transport, context=context) as client, media_socket(RELAY) as relay:  # type: ignore[arg-type]
        relayed = client.allocate(one.username, one.password)
        assert relayed[0] == TURN
        client.permit((RELAY, PORT))
        client.send((RELAY, PORT), b"there")
        assert relay.recvfrom(100) == (b"there", relayed)
        relay.sendto(b"and back", relayed)
        assert client.receive() == ((RELAY, PORT), b"and back")
        client.bind(0x4001, (RELAY, PORT))
        client.send_channel(0x4001, b"media")
        assert relay.recvfrom(100) == (b"media", relayed)
        relay.sendto(b"more", relayed)
        assert client.receive() == (0x4001, b"more")


def test_it_carries_media_to_the_relays_ipv6_address(client: TurnClient) -> None:
    one = login()
    with media_socket(RELAY6) as relay:
        relayed = client.allocate(one.username, one.password, family=6)
        client.permit((RELAY6, PORT))
        client.send((RELAY6, PORT), b"six")
        assert relay.recvfrom(100)[:1] == (b"six",)
        assert relayed[0] == TURN6


@pytest.mark.parametrize("bad", ["secret", "expired", "no colon", "empty", "altered"])
def test_without_good_credentials_there_is_no_allocation(client: TurnClient, bad: str) -> None:
    one = {
        "secret": login(secret="another secret"),
        "expired": login(-5),
        "no colon": Credentials("peer", login().password),
        "empty": Credentials(login().username, ""),
        "altered": Credentials(login(3600, holder="a").username, login(600, holder="a").password),
    }[bad]
    with pytest.raises(TurnRefused) as refused:
        client.allocate(one.username, one.password)
    assert refused.value.code == 401


@pytest.mark.parametrize("ip", FORBIDDEN)
def test_no_other_address_is_reached(client: TurnClient, ip: str) -> None:
    one = login()
    client.allocate(one.username, one.password)
    for ask in (lambda: client.permit((ip, PORT)), lambda: client.bind(0x4002, (ip, PORT))):
        with pytest.raises(TurnRefused) as refused:
            ask()
        assert refused.value.code == 403
    with pytest.raises(TurnRefused):  # one good address does not take a bad one along
        client.permit((RELAY, PORT), (ip, PORT))


@pytest.mark.parametrize("ip", FORBIDDEN6)
def test_no_other_ipv6_address_is_reached(client: TurnClient, ip: str) -> None:
    one = login()
    client.allocate(one.username, one.password, family=6)
    for ask in (lambda: client.permit((ip, PORT)), lambda: client.bind(0x4002, (ip, PORT))):
        with pytest.raises(TurnRefused) as refused:
            ask()
        assert refused.value.code == 403


def test_what_has_no_permission_does_not_arrive(client: TurnClient) -> None:
    one = login()
    with media_socket(OTHER) as other:
        relayed = client.allocate(one.username, one.password)
        client.send((OTHER, PORT), b"not allowed")
        other.sendto(b"nor this", relayed)
        other.settimeout(0.3)
        with pytest.raises(TimeoutError):
            other.recv(100)
        with pytest.raises(TimeoutError):
            client.receive(0.2)


def test_an_allocation_outlives_its_credentials_but_no_new_one_is_made(client: TurnClient) -> None:
    one = login(2)
    client.allocate(one.username, one.password)
    expiry = int(one.username.split(":")[0])
    # The end is by coturn's own clock, which it reads once a second: two seconds after it is over for certain.
    time.sleep(max(0.0, expiry + 2 - time.time()))
    assert client.refresh(600) > 0
    with TurnClient(TURN, 3478, "udp") as late, pytest.raises(TurnRefused):
        late.allocate(one.username, one.password)


def test_one_holder_cannot_take_all_ports() -> None:
    one = login()
    with contextlib.ExitStack() as open_ones, pytest.raises(TurnRefused) as refused:
        for _ in range(40):
            open_ones.enter_context(TurnClient(TURN, 3478, "udp")).allocate(one.username, one.password)
    assert refused.value.code == 486


def test_both_secrets_are_good_while_it_is_changed(tmp_path: Path) -> None:
    both = "the-old-secret\nstatic-auth-secret=the-new-secret"
    turn = Turn(secret=both, realm="hub.example", allowed=(RELAY,), listening=(OTHER,), ports=(50000, 50100))
    with running_coturn(tmp_path, turn):
        for secret in ("the-new-secret", "the-old-secret"):
            one = login(secret=secret)
            with TurnClient(OTHER, 3478, "udp") as client:
                assert client.allocate(one.username, one.password)[0] == OTHER
