"""Does a check of ICE get through to a relay, over UDP, over TCP and through coturn? For ``diemcau doctor``.

The relay is asked as a browser asks it: a test leg is opened (web/testlegs.py) and its credentials are used in real
connectivity checks. What is seen is the way from this machine; points look from where they are (the device check).
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from web.turnclient import TurnClient, TurnRefused, binding_check, decode, read_url

TRY_S = 2.0
REPEAT_S = 0.4
SUCCESS = 0x0101
MAX_FRAME = 1500


@dataclass(frozen=True, slots=True)
class Leg:
    """What an answer says: our user name and password for checks, and where to."""

    user: str
    password: str
    udp: tuple[tuple[str, int], ...]
    tcp: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One way that was tried. ``reason``: why it failed, "" when it works."""

    way: str
    where: str
    reason: str = ""


def offer() -> str:
    """A publish offer of somebody who will only send checks: one sound, no media, DTLS never begun."""
    digest = ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))
    return "\r\n".join((
        "v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0", "a=mid:0", f"a=ice-ufrag:{secrets.token_hex(4)}", f"a=ice-pwd:{secrets.token_hex(16)}",
        f"a=fingerprint:sha-256 {digest}", "a=setup:actpass", "a=sendonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2",
        "",
    ))  # fmt: skip


def read_answer(sdp: str) -> Leg:
    """The leg of an answer. Raises ValueError."""
    values: dict[str, str] = {}
    places: dict[str, list[tuple[str, int]]] = {"udp": [], "tcp": []}
    for line in sdp.splitlines():
        name, _, value = line.removeprefix("a=").partition(":")
        if name == "candidate":
            parts = value.split()
            place = (parts[4], int(parts[5]))
            if parts[2] in places and place not in places[parts[2]]:
                places[parts[2]].append(place)
        else:
            values.setdefault(name, value)
    if "ice-ufrag" not in values or "ice-pwd" not in values:
        raise ValueError("the answer has no ICE credentials")
    return Leg(f"{values['ice-ufrag']}:probe", values["ice-pwd"], tuple(places["udp"]), tuple(places["tcp"]))


def try_leg(leg: Leg) -> list[Found]:
    """Every announced address, over UDP and TCP."""
    ways = [("UDP", place, over_udp) for place in leg.udp] + [("TCP", place, over_tcp) for place in leg.tcp]
    return [Found(way, _text(place), _reason(lambda: run(place, leg))) for way, place, run in ways]  # noqa: B023


def try_turn(server: dict[str, Any], leg: Leg) -> list[Found]:
    """Every address of a TURN server: an allocation, a permission for the relay, a check through it and back."""
    found = []
    peers = [place for place in leg.udp if not ipaddress.ip_address(place[0]).is_loopback]
    for url in server["urls"]:
        host, port, transport = read_url(url)
        way = f"TURN {transport.upper()}"

        def run(host: str = host, port: int = port, transport: Any = transport) -> None:
            if not peers:
                raise OSError("the relays announce only loopback addresses, which coturn never reaches")
            through_turn((host, port, transport), server["username"], server["credential"], peers[0], leg)

        found.append(Found(way, f"{host}:{port}", _reason(run)))
    return found


def over_udp(place: tuple[str, int], leg: Leg) -> None:
    """A check and its answer. Raises OSError (TimeoutError: none came), ValueError."""
    with socket.socket(socket.AF_INET6 if ":" in place[0] else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(place)
        check = binding_check(leg.user, leg.password)
        deadline = time.monotonic() + TRY_S
        while True:
            probe.settimeout(REPEAT_S)
            probe.send(check)
            try:
                return _accept(probe.recv(MAX_FRAME))
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise


def over_tcp(place: tuple[str, int], leg: Leg) -> None:
    """The same in frames (RFC 4571)."""
    with socket.create_connection(place, TRY_S) as probe:
        check = binding_check(leg.user, leg.password)
        probe.sendall(struct.pack("!H", len(check)) + check)
        with probe.makefile("rb") as stream:
            head = stream.read(2)
            if len(head) < 2:
                raise ConnectionResetError("the relay closed the connection")
            _accept(stream.read(struct.unpack("!H", head)[0]))


def through_turn(
    server: tuple[str, int, Any], username: str, password: str, peer: tuple[str, int], leg: Leg
) -> None:  # fmt: skip
    """The same through coturn, to the relay's UDP port."""
    with TurnClient(*server, timeout=TRY_S) as client:
        relayed = client.allocate(username, password, family=6 if ":" in peer[0] else 4)
        if not relayed[0]:
            raise ValueError("no relayed address")
        client.permit(peer)
        check = binding_check(leg.user, leg.password)
        deadline = time.monotonic() + TRY_S
        while True:
            client.send(peer, check)
            with contextlib.suppress(TimeoutError):
                return _accept(client.receive(REPEAT_S)[1])
            if time.monotonic() >= deadline:
                raise TimeoutError


def _accept(data: bytes) -> None:
    if decode(data).kind != SUCCESS:
        raise ValueError("the answer is not what was asked for")


def _reason(run: Callable[[], None]) -> str:
    try:
        run()
    except TurnRefused as error:
        return f"coturn refused it ({error})"
    except TimeoutError:
        return "no answer"
    except ssl.SSLError as error:
        return f"TLS failed: {error.reason or error}"
    except OSError as error:
        return error.strerror or str(error)
    except ValueError as error:
        return str(error)
    return ""


def _text(place: tuple[str, int]) -> str:
    return f"[{place[0]}]:{place[1]}" if ":" in place[0] else f"{place[0]}:{place[1]}"
