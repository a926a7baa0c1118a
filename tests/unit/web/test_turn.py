"""TURN credentials: what coturn computes from the same secret, and an end."""

import base64
import contextlib
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from web.cli.turn import turn
from web.config import ConfigError, load
from web.coturn import Turn, reachable, written
from web.turn import ice_servers
from web.turnclient import Stun, decode, pack_address, unpack_address

NOW = datetime(2024, 9, 5, 8, 0, tzinfo=UTC)


def test_without_a_server_there_are_none(tmp_path: Path) -> None:
    assert ice_servers(load({}, data=tmp_path), "d" * 24, NOW) == []


def test_coturn_would_accept_them_until_their_end(tmp_path: Path) -> None:
    environ = {"HUB_TURN_URL": "turn:turn.example, turns:turn.example:5349", "HUB_TURN_SECRET": "shared"}
    (server,) = ice_servers(load(environ, data=tmp_path), "p" * 24, NOW + timedelta(minutes=30))
    assert server["urls"] == ["turn:turn.example", "turns:turn.example:5349"]
    until, holder = server["username"].split(":")
    assert int(until) == NOW.timestamp() + 1800
    assert holder == "p" * 24
    expected = hmac.new(b"shared", server["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(server["credential"]) == expected


@pytest.mark.parametrize("url", ["stun:host", "turn:", "turns:host?transport=udp", "turn:host?transport=sctp", "host"])
def test_an_address_that_no_browser_takes_stops_the_start(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="HUB_TURN_URL"):
        load({"HUB_TURN_URL": url, "HUB_TURN_SECRET": "shared"}, data=tmp_path)


@pytest.mark.parametrize("seconds", ["599", "3601", "0"])
def test_credentials_live_ten_minutes_to_an_hour(tmp_path: Path, seconds: str) -> None:
    with pytest.raises(ConfigError, match="HUB_TURN_TTL_S"):
        load({"HUB_TURN_TTL_S": seconds}, data=tmp_path)


def test_forcing_turn_needs_turn(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HUB_FORCE_RELAY"):
        load({"HUB_FORCE_RELAY": "on"}, data=tmp_path)


def test_the_template_is_what_the_hub_writes() -> None:
    template = Turn(
        "REPLACE-WITH-deploy/secrets/turn_secret", "REPLACE-WITH-HUB-NAME", ("REPLACE-WITH-PUBLIC_ADDRESS",),
        "/etc/coturn/cert.pem", "/etc/coturn/key.pem",
    )  # fmt: skip
    assert (Path(__file__).parents[3] / "deploy" / "turnserver.conf").read_text() == written(template)


def test_coturn_is_never_told_to_reach_loopback() -> None:
    assert reachable(["127.0.0.1", "203.0.113.5:40000", "[2001:db8::5]:40000", "::1", "203.0.113.5"]) == (
        "203.0.113.5", "2001:db8::5",
    )  # fmt: skip
    for bad in ("224.0.0.1", "169.254.169.254", "fe80::1", "nonsense"):
        with pytest.raises(ValueError):
            reachable([bad])


def test_without_an_address_there_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="HUB_ANNOUNCE"):
        written(Turn("s", "hub", ()))


def test_the_command_writes_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 32)
    environ = {"HUB_TURN_SECRET_FILE": str(tmp_path / "secret"), "HUB_ANNOUNCE": "203.0.113.5,127.0.0.1"}
    file = tmp_path / "turnserver.conf"
    done = CliRunner().invoke(turn, ["config", "--data", str(tmp_path), "-o", str(file)], env=environ)
    assert done.exit_code == 0, done.output
    assert file.stat().st_mode & 0o077 == 0
    lines = file.read_text().splitlines()
    assert f"static-auth-secret={'s' * 32}" in lines
    assert [line for line in lines if line.startswith("allowed-peer-ip")] == ["allowed-peer-ip=203.0.113.5"]


def test_a_clients_messages_are_read_as_they_were_written() -> None:
    message = Stun(1)
    for address in (("192.0.2.1", 5), ("2001:db8::1", 65535), ("::ffff:c000:201", 1)):
        assert unpack_address(pack_address(address, message.transaction), message.transaction) == address
    message.attributes = [(6, b"abc"), (0x24, b"1234")]
    assert decode(message.encode(b"key")).get(6) == b"abc"


@given(st.binary(max_size=200))
def test_a_hostile_server_raises_only_what_is_declared(data: bytes) -> None:
    for given_bytes in (data, Stun(1).encode()[:8] + data, Stun(1, attributes=[(6, data)]).encode()[:-1]):
        with contextlib.suppress(ValueError):
            decode(given_bytes)
    with contextlib.suppress(ValueError):
        unpack_address(data, bytes(12))


@pytest.mark.parametrize(
    ("environ", "options", "words"),
    [
        ({}, [], "HUB_TURN_SECRET"),
        ({"HUB_TURN_SECRET": "s" * 32}, ["--cert", "x.pem"], "--cert and --key"),
        ({"HUB_TURN_SECRET": "s" * 32}, ["--address", "127.0.0.1"], "no media address"),
        ({"HUB_TURN_SECRET": "s" * 32}, ["--address", "224.0.0.5"], "multicast"),
        ({"HUB_TURN_SECRET": "s" * 32}, ["--address", "relay.example"], "relay.example"),
        ({"HUB_TURN_URL": "http://turn"}, [], "HUB_TURN_URL"),
    ],
)
def test_the_command_says_what_it_lacks(
    tmp_path: Path, environ: dict[str, str], options: list[str], words: str
) -> None:
    done = CliRunner().invoke(turn, ["config", "--data", str(tmp_path), *options], env=environ)
    assert done.exit_code == 5 and words in done.output
    assert "static-auth-secret" not in done.output


def test_a_secret_cannot_smuggle_lines_into_coturns_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HUB_TURN_SECRET") as refused:
        load({"HUB_TURN_SECRET": "x\nallowed-peer-ip=0.0.0.0-255.255.255.255"}, data=tmp_path)
    assert "allowed" not in str(refused.value)
