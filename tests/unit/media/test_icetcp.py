"""ICE-TCP over real loopback connections, with a front that is made up: framing, bounds, slow readers, strangers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from media.ice import Address
from media.icetcp import (
    CONTROL_ROOM,
    MAX_PER_ADDRESS,
    MAX_UNPROVEN_PER_ADDRESS,
    SEND_ROOM,
    STRIKES,
    IceTcp,
    TcpWay,
    holder_of,
)
from media.types import MAX_DATAGRAM

GOOD = b"\x00\x01" + b"g" * 30
BAD = b"\x00\x01" + b"b" * 30
MEDIA = b"\x80" + b"m" * 1199
DTLS = b"\x16" + b"d" * 99


@dataclass
class MadeUpFront:
    """Takes a check whose third byte is "g", then everything from that address."""

    dropped: dict[str, int] = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    known: dict[Address, TcpWay] = field(default_factory=dict)
    finished: int = 0

    def take(self, way: TcpWay, data: memoryview, address: Address) -> bool:
        if bytes(data[:3]) == GOOD[:3]:
            self.known[address] = way
        if address in self.known:
            self.taken.append(bytes(data))
        return address in self.known

    def finish(self) -> None:
        self.finished += 1

    def knows(self, address: Address) -> bool:
        return address in self.known

    def forget(self, address: Address) -> None:
        self.known.pop(address, None)


def framed(*datagrams: bytes) -> bytes:
    return b"".join(struct.pack("!H", len(one)) + one for one in datagrams)


@dataclass
class Rig:
    front: MadeUpFront
    tcp: IceTcp
    port: int
    clients: list[socket.socket] = field(default_factory=list)

    def dial(self, *datagrams: bytes) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port))
        made.setblocking(False)
        made.send(framed(*datagrams))
        self.clients.append(made)
        return made

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 (real sockets)
                await asyncio.sleep(0.005)

    async def is_closed(self, client: socket.socket) -> None:
        def ended() -> bool:
            try:
                return client.recv(65_536) == b""
            except BlockingIOError:
                return False
            except ConnectionError:
                return True

        await self.until(ended)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    front = MadeUpFront()
    tcp = IceTcp(front, proof_s=0.3)
    assert tcp.open(port, ["127.0.0.1"])
    made = Rig(front, tcp, port)
    yield made
    for client in made.clients:
        client.close()
    tcp.close()
    assert not tcp.ways and not tcp._by_holder and not tcp._unproven and not tcp._timers


async def test_frames_are_taken_whole_however_they_are_cut(rig: Rig) -> None:
    datagrams = [GOOD, MEDIA, DTLS, b"\x80" * 12, b"\x80" * MAX_DATAGRAM]
    stream, cut = framed(*datagrams), random.Random(3)
    client = rig.dial()
    while stream:
        size = cut.randrange(1, 400)
        client.send(stream[:size])
        stream = stream[size:]
        await asyncio.sleep(0)
    await rig.until(lambda: len(rig.front.taken) == len(datagrams))
    assert rig.front.taken == datagrams
    assert rig.front.finished > 0


async def test_an_answer_is_framed_and_comes_from_the_same_port(rig: Rig) -> None:
    client = rig.dial(GOOD)
    await rig.until(lambda: rig.front.known)
    ((address, way),) = rig.front.known.items()
    assert len(address) == 3 and address[:2] == client.getsockname()
    assert way.sendto(MEDIA, address) == len(MEDIA)
    way.sendto(DTLS, address)
    received = b""
    while len(received) < len(framed(MEDIA, DTLS)):
        with contextlib.suppress(BlockingIOError):
            received += client.recv(4096)
        await asyncio.sleep(0.005)
    assert received == framed(MEDIA, DTLS)


async def test_whoever_says_nothing_goes_after_its_time(rig: Rig) -> None:
    silent, half = rig.dial(), rig.dial()
    half.send(framed(GOOD)[:10])
    proven = rig.dial(GOOD)
    await rig.is_closed(silent)
    await rig.is_closed(half)
    assert rig.front.dropped["tcp_late"] == 2
    with pytest.raises(BlockingIOError):
        proven.recv(1)
    assert len(rig.tcp.ways) == 1


@pytest.mark.parametrize("first", [MEDIA, DTLS, b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 600], ids=range(5))
async def test_before_a_check_nothing_else_is_read(rig: Rig, first: bytes) -> None:
    client = rig.dial(first, GOOD)
    await rig.is_closed(client)
    assert rig.front.dropped["tcp_stranger"] == 1 and rig.front.taken == []


async def test_http_without_frames_goes_at_once(rig: Rig) -> None:
    client = rig.dial()
    client.send(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")
    await rig.is_closed(client)
    assert rig.front.dropped["tcp_framing"] == 1


async def test_guessing_passwords_ends_after_a_few_tries(rig: Rig) -> None:
    client = rig.dial(*[BAD] * STRIKES, GOOD)
    await rig.is_closed(client)
    assert rig.front.taken == []


async def test_a_frame_longer_than_a_datagram_ends_the_connection(rig: Rig) -> None:
    client = rig.dial(GOOD)
    client.send(struct.pack("!H", MAX_DATAGRAM + 1) + b"\x80" * 100)
    await rig.is_closed(client)
    assert rig.front.dropped["tcp_framing"] == 1
    assert rig.front.known == {}, "its address is forgotten"


async def test_a_leg_that_ended_takes_its_connection_along(rig: Rig) -> None:
    client = rig.dial(GOOD)
    await rig.until(lambda: rig.front.known)
    rig.front.known.clear()
    await rig.is_closed(client)
    assert rig.front.dropped["tcp_late"] == 0, "it was no stranger"


async def test_strangers_are_bounded_and_do_not_count_against_those_who_proved_themselves(rig: Rig) -> None:
    for _ in range(MAX_UNPROVEN_PER_ADDRESS):
        rig.dial(GOOD)
    await rig.until(lambda: len(rig.front.known) == MAX_UNPROVEN_PER_ADDRESS)
    strangers = [rig.dial() for _ in range(MAX_UNPROVEN_PER_ADDRESS + 5)]
    await rig.until(lambda: rig.front.dropped["tcp_full"] == 5)
    assert len(rig.tcp.ways) == 2 * MAX_UNPROVEN_PER_ADDRESS
    for one in strangers:
        await rig.is_closed(one)
    rig.dial(GOOD)
    await rig.until(lambda: len(rig.front.known) == MAX_UNPROVEN_PER_ADDRESS + 1)


async def test_whoever_proves_himself_at_once_comes_in_while_others_flood(rig: Rig) -> None:
    flood = [rig.dial() for _ in range(3 * MAX_UNPROVEN_PER_ADDRESS)]
    rig.dial(GOOD)
    flood += [rig.dial() for _ in range(MAX_UNPROVEN_PER_ADDRESS - 1)]
    await rig.until(lambda: rig.front.known)
    assert len(rig.tcp._unproven) <= MAX_UNPROVEN_PER_ADDRESS
    for one in flood:
        await rig.is_closed(one)
    assert len(rig.front.known) == 1


def test_a_line_with_ipv6_is_one_holder_however_many_addresses_it_has() -> None:
    assert holder_of(("2001:db8:1:2:3::4", 1, 1)) == holder_of(("2001:db8:1:2:ffff::", 2, 2))
    assert holder_of(("2001:db8:1:2::1", 1, 1)) != holder_of(("2001:db8:1:3::1", 1, 1))
    assert holder_of(("fe80::1%eth0", 1, 1)) == "fe80::/64"
    assert holder_of(("192.0.2.1", 1, 1)) != holder_of(("192.0.2.2", 1, 1))


async def test_one_address_has_its_share(rig: Rig) -> None:
    for number in range(MAX_PER_ADDRESS):
        rig.dial(GOOD)
        await rig.until(lambda number=number: len(rig.front.known) == number + 1)  # type: ignore[misc]
    await rig.is_closed(rig.dial(GOOD))
    assert rig.front.dropped["tcp_full"] == 1


async def test_a_slow_reader_loses_packets_and_costs_no_memory(rig: Rig) -> None:
    client = rig.dial(GOOD)
    await rig.until(lambda: rig.front.known)
    ((address, way),) = rig.front.known.items()
    lost = 0
    for _ in range(4000):  # nearly 5 MB
        try:
            way.sendto(MEDIA, address)
        except BlockingIOError as error:
            assert error.errno == errno.EAGAIN
            lost += 1
        assert way.waiting <= len(MEDIA) + 2
    assert lost > 4000 - (4_000_000 + 2 * SEND_ROOM) // len(MEDIA), "what the kernel holds is bounded, too"
    waited = 0
    with pytest.raises(BlockingIOError):
        while True:
            way.sendto(DTLS, address)
            waited += 1
            assert way.waiting <= CONTROL_ROOM + len(DTLS) + len(MEDIA) + 4
    received = bytearray()

    def read() -> bool:
        with contextlib.suppress(BlockingIOError):
            while piece := client.recv(1 << 20):
                received.extend(piece)
        return way.waiting == 0

    await rig.until(read)
    read()
    at, kinds = 0, []
    while at < len(received):  # no frame was torn
        size = struct.unpack_from("!H", received, at)[0]
        kinds.append(bytes(received[at + 2 : at + 2 + size]))
        at += 2 + size
    assert at == len(received) and set(kinds) == {MEDIA, DTLS}
    assert kinds.count(MEDIA) == 4000 - lost and kinds.count(DTLS) == waited
    way.sendto(MEDIA, address)


async def test_a_client_that_is_gone_is_an_error_of_the_one_packet(rig: Rig) -> None:
    client = rig.dial(GOOD)
    await rig.until(lambda: rig.front.known)
    ((address, way),) = rig.front.known.items()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    await rig.until(lambda: way.is_closed)
    with pytest.raises(OSError):
        way.sendto(MEDIA, address)
    assert rig.front.known == {}


async def test_noise_ends_connections_and_nothing_else(rig: Rig) -> None:
    noise = random.Random(11)
    for _ in range(200):
        client = rig.dial(*([GOOD] if noise.random() < 0.5 else []))
        with contextlib.suppress(OSError):
            client.send(noise.randbytes(noise.randrange(1, 3000)))
        client.close()
        await asyncio.sleep(0.001)
    await rig.until(lambda: not rig.tcp.ways)
    rig.dial(GOOD)
    await rig.until(lambda: rig.front.known)


async def test_without_its_port_tcp_is_left_out(rig: Rig) -> None:
    assert not IceTcp(MadeUpFront()).open(rig.port, ["127.0.0.1"])


async def test_an_address_of_a_router_means_listening_everywhere(rig: Rig) -> None:
    other = IceTcp(MadeUpFront())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert other.open(port, ["203.0.113.77"])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    other.close()
